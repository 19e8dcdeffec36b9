//! Where a channel lies: read and put back as a whole, and only over what was read.

use std::collections::BTreeMap;

use lacre_publish::channel::{
    Carrier, Change, Edit, FileName, Last, Launch, Repository, Restart, Role, Rotation, VerifiedRepository,
    edit, refresh, rotate,
};
use lacre_registry_client::{FileKind, FileName as StoredName, FolderFiles, Layout, Tag};

use crate::crew::{Crew, days, now, promote, publish, roll_back};

/// Runs `check` on a layout and on a folder, both empty.
fn everywhere(check: impl Fn(&Carrier<'_>)) {
    let place = tempfile::tempdir().unwrap();
    let store = Layout::create(&place.path().join("store")).unwrap();
    check(&Carrier::Artifact { store: &store, tag: Tag::parse("stable").unwrap() });
    let folder = FolderFiles::create(&place.path().join("channel")).unwrap();
    check(&Carrier::Folder(&folder));
}

#[test]
fn a_channel_comes_back_as_it_was() {
    everywhere(|carrier| {
        let crew = Crew::single();
        let nothing = carrier.read().unwrap();
        assert!(nothing.is_empty() && nothing.claims().is_none());
        let live = crew.with(&[("1.0", 1)]);
        carrier.write(live.repository(), &nothing).unwrap();
        let found = carrier.read().unwrap();
        assert_eq!(found.claims().as_ref(), Some(live.id()));
        assert_eq!(&found.repository(live.id()).unwrap(), live.repository());
        let anchor = live.root_bytes();
        assert_eq!(found.verify(live.id(), &anchor, Some(&live.last())).unwrap().last(), live.last());
    });
}

#[test]
fn only_what_was_read_is_replaced() {
    everywhere(|carrier| {
        let crew = Crew::single();
        let nothing = carrier.read().unwrap();
        let live = crew.begin();
        carrier.write(live.repository(), &nothing).unwrap();
        let first = carrier.read().unwrap();
        let next = crew.edit(&live, &publish("1.0", None, Launch::Current)).unwrap();
        let other = crew.edit(&live, &publish("2.0", None, Launch::Current)).unwrap();
        assert_eq!(carrier.write(other.repository(), &nothing).unwrap_err().code(), "E-CONFLICT");
        carrier.write(next.repository(), &first).unwrap();
        assert_eq!(carrier.write(other.repository(), &first).unwrap_err().code(), "E-CONFLICT");
        let found = carrier.read().unwrap();
        assert_eq!(&found.repository(live.id()).unwrap(), next.repository());
        assert_eq!(found.previous(), first.manifest());
    });
}

#[test]
fn a_draft_waits_beside_the_channel() {
    everywhere(|carrier| {
        let nothing = carrier.waiting().unwrap();
        assert_eq!(nothing.draft(), None);
        carrier.put_waiting(None, &nothing).unwrap();
        carrier.put_waiting(Some(b"one"), &nothing).unwrap();
        assert_eq!(carrier.put_waiting(Some(b"two"), &nothing).unwrap_err().code(), "E-CONFLICT");
        let one = carrier.waiting().unwrap();
        assert_eq!(one.draft(), Some(&b"one"[..]));
        assert!(carrier.read().unwrap().is_empty(), "it is no part of the channel");
        carrier.put_waiting(Some(b"two"), &one).unwrap();
        let two = carrier.waiting().unwrap();
        carrier.put_waiting(None, &two).unwrap();
        assert_eq!(carrier.put_waiting(None, &two).unwrap_err().code(), "E-CONFLICT");
        let none = carrier.waiting().unwrap();
        assert_eq!(none.draft(), None);
        carrier.put_waiting(Some(b"three"), &none).unwrap();
        assert_eq!(carrier.waiting().unwrap().draft(), Some(&b"three"[..]));
    });
}

#[test]
fn what_others_keep_in_the_folder_stays() {
    let place = tempfile::tempdir().unwrap();
    let folder = FolderFiles::create(place.path()).unwrap();
    let theirs = StoredName::parse(FileKind::Target, "index.html").unwrap();
    folder.put(&BTreeMap::from([(theirs.clone(), b"hello".to_vec())]), &BTreeMap::new()).unwrap();
    let carrier = Carrier::Folder(&folder);
    let live = Crew::single().begin();
    carrier.write(live.repository(), &carrier.read().unwrap()).unwrap();
    let found = carrier.read().unwrap();
    assert_eq!(&found.repository(live.id()).unwrap(), live.repository());
    assert_eq!(std::fs::read(place.path().join("targets/index.html")).unwrap(), b"hello");
}

/// What a folder holds after each file of `after` was written over `before`, in the order in which that is done: roots and
/// the timestamp last.
fn half_written(before: &Repository, after: &Repository) -> Vec<Repository> {
    let mut files: Vec<_> = after.files().filter(|(name, bytes)| before.get(*name) != Some(bytes)).collect();
    files.sort_by_key(|(name, _)| (*name == FileName::Timestamp, matches!(name, FileName::Root(_))));
    let mut states = vec![before.clone()];
    for (name, bytes) in files {
        let mut next = states.last().unwrap().clone();
        next.insert(name, bytes.to_vec()).unwrap();
        states.push(next);
    }
    states
}

#[test]
fn an_edit_that_was_broken_off_anywhere_is_made_again() {
    let (crew, new) = (Crew::single(), Crew::single());
    let first = crew.begin();
    let anchor = first.root_bytes();
    let live = crew.edit(&first, &publish("1.0", None, Launch::Current)).unwrap();
    let roles = |roles: &[Role]| {
        let plan = new.plan();
        let keys = roles.iter().map(|role| (*role, plan.keys.get(*role).clone())).collect();
        Rotation { keys, ..Rotation::default() }
    };
    let anew = Rotation {
        restart: Some(Restart::keeping(live.document(), 0)),
        ..roles(&[Role::Channel, Role::Snapshot, Role::Timestamp])
    };
    let drafts = vec![
        edit(&live, &publish("2.0", None, Launch::Current), now()),
        refresh(&live, now()),
        rotate(&live, &roles(&[Role::Root]), now()),
        rotate(&live, &roles(&[Role::Timestamp]), now()),
        rotate(&live, &roles(&[Role::Snapshot, Role::Targets]), now()),
        rotate(&live, &anew, now()),
    ];
    for draft in drafts {
        let mut draft = draft.unwrap();
        for signer in crew.all().into_iter().chain(new.all()) {
            // Some have no role in it.
            let _ = draft.sign(&[signer], now());
        }
        let online = [&crew, &new].map(Crew::online).concat();
        let held: Vec<_> =
            online.into_iter().filter(|signer| draft.clone().sign(&[*signer], now()).is_ok()).collect();
        draft.sign(&held, now()).unwrap();
        let after = draft.finish().unwrap();
        let states = half_written(live.repository(), after.repository());
        for (written, state) in states.iter().enumerate() {
            let place = tempfile::tempdir().unwrap();
            let folder = FolderFiles::create(place.path()).unwrap();
            let carrier = Carrier::Folder(&folder);
            carrier.write(state, &carrier.read().unwrap()).unwrap();
            let found = carrier.read().unwrap();
            let read = found.verify(live.id(), &anchor, Some(&live.last())).unwrap();
            let expected = if written + 1 == states.len() { after.last() } else { live.last() };
            let document = |last: &Last| (last.epoch, last.sequence, last.document);
            assert_eq!(document(&read.last()), document(&expected), "{written} of {}", states.len());
            carrier.write(after.repository(), &found).unwrap();
            let whole = carrier.read().unwrap();
            assert_eq!(&whole.repository(live.id()).unwrap(), after.repository());
        }
    }
}

#[test]
fn changes_are_told_from_two_documents() {
    let crew = Crew::single();
    let first = crew.begin();
    assert_eq!(Change::between(None, first.document()), [Change::Began]);
    let kinds = |edit: &Edit, live: &VerifiedRepository| {
        let next = crew.edit(live, edit).unwrap();
        let changes = Change::between(Some(live.document()), next.document());
        (changes.iter().map(Change::kind).collect::<Vec<_>>(), next)
    };
    let (told, live) = kinds(&publish("1.0", Some(1), Launch::Current), &first);
    assert_eq!(told, ["published", "current"]);
    let (told, live) = kinds(&publish("1.1", Some(2), Launch::Canary(5)), &live);
    assert_eq!(told, ["published", "canary"]);
    let (told, live) = kinds(&promote("1.1"), &live);
    assert_eq!(told, ["current"]);
    let (told, live) = kinds(&roll_back("1.0", days(30)), &live);
    assert_eq!(told, ["current", "allowed"]);
    let (told, live) = kinds(&promote("1.1"), &live);
    assert_eq!(told, ["current"]);
    let (told, _) = kinds(&Edit::Floor { counter: 2 }, &live);
    assert_eq!(told, ["floor", "disallowed"]);
}
