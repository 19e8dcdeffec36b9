//! `verify-model`.

use std::fs;

use lacre_testkit::{ModelDir, Sealed};
use serde_json::Value;

use crate::case::{Case, code, run, suite, texts};

/// Every case that must be refused, and why it is. Nothing else may be.
const REFUSED: &[(&str, &str)] = &[
    ("certificate-simple-wrong-ca_fail", "E-SIGNER-UNTRUSTED"),
    ("key-simple-extra-file_fail", "E-FILE-EXTRA"),
    ("key-simple-no-signature_fail", "E-SIGNATURE-COUNT"),
    ("key-simple-truncated-bundle_fail", "E-JSON"),
    ("key-simple-wrong-mediatype_fail", "E-BUNDLE"),
    ("malformed-empty-bundle_fail", "E-JSON"),
    ("malformed-missing-envelope_fail", "E-BUNDLE"),
    // These two were changed after they were signed. Their twins are below.
    ("malformed-no-subject_fail", "E-SIGNATURE-INVALID"),
    ("malformed-wrong-predicate_fail", "E-SIGNATURE-INVALID"),
    ("sigstore-tampered-content_fail", "E-FILE-CHANGED"),
    ("sigstore-wrong-identity_fail", "E-IDENTITY-MISMATCH"),
];

fn words(case: &Case) -> Vec<String> {
    let assets = suite().unwrap().join("assets");
    let verify = &case.config["verify"];
    let mut words = vec!["verify-model".to_owned(), "--method".to_owned(), case.method().to_owned()];
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    add("--model-path", case.model.to_str().unwrap());
    add("--bundle", case.file("bundle.sig").to_str().unwrap());
    if let Some(key) = verify["public_key"].as_str() {
        add("--public-key", assets.join(key).to_str().unwrap());
    }
    for certificate in texts(&verify["cert_chain"]) {
        add("--cert-chain", assets.join(certificate).to_str().unwrap());
    }
    for (option, name) in [("--identity", "identity"), ("--identity-provider", "identity_provider")] {
        if let Some(value) = verify[name].as_str() {
            add(option, value);
        }
    }
    words.extend(case.ignored());
    if verify["ignore_unsigned_files"] == true {
        words.push("--ignore-unsigned-files".to_owned());
    }
    words
}

#[test]
fn every_case_is_decided_as_the_suite_says_and_for_its_reason() {
    if suite().is_none() {
        return;
    }
    let mut seen = Vec::new();
    for case in ["verify/positive", "verify/historical", "verify/negative"].into_iter().flat_map(Case::all) {
        let outcome = run(&words(&case));
        let found = outcome.as_ref().map_or_else(|said| code(said), |()| "accepted");
        let refused = REFUSED.iter().find(|(name, _)| *name == case.name);
        assert_eq!(refused.is_none(), case.must_pass(), "{}", case.name);
        assert_eq!(found, refused.map_or("accepted", |(_, code)| code), "{}: {outcome:?}", case.name);
        seen.push(case.name);
    }
    assert_eq!(seen.len(), 31, "none was left out");
}

/// A model whose statement was changed before it was signed, so that nothing else is wrong with it.
fn twin(change: impl FnOnce(&mut Value)) -> String {
    let sealed = Sealed::sample();
    let folder = ModelDir::new();
    fs::remove_file(sealed.signature_path()).unwrap();
    fs::write(folder.beside("bundle.sig"), sealed.resigned(change)).unwrap();
    fs::write(folder.beside("key.pem"), sealed.public_key().to_pem()).unwrap();
    let mut words: Vec<String> = ["verify-model", "--method", "key"].map(str::to_owned).into();
    for (option, path) in [
        ("--model-path", sealed.path()),
        ("--bundle", folder.beside("bundle.sig")),
        ("--public-key", folder.beside("key.pem")),
    ] {
        words.extend([option.to_owned(), path.to_str().unwrap().to_owned()]);
    }
    run(&words).map_or_else(|said| code(&said).to_owned(), |()| "accepted".to_owned())
}

#[test]
fn twins_of_cases_that_were_changed_after_they_were_signed() {
    assert_eq!(twin(|_| ()), "accepted");
    assert_eq!(twin(|statement| statement["subject"] = Value::Array(Vec::new())), "E-STATEMENT");
    let other = "https://example.com/other/v1.0";
    assert_eq!(twin(|statement| statement["predicateType"] = other.into()), "E-PREDICATE-TYPE");
}
