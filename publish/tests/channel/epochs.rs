//! A thief used up every number. The root leads on.

use lacre_publish::channel::{
    Edit, FileName, Launch, Restart, Role, Rotation, VerifiedRepository, Warning, edit, rotate,
};
use lacre_release::{ChannelDocument, Wanted};

use crate::client::{Client, outcome};
use crate::crew::{Crew, Holders, code, now, publish, version};
use crate::readers::{PythonClient, sigstore_reads};
use crate::thief::{Step, publishes, served_again};

/// What a thief of the channel's, the snapshot's and the timestamp's keys publishes: the highest sequence and floor, and
/// the highest version of every file.
fn burn(crew: &Crew, live: &VerifiedRepository) -> VerifiedRepository {
    let mut document = live.document().clone();
    document.sequence = u64::MAX;
    document.floor.counter = u64::MAX;
    document.releases[0].counter = u64::MAX;
    let files = publishes(crew, live, &document, Step::Burn);
    VerifiedRepository::open(files, &live.root_bytes(), Some(&live.last())).unwrap()
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
    // A client that saw it, let it run and committed to its floor.
    let mut client = Client::new(&before, now());
    client.read(burned.repository(), now()).unwrap();
    let permit = client.asks(Wanted::Current, now()).unwrap();
    assert_eq!(client.commits(&permit), u64::MAX);

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
    // That client comes along, runs what it may run now, and does not go back.
    sigstore_reads(&live);
    client.read(live.repository(), now()).unwrap();
    assert_eq!(client.position(), Some(live.document().position()));
    let permit = client.asks(Wanted::Current, now()).unwrap();
    assert_eq!((permit.release().version.as_str(), client.commits(&permit)), ("1.1", 5));
    assert_eq!(outcome(client.read(burned.repository(), now())), "E-TUF-SIGNATURE");
    if let Some(client) = PythonClient::new(&before) {
        client.accepts(&burned);
        client.accepts(&live);
        client.refuses(&burned, "UnsignedMetadataError");
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
    // Whether or not it saw the thief's document.
    for seen in [&burned, &before] {
        let mut client = Client::new(&before, now());
        client.read(seen.repository(), now()).unwrap();
        client.read(live.repository(), now()).unwrap();
        assert_eq!(client.position(), Some(live.document().position()));
    }
}

#[test]
fn a_document_of_another_epoch_or_channel_is_refused() {
    let mut crew = Crew::single();
    let before = crew.with(&[("1.0", 7)]);
    let channel = Holders { keys: std::mem::take(&mut crew.channel.keys), threshold: 1 };
    let mut rotation = relieve(&mut crew);
    // The approvers stay.
    crew.channel = channel;
    rotation.keys.remove(&Role::Channel);
    rotation.restart = Some(Restart::keeping(before.document(), 0));
    let live = crew.finish(rotate(&before, &rotation, now()).unwrap()).unwrap();
    let reads = |files| outcome(Client::new(&before, now()).read(&files, now()));
    assert_eq!(reads(live.repository().clone()), "ok");
    // The document of the epoch before is by a key that still counts.
    assert_eq!(reads(served_again(&crew, &live, &before)), "E-CHANNEL-EPOCH");
    let forged = |change: fn(&mut ChannelDocument)| {
        let mut document = live.document().clone();
        change(&mut document);
        reads(publishes(&crew, &live, &document, Step::Next))
    };
    assert_eq!(forged(|document| document.sequence = 9), "ok");
    assert_eq!(forged(|document| document.epoch = 3), "E-CHANNEL-EPOCH");
    assert_eq!(forged(|document| document.model = "org/other".parse().unwrap()), "E-CHANNEL-DOCUMENT");
    assert_eq!(forged(|document| document.channel = "beta".parse().unwrap()), "E-CHANNEL-DOCUMENT");
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
