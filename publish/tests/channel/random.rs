//! Any sequence of operations: what comes out verifies, and positions only rise.

use lacre_publish::channel::{
    Edit, Launch, Restart, Role, Rotation, VerifiedRepository, Withdrawal, edit, refresh, rotate,
};
use lacre_release::{ReasonCode, Status};
use proptest::prelude::*;

use crate::crew::{Crew, Holders, days, now, promote, publish, roll_back, version};
use crate::readers::{comes_along, sigstore_reads};

#[derive(Debug, Clone)]
enum Operation {
    Edit(Edit),
    Refresh,
    Rotate(Role),
    Restart(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let name = || (0..6_u8).prop_map(|number| format!("1.{number}"));
    let launch = prop_oneof![
        4 => Just(Launch::Current),
        1 => Just(Launch::Hold),
        1 => (0..=100_u8).prop_map(Launch::Canary),
    ];
    let withdrawal = prop_oneof![Just(Withdrawal::Quarantine), Just(Withdrawal::Revoke)];
    let edit = prop_oneof![
        4 => (name(), proptest::option::of(1..5_u64), launch)
            .prop_map(|(name, counter, launch)| publish(&name, counter, launch)),
        2 => name().prop_map(|name| promote(&name)),
        3 => name().prop_map(|name| roll_back(&name, days(3))),
        2 => (name(), withdrawal).prop_map(|(name, withdrawal)| Edit::Withdraw {
            version: version(&name),
            withdrawal,
            code: ReasonCode::Regression,
            text: "worse".to_owned(),
        }),
        1 => name().prop_map(|name| Edit::Reinstate { version: version(&name) }),
        1 => (0..5_u64).prop_map(|counter| Edit::Floor { counter }),
        1 => Just(Edit::Renew),
    ];
    prop_oneof![
        10 => edit.prop_map(Operation::Edit),
        1 => Just(Operation::Refresh),
        2 => proptest::sample::select(Role::ALL.to_vec()).prop_map(Operation::Rotate),
        1 => (0..4_u64).prop_map(Operation::Restart),
    ]
}

impl Crew {
    fn holders(&mut self, role: Role) -> &mut Holders {
        match role {
            Role::Root => &mut self.root,
            Role::Targets => &mut self.targets,
            Role::Channel => &mut self.channel,
            Role::Snapshot => &mut self.snapshot,
            Role::Timestamp => &mut self.timestamp,
        }
    }

    /// Gives roles to others, who sign beside those before them.
    fn hand_over(
        &mut self,
        live: &VerifiedRepository,
        roles: &[Role],
        restart: Option<Restart>,
    ) -> VerifiedRepository {
        let mut rotation = Rotation { restart, ..Rotation::default() };
        let mut before = Vec::new();
        for role in roles {
            let new = Holders::new(1, 2);
            rotation.keys.insert(*role, new.role_keys(*role));
            before.push(std::mem::replace(self.holders(*role), new));
        }
        let mut draft = rotate(live, &rotation, now()).unwrap();
        let mut signers = self.all();
        // Only the old keys of root are asked; the others would have no say.
        signers.extend(before.iter().flat_map(Holders::signers));
        draft.sign(&signers, now()).unwrap();
        draft.finish().unwrap()
    }
}

/// Whether the current release is one that may run.
fn holds(live: &VerifiedRepository) -> bool {
    let document = live.document();
    document.current.as_ref().is_none_or(|current| {
        document.release(current).is_some_and(|release| {
            release.status == Status::Active && release.counter >= document.floor.counter
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_verifies_and_positions_only_rise(operations in proptest::collection::vec(operation(), 1..14)) {
        let mut crew = Crew::single();
        let first = crew.begin();
        let mut live = first.clone();
        let mut edits = 0;
        for operation in operations {
            let next = match operation {
                Operation::Edit(what) => match edit(&live, &what, now()) {
                    Ok(draft) => crew.finish(draft).unwrap(),
                    Err(refused) => {
                        prop_assert!(refused.code().starts_with("E-EDIT-"), "{}: {refused}", refused.code());
                        continue;
                    }
                },
                Operation::Refresh => crew.finish(refresh(&live, now()).unwrap()).unwrap(),
                Operation::Rotate(role) => crew.hand_over(&live, &[role], None),
                Operation::Restart(floor) => {
                    let restart = Restart::keeping(live.document(), floor);
                    crew.hand_over(&live, &[Role::Snapshot, Role::Timestamp], Some(restart))
                }
            };
            let position = |live: &VerifiedRepository| (live.last().epoch, live.last().sequence);
            let same = live.last().document == next.last().document;
            prop_assert_eq!(position(&next) == position(&live), same);
            prop_assert!(position(&next) >= position(&live));
            if next.last().epoch == live.last().epoch {
                prop_assert!(next.document().floor.counter >= live.document().floor.counter);
            }
            prop_assert!(holds(&next), "{:?}", next.document());
            edits += u32::from(!same);
            sigstore_reads(&next);
            comes_along(&live, &next);
            live = next;
        }
        comes_along(&first, &live);
        prop_assert!(edits == 0 || live.last() != first.last());
    }
}
