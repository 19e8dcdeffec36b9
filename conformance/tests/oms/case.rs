//! A case of the suite: a folder with a `config.json` (`test/client.py` there).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_testkit::places;
use serde_json::Value;
use tempfile::TempDir;

/// The folder of the suite.
pub(crate) fn suite() -> Option<PathBuf> {
    places::vectors().map(|vectors| vectors.join("oms/conformance"))
}

/// A case, with a copy of its model that is modified as the case says.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) config: Value,
    pub(crate) model: PathBuf,
    folder: PathBuf,
    /// Goes with the case.
    copy: TempDir,
}

impl Case {
    /// The cases below a folder of the suite, by name.
    pub(crate) fn all(below: &str) -> Vec<Self> {
        let Some(suite) = suite() else { return Vec::new() };
        let mut folders: Vec<PathBuf> = fs::read_dir(suite.join("test-cases").join(below))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        folders.sort();
        folders.iter().map(|folder| Self::read(&suite, folder)).collect()
    }

    fn read(suite: &Path, folder: &Path) -> Self {
        let config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
        let base =
            if config["model_relative_to"] == "test_dir" { folder.to_owned() } else { suite.join("assets") };
        let original = base.join(config["model"].as_str().unwrap());
        let copy = TempDir::new().unwrap();
        let model = copy.path().join(original.file_name().unwrap());
        copy_all(&original, &model);
        // git keeps no folder that is empty, and the suite's has a file to be kept by.
        if config["model"] == "models/empty" {
            fs::create_dir_all(&model).unwrap();
            for entry in fs::read_dir(&model).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        let changes = &config["model_modifications"];
        for kind in ["tamper", "inject"] {
            for (name, text) in members(&changes[kind]) {
                fs::write(model.join(name), text).unwrap();
            }
        }
        for name in texts(&changes["delete"]) {
            fs::remove_file(model.join(name)).unwrap();
        }
        for (name, target) in members(&changes["symlinks"]) {
            std::os::unix::fs::symlink(target, model.join(name)).unwrap();
        }
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        Self { name, config, model, folder: folder.to_owned(), copy }
    }

    pub(crate) fn must_pass(&self) -> bool {
        self.config["expect"] != "fail"
    }

    pub(crate) fn method(&self) -> &str {
        self.config["method"].as_str().unwrap()
    }

    /// A file of the case's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A place beside the copied model.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.copy.path().join(name)
    }

    /// `--ignore-paths` for what the case ignores.
    pub(crate) fn ignored(&self) -> Vec<String> {
        let folder = if self.model.is_dir() { &self.model } else { self.model.parent().unwrap() };
        texts(&self.config["verify"]["ignore_paths"])
            .into_iter()
            .flat_map(|name| ["--ignore-paths".to_owned(), folder.join(name).to_str().unwrap().to_owned()])
            .collect()
    }
}

/// Runs the program: nothing, or why it refused.
pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_oms-conformance")).args(words).output().unwrap();
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(1) => Err(said),
        other => panic!("{other:?}: {said}"),
    }
}

/// The code in a refusal.
pub(crate) fn code(said: &str) -> &str {
    said.split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("a code").0
}

pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &str)> {
    value.as_object().into_iter().flatten().map(|(name, text)| (name, text.as_str().unwrap()))
}

fn copy_all(from: &Path, to: &Path) {
    if !from.is_dir() {
        // The vectors keep no folder that was empty.
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy_all(&entry.path(), &to.join(entry.file_name()));
    }
}
