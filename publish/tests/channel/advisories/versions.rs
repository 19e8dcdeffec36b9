//! What is older, or not the next one.

use lacre_publish::channel::{Edit, FileName, Launch, Repository, Role, Rotation, Withdrawal, rotate};
use lacre_release::{ReasonCode, Refresh, Standing, StateStore, Wanted};
use serde_json::json;
use tempfile::TempDir;

use super::believed;
use crate::client::{Client, file, outcome};
use crate::crew::{Crew, Holders, days, id, now, promote, publish, roll_back, version};
use crate::thief::{Step, lead, name_snapshot, pin, publishes, read, resigned, served_again};

#[test]
fn cve_2024_23332_an_old_release_is_not_served_again() {
    let crew = Crew::single();
    let old = crew.with(&[("1.0", 1)]);
    let live = crew.edit(&old, &publish("2.0", Some(2), Launch::Current)).unwrap();
    let mut client = Client::new(&old, now());
    client.read(live.repository(), now()).unwrap();
    assert_eq!(outcome(client.read(old.repository(), now())), "E-REPLAY");
    assert_eq!(outcome(client.read(&served_again(&crew, &live, &old), now())), "E-REPLAY");
    assert_eq!(outcome(client.asks(Wanted::Version(version("1.0")), now())), "E-ROLLBACK");
    // Who has seen nothing is protected by the day that a timestamp holds.
    assert_eq!(outcome(Client::new(&old, now()).read(old.repository(), days(1))), "E-TUF-EXPIRED");
    // The operator can go back, until a date.
    let back = crew.edit(&live, &roll_back("1.0", days(7))).unwrap();
    let back = crew.edit(&back, &promote("2.0")).unwrap();
    client.read(back.repository(), now()).unwrap();
    let permit = client.asks(Wanted::Version(version("1.0")), now()).unwrap();
    assert_eq!(permit.standing(), Standing::RollbackTarget { until: days(7) });
    assert_eq!(outcome(client.asks(Wanted::Version(version("1.0")), days(7))), "E-ROLLBACK");
}

#[test]
fn cve_2022_29173_no_role_goes_back() {
    let mut crew = Crew::single();
    let first = crew.with(&[("1.0", 1)]);
    let old = crew.edit(&first, &Edit::Renew).unwrap();
    let approvers = Holders::new(1, 1);
    let rotation = Rotation {
        keys: [(Role::Channel, approvers.role_keys(Role::Channel))].into(),
        ..Rotation::default()
    };
    let mut draft = rotate(&old, &rotation, now()).unwrap();
    draft.sign(&[crew.all(), approvers.signers()].concat(), now()).unwrap();
    crew.channel = approvers;
    let live = crew.edit(&draft.finish().unwrap(), &Edit::Renew).unwrap();

    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let mut client = Client::new(&first, now());
    client.read(live.repository(), now()).unwrap();
    StateStore::create(&state, client.record()).unwrap();
    let offered = |files: &Repository| {
        let record = StateStore::open(&state, &id()).unwrap().read().unwrap();
        outcome(Client::restarted(record).read(files, now()))
    };
    assert_eq!(offered(live.repository()), "ok");
    // The timestamp.
    assert_eq!(offered(old.repository()), "E-REPLAY");
    // The snapshot, by a thief of the timestamp's key.
    let mut files = live.repository().clone();
    for (name, bytes) in old.repository().files().filter(|(name, _)| *name != FileName::Timestamp) {
        files.insert(name, bytes.to_vec()).unwrap();
    }
    name_snapshot(&mut files, &crew, Step::Next, 2);
    assert_eq!(offered(&files), "E-REPLAY");
    // Targets, or the channel's role, by a thief of the snapshot's key, too.
    for (role, name) in
        [("targets.json", FileName::Targets(1)), ("org~name~stable.json", FileName::Channel(4))]
    {
        let mut files = live.repository().clone();
        let bytes = files.get(name).unwrap().to_vec();
        let before = if role == "targets.json" { 1 } else { 4 };
        lead(&mut files, &crew, Step::Next, |snapshot| {
            snapshot["signed"]["meta"][role] = pin(&bytes, before);
        });
        assert_eq!(offered(&files), "E-REPLAY", "{role}");
        // And none of them vanishes.
        let mut files = live.repository().clone();
        lead(&mut files, &crew, Step::Next, |snapshot| {
            snapshot["signed"]["meta"].as_object_mut().unwrap().remove(role);
        });
        assert!(matches!(offered(&files), "E-TUF-MISMATCH" | "E-TUF-METADATA"), "{role}");
    }
}

#[test]
fn pysec_2020_145_an_unverified_root_is_not_kept() {
    let crew = Crew::single();
    let live = crew.begin();
    let stranger = Crew::single();
    let mut root = read(stranger.begin().repository(), FileName::Root(1));
    root["signed"]["version"] = json!(2);
    let mut files = live.repository().clone();
    files.insert(FileName::Root(2), resigned(&root, &stranger.root.keys[0])).unwrap();
    let mut client = Client::new(&live, now());
    let anchor = client.kept();
    assert_eq!(outcome(client.read(&files, now())), "E-TUF-SIGNATURE");
    assert_eq!(client.kept(), anchor);
    // Nothing more was asked for, and the next time begins where the last good one ended.
    let mut refresh = Refresh::start(anchor, now()).unwrap();
    assert!(refresh.give(file(&files, "2.root.json")).is_err());
    assert_eq!(refresh.wanted(), None);
    client.read(live.repository(), now()).unwrap();
}

#[test]
fn cve_2025_2885_a_root_is_the_next_one() {
    let crew = Crew::single();
    let live = crew.begin();
    for (version, refusal) in [(0, "E-TUF-METADATA"), (1, "E-REPLAY"), (2, "ok"), (3, "E-TUF-MISMATCH")] {
        let mut root = read(live.repository(), FileName::Root(1));
        root["signed"]["version"] = json!(version);
        let mut files = live.repository().clone();
        files.insert(FileName::Root(2), resigned(&root, &crew.root.keys[0])).unwrap();
        assert_eq!(believed(&live, &files).0, refusal, "{version}");
    }
}

#[test]
fn cve_2026_44544_an_older_list_of_rollback_targets_is_not_accepted() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1), ("2.0", 2)]);
    let back = crew.edit(&live, &roll_back("1.0", days(30))).unwrap();
    let allowed = crew.edit(&back, &promote("2.0")).unwrap();
    let revoke = Edit::Withdraw {
        version: version("1.0"),
        withdrawal: Withdrawal::Revoke,
        code: ReasonCode::Backdoor,
        text: "it obeys a trigger".to_owned(),
    };
    let taken_back = crew.edit(&allowed, &revoke).unwrap();
    let asks = |client: &Client| outcome(client.asks(Wanted::Version(version("1.0")), now()));
    let mut client = Client::new(&live, now());
    client.read(allowed.repository(), now()).unwrap();
    assert_eq!(asks(&client), "ok");
    client.read(taken_back.repository(), now()).unwrap();
    assert_eq!(asks(&client), "E-REVOKED");
    // Neither the old list, nor the old list under new numbers of the metadata, nor another list in the same place.
    let offered = |files: &Repository| outcome(client.clone().read(files, now()));
    assert_eq!(offered(allowed.repository()), "E-REPLAY");
    let mut document = allowed.document().clone();
    assert_eq!(offered(&publishes(&crew, &taken_back, &document, Step::Next)), "E-REPLAY");
    document.sequence = taken_back.document().sequence;
    assert_eq!(offered(&publishes(&crew, &taken_back, &document, Step::Next)), "E-EQUIVOCATION");
}
