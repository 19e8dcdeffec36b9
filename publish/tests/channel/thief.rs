//! What a thief of keys signs: files that the publisher would not write.

use lacre_hash::Sha256Digest;
use lacre_publish::channel::{FileName, Repository, VerifiedRepository};
use lacre_release::ChannelDocument;
use lacre_sign::{FileKey, Signer as _};
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;

use crate::crew::{Crew, id};

/// A file of metadata as JSON.
pub(crate) fn read(files: &Repository, name: FileName) -> Value {
    serde_json::from_slice(files.get(name).unwrap()).unwrap()
}

/// The file with another body, signed by the one key that had signed it.
pub(crate) fn resigned(file: &Value, key: &FileKey) -> Vec<u8> {
    let mut file = file.clone();
    let signature = key.sign(&to_canonical_bytes(&file["signed"]).unwrap()).unwrap();
    let digits = signature.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    file["signatures"][0]["sig"] = Value::from(digits);
    lacre_json::to_vec(&file)
}

/// Of a snapshot or a timestamp: what it says of a file.
pub(crate) fn pin(bytes: &[u8], version: u64) -> Value {
    let hash = Sha256Digest::of(bytes).to_string();
    json!({"hashes": {"sha256": hash}, "length": bytes.len(), "version": version})
}

/// The newest snapshot that the files lead to.
pub(crate) fn snapshot_version(files: &Repository) -> u64 {
    read(files, FileName::Timestamp)["signed"]["meta"]["snapshot.json"]["version"].as_u64().unwrap()
}

/// Puts a snapshot and a timestamp in that lead to what `change` makes of the snapshot; both get the next version, or the
/// highest one there is.
pub(crate) fn lead(files: &mut Repository, crew: &Crew, step: Step, change: impl FnOnce(&mut Value)) {
    let next = |version: u64| match step {
        Step::Next => version + 1,
        Step::Burn => u64::MAX,
    };
    let before = snapshot_version(files);
    let mut snapshot = read(files, FileName::Snapshot(before));
    snapshot["signed"]["version"] = Value::from(next(before));
    change(&mut snapshot);
    let snapshot = resigned(&snapshot, &crew.snapshot.keys[0]);
    let mut timestamp = read(files, FileName::Timestamp);
    let version = timestamp["signed"]["version"].as_u64().unwrap();
    timestamp["signed"]["version"] = Value::from(next(version));
    timestamp["signed"]["meta"]["snapshot.json"] = pin(&snapshot, next(before));
    files.insert(FileName::Snapshot(next(before)), snapshot).unwrap();
    files.insert(FileName::Timestamp, resigned(&timestamp, &crew.timestamp.keys[0])).unwrap();
}

/// How a thief counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// So that nobody wonders.
    Next,
    /// So that nobody can go on.
    Burn,
}

/// An old document under a new snapshot and a new timestamp, by a thief of the keys that are online.
pub(crate) fn served_again(crew: &Crew, live: &VerifiedRepository, old: &VerifiedRepository) -> Repository {
    let mut files = old.repository().clone();
    for (name, bytes) in live.repository().files() {
        files.insert(name, bytes.to_vec()).unwrap();
    }
    let role = format!("{}.json", id().role());
    let was = read(old.repository(), FileName::Snapshot(snapshot_version(old.repository())));
    let pin = was["signed"]["meta"][&role].clone();
    lead(&mut files, crew, Step::Next, |snapshot| snapshot["signed"]["meta"][&role] = pin);
    files
}

/// A document that no edit made, by a thief of the channel's key and of those that are online. Its role gets `version`.
pub(crate) fn publishes(
    crew: &Crew,
    live: &VerifiedRepository,
    document: &ChannelDocument,
    version: u64,
    step: Step,
) -> Repository {
    let mut files = live.repository().clone();
    let bytes = document.to_bytes();
    let role = format!("{}.json", id().role());
    let snapshot = read(&files, FileName::Snapshot(snapshot_version(&files)));
    let before = snapshot["signed"]["meta"][&role]["version"].as_u64().unwrap();
    let mut channel = read(&files, FileName::Channel(before));
    channel["signed"]["version"] = Value::from(version);
    channel["signed"]["expires"] = Value::from(document.expires.to_string());
    let target = &mut channel["signed"]["targets"][&id().target()];
    target["length"] = Value::from(bytes.len());
    target["hashes"]["sha256"] = Value::from(Sha256Digest::of(&bytes).to_string());
    target["custom"]["lacre"] = json!({
        "current": document.current, "epoch": document.epoch,
        "floor": document.floor.counter, "sequence": document.sequence,
    });
    let channel = resigned(&channel, &crew.channel.keys[0]);
    let pinned = pin(&channel, version);
    files.insert(FileName::Document(Sha256Digest::of(&bytes)), bytes).unwrap();
    files.insert(FileName::Channel(version), channel).unwrap();
    lead(&mut files, crew, step, |snapshot| snapshot["signed"]["meta"][&role] = pinned);
    files
}
