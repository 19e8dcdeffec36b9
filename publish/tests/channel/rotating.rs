//! Keys change hands.

use lacre_publish::channel::{
    Draft, Edit, FileName, Lifetimes, Role, Rotation, VerifiedRepository, edit, rotate,
};

use crate::crew::{Crew, Holders, code, days, now};

fn to(role: Role, holders: &Holders) -> Rotation {
    Rotation { keys: [(role, holders.role_keys(role))].into(), ..Rotation::default() }
}

fn staged(draft: &Draft) -> Vec<Role> {
    draft.staged()
}

#[test]
fn the_keys_of_root_change_with_the_consent_of_both() {
    let crew = Crew::of_three();
    let live = crew.begin();
    let anchor = live.root_bytes();
    let new = Holders::new(2, 2);
    let mut draft = rotate(&live, &to(Role::Root, &new), now()).unwrap();
    assert_eq!(staged(&draft), [Role::Root]);
    let lacks: Vec<(u32, usize)> =
        draft.pending().unwrap().lacks.iter().map(|lack| (lack.needed, lack.of.len())).collect();
    assert_eq!(lacks, [(2, 3), (2, 2)]);
    draft.sign(&new.signers(), now()).unwrap();
    assert_eq!(code(draft.finish()), "E-DRAFT-PENDING");
    draft.sign(&crew.root.signers()[1..], now()).unwrap();
    let live = draft.finish().unwrap();
    // The old keys are out.
    let mut next = rotate(&live, &Rotation::default(), now()).unwrap();
    assert_eq!(code(next.sign(&crew.root.signers(), now())), "E-ROLE-KEY");
    next.sign(&new.signers(), now()).unwrap();
    let live = next.finish().unwrap();
    // Whoever comes with the first root finds the way.
    let found = VerifiedRepository::open(live.repository().clone(), &anchor, None).unwrap();
    assert_eq!(found.last().root, 3);
    assert_eq!(found.root_bytes(), live.repository().get(FileName::Root(3)).unwrap());
}

#[test]
fn a_chain_of_roots_holds_from_every_link() {
    let mut crew = Crew::single();
    let mut live = crew.begin();
    for _ in 0..5 {
        let new = Holders::new(1, 1);
        let mut draft = rotate(&live, &to(Role::Root, &new), now()).unwrap();
        draft.sign(&[crew.root.signers(), new.signers()].concat(), now()).unwrap();
        live = draft.finish().unwrap();
        crew.root = new;
    }
    for root in 1..=6 {
        let anchor = live.repository().get(FileName::Root(root)).unwrap();
        let found = VerifiedRepository::open(live.repository().clone(), anchor, None).unwrap();
        assert_eq!(found.last().root, 6);
    }
}

#[test]
fn the_approvers_change_without_the_root() {
    let mut crew = Crew::single();
    let live = crew.with(&[("1.0", 1)]);
    let new = Holders::new(2, 3);
    let mut draft = rotate(&live, &to(Role::Channel, &new), days(3)).unwrap();
    assert_eq!(staged(&draft), [Role::Targets, Role::Channel]);
    // The old approvers have no say in it.
    assert_eq!(draft.sign(&crew.channel.signers(), days(3)).unwrap(), 0);
    draft.sign(&crew.targets.signers(), days(3)).unwrap();
    draft.sign(&new.signers(), days(3)).unwrap();
    draft.sign(&crew.online(), days(3)).unwrap();
    let rotated = draft.finish().unwrap();
    assert_eq!(rotated.document(), live.document());
    assert_eq!(rotated.keys(Role::Channel).threshold(), 2);
    let mut next = edit(&rotated, &Edit::Renew, days(3)).unwrap();
    assert_eq!(code(next.sign(&crew.channel.signers(), days(3))), "E-ROLE-KEY");
    crew.channel = new;
    assert_eq!(crew.edit(&rotated, &Edit::Renew).unwrap().document().sequence, 3);
}

#[test]
fn the_keys_of_targets_and_of_the_online_roles_change_by_the_root() {
    let mut crew = Crew::single();
    let live = crew.begin();
    let new = Holders::new(1, 2);
    let mut draft = rotate(&live, &to(Role::Targets, &new), now()).unwrap();
    assert_eq!(staged(&draft), [Role::Root, Role::Targets]);
    draft.sign(&[crew.all(), new.signers()].concat(), now()).unwrap();
    let live = draft.finish().unwrap();
    crew.targets = new;
    for role in [Role::Snapshot, Role::Timestamp] {
        let new = Holders::new(1, 1);
        let mut draft = rotate(&live, &to(role, &new), now()).unwrap();
        assert_eq!(staged(&draft), [Role::Root]);
        draft.sign(&crew.all(), now()).unwrap();
        assert_eq!(draft.pending().unwrap().lacks[0].role, role);
        draft.sign(&[crew.online(), new.signers()].concat(), now()).unwrap();
        let after = draft.finish().unwrap();
        assert_eq!(after.keys(role), &new.role_keys(role));
    }
}

#[test]
fn a_rotation_to_nothing_renews_the_root_and_can_change_lifetimes() {
    let crew = Crew::single();
    let live = crew.begin();
    let lifetimes = Lifetimes { channel: 86_400, ..Lifetimes::default() };
    let rotation = Rotation { lifetimes: Some(lifetimes), ..Rotation::default() };
    let mut draft = rotate(&live, &rotation, days(10)).unwrap();
    draft.sign(&crew.root.signers(), days(10)).unwrap();
    let live = draft.finish().unwrap();
    assert_eq!(live.expires(Role::Root), days(375));
    let draft = edit(&live, &Edit::Renew, days(10)).unwrap();
    assert_eq!(draft.document().expires, days(11));
    let rotation =
        Rotation { lifetimes: Some(Lifetimes { snapshot: 1, ..lifetimes }), ..Rotation::default() };
    assert_eq!(code(rotate(&live, &rotation, now())), "E-LIFETIME");
}
