//! The public vectors of OMS that certificates signed, with and without a Sigstore.

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
use std::path::Path;

use lacre_attest::{Bundle, Limits};
use lacre_testkit::{edit_bundle, tamper};
use lacre_verify::{
    Anchors, CertificateIdentity, KeylessIdentity, Requirements, SubjectMatch, Trust, TrustedRoot,
};

use oms::{Case, oms, said, signed, verify};
use verifying::path;

const SUBJECT: &str = "stefanb@us.ibm.com";
const ISSUER: &str = "https://sigstore.verify.ibm.com/oauth2";

/// The protocol of the suite names no identity, so anybody under the anchor will do.
fn anybody_under(anchor: &Path) -> Trust {
    let anchors = Anchors::from_pem(&fs::read_to_string(anchor).unwrap()).unwrap();
    Trust::authority(anchors, None, vec![CertificateIdentity::AnyDanger]).unwrap()
}

fn keyless(subject: &str, issuer: &str) -> Trust {
    let identity = KeylessIdentity::new(SubjectMatch::Exact(subject.to_owned()), issuer).unwrap();
    Trust::keyless(TrustedRoot::public_good().unwrap(), vec![identity]).unwrap()
}

fn trust(case: &Case) -> Trust {
    let text = |name: &str| case.config["verify"][name].as_str().unwrap().to_owned();
    match case.method() {
        "certificate" => {
            let anchor = case.config["verify"]["cert_chain"][0].as_str().unwrap();
            anybody_under(&case.assets.join(anchor))
        }
        "sigstore" => keyless(&text("identity"), &text("identity_provider")),
        other => panic!("{}: {other}", case.name),
    }
}

/// What each case comes to that was not signed with a key.
fn outcomes(kind: &str) -> BTreeMap<String, &'static str> {
    Case::all(kind)
        .into_iter()
        .filter(|case| case.method() != "key")
        .map(|case| {
            let outcome = case.run(&case.requirements(trust(&case)));
            if outcome.is_ok() {
                assert_eq!(signed(&outcome), ["signme-1", "signme-2"], "{}", case.name);
            }
            (case.name.clone(), said(&outcome))
        })
        .collect()
}

#[test]
fn conformance_cases_of_certificates_that_must_be_accepted() {
    if oms().is_none() {
        return;
    }
    let (positive, mut historical) = (outcomes("positive"), outcomes("historical"));
    assert_eq!(historical.remove("historical-v0.2.0-certificate"), Some("E-LEGACY"));
    for (name, outcome) in positive.iter().chain(&historical) {
        assert_eq!(*outcome, "accepted", "{name}");
    }
    assert_eq!((positive.len(), historical.len()), (2, 8), "none was left out");
}

#[test]
fn conformance_cases_of_certificates_that_must_be_refused() {
    if oms().is_none() {
        return;
    }
    let expected = [
        ("certificate-simple-wrong-ca_fail", "E-SIGNER-UNTRUSTED"),
        // No sizes are signed.
        ("sigstore-tampered-content_fail", "E-FILE-CHANGED"),
        ("sigstore-wrong-identity_fail", "E-IDENTITY-MISMATCH"),
    ];
    let found: Vec<_> = outcomes("negative").into_iter().collect();
    assert_eq!(found, expected.map(|(name, code)| (name.to_owned(), code)));
}

/// The folder of a release, and what must be allowed in it by name.
fn of_release(method: &str, trust: &Trust) -> BTreeMap<String, &'static str> {
    let tests = oms().unwrap().join("model-transparency/scripts/tests");
    ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"]
        .map(|release| {
            let folder = tests.join(format!("{release}-{method}"));
            let requirements = Requirements::new(trust.clone()).allow_unsigned([path("ignore-me")]);
            let outcome = verify(&folder, &folder.join("model.sig"), &requirements);
            (release.to_owned(), said(&outcome))
        })
        .into()
}

#[test]
fn certificates_and_keyless_signers_of_every_release_of_the_reference_implementation() {
    let Some(oms) = oms() else { return };
    let keys = oms.join("model-transparency/scripts/tests/keys/certificate");
    for (method, trust, expected) in [
        ("certificate", anybody_under(&keys.join("ca-cert.pem")), "accepted"),
        ("sigstore", keyless(SUBJECT, ISSUER), "accepted"),
        ("sigstore", keyless("stefanb@us.ibm.org", ISSUER), "E-IDENTITY-MISMATCH"),
        ("sigstore", keyless(SUBJECT, "https://accounts.google.com"), "E-IDENTITY-MISMATCH"),
    ] {
        for (release, outcome) in of_release(method, &trust) {
            assert_eq!(outcome, expected, "{release}-{method}");
        }
    }
}

#[test]
fn the_first_release_is_accepted_where_old_things_are_allowed() {
    let Some(oms) = oms() else { return };
    let tests = oms.join("model-transparency/scripts/tests");
    let from = tests.join("v0.2.0-certificate");
    let place = tempfile::tempdir().unwrap();
    for name in ["signme-1", "signme-2", "model.sig"] {
        fs::write(place.path().join(name), fs::read(from.join(name)).unwrap()).unwrap();
    }
    let signature = place.path().join("model.sig");
    let plain = Requirements::new(anybody_under(&tests.join("keys/certificate/ca-cert.pem")));
    let allowing = plain.clone().allow_legacy_danger();
    assert_eq!(said(&verify(place.path(), &signature, &plain)), "E-LEGACY");
    let outcome = verify(place.path(), &signature, &allowing);
    assert_eq!(signed(&outcome), ["signme-1", "signme-2"]);
    let model = outcome.unwrap();
    // The certificate says CA:TRUE; the encoding and the statement are both of that release.
    let warned = |what: &str| model.report().warnings.iter().any(|warning| warning.contains(what));
    assert!(
        warned("CA:TRUE") && warned("no DSSE") && warned("names no model"),
        "{:?}",
        model.report().warnings
    );
    assert!(model.claim().is_legacy());
    // Another anchor, another byte of the payload, of the signature, of a file.
    let stranger = oms.join("conformance/assets/keys/wrong/wrong-ca-cert.pem");
    let stranger = Requirements::new(anybody_under(&stranger)).allow_legacy_danger();
    assert_eq!(said(&verify(place.path(), &signature, &stranger)), "E-SIGNER-UNTRUSTED");
    let good = fs::read(&signature).unwrap();
    let bundle = Bundle::parse(&good, &Limits::default()).unwrap();
    let (payload, mut bytes) = (bundle.envelope().payload().to_vec(), bundle.envelope().signature().to_vec());
    *bytes.last_mut().unwrap() ^= 1;
    let text = String::from_utf8(payload).unwrap().replace("signme-2", "signme-3");
    for changed in [
        edit_bundle(&good, |bundle| bundle["dsseEnvelope"]["payload"] = base64(text.as_bytes()).into()),
        edit_bundle(&good, |bundle| bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64(&bytes).into()),
    ] {
        fs::write(&signature, changed).unwrap();
        assert_eq!(said(&verify(place.path(), &signature, &allowing)), "E-SIGNATURE-INVALID");
    }
    fs::write(&signature, good).unwrap();
    tamper::flip(&place.path().join("signme-2"), 0);
    assert_eq!(said(&verify(place.path(), &signature, &allowing)), "E-FILE-CHANGED");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
