//! Where a channel lies: read and put back as a whole, and only over what was read.

use std::collections::BTreeMap;

use lacre_publish::channel::{
    Carrier, Change, Edit, FileName, Launch, Repository, Role, Rotation, VerifiedRepository, rotate,
};
use lacre_registry_client::{FileKind, FileName as StoredName, FolderFiles, Layout, Tag};

use crate::crew::{Crew, Holders, days, now, promote, publish, roll_back};

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

/// `before` with the root of `after`, whose other files were not written.
fn broken_off(before: &Repository, after: &Repository) -> Repository {
    let mut between = before.clone();
    between.insert(FileName::Root(2), after.get(FileName::Root(2)).unwrap().to_vec()).unwrap();
    between
}

#[test]
fn a_root_without_its_timestamp_counts_as_not_written() {
    let (crew, new) = (Crew::single(), Holders::new(1, 1));
    let first = crew.begin();
    let anchor = first.root_bytes();
    let live = crew.edit(&first, &publish("1.0", None, Launch::Current)).unwrap();
    let rotation =
        Rotation { keys: [(Role::Timestamp, new.role_keys(Role::Timestamp))].into(), ..Rotation::default() };
    let mut draft = rotate(&live, &rotation, now()).unwrap();
    let signers: Vec<_> = [&crew.root, &crew.snapshot, &new].into_iter().flat_map(Holders::signers).collect();
    draft.sign(&signers, now()).unwrap();
    let after = draft.finish().unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = FolderFiles::create(place.path()).unwrap();
    let carrier = Carrier::Folder(&folder);
    let between = broken_off(live.repository(), after.repository());
    carrier.write(&between, &carrier.read().unwrap()).unwrap();
    let found = carrier.read().unwrap();
    assert_eq!(found.verify(live.id(), &anchor, Some(&live.last())).unwrap().last(), live.last());
    // Not where the new root is known already: then it is an old state.
    let refused = found.verify(live.id(), &anchor, Some(&after.last())).unwrap_err();
    assert_ne!(refused.code(), "E-REPLAY");
    carrier.write(after.repository(), &found).unwrap();
    let found = carrier.read().unwrap();
    assert_eq!(found.verify(live.id(), &anchor, Some(&after.last())).unwrap().last(), after.last());
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
