//! A thief used up every number. The root leads on.

use lacre_publish::channel::{
    Edit, FileName, Launch, Repository, Restart, Role, Rotation, VerifiedRepository, Warning, edit, rotate,
};
use lacre_release::ChannelDocument;
use serde_json::Value;

use crate::crew::{Crew, Holders, code, now, publish, version};
use crate::readers::{PythonClient, comes_along, resigned, sigstore_reads};

/// What a thief of the channel's, the snapshot's and the timestamp's keys publishes: the highest sequence and floor, and
/// the highest version of every file.
fn burn(crew: &Crew, live: &VerifiedRepository) -> VerifiedRepository {
    let mut document = live.document().clone();
    document.sequence = u64::MAX;
    document.floor.counter = u64::MAX;
    document.releases[0].counter = u64::MAX;
    document.current = Some(version("1.0"));
    let mut files = live.repository().clone();
    let put = |files: &mut Repository, name: FileName, bytes: Vec<u8>| files.insert(name, bytes).unwrap();
    let read =
        |name: FileName| -> Value { serde_json::from_slice(live.repository().get(name).unwrap()).unwrap() };
    let channel = channel_of(&document, &read(FileName::Channel(2)));
    let channel = resigned(&channel, &crew.channel.keys[0]);
    let snapshot_was = read(FileName::Snapshot(2));
    let snapshot = pinning(&snapshot_was, "org~name~stable.json", &channel);
    let snapshot = resigned(&snapshot, &crew.snapshot.keys[0]);
    let timestamp = pinning(&read(FileName::Timestamp), "snapshot.json", &snapshot);
    let timestamp = resigned(&timestamp, &crew.timestamp.keys[0]);
    put(
        &mut files,
        FileName::Document(lacre_hash::Sha256Digest::of(&document.to_bytes())),
        document.to_bytes(),
    );
    put(&mut files, FileName::Channel(u64::MAX), channel);
    put(&mut files, FileName::Snapshot(u64::MAX), snapshot);
    put(&mut files, FileName::Timestamp, timestamp);
    VerifiedRepository::open(files, &live.root_bytes(), Some(&live.last())).unwrap()
}

fn channel_of(document: &ChannelDocument, was: &Value) -> Value {
    let mut file = was.clone();
    let bytes = document.to_bytes();
    file["signed"]["version"] = Value::from(u64::MAX);
    let target = &mut file["signed"]["targets"]["channels/org/name/stable.json"];
    target["length"] = Value::from(bytes.len());
    target["hashes"]["sha256"] = Value::from(lacre_hash::Sha256Digest::of(&bytes).to_string());
    target["custom"]["lacre"] = serde_json::json!({
        "current": document.current, "epoch": document.epoch,
        "floor": document.floor.counter, "sequence": document.sequence,
    });
    file
}

fn pinning(was: &Value, name: &str, bytes: &[u8]) -> Value {
    let mut file = was.clone();
    file["signed"]["version"] = Value::from(u64::MAX);
    let hash = lacre_hash::Sha256Digest::of(bytes).to_string();
    file["signed"]["meta"][name] =
        serde_json::json!({"hashes": {"sha256": hash}, "length": bytes.len(), "version": u64::MAX});
    file
}

/// New keys for everything that was stolen.
fn relieve(crew: &mut Crew) -> Rotation {
    crew.channel = Holders::new(1, 1);
    crew.snapshot = Holders::new(1, 1);
    crew.timestamp = Holders::new(1, 1);
    let keys = [
        (Role::Channel, crew.channel.role_keys(Role::Channel)),
        (Role::Snapshot, crew.snapshot.role_keys(Role::Snapshot)),
        (Role::Timestamp, crew.timestamp.role_keys(Role::Timestamp)),
    ];
    Rotation { keys: keys.into(), ..Rotation::default() }
}

#[test]
fn the_root_leads_out_of_numbers_that_a_thief_burned() {
    let mut crew = Crew::single();
    let before = crew.with(&[("1.0", 7)]);
    let burned = burn(&crew, &before);
    // Nothing goes on from there.
    assert_eq!(code(edit(&burned, &Edit::Renew, now())), "E-CHANNEL-SPENT");

    let mut rotation = relieve(&mut crew);
    // The operator takes the releases from what the thief did not write.
    rotation.restart = Some(Restart::keeping(before.document(), 5));
    let draft = rotate(&burned, &rotation, now()).unwrap();
    assert_eq!(draft.staged(), [Role::Root, Role::Targets, Role::Channel]);
    let lowered = Warning::FloorLowered { from: u64::MAX, to: 5 };
    assert!(draft.warnings(now()).contains(&lowered), "{:?}", draft.warnings(now()));
    let live = crew.finish(draft).unwrap();
    let document = live.document();
    assert_eq!((document.epoch, document.sequence, document.floor.counter), (2, 1, 5));
    assert_eq!(document.current, Some(version("1.0")));
    assert!(live.repository().get(FileName::Snapshot(1)).is_some());
    // It goes on as ever, and nobody is led back.
    let live = crew.edit(&live, &publish("1.1", None, Launch::Current)).unwrap();
    assert_eq!((live.document().epoch, live.document().sequence), (2, 2));
    let back =
        VerifiedRepository::open(burned.repository().clone(), &before.root_bytes(), Some(&live.last()));
    assert_eq!(code(back), "E-REPLAY");
    // Clients that hold the thief's state come along.
    sigstore_reads(&live);
    comes_along(&burned, &live);
    if let Some(client) = PythonClient::new(&before) {
        client.accepts(&burned);
        client.accepts(&live);
        client.refuses(&burned);
    }
}

#[test]
fn an_epoch_can_begin_on_what_was_before_the_theft() {
    let mut crew = Crew::single();
    let before = crew.with(&[("1.0", 7)]);
    let burned = burn(&crew, &before);
    let mut rotation = relieve(&mut crew);
    rotation.restart = Some(Restart::keeping(before.document(), 0));
    let live = crew.finish(rotate(&before, &rotation, now()).unwrap()).unwrap();
    assert_eq!((live.document().epoch, live.document().sequence), (2, 1));
    sigstore_reads(&live);
    comes_along(&burned, &live);
}

#[test]
fn an_epoch_needs_other_online_keys_and_a_document_that_holds() {
    let mut crew = Crew::single();
    let live = crew.with(&[("1.0", 7)]);
    let restart = Restart::keeping(live.document(), 1);
    for role in [Role::Snapshot, Role::Timestamp] {
        let mut rotation = relieve(&mut Crew::single());
        rotation.keys.remove(&role);
        rotation.restart = Some(restart.clone());
        assert_eq!(code(rotate(&live, &rotation, now())), "E-EPOCH-KEYS", "{role}");
    }
    let rotation = relieve(&mut crew);
    let begin = |restart: Restart| {
        code(rotate(&live, &Rotation { restart: Some(restart), ..rotation.clone() }, now()))
    };
    assert_eq!(begin(restart.clone()), "accepted");
    assert_eq!(begin(Restart { floor: 8, ..restart.clone() }), "E-EDIT-FLOOR");
    assert_eq!(begin(Restart { current: Some(version("9.0")), ..restart.clone() }), "E-EDIT-UNLISTED");
    // Asked for less, it gives less.
    assert_eq!(Restart::keeping(live.document(), 8).current, None);
}
