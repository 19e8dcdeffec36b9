//! Keys in other hands: what `docs/CHANNELS.md` says to do, and what clients then do.

use lacre_publish::channel::{
    Edit, FileName, Launch, Repository, Restart, Role, RoleKeys, Rotation, VerifiedRepository, Withdrawal,
    edit, rotate,
};
use lacre_release::{ReasonCode, RollbackTarget, Wanted};
use serde_json::json;

use crate::client::{Client, outcome};
use crate::crew::{Crew, Holders, code, days, now, promote, publish, version};
use crate::thief::{Step, alters, lead, publishes, read, resigned, served_again};

/// A channel whose release 2.0 a client runs, and how it was before that.
fn scene(crew: &Crew) -> (VerifiedRepository, VerifiedRepository, Client) {
    let before = crew.with(&[("1.0", 1)]);
    let live = crew.edit(&before, &publish("2.0", Some(2), Launch::Current)).unwrap();
    let mut client = Client::new(&before, now());
    client.read(live.repository(), now()).unwrap();
    assert_eq!(runs(&client), "2.0");
    (before, live, client)
}

/// The version that runs at a client that asks for none.
fn runs(client: &Client) -> String {
    client.asks(Wanted::Current, now()).unwrap().release().version.to_string()
}

fn opened(live: &VerifiedRepository, files: Repository) -> VerifiedRepository {
    VerifiedRepository::open(files, &live.root_bytes(), Some(&live.last())).unwrap()
}

#[test]
fn the_keys_that_are_online() {
    let mut crew = Crew::single();
    let (before, live, mut client) = scene(&crew);
    // They approve nothing. Who remembers is not led back; who has seen nothing takes what has not expired.
    let old = served_again(&crew, &live, &before);
    assert_eq!(outcome(client.clone().read(&old, now())), "E-REPLAY");
    assert_eq!(outcome(Client::new(&before, now()).read(&old, now())), "ok");
    // Nor is the operator, who goes on from the last good state.
    let operator = VerifiedRepository::open(old.clone(), &live.root_bytes(), Some(&live.last()));
    assert_eq!(code(operator), "E-REPLAY");
    // New keys, and the thief's files say nothing any more.
    let after = crew.hand_over(&live, &[Role::Snapshot, Role::Timestamp], None);
    client.read(after.repository(), now()).unwrap();
    assert_eq!(outcome(client.read(&old, now())), "E-TUF-SIGNATURE");
    assert_eq!(runs(&client), "2.0");
}

#[test]
fn the_keys_that_are_online_when_all_numbers_were_used() {
    let mut crew = Crew::single();
    let (_, live, mut client) = scene(&crew);
    let mut files = live.repository().clone();
    lead(&mut files, &crew, Step::Burn, |_| ());
    client.read(&files, now()).unwrap();
    let burned = opened(&live, files);
    let draft = edit(&burned, &Edit::Renew, now()).unwrap();
    assert_eq!(code(crew.finish(draft)), "E-CHANNEL-SPENT");
    let restart = Restart::keeping(burned.document(), burned.document().floor.counter);
    let after = crew.hand_over(&burned, &[Role::Snapshot, Role::Timestamp], Some(restart));
    client.read(after.repository(), now()).unwrap();
    assert_eq!(runs(&client), "2.0");
    let next = crew.edit(&after, &Edit::Renew).unwrap();
    client.read(next.repository(), now()).unwrap();
}

#[test]
fn one_approver_of_three() {
    let crew = Crew { channel: Holders::new(2, 3), ..Crew::single() };
    let (_, live, mut client) = scene(&crew);
    // One alone says nothing, whatever else is stolen.
    let ids: Vec<String> = live.keys(Role::Channel).key_ids().map(|id| id.to_string()).collect();
    let alone = alters(&crew, live.repository(), Role::Channel, |file| {
        file["signatures"] =
            json!(ids.iter().map(|id| json!({ "keyid": id, "sig": "" })).collect::<Vec<_>>());
    });
    assert_eq!(outcome(client.clone().read(&alone, now())), "E-TUF-SIGNATURE");
    // Another one takes the place; the two others stay.
    let new = Holders::new(1, 1);
    let [_, two, three] = crew.channel.keys.as_slice() else { panic!("three keys") };
    let keys = [two, three, &new.keys[0]].map(|key| key.public_key().clone());
    let keys = [(Role::Channel, RoleKeys::new(Role::Channel, &keys, 2).unwrap())];
    let mut draft = rotate(&live, &Rotation { keys: keys.into(), ..Rotation::default() }, now()).unwrap();
    assert_eq!(draft.staged(), [Role::Targets, Role::Channel], "the root is not needed");
    draft.sign(&crew.targets.signers(), now()).unwrap();
    draft.sign(&[two, &new.keys[0]], now()).unwrap();
    draft.sign(&crew.online(), now()).unwrap();
    let after = draft.finish().unwrap();
    // Clients notice nothing, and the stolen key has no role.
    let position = client.position();
    client.read(after.repository(), now()).unwrap();
    assert_eq!((client.position(), runs(&client).as_str()), (position, "2.0"));
    let mut next = edit(&after, &Edit::Renew, now()).unwrap();
    assert_eq!(code(next.sign(&crew.channel.signers()[..1], now())), "E-ROLE-KEY");
}

#[test]
fn as_many_approvers_as_it_takes_and_the_keys_that_are_online() {
    let mut crew = Crew::single();
    let (_, live, mut client) = scene(&crew);
    let mut document = live.document().clone();
    let mut evil = document.releases[1].clone();
    evil.version = version("6.6");
    evil.manifest.sha256 = lacre_hash::Sha256Digest::of(b"evil");
    evil.model_digests.sha256 = evil.manifest.sha256;
    document.sequence += 1;
    document.current = Some(evil.version.clone());
    document.releases.push(evil);
    let stolen = publishes(&crew, &live, &document, Step::Next);
    client.read(&stolen, now()).unwrap();
    assert_eq!(runs(&client), "6.6");
    // First what the thief released, by the keys that the approvers still have; then the keys.
    let revoke = Edit::Withdraw {
        version: version("6.6"),
        withdrawal: Withdrawal::Revoke,
        code: ReasonCode::KeyCompromise,
        text: "not ours".to_owned(),
    };
    let revoked = crew.edit(&opened(&live, stolen.clone()), &revoke).unwrap();
    client.read(revoked.repository(), now()).unwrap();
    assert_eq!(outcome(client.asks(Wanted::Version(version("6.6")), now())), "E-REVOKED");
    let again = crew.edit(&revoked, &promote("2.0")).unwrap();
    let after = crew.hand_over(&again, &[Role::Channel, Role::Snapshot, Role::Timestamp], None);
    client.read(after.repository(), now()).unwrap();
    assert_eq!(runs(&client), "2.0");
    assert_eq!(outcome(client.asks(Wanted::Version(version("6.6")), now())), "E-REVOKED");
    assert_eq!(outcome(client.read(&stolen, now())), "E-TUF-SIGNATURE");
    assert_eq!(outcome(client.read(again.repository(), now())), "E-TUF-SIGNATURE");
}

#[test]
fn as_many_approvers_as_it_takes_when_numbers_are_used_up_and_releases_altered() {
    let mut crew = Crew::single();
    let (_, live, mut client) = scene(&crew);
    let mut document = live.document().clone();
    document.sequence = u64::MAX;
    document.releases[0].manifest.sha256 = lacre_hash::Sha256Digest::of(b"evil");
    document.rollback_targets =
        vec![RollbackTarget { reason: "why not".to_owned(), until: days(3000), version: version("1.0") }];
    let stolen = opened(&live, publishes(&crew, &live, &document, Step::Burn));
    client.read(stolen.repository(), now()).unwrap();
    assert_eq!(outcome(client.asks(Wanted::Version(version("1.0")), now())), "ok");
    assert_eq!(code(edit(&stolen, &promote("1.0"), now())), "E-CHANNEL-SPENT");
    // What was altered is dropped, allowances end, and it goes on.
    let mut restart = Restart::keeping(stolen.document(), 1);
    restart.releases.retain(|release| release.version != version("1.0"));
    let roles = [Role::Channel, Role::Snapshot, Role::Timestamp];
    let after = crew.hand_over(&stolen, &roles, Some(restart));
    assert_eq!(after.document().rollback_targets, []);
    client.read(after.repository(), now()).unwrap();
    assert_eq!(runs(&client), "2.0");
    assert_eq!(outcome(client.asks(Wanted::Version(version("1.0")), now())), "E-RELEASE-UNKNOWN");
    assert_eq!(outcome(client.read(stolen.repository(), now())), "E-TUF-SIGNATURE");
    let again = crew.edit(&after, &publish("1.0", Some(1), Launch::Hold)).unwrap();
    client.read(again.repository(), now()).unwrap();
    assert_eq!(outcome(client.asks(Wanted::Version(version("1.0")), now())), "E-ROLLBACK");
}

#[test]
fn targets_and_the_keys_that_are_online() {
    let mut crew = Crew::single();
    let (_, live, mut client) = scene(&crew);
    // The thief makes another the approver.
    let thief = Crew { channel: Holders::new(1, 1), ..Crew::single() };
    let theirs = read(thief.begin().repository(), FileName::Targets(1))["signed"]["delegations"].clone();
    let id = theirs["roles"][0]["keyids"][0].clone();
    let files =
        alters(&crew, live.repository(), Role::Targets, |file| file["signed"]["delegations"] = theirs);
    let approving = Crew { channel: thief.channel, ..crew };
    let files = alters(&approving, &files, Role::Channel, |file| file["signatures"][0]["keyid"] = id);
    let stolen = opened(&live, files);
    client.read(stolen.repository(), now()).unwrap();
    crew = approving;
    // New keys of targets alone would leave the thief in the channel's role.
    let new = Holders::new(1, 1);
    let keys = [(Role::Targets, new.role_keys(Role::Targets))];
    let mut half = rotate(&stolen, &Rotation { keys: keys.into(), ..Rotation::default() }, now()).unwrap();
    half.sign(&[crew.root.signers(), new.signers(), crew.online()].concat(), now()).unwrap();
    assert_eq!(half.finish().unwrap().keys(Role::Channel), stolen.keys(Role::Channel));
    // An epoch begins on what the operator knows, with new keys for all but the root.
    let restart = Restart::keeping(live.document(), live.document().floor.counter);
    let roles = [Role::Targets, Role::Channel, Role::Snapshot, Role::Timestamp];
    let after = crew.hand_over(&stolen, &roles, Some(restart));
    client.read(after.repository(), now()).unwrap();
    assert_eq!((runs(&client).as_str(), client.position().map(|at| at.epoch)), ("2.0", Some(2)));
    assert_eq!(outcome(client.read(stolen.repository(), now())), "E-TUF-SIGNATURE");
}

#[test]
fn one_key_of_the_root_and_all_that_it_takes() {
    let mut crew = Crew { root: Holders::new(2, 3), ..Crew::single() };
    let (_, live, mut client) = scene(&crew);
    // One of three: the two others make a root without it.
    let mut root = read(live.repository(), FileName::Root(1));
    root["signed"]["version"] = json!(2);
    let mut forged = live.repository().clone();
    forged.insert(FileName::Root(2), resigned(&root, &crew.root.keys[0])).unwrap();
    assert_eq!(outcome(client.clone().read(&forged, now())), "E-TUF-SIGNATURE");
    let after = crew.hand_over(&live, &[Role::Root], None);
    client.read(after.repository(), now()).unwrap();
    // As many as it takes: clients follow the thief's root, and not the owner's. The way out is another anchor.
    let owners = crew.finish(rotate(&after, &Rotation::default(), now()).unwrap()).unwrap();
    let thiefs = crew.hand_over(&after, &Role::ALL, None);
    client.read(thiefs.repository(), now()).unwrap();
    assert_eq!(outcome(client.read(owners.repository(), now())), "E-TUF-SIGNATURE");
    let anew = Crew::single().with(&[("2.0", 2)]);
    assert_eq!(outcome(client.read(anew.repository(), now())), "E-TUF-SIGNATURE");
    let mut client = Client::new(&anew, now());
    client.read(anew.repository(), now()).unwrap();
    assert_eq!(runs(&client), "2.0");
}
