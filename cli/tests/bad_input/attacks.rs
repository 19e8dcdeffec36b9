//! The attacks in `testdata/attacks`: committed bytes, so that what was refused once is refused for ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::place::Said;
use crate::snapshot::Snapshot;

/// `expected.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What `lacre verify` is given beside model, key and bundle.
    args: Vec<String>,
    /// The error's code; none where all is well.
    code: Option<String>,
    exit: i32,
    /// What is attempted, for people.
    why: String,
}

pub(crate) fn testdata() -> PathBuf {
    lacre_testkit::places::checkout().join("testdata")
}

/// `lacre verify` on a folder with `model`, `bundle.json` and `key.pub`; nothing in it may change.
fn judge(folder: &Path) {
    let at = folder.display();
    let text = fs::read(folder.join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert!(!expected.why.is_empty(), "{at}");
    let before = Snapshot::of(folder);
    let run = |shape: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lacre"));
        command.args(["verify", "model", "--signature", "bundle.json", "--key", "key.pub"]);
        Said::of(command.args(&expected.args).args(shape).current_dir(folder).stdin(Stdio::null()))
    };
    let (json, words) = (run(&["--json"]), run(&[]));
    match &expected.code {
        Some(code) => {
            json.refuses_in_json(expected.exit, code);
            words.refuses_in_words(expected.exit, code);
        }
        None => assert_eq!((json.exit, words.exit), (Some(expected.exit), Some(0)), "{at} {json:?}"),
    }
    assert!(before.changes(&Snapshot::of(folder)).is_empty(), "{at}");
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(testdata().join("attacks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_attack_is_refused_as_expected() {
    let names = names();
    assert!(names.len() >= 15, "only {} attacks", names.len());
    for name in names {
        judge(&testdata().join("attacks").join(name));
    }
}

#[test]
fn the_model_that_nobody_attacked_is_accepted() {
    judge(&testdata().join("good"));
}

#[test]
fn every_attack_is_described() {
    let readme = fs::read_to_string(testdata().join("README.md")).unwrap();
    let described: Vec<_> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(described, names());
}
