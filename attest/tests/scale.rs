//! Statements of a million files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::fmt::Write as _;

use lacre_attest::{Limits, ModelClaim, Statement};
use lacre_hash::{Sha256, Sha256Digest};

const FILES: usize = 1_000_000;
/// SHA-256 of nothing (FIPS 180-4): every file is empty.
const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What another program would write of a million empty files, the last of them under `last`.
fn statement(last: &str) -> String {
    let digest: Sha256Digest = DIGEST.parse().unwrap();
    let mut root = Sha256::new();
    let mut resources = String::with_capacity(FILES * 128);
    for file in 0..FILES {
        root.update(digest.as_bytes());
        let comma = if file > 0 { "," } else { "" };
        let name = format!("part-{:03}/{:03}", file / 1000, file % 1000);
        let name = if file == FILES - 1 { last } else { &name };
        write!(resources, r#"{comma}{{"algorithm":"sha256","digest":"{DIGEST}","name":"{name}"}}"#).unwrap();
    }
    let root = Sha256Digest::from_bytes(root.finalize());
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"resources":[{resources}],"serialization":{{"allow_symlinks":false,"hash_type":"sha256","method":"files"}}}},"predicateType":"https://model_signing/signature/v1.0","subject":[{{"digest":{{"sha256":"{root}"}},"name":"million"}}]}}"#
    )
}

fn read(text: &str) -> Result<ModelClaim, &'static str> {
    let statement = Statement::parse(text.as_bytes(), &Limits::default()).map_err(|error| error.code())?;
    ModelClaim::from_statement(&statement).map_err(|error| error.code())
}

#[test]
fn a_million_files_are_read_within_the_default_limits() {
    assert_eq!(read(&statement("part-999/999")).unwrap().manifest().len(), FILES);
}

#[test]
fn one_duplicate_at_the_end_of_a_million_is_found() {
    assert_eq!(read(&statement("part-000/000")).unwrap_err(), "E-DUPLICATE-NAME");
    assert_eq!(read(&statement("part-999/998")).unwrap_err(), "E-DUPLICATE-NAME");
}

#[test]
fn one_collision_at_the_end_of_a_million_is_found() {
    assert_eq!(read(&statement("part-999/998/x")).unwrap_err(), "E-NAME-COLLISION");
}
