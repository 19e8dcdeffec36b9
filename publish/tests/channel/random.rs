//! Any sequence of operations, before the eyes of clients and thieves: what comes out verifies, positions only rise, no
//! client goes back, and every honest rollback succeeds.

use lacre_publish::channel::{Edit, Launch, Restart, Role, VerifiedRepository, Withdrawal, edit, refresh};
use lacre_release::{ReasonCode, Standing, Status, Wanted};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::client::{Client, outcome};
use crate::crew::{Crew, days, now, promote, publish, roll_back, version};
use crate::readers::sigstore_reads;
use crate::thief::served_again;

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a handful of them in a test")]
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
    /// What is published next; nothing if the operation means nothing here.
    fn operates(
        &mut self,
        live: &VerifiedRepository,
        operation: &Operation,
    ) -> Result<Option<VerifiedRepository>, TestCaseError> {
        let next = match operation {
            Operation::Edit(what) => match edit(live, what, now()) {
                Ok(draft) => self.finish(draft).unwrap(),
                Err(refused) => {
                    prop_assert!(refused.code().starts_with("E-EDIT-"), "{}: {refused}", refused.code());
                    return Ok(None);
                }
            },
            Operation::Refresh => self.finish(refresh(live, now()).unwrap()).unwrap(),
            Operation::Rotate(role) => self.hand_over(live, &[*role], None),
            Operation::Restart(floor) => {
                let restart = Restart::keeping(live.document(), *floor);
                self.hand_over(live, &[Role::Snapshot, Role::Timestamp], Some(restart))
            }
        };
        Ok(Some(next))
    }
}

/// What follows from what was published before.
fn follows(live: &VerifiedRepository, next: &VerifiedRepository) -> Result<(), TestCaseError> {
    let (before, after) = (live.document(), next.document());
    let same = live.last().document == next.last().document;
    prop_assert_eq!(after.position() == before.position(), same);
    prop_assert!(after.position() >= before.position());
    if after.epoch == before.epoch {
        prop_assert!(after.floor.counter >= before.floor.counter);
    }
    sigstore_reads(next);
    Ok(())
}

/// What the channel says may run does run at a client that has read it, and what it forbids does not.
fn obeys(client: &Client, live: &VerifiedRepository) -> Result<(), TestCaseError> {
    let document = live.document();
    for release in &document.releases {
        let is_current = document.current.as_ref() == Some(&release.version);
        let target = document.rollback_targets.iter().find(|target| target.version == release.version);
        let answer = client.asks(Wanted::Version(release.version.clone()), now());
        let standing = answer.as_ref().ok().map(lacre_release::Permit::standing);
        let code = outcome(answer);
        match release.status {
            Status::Revoked => prop_assert_eq!(code, "E-REVOKED"),
            Status::Quarantined => prop_assert_eq!(code, "E-QUARANTINED"),
            _ if release.counter < document.floor.counter => prop_assert_eq!(code, "E-FLOOR"),
            _ if is_current => prop_assert_eq!(standing, Some(Standing::Current)),
            _ => {
                let allowed = target.map(|target| Standing::RollbackTarget { until: target.until });
                prop_assert_eq!(standing, allowed);
                prop_assert_eq!(code, if allowed.is_some() { "ok" } else { "E-ROLLBACK" });
            }
        }
    }
    let current = client.asks(Wanted::Current, now());
    // The publisher leaves nothing current that may not run.
    let runs = current.as_ref().ok().map(|permit| &permit.release().version);
    prop_assert_eq!(runs, document.current.as_ref());
    prop_assert!(runs.is_some() || outcome(current) == "E-RELEASE-UNKNOWN");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_client_goes_back_and_every_honest_rollback_succeeds(
        steps in proptest::collection::vec((operation(), any::<Index>(), any::<Index>(), any::<bool>()), 1..14)
    ) {
        let mut crew = Crew::single();
        let first = crew.begin();
        let mut history = vec![first.clone()];
        let mut clients = vec![Client::new(&first, now()); 3];
        for (operation, reader, offered, commits) in steps {
            let live = history.last().unwrap().clone();
            let Some(next) = crew.operates(&live, &operation)? else { continue };
            follows(&live, &next)?;
            // One client reads it, from wherever it was.
            let at = reader.index(clients.len());
            let client = &mut clients[at];
            client.read(next.repository(), now()).unwrap();
            prop_assert_eq!(client.position(), Some(next.document().position()));
            obeys(client, &next)?;
            if let (true, Ok(permit)) = (commits, client.asks(Wanted::Current, now())) {
                prop_assert!(client.commits(&permit) <= next.document().floor.counter);
            }
            // All of them are offered what was published once, as it was and by a thief of the keys that are online.
            let old = offered.get(&history);
            let forged = served_again(&crew, &next, old);
            for client in &mut clients {
                let seen = client.position();
                let _ = client.read(old.repository(), now());
                prop_assert!(client.position() >= seen);
                let mut victim = client.clone();
                let taken = victim.read(&forged, now()).is_ok();
                prop_assert!(victim.position() >= seen);
                prop_assert!(!taken || victim.position() == Some(old.document().position()));
                // Whoever lost the files, and not the memory, does not go back either.
                victim.forget_files(&first);
                let _ = victim.read(old.repository(), now());
                prop_assert!(victim.position() >= seen);
            }
            history.push(next);
        }
        // No offer of old files kept a client from the newest ones.
        let live = history.last().unwrap();
        for client in &mut clients {
            client.read(live.repository(), now()).unwrap();
            obeys(client, live)?;
        }
    }
}
