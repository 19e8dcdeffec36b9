//! Clients that remember nothing.

use jiff::SignedDuration;
use lacre_deliver::{Memory, follow};
use lacre_publish::channel::Role;
use lacre_registry_client::{FileKind, FileName, FileSet as _, FolderFiles};
use lacre_release::{Ask, Freshness, Wanted, canonical_json};
use lacre_sign::Signer as _;

use crate::publisher::{Publisher, after, now};

fn memory(publisher: &Publisher, max_age: SignedDuration) -> Memory<'static> {
    let freshness = Freshness { max_age };
    Memory::None { id: "org/name@stable".parse().unwrap(), anchor: publisher.anchor(), freshness }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn a_channel_that_was_confirmed_long_ago_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 3);
    let files = publisher.put_in(folder.path());
    let channel = follow(&files, &memory(&publisher, HOUR), after(HOUR)).unwrap();
    let later = after(HOUR + SignedDuration::from_secs(1));
    let refused = follow(&files, &memory(&publisher, HOUR), later).unwrap_err();
    assert_eq!(refused.code(), "E-CHANNEL-STALE");
    publisher.refresh(later);
    let files = publisher.put_in(folder.path());
    assert!(follow(&files, &memory(&publisher, HOUR), later).is_ok());
    // The floor of the policy holds where none was committed.
    for (floor, outcome) in [(3, "permitted"), (4, "E-FLOOR")] {
        let ask = Ask { policy_floor: Some(floor), ..Ask::of(Wanted::Current) };
        assert_eq!(channel.decide(&ask).err().map_or("permitted", |error| error.code()), outcome);
    }
}

/// Whoever stole the key of the timestamp could sign one that lives for ever, and serve it for ever.
#[test]
fn a_timestamp_that_lives_longer_than_the_root_allows_proves_no_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    let files = publisher.put_in(folder.path());
    forge_timestamp(&files, &publisher, folder.path());
    let much_later = after(SignedDuration::from_hours(24 * 6));
    let refused = follow(&files, &memory(&publisher, HOUR), much_later).unwrap_err();
    assert_eq!(refused.code(), "E-TUF-METADATA", "{refused}");
    let generous = memory(&publisher, SignedDuration::from_hours(24 * 365));
    assert_eq!(follow(&files, &generous, now()).unwrap_err().code(), "E-TUF-METADATA");
}

/// Signs the timestamp anew with its own key, to live for a year.
fn forge_timestamp(files: &FolderFiles, publisher: &Publisher, folder: &std::path::Path) {
    let name = FileName::parse(FileKind::Metadata, "timestamp.json").unwrap();
    let bytes = files.read(&name, 1 << 20).unwrap().unwrap();
    let mut whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    whole["signed"]["expires"] = "2027-11-23T10:00:00Z".into();
    let signature = publisher.key(Role::Timestamp).sign(&canonical_json(&whole["signed"]).unwrap()).unwrap();
    let hex: Vec<String> = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    whole["signatures"][0]["sig"] = hex.concat().into();
    std::fs::write(folder.join("metadata/timestamp.json"), serde_json::to_vec(&whole).unwrap()).unwrap();
}
