//! Processes that use one state at once: nothing is lost, and nobody sees half of a change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use std::path::Path;
use std::process::{Child, Command};

use fixture::{id, now};
use lacre_hash::Sha256Digest;
use lacre_release::{Position, Record, Seen, StateStore};
use tempfile::TempDir;

const FOLDER: &str = "LACRE_TEST_RACING_STATE";
const UPDATES: u64 = 500;

fn sequence(record: &Record) -> u64 {
    record.seen().map_or(0, |seen| seen.position.sequence)
}

/// Two files that say which of the states they belong to.
fn advance(record: &mut Record, sequence: u64) {
    let position = Position { epoch: 1, sequence };
    let document = format!("document {sequence}");
    record.see(Seen { floor: 0, position, sha256: Sha256Digest::of(document.as_bytes()) }).unwrap();
    record.keep_file("document.json", document.into_bytes()).unwrap();
    record.keep_file("timestamp.json", format!("timestamp {sequence}").into_bytes()).unwrap();
}

fn prove(record: &Record) {
    let mut wanted = Record::new(id(), Sha256Digest::of(b"root"), now());
    advance(&mut wanted, sequence(record));
    assert_eq!(*record, wanted);
}

/// A writer, in a process of its own.
#[test]
#[ignore = "started by the test below"]
fn writes() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    for _ in 0..UPDATES {
        // Opened anew each time, as a command does.
        let store = StateStore::open(Path::new(&folder), &id()).unwrap();
        store
            .update(|record| {
                prove(record);
                let next = sequence(record) + 1;
                advance(record, next);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn two_writers_and_a_reader_agree_a_thousand_times() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("state");
    let mut record = Record::new(id(), Sha256Digest::of(b"root"), now());
    advance(&mut record, 1);
    let store = StateStore::create(&folder, &record).unwrap();
    let mut writers: Vec<Child> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["writes", "--exact", "--ignored"])
                .env(FOLDER, &folder)
                .spawn()
                .unwrap()
        })
        .collect();
    let (mut last, mut reads) = (1, 0);
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none()) {
        let record = store.read().unwrap();
        prove(&record);
        assert!(sequence(&record) >= last, "{} after {last}", sequence(&record));
        last = sequence(&record);
        reads += 1;
    }
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert!(reads > 0);
    assert_eq!(sequence(&store.read().unwrap()), 1 + 2 * UPDATES);
}
