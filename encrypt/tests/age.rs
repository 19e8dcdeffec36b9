//! The program `age` opens what is sealed here, and what it seals is opened here.
//!
//! Without the program the tests say so and pass; with `LACRE_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use lacre_encrypt::{Head, Identities, Recipients};

const CHUNK: usize = 64 * 1024;

fn is_there() -> bool {
    match Command::new("age").arg("--version").stdin(Stdio::null()).output() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
            assert!(!required, "the program age is required and missing");
            eprintln!("SKIPPED: the program age is missing; nothing was compared with it");
            false
        }
        Err(error) => panic!("age: {error}"),
    }
}

/// What `age` prints; nothing if it refuses.
fn age(folder: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("age").args(words).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    output.status.success().then_some(output.stdout)
}

fn lengths() -> impl Iterator<Item = usize> {
    [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 5 * CHUNK + 9].into_iter()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index / 3 + index / CHUNK) % 256).unwrap()).collect()
}

fn open(identities: &Identities, file: &[u8]) -> Vec<u8> {
    let head = Head::parse(file).unwrap();
    let mut content = Vec::new();
    identities.open(&head, 0, &file[head.len()..]).unwrap().read_to_end(&mut content).unwrap();
    content
}

#[test]
fn age_opens_what_is_sealed_here() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let identities = Identities::generate();
    fs::write(folder.path().join("id"), identities.to_file().as_bytes()).unwrap();
    let recipients = Recipients::parse(&identities.recipients()).unwrap();
    let recipients =
        recipients.and(Recipients::parse(&Identities::generate().recipients()).unwrap()).unwrap();
    for length in lengths() {
        let mut sealer = recipients.seal(Vec::new()).unwrap();
        sealer.write_all(&content(length)).unwrap();
        let file = sealer.finish().unwrap();
        fs::write(folder.path().join("file"), &file).unwrap();
        assert!(age(folder.path(), &["-d", "-i", "id", "file"]).unwrap() == content(length), "{length}");
        // And it refuses what is refused here.
        fs::write(folder.path().join("file"), &file[..file.len() - 1]).unwrap();
        assert!(age(folder.path(), &["-d", "-i", "id", "file"]).is_none(), "{length}");
    }
}

#[test]
fn what_age_seals_is_opened_here() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("age-keygen").output().unwrap();
    let identities = Identities::parse(&made.stdout).unwrap();
    let recipient = identities.recipients();
    for length in lengths() {
        fs::write(folder.path().join("in"), content(length)).unwrap();
        assert!(age(folder.path(), &["-r", recipient.trim(), "-o", "file", "in"]).is_some(), "{length}");
        assert!(
            open(&identities, &fs::read(folder.path().join("file")).unwrap()) == content(length),
            "{length}"
        );
    }
    // Armour is another form of the same, and is not read.
    assert!(age(folder.path(), &["-a", "-r", recipient.trim(), "-o", "file", "in"]).is_some());
    let armoured = fs::read(folder.path().join("file")).unwrap();
    assert_eq!(Head::parse(&armoured).unwrap_err().code(), "E-AGE-HEADER");
}
