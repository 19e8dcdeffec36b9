//! Thresholds: in every order, by parts, with the wrong keys.

use lacre_attest::KeyAlgorithm;
use lacre_publish::channel::{Draft, Edit, Launch, Role, Rotation, edit, init, refresh, rotate};
use lacre_sign::{FileKey, SignError, Signer};

use crate::crew::{Crew, Holders, code, days, now, publish};

fn needs(draft: &Draft) -> Vec<(Role, u32, usize)> {
    let pending = draft.pending().map_or_else(Vec::new, |pending| pending.lacks);
    pending.into_iter().map(|lack| (lack.role, lack.needed, lack.of.len())).collect()
}

#[test]
fn two_of_three_sign_in_every_order() {
    let crew = Crew::of_three();
    let live = crew.begin();
    let draft = edit(&live, &publish("1.0", None, Launch::Current), now()).unwrap();
    assert_eq!(needs(&draft), [(Role::Channel, 2, 3), (Role::Snapshot, 1, 1), (Role::Timestamp, 1, 1)]);
    let mut documents = Vec::new();
    for first in 0..3 {
        for second in (0..3).filter(|second| *second != first) {
            // Each on their own machine: the draft travels as a file.
            let mut bytes = draft.to_bytes().unwrap();
            for approver in [first, second] {
                let mut draft = Draft::parse(&bytes, Some(live.clone())).unwrap();
                assert_eq!(draft.sign(&[&crew.channel.keys[approver]], now()).unwrap(), 1);
                bytes = draft.to_bytes().unwrap();
            }
            let mut draft = Draft::parse(&bytes, Some(live.clone())).unwrap();
            assert_eq!(needs(&draft), [(Role::Snapshot, 1, 1), (Role::Timestamp, 1, 1)]);
            assert_eq!(draft.sign(&crew.online(), now()).unwrap(), 2);
            assert_eq!(draft.pending(), None);
            documents.push(draft.finish().unwrap().last());
        }
    }
    documents.dedup();
    assert_eq!(documents.len(), 1, "all of them signed the same");
}

#[test]
fn one_of_three_is_not_enough_and_no_approver_counts_twice() {
    let crew = Crew::of_three();
    let live = crew.begin();
    let mut draft = edit(&live, &Edit::Renew, now()).unwrap();
    let one: &dyn Signer = &crew.channel.keys[0];
    assert_eq!(draft.sign(&[one, one], now()).unwrap(), 1);
    assert_eq!(draft.sign(&[one], now()).unwrap(), 0);
    assert_eq!(code(draft.finish()), "E-DRAFT-PENDING");
    // The machine does not sign what people have not approved.
    assert_eq!(draft.sign(&crew.online(), now()).unwrap(), 0);
    assert_eq!(needs(&draft), [(Role::Channel, 1, 2), (Role::Snapshot, 1, 1), (Role::Timestamp, 1, 1)]);
    assert_eq!(draft.sign(&[&crew.channel.keys[2]], now()).unwrap(), 1);
    // More than it takes are not added: the snapshot has the hash of what they signed.
    assert_eq!(draft.sign(&[&crew.channel.keys[1]], now()).unwrap(), 0);
    assert_eq!(draft.sign(&crew.online(), now()).unwrap(), 2);
    assert_eq!(draft.finish().unwrap().document().sequence, 2);
}

#[test]
fn a_channel_can_begin_by_parts() {
    let crew = Crew::of_three();
    let mut draft = init(&crew.plan(), &[&crew.root.keys[0]], now()).unwrap();
    assert_eq!(code(draft.finish()), "E-DRAFT-PENDING");
    assert_eq!(
        draft.pending().unwrap().to_string(),
        "1 of 2 for root; 2 of 3 for targets; 2 of 3 for channel; \
        1 of 1 for snapshot; 1 of 1 for timestamp"
    );
    for holders in [&crew.targets, &crew.root, &crew.channel] {
        draft = Draft::parse(&draft.to_bytes().unwrap(), None).unwrap();
        draft.sign(&holders.signers()[1..], now()).unwrap();
    }
    draft.sign(&crew.online(), now()).unwrap();
    assert_eq!(draft.finish().unwrap().document().sequence, 1);
}

#[test]
fn the_root_stays_offline_and_signs_what_is_carried_to_it() {
    let crew = Crew::of_three();
    let live = crew.with(&[("1.0", 1)]);
    // Neither an edit nor a renewal asks for root or targets.
    let work = edit(&live, &publish("1.1", None, Launch::Current), now()).unwrap();
    let renewal = refresh(&live, days(5)).unwrap();
    let roles = |draft: &Draft| needs(draft).iter().map(|lack| lack.0).collect::<Vec<_>>();
    assert_eq!(roles(&work), [Role::Channel, Role::Snapshot, Role::Timestamp]);
    assert_eq!(roles(&renewal), [Role::Snapshot, Role::Timestamp]);
    // New keys of the online machine do: by two of three people, each with one key and a file.
    let machine = Holders::new(1, 1);
    let keys = [(Role::Snapshot, machine.role_keys(Role::Snapshot))];
    let rotation = Rotation { keys: keys.into(), ..Rotation::default() };
    let mut bytes = rotate(&live, &rotation, now()).unwrap().to_bytes().unwrap();
    for person in [2, 0] {
        let mut draft = Draft::parse(&bytes, Some(live.clone())).unwrap();
        assert_eq!(draft.sign(&[&crew.root.keys[person]], now()).unwrap(), 1);
        assert_eq!(code(draft.finish()), "E-DRAFT-PENDING");
        bytes = draft.to_bytes().unwrap();
    }
    let mut draft = Draft::parse(&bytes, Some(live)).unwrap();
    assert_eq!(needs(&draft), [(Role::Snapshot, 1, 1), (Role::Timestamp, 1, 1)]);
    draft.sign(&[machine.signers(), crew.timestamp.signers()].concat(), now()).unwrap();
    assert_eq!(draft.finish().unwrap().last().root, 2);
}

#[test]
fn a_key_without_a_role_is_refused_before_anything_is_signed() {
    let crew = Crew::single();
    let mut draft = edit(&crew.begin(), &Edit::Renew, now()).unwrap();
    let stranger = FileKey::generate(KeyAlgorithm::Ed25519).unwrap();
    let before = draft.clone();
    assert_eq!(code(draft.sign(&[&crew.channel.keys[0], &stranger], now())), "E-ROLE-KEY");
    assert_eq!(draft, before);
    // The keys of root have a role, and nothing to sign here.
    assert_eq!(draft.sign(&crew.root.signers(), now()).unwrap(), 0);
}

/// Says one key, signs with another.
struct Liar {
    shown: FileKey,
    used: FileKey,
}

impl Signer for Liar {
    fn public_key(&self) -> &lacre_attest::PublicKey {
        self.shown.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.used.sign(message)
    }
}

#[test]
fn a_signature_that_does_not_hold_is_not_taken() {
    let key = || FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let liar = Liar { shown: key(), used: key() };
    let mut crew = Crew::single();
    crew.channel = Holders { keys: vec![key()], threshold: 1 };
    let mut plan = crew.plan();
    let shown = [liar.shown.public_key().clone()];
    plan.keys.channel = lacre_publish::channel::RoleKeys::new(Role::Channel, &shown, 1).unwrap();
    let mut draft = init(&plan, &[], now()).unwrap();
    assert_eq!(code(draft.sign(&[&liar], now())), "E-SIGNATURE-INVALID");
    assert!(needs(&draft).contains(&(Role::Channel, 1, 1)));
}

#[test]
fn online_keys_alone_renew_the_timestamp_and_the_snapshot_in_time() {
    let crew = Crew::of_three();
    let live = crew.begin();
    let renew = |live, at| {
        let mut draft = refresh(live, at).unwrap();
        assert!(draft.sign(&crew.online(), at).unwrap() > 0);
        draft.finish().unwrap()
    };
    let first = renew(&live, days(1));
    assert_eq!(first.expires(Role::Timestamp), days(2));
    assert_eq!(first.expires(Role::Snapshot), days(7));
    let second = renew(&first, days(4));
    assert_eq!(second.expires(Role::Timestamp), days(5));
    assert_eq!(second.expires(Role::Snapshot), days(11));
    assert_eq!(second.last(), live.last());
    // The snapshot's key alone does not bring it there.
    let mut draft = refresh(&live, days(4)).unwrap();
    assert_eq!(draft.sign(&crew.snapshot.signers(), days(4)).unwrap(), 1);
    assert_eq!(needs(&draft), [(Role::Timestamp, 1, 1)]);
}

#[test]
fn online_roles_with_thresholds_sign_in_one_go() {
    let crew = Crew { snapshot: Holders::new(2, 3), timestamp: Holders::new(2, 2), ..Crew::single() };
    let live = crew.begin();
    let mut draft = edit(&live, &Edit::Renew, now()).unwrap();
    draft.sign(&crew.channel.signers(), now()).unwrap();
    assert_eq!(draft.sign(&crew.snapshot.signers()[..1], now()).unwrap(), 0);
    assert_eq!(draft.sign(&crew.snapshot.signers()[1..], now()).unwrap(), 2);
    // What is complete travels.
    let mut draft = Draft::parse(&draft.to_bytes().unwrap(), Some(live.clone())).unwrap();
    assert_eq!(needs(&draft), [(Role::Timestamp, 2, 2)]);
    draft.sign(&crew.timestamp.signers(), now()).unwrap();
    let draft = Draft::parse(&draft.to_bytes().unwrap(), Some(live)).unwrap();
    assert_eq!(draft.finish().unwrap().document().sequence, 2);
}
