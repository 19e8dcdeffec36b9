//! What a client remembers of a channel: a state that is read can be told to another machine and written again as it was,
//! and nothing else is taken for one.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lacre_hash::Sha256Digest;
use lacre_release::{CODES, ChannelId, ExportedState, Record, ReleaseError, StateStore};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tempfile::TempDir;

/// The one file that is kept, so that a state may name it.
const KEPT: &[u8] = b"{}";

fn id() -> ChannelId {
    "org/name@stable".parse().expect("the name of a channel")
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let now = "2026-11-23T10:00:00Z".parse().expect("a time");
            let record = Record::new(id(), Sha256Digest::of(b"root"), now);
            StateStore::create(folder.path(), &record).expect("a state");
            let kept = folder.path().join("kept").join(Sha256Digest::of(KEPT).to_string());
            fs::write(kept, KEPT).expect("a place to write");
            folder
        })
        .path()
}

fn known(error: &ReleaseError) {
    assert!(CODES.contains(&error.code()), "{error:?}");
}

/// Reads `bytes` as the state of a folder.
fn as_state(bytes: &[u8]) {
    let place = folder().join("state.json");
    fs::write(&place, bytes).expect("a place to write");
    let store = match StateStore::open(folder(), &id()) {
        Ok(store) => store,
        Err(error) => return known(&error),
    };
    let record = match store.read() {
        Ok(record) => record,
        Err(error) => return known(&error),
    };
    assert_eq!(record.id(), &id());
    assert!(record.files().all(|(name, bytes)| bytes == KEPT && !name.contains('/')));
    // Nothing is changed, so nothing is written; what it says of itself is no news to it.
    let mut merged = record.clone();
    merged.merge(&record.export()).expect("its own words");
    assert_eq!(merged, record);
    store.update(|record| record.merge(&merged.export())).expect("no change");
    assert_eq!(fs::read(&place).expect("the state"), bytes);
    as_exported(&record.export().to_bytes());
}

/// Reads `bytes` as what another machine told.
fn as_exported(bytes: &[u8]) {
    let exported = match ExportedState::parse(bytes) {
        Ok(exported) => exported,
        Err(error) => return known(&error),
    };
    assert_eq!(exported.to_bytes(), bytes);
    // A state that says less than a whole second is not read again.
    assert_eq!(exported.last_seen().subsec_nanosecond(), 0);
    let mut record = Record::new(exported.id(), exported.anchor(), exported.last_seen());
    match record.merge(&exported) {
        Ok(()) => assert_eq!(
            (record.seen().copied(), record.export().local_floor()),
            (exported.seen(), exported.local_floor())
        ),
        Err(error) => known(&error),
    }
}

/// The same state with the checksum that it should have: a wrong one would hide what stands behind it.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let members = value.as_object_mut()?;
    members.remove("checksum");
    let checksum = Sha256Digest::of(&lacre_json::to_vec(members)).to_string();
    members.insert("checksum".to_owned(), checksum.into());
    Some(lacre_json::to_vec(&value))
}

fuzz_target!(|bytes: &[u8]| {
    as_exported(bytes);
    as_state(bytes);
    if let Some(repaired) = repaired(bytes) {
        as_state(&repaired);
    }
});
