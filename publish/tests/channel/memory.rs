//! What the operator remembers, against a store that shows an old or another state.

use lacre_publish::channel::{
    Edit, FileName, Launch, Repository, Rotation, VerifiedRepository, edit, rotate,
};

use crate::crew::{Crew, code, id, now, publish};

fn reopen(live: &VerifiedRepository, known: &VerifiedRepository) -> &'static str {
    code(VerifiedRepository::open(live.repository().clone(), &live.root_bytes(), Some(&known.last())))
}

#[test]
fn an_old_state_is_not_built_on() {
    let crew = Crew::single();
    let first = crew.begin();
    let second = crew.edit(&first, &Edit::Renew).unwrap();
    assert_eq!(reopen(&first, &second), "E-REPLAY");
    assert_eq!(reopen(&second, &first), "accepted");
    assert_eq!(reopen(&second, &second), "accepted");
    // The document is the same, and a store keeps the new root back.
    let rotated = crew.finish(rotate(&second, &Rotation::default(), now()).unwrap()).unwrap();
    assert_eq!(reopen(&second, &rotated), "E-REPLAY");
}

#[test]
fn another_document_in_the_same_place_is_an_equivocation() {
    let crew = Crew::single();
    let first = crew.begin();
    let one = crew.edit(&first, &publish("1.0", None, Launch::Current)).unwrap();
    let other = crew.edit(&first, &publish("2.0", None, Launch::Current)).unwrap();
    assert_eq!(reopen(&one, &other), "E-EQUIVOCATION");
}

#[test]
fn nothing_is_edited_that_does_not_verify() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1)]);
    let anchor = live.repository().get(FileName::Root(1)).unwrap().to_vec();
    let open = |files: Repository| code(VerifiedRepository::open(files, &anchor, None));
    assert_eq!(open(live.repository().clone()), "accepted");
    let current = live.repository().files().map(|(name, _)| name).filter(|name| match name {
        FileName::Channel(version) | FileName::Snapshot(version) => *version == 2,
        FileName::Document(digest) => *digest == live.last().document,
        _ => true,
    });
    for name in current.filter(|name| *name != FileName::Root(1)) {
        let mut files = Repository::new(id());
        for (other, bytes) in live.repository().files().filter(|(other, _)| *other != name) {
            files.insert(other, bytes.to_vec()).unwrap();
        }
        assert_eq!(open(files.clone()), "E-TUF-MISSING", "{name:?}");
        let mut bytes = live.repository().get(name).unwrap().to_vec();
        let place = bytes.len() / 2;
        bytes[place] ^= 1;
        files.insert(name, bytes).unwrap();
        let refusal = open(files);
        assert!(refusal.starts_with("E-"), "{name:?}: {refusal}");
    }
    // A root of other people.
    let other = Crew::single().begin();
    let refusal = code(VerifiedRepository::open(live.repository().clone(), &other.root_bytes(), None));
    assert_eq!(refusal, "E-TUF-SIGNATURE");
}

#[test]
fn files_that_clients_are_in_the_middle_of_stay_and_older_ones_go() {
    let crew = Crew::single();
    let mut live = crew.begin();
    for _ in 0..6 {
        live = crew.edit(&live, &Edit::Renew).unwrap();
    }
    let count =
        |kind: fn(&FileName) -> bool| live.repository().files().filter(|(name, _)| kind(name)).count();
    assert_eq!(count(|name| matches!(name, FileName::Snapshot(4..=7))), 4);
    assert_eq!(count(|name| matches!(name, FileName::Snapshot(_))), 4);
    assert_eq!(count(|name| matches!(name, FileName::Channel(_))), 4);
    assert_eq!(count(|name| matches!(name, FileName::Document(_))), 4);
    assert_eq!(count(|name| matches!(name, FileName::Root(_))), 1);
    assert!(edit(&live, &Edit::Renew, now()).is_ok());
}
