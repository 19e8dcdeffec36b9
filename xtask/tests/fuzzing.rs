//! The fuzz targets, checked: each is declared, described, and has small inputs to begin with.

#![allow(clippy::unwrap_used, reason = "a broken check must fail its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: usize = 100;
const BYTES: u64 = 200 * 1024;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz")
}

fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(fuzz().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_target_is_declared_and_described() {
    let targets = names("fuzz_targets");
    assert!(targets.len() >= 20, "{targets:?}");
    let (declared, described) = (
        fs::read_to_string(fuzz().join("Cargo.toml")).unwrap(),
        fs::read_to_string(fuzz().join("README.md")).unwrap(),
    );
    for target in &targets {
        assert!(declared.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is not built");
        assert!(described.contains(&format!("\n| `{target}` |")), "{target} is not in the README's table");
    }
    assert_eq!(declared.matches("[[bin]]").count(), targets.len());
}

#[test]
fn every_target_has_inputs_to_begin_with_and_few() {
    assert_eq!(names("corpus"), names("fuzz_targets"));
    for target in names("corpus") {
        let sizes: Vec<u64> = fs::read_dir(fuzz().join("corpus").join(&target))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert!((1..=FILES).contains(&sizes.len()), "{target} has {} inputs", sizes.len());
        assert!(sizes.iter().sum::<u64>() <= BYTES, "the inputs of {target} are too large");
    }
}
