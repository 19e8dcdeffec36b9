//! What a thief of keys signs: files that the publisher would not write.

use lacre_hash::Sha256Digest;
use lacre_publish::channel::{FileName, Repository, Role, VerifiedRepository};
use lacre_release::ChannelDocument;
use lacre_sign::{FileKey, Signer as _};
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;

use crate::crew::{Crew, id};

/// A file of metadata as JSON.
pub(crate) fn read(files: &Repository, name: FileName) -> Value {
    serde_json::from_slice(files.get(name).unwrap()).unwrap()
}

/// The file with every signature that stands there made anew by `key`, whatever it is called.
pub(crate) fn resigned(file: &Value, key: &FileKey) -> Vec<u8> {
    let mut file = file.clone();
    let signature = key.sign(&to_canonical_bytes(&file["signed"]).unwrap()).unwrap();
    let digits = signature.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    for entry in file["signatures"].as_array_mut().unwrap() {
        entry["sig"] = Value::from(digits.as_str());
    }
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

/// Puts a timestamp in that leads to a snapshot that is there.
pub(crate) fn name_snapshot(files: &mut Repository, crew: &Crew, step: Step, snapshot: u64) {
    let mut timestamp = read(files, FileName::Timestamp);
    let version = timestamp["signed"]["version"].as_u64().unwrap();
    timestamp["signed"]["version"] = Value::from(step.after(version));
    let bytes = files.get(FileName::Snapshot(snapshot)).unwrap();
    timestamp["signed"]["meta"]["snapshot.json"] = pin(bytes, snapshot);
    files.insert(FileName::Timestamp, resigned(&timestamp, &crew.timestamp.keys[0])).unwrap();
}

/// Puts a snapshot and a timestamp in that lead to what `change` makes of the snapshot.
pub(crate) fn lead(files: &mut Repository, crew: &Crew, step: Step, change: impl FnOnce(&mut Value)) {
    let before = snapshot_version(files);
    let mut snapshot = read(files, FileName::Snapshot(before));
    snapshot["signed"]["version"] = Value::from(step.after(before));
    change(&mut snapshot);
    let snapshot = resigned(&snapshot, &crew.snapshot.keys[0]);
    files.insert(FileName::Snapshot(step.after(before)), snapshot).unwrap();
    name_snapshot(files, crew, step, step.after(before));
}

/// How a thief counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// So that nobody wonders.
    Next,
    /// So that nobody can go on.
    Burn,
}

impl Step {
    fn after(self, version: u64) -> u64 {
        match self {
            Self::Next => version + 1,
            Self::Burn => u64::MAX,
        }
    }
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

/// What `change` makes of the file of targets or of the channel, by a thief of its key and of those that are online.
pub(crate) fn alters(
    crew: &Crew,
    files: &Repository,
    role: Role,
    change: impl FnOnce(&mut Value),
) -> Repository {
    replaces(crew, files, role, Step::Next, change)
}

/// A document that no edit made, by a thief of the channel's key and of those that are online.
pub(crate) fn publishes(
    crew: &Crew,
    live: &VerifiedRepository,
    document: &ChannelDocument,
    step: Step,
) -> Repository {
    let bytes = document.to_bytes();
    let mut files = replaces(crew, live.repository(), Role::Channel, step, |channel| {
        channel["signed"]["expires"] = Value::from(document.expires.to_string());
        let target = &mut channel["signed"]["targets"][&id().target()];
        target["length"] = Value::from(bytes.len());
        target["hashes"]["sha256"] = Value::from(Sha256Digest::of(&bytes).to_string());
        target["custom"]["lacre"] = json!({
            "current": document.current, "epoch": document.epoch,
            "floor": document.floor.counter, "sequence": document.sequence,
        });
    });
    files.insert(FileName::Document(Sha256Digest::of(&bytes)), bytes).unwrap();
    files
}

fn replaces(
    crew: &Crew,
    files: &Repository,
    role: Role,
    step: Step,
    change: impl FnOnce(&mut Value),
) -> Repository {
    let mut files = files.clone();
    let (file, name, key): (_, fn(u64) -> FileName, _) = if role == Role::Targets {
        ("targets.json".to_owned(), FileName::Targets, &crew.targets.keys[0])
    } else {
        (format!("{}.json", id().role()), FileName::Channel, &crew.channel.keys[0])
    };
    let snapshot = read(&files, FileName::Snapshot(snapshot_version(&files)));
    let before = snapshot["signed"]["meta"][&file]["version"].as_u64().unwrap();
    let version = step.after(before);
    let mut altered = read(&files, name(before));
    altered["signed"]["version"] = Value::from(version);
    change(&mut altered);
    let altered = resigned(&altered, key);
    let pinned = pin(&altered, version);
    files.insert(name(version), altered).unwrap();
    lead(&mut files, crew, step, |snapshot| snapshot["signed"]["meta"][&file] = pinned);
    files
}
