//! The public vectors of OMS: what other implementations signed, and what they must refuse. Sources and expectations
//! are in the vectors' own README; what is missing is said on standard error (`lacre_testkit::places`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod oms;
mod verifying;

use std::collections::BTreeMap;
use std::fs;

use lacre_testkit::{Sealed, edit_bundle};
use lacre_verify::Requirements;
use serde_json::json;

use oms::{Case, key, oms, said, signed, texts, verify};
use verifying::{path, trusting, with_bundle};

#[test]
fn key_signatures_of_every_release_of_the_reference_implementation() {
    let Some(oms) = oms() else { return };
    let tests = oms.join("model-transparency/scripts/tests");
    let requirements = trusting(&key(&tests.join("keys/certificate/signing-key-pub.pem")));
    let verify = |folder: &str, model: &str, requirements: &Requirements| {
        let folder = tests.join(folder);
        verify(&folder.join(model), &folder.join("model.sig"), requirements)
    };
    for (folder, model) in [("v0.3.1-elliptic-key", "signme-1"), ("v1.0.0-elliptic-key", "signme-1")] {
        let outcome = verify(folder, model, &requirements);
        assert_eq!(said(&outcome), "accepted", "{folder}");
        let model = outcome.unwrap();
        assert!(model.claim().single_file());
        let name = model.manifest().entries()[0].path.as_str().to_owned();
        assert_eq!(*model.read(&name).unwrap(), *fs::read(tests.join(folder).join("signme-1")).unwrap());
    }
    let ignoring = requirements.clone().allow_unsigned([path("ignore-me")]);
    let outcome = verify("v1.0.1-elliptic-key", "", &ignoring);
    assert_eq!(signed(&outcome), ["signme-1", "signme-2"]);
    let excluded: Vec<_> =
        outcome.as_ref().unwrap().report().excluded.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(excluded, ["ignore-me", "model.sig"]);
    assert_eq!(
        said(&verify("v1.0.1-elliptic-key", "", &requirements)),
        "E-FILE-EXTRA",
        "nothing of it was signed"
    );
    assert_eq!(signed(&verify("v1.1.0-elliptic-key", "", &requirements)), ["signme-1", "signme-2"]);
}

#[test]
fn a_file_of_another_release_is_not_the_signed_one() {
    let Some(oms) = oms() else { return };
    let tests = oms.join("model-transparency/scripts/tests");
    let requirements = trusting(&key(&tests.join("keys/certificate/signing-key-pub.pem")));
    let folder = tempfile::tempdir().unwrap();
    for release in ["v0.3.1-elliptic-key", "v1.0.0-elliptic-key"] {
        let file = folder.path().join("signme-1");
        fs::copy(tests.join(release).join("signme-1"), &file).unwrap();
        let signature = tests.join(release).join("model.sig");
        assert_eq!(said(&verify(&file, &signature, &requirements)), "accepted");
        lacre_testkit::tamper::flip(&file, 0);
        assert_eq!(said(&verify(&file, &signature, &requirements)), "E-FILE-CHANGED");
    }
}

#[test]
fn a_trusted_key_makes_no_certificate_trusted() {
    let Some(oms) = oms() else { return };
    let tests = oms.join("model-transparency/scripts/tests");
    let requirements = trusting(&key(&tests.join("keys/certificate/signing-key-pub.pem")));
    let mut seen = 0;
    for release in ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"] {
        for method in ["certificate", "sigstore"] {
            let folder = tests.join(format!("{release}-{method}"));
            let outcome = verify(&folder, &folder.join("model.sig"), &requirements);
            assert_eq!(said(&outcome), "E-SIGNER-UNTRUSTED", "{release}-{method}");
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn the_first_release_is_refused_before_its_model_is_looked_at() {
    let Some(oms) = oms() else { return };
    let tests = oms.join("model-transparency/scripts/tests");
    let requirements = trusting(&key(&tests.join("keys/certificate/signing-key-pub.pem")));
    let folder = tests.join("v0.2.0-certificate");
    assert_eq!(said(&verify(&folder, &folder.join("model.sig"), &requirements)), "E-SIGNER-UNTRUSTED");
}

/// What a conformance case comes to, for those of method `key`; a key alone trusts nobody else.
fn outcomes(kind: &str) -> BTreeMap<String, (&'static str, Vec<String>)> {
    let mut found = BTreeMap::new();
    for case in Case::all(kind) {
        let outcome = case.run(&case.requirements(case.key()));
        if case.method() != "key" {
            assert_eq!(said(&outcome), "E-SIGNER-UNTRUSTED", "{}", case.name);
            continue;
        }
        let expected = texts(&case.config["expected_signed_files"]);
        if let (Ok(model), false) = (&outcome, expected.is_empty()) {
            let names: Vec<_> = model.manifest().entries().iter().map(|entry| entry.path.as_str()).collect();
            // "." is how releases before the specification listed a model that is one file.
            assert!(
                names == expected || (expected == ["."] && model.claim().single_file()),
                "{}: {names:?}",
                case.name
            );
        }
        found.insert(case.name.clone(), (said(&outcome), expected));
    }
    found
}

#[test]
fn conformance_cases_of_keys_that_must_be_accepted() {
    if oms().is_none() {
        return;
    }
    let (positive, historical) = (outcomes("positive"), outcomes("historical"));
    for (name, (outcome, _)) in positive.iter().chain(&historical) {
        assert_eq!(*outcome, "accepted", "{name}");
    }
    assert_eq!((positive.len(), historical.len()), (5, 4), "none was left out");
}

#[test]
fn conformance_cases_of_keys_that_must_be_refused() {
    if oms().is_none() {
        return;
    }
    let found: Vec<(String, &str)> =
        outcomes("negative").into_iter().map(|(name, (outcome, _))| (name, outcome)).collect();
    let expected = [
        ("key-simple-extra-file_fail", "E-FILE-EXTRA"),
        ("key-simple-no-signature_fail", "E-SIGNATURE-COUNT"),
        ("key-simple-truncated-bundle_fail", "E-JSON"),
        ("key-simple-wrong-mediatype_fail", "E-BUNDLE"),
        ("malformed-empty-bundle_fail", "E-JSON"),
        ("malformed-missing-envelope_fail", "E-BUNDLE"),
        // Their statements were changed after they were signed, and the signature is looked at first.
        ("malformed-no-subject_fail", "E-SIGNATURE-INVALID"),
        ("malformed-wrong-predicate_fail", "E-SIGNATURE-INVALID"),
    ];
    assert_eq!(found, expected.map(|(name, code)| (name.to_owned(), code)));
}

/// The cases above whose bundles were changed after they were signed, and what comes of it when they are signed as they
/// are.
#[test]
fn what_was_changed_is_refused_for_its_own_reason_when_it_is_signed_anew() {
    let sealed = Sealed::sample();
    let no_subject = sealed.resigned(|statement| statement["subject"] = json!([]));
    assert_eq!(with_bundle(&sealed, &no_subject), "E-STATEMENT", "malformed-no-subject_fail");
    let predicate = |kind: &str| sealed.resigned(|statement| statement["predicateType"] = kind.into());
    let wrong = predicate("https://wrong.example.com/predicate/v1.0");
    assert_eq!(with_bundle(&sealed, &wrong), "E-PREDICATE-TYPE", "malformed-wrong-predicate_fail");
    // And those whose bundles say no more than that: nothing else is wrong with these.
    let unsigned = edit_bundle(sealed.bundle(), |bundle| bundle["dsseEnvelope"]["signatures"] = json!([]));
    assert_eq!(with_bundle(&sealed, &unsigned), "E-SIGNATURE-COUNT", "key-simple-no-signature_fail");
    let media = edit_bundle(sealed.bundle(), |bundle| bundle["mediaType"] = "application/json".into());
    assert_eq!(with_bundle(&sealed, &media), "E-BUNDLE", "key-simple-wrong-mediatype_fail");
    let open = edit_bundle(sealed.bundle(), |bundle| {
        bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    });
    assert_eq!(with_bundle(&sealed, &open), "E-BUNDLE", "malformed-missing-envelope_fail");
    let half = &sealed.bundle()[..sealed.bundle().len() / 2];
    assert_eq!(with_bundle(&sealed, half), "E-JSON", "key-simple-truncated-bundle_fail");
    assert_eq!(with_bundle(&sealed, b""), "E-JSON", "malformed-empty-bundle_fail");
}
