//! The public vectors of OMS, where they are and how they are run.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Component, Path, PathBuf};

use lacre_testkit::places;
use lacre_verify::{EntryPath, Hold, Links, NoProgress, PublicKey, Requirements, Trust, Unverified};
use serde_json::Value;

use crate::verifying::Outcome;

pub(crate) fn oms() -> Option<PathBuf> {
    places::vectors().map(|vectors| vectors.join("oms"))
}

pub(crate) fn key(file: &Path) -> PublicKey {
    PublicKey::from_pem(&fs::read_to_string(file).unwrap()).unwrap()
}

pub(crate) fn verify(model: &Path, signature: &Path, requirements: &Requirements) -> Outcome {
    Unverified::open(model, Some(signature), Links::Refuse, requirements)?.verify(
        requirements,
        &Hold::Nothing,
        &NoProgress,
    )
}

pub(crate) fn said(outcome: &Outcome) -> &'static str {
    outcome.as_ref().map_or_else(|failure| failure.code(), |_| "accepted")
}

pub(crate) fn signed(outcome: &Outcome) -> Vec<&str> {
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

pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A case of the conformance suite, its model copied and changed as it says.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) config: Value,
    pub(crate) folder: PathBuf,
    pub(crate) assets: PathBuf,
}

impl Case {
    pub(crate) fn all(kind: &str) -> Vec<Self> {
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

    pub(crate) fn method(&self) -> &str {
        self.config["method"].as_str().unwrap()
    }

    /// Trust in the key that the case names. Cases of other methods name none: any will do to be told that it signed
    /// nothing.
    pub(crate) fn key(&self) -> Trust {
        let file =
            self.config["verify"]["public_key"].as_str().unwrap_or("keys/certificate/signing-key-pub.pem");
        Trust::keys([key(&self.assets.join(file))]).unwrap()
    }

    /// The requirements that the case's options come to. What must not be ignored by a signature must be allowed by
    /// its name.
    pub(crate) fn requirements(&self, trust: Trust) -> Requirements {
        let mut allowed = texts(&self.config["verify"]["ignore_paths"]);
        if self.config["verify"]["ignore_unsigned_files"] == true {
            let injected = self.config["model_modifications"]["inject"].as_object().unwrap();
            allowed.extend(injected.keys().cloned());
        }
        Requirements::new(trust).allow_unsigned(allowed.iter().map(|text| EntryPath::parse(text).unwrap()))
    }

    pub(crate) fn run(&self, requirements: &Requirements) -> Outcome {
        let place = tempfile::tempdir().unwrap();
        let named = Path::new(self.config["model"].as_str().unwrap());
        let home = if self.config["model_relative_to"] == "test_dir" { &self.folder } else { &self.assets };
        // A model that is one file stands in a folder of its own.
        let Some(Component::Normal(top)) = named.components().next() else { panic!("{}", self.name) };
        copy(&home.join(top), &place.path().join(top));
        let model = place.path().join(named);
        self.modify(&model);
        verify(&model, &self.folder.join("bundle.sig"), requirements)
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
