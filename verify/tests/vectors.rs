//! The public vectors of OMS: what other implementations signed, and what they must refuse. Sources and expectations
//! are in the vectors' own README; what is missing is said on standard error (`lacre_testkit::places`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use lacre_testkit::places;
use lacre_verify::{EntryPath, Hold, Links, NoProgress, PublicKey, Requirements, Unverified};
use serde_json::Value;

use verifying::{Outcome, path, trusting};

fn oms() -> Option<PathBuf> {
    places::vectors().map(|vectors| vectors.join("oms"))
}

fn key(file: &Path) -> PublicKey {
    PublicKey::from_pem(&fs::read_to_string(file).unwrap()).unwrap()
}

fn verify(model: &Path, signature: &Path, requirements: &Requirements) -> Outcome {
    Unverified::open(model, Some(signature), Links::Refuse, requirements)?.verify(
        requirements,
        &Hold::Nothing,
        &NoProgress,
    )
}

fn said(outcome: &Outcome) -> &'static str {
    outcome.as_ref().map_or_else(|failure| failure.code(), |_| "accepted")
}

fn signed(outcome: &Outcome) -> Vec<&str> {
    outcome.as_ref().unwrap().manifest().entries().iter().map(|entry| entry.path.as_str()).collect()
}

/// Copies a folder, which holds nothing but folders and files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

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

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A case of the conformance suite, its model copied and changed as it says.
struct Case {
    name: String,
    config: Value,
    folder: PathBuf,
    assets: PathBuf,
}

impl Case {
    fn all(kind: &str) -> Vec<Self> {
        let Some(oms) = oms() else { return Vec::new() };
        let conformance = oms.join("conformance");
        let mut cases: Vec<Self> = fs::read_dir(conformance.join("test-cases/verify").join(kind))
            .unwrap()
            .map(|entry| {
                let folder = entry.unwrap().path();
                Self {
                    name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
                    config: serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap(),
                    assets: conformance.join("assets"),
                    folder,
                }
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn method(&self) -> &str {
        self.config["method"].as_str().unwrap()
    }

    /// The requirements that the case's options come to. What must not be ignored by a signature must be allowed by
    /// its name.
    fn requirements(&self) -> Requirements {
        // Cases of other methods name no key; any will do to be told that they are not supported.
        let file =
            self.config["verify"]["public_key"].as_str().unwrap_or("keys/certificate/signing-key-pub.pem");
        let mut allowed = texts(&self.config["verify"]["ignore_paths"]);
        if self.config["verify"]["ignore_unsigned_files"] == true {
            let injected = self.config["model_modifications"]["inject"].as_object().unwrap();
            allowed.extend(injected.keys().cloned());
        }
        trusting(&key(&self.assets.join(file)))
            .allow_unsigned(allowed.iter().map(|text| EntryPath::parse(text).unwrap()))
    }

    fn run(&self) -> Outcome {
        let place = tempfile::tempdir().unwrap();
        let named = Path::new(self.config["model"].as_str().unwrap());
        let home = if self.config["model_relative_to"] == "test_dir" { &self.folder } else { &self.assets };
        // A model that is one file stands in a folder of its own.
        let Some(Component::Normal(top)) = named.components().next() else { panic!("{}", self.name) };
        copy(&home.join(top), &place.path().join(top));
        let model = place.path().join(named);
        self.modify(&model);
        verify(&model, &self.folder.join("bundle.sig"), &self.requirements())
    }

    fn modify(&self, model: &Path) {
        let changes = self.config["model_modifications"].as_object();
        for (kind, change) in changes.into_iter().flatten() {
            match kind.as_str() {
                "inject" | "tamper" => {
                    for (name, content) in change.as_object().unwrap() {
                        let file = model.join(name);
                        assert_eq!(file.exists(), kind == "tamper", "{}: {name}", self.name);
                        fs::write(file, content.as_str().unwrap()).unwrap();
                    }
                }
                "delete" => {
                    for name in texts(change) {
                        fs::remove_file(model.join(name)).unwrap();
                    }
                }
                other => panic!("{}: a change that this test does not know: {other}", self.name),
            }
        }
    }
}

/// What a conformance case comes to, for those of method `key`; a key alone trusts nobody else.
fn outcomes(kind: &str) -> BTreeMap<String, (&'static str, Vec<String>)> {
    let mut found = BTreeMap::new();
    for case in Case::all(kind) {
        let outcome = case.run();
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
