//! Every edit: what the next document says, and what is refused.

use lacre_publish::channel::{Edit, Launch, Warning, Withdrawal, edit, refresh};
use lacre_release::{ChannelDocument, ReasonCode, Status, Version};

use crate::crew::{Crew, code, days, now, promote, publish, roll_back, version};

fn withdraw(text: &str, withdrawal: Withdrawal) -> Edit {
    let reason = "found in review".to_owned();
    Edit::Withdraw { version: version(text), withdrawal, code: ReasonCode::Backdoor, text: reason }
}

fn current(document: &ChannelDocument) -> Option<&str> {
    document.current.as_ref().map(Version::as_str)
}

#[test]
fn a_release_becomes_current() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 3), ("1.1", 3)]);
    let document = live.document();
    assert_eq!((current(document), document.sequence), (Some("1.1"), 3));
    // Without a counter it has the highest one so far.
    let live = crew.edit(&live, &publish("1.2", None, Launch::Current)).unwrap();
    assert_eq!(live.document().release(&version("1.2")).unwrap().counter, 3);
    let listed: Vec<&str> = live.document().releases.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(listed, ["1.0", "1.1", "1.2"]);
    assert_eq!(code(edit(&live, &publish("1.1", None, Launch::Hold), now())), "E-EDIT-LISTED");
    assert_eq!(code(edit(&live, &publish("1.3", Some(2), Launch::Current), now())), "E-EDIT-ORDER");
}

#[test]
fn a_release_waits_or_is_tried_by_some() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1)]);
    let live = crew.edit(&live, &publish("1.1", None, Launch::Hold)).unwrap();
    assert_eq!(current(live.document()), Some("1.0"));
    let live = crew.edit(&live, &publish("1.2", None, Launch::Canary(5))).unwrap();
    let first = live.document().rollout.clone().unwrap();
    assert_eq!((first.version.as_str(), first.percent), ("1.2", 5));
    let draft = edit(&live, &publish("1.3", None, Launch::Canary(5)), now()).unwrap();
    assert_eq!(draft.warnings(now()), [Warning::CanaryEnded { version: version("1.2") }]);
    // Other instances begin the next time.
    assert_ne!(draft.document().rollout.as_ref().unwrap().seed, first.seed);
    let live = crew.edit(&live, &promote("1.2")).unwrap();
    assert_eq!((current(live.document()), live.document().rollout.as_ref()), (Some("1.2"), None));
    for percent in [0, 100] {
        let canary = publish("1.4", None, Launch::Canary(percent));
        assert_eq!(code(edit(&live, &canary, now())), "E-EDIT-VALUE", "{percent}");
    }
}

#[test]
fn only_what_may_run_is_promoted() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1), ("2.0", 2)]);
    let refused = |what: &Edit| code(edit(&live, what, now()));
    assert_eq!(refused(&promote("3.0")), "E-EDIT-UNLISTED");
    assert_eq!(refused(&promote("2.0")), "E-EDIT-NOTHING");
    assert_eq!(refused(&promote("1.0")), "E-EDIT-ORDER");
    let live = crew.edit(&live, &publish("2.1", None, Launch::Hold)).unwrap();
    let live = crew.edit(&live, &withdraw("2.1", Withdrawal::Quarantine)).unwrap();
    assert_eq!(code(edit(&live, &promote("2.1"), now())), "E-EDIT-STATUS");
    let live = crew.edit(&live, &Edit::Reinstate { version: version("2.1") }).unwrap();
    let live = crew.edit(&live, &promote("2.1")).unwrap();
    assert_eq!(current(live.document()), Some("2.1"));
}

#[test]
fn an_operator_rolls_back_by_going_on() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1), ("2.0", 2)]);
    let back = crew.edit(&live, &roll_back("1.0", days(7))).unwrap();
    let document = back.document();
    assert_eq!((current(document), document.sequence), (Some("1.0"), live.document().sequence + 1));
    let [target] = document.rollback_targets.as_slice() else { panic!("{document:?}") };
    assert_eq!(
        (target.version.as_str(), target.until, target.reason.as_str()),
        ("1.0", days(7), "worse answers")
    );
    // The allowance outlives the way forward, and ends in time.
    let forward = crew.edit(&back, &promote("2.0")).unwrap();
    assert_eq!(forward.document().rollback_targets, document.rollback_targets);
    let later = edit(&forward, &Edit::Renew, days(7)).unwrap();
    assert_eq!(later.document().rollback_targets, []);
    assert_eq!(later.warnings(days(7)).iter().find(|it| matches!(it, Warning::AllowanceEnded { .. })), None);
}

#[test]
fn a_rollback_needs_a_release_that_may_run_a_date_and_a_reason() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1), ("2.0", 2), ("3.0", 3)]);
    let live = crew.edit(&live, &Edit::Floor { counter: 2 }).unwrap();
    let refused = |what: &Edit| code(edit(&live, what, now()));
    assert_eq!(refused(&roll_back("1.0", days(7))), "E-EDIT-FLOOR");
    assert_eq!(refused(&roll_back("3.0", days(7))), "E-EDIT-NOTHING");
    assert_eq!(refused(&roll_back("0.1", days(7))), "E-EDIT-UNLISTED");
    assert_eq!(refused(&roll_back("2.0", now())), "E-EDIT-VALUE");
    for reason in ["", " ", "a\nb", &"x".repeat(501)] {
        let what = Edit::Rollback { version: version("2.0"), until: days(7), reason: reason.to_owned() };
        assert_eq!(refused(&what), "E-EDIT-VALUE", "{reason:?}");
    }
    let live = crew.edit(&live, &withdraw("2.0", Withdrawal::Revoke)).unwrap();
    assert_eq!(code(edit(&live, &roll_back("2.0", days(7)), now())), "E-EDIT-STATUS");
}

#[test]
fn a_revocation_is_for_good_and_takes_every_allowance() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1), ("2.0", 1)]);
    let live = crew.edit(&live, &roll_back("1.0", days(7))).unwrap();
    let draft = edit(&live, &withdraw("1.0", Withdrawal::Revoke), now()).unwrap();
    assert_eq!(
        draft.warnings(now()),
        [
            Warning::CurrentWithdrawn { version: version("1.0") },
            Warning::AllowanceEnded { version: version("1.0"), until: days(7) },
        ]
    );
    let live = crew.finish(draft).unwrap();
    let document = live.document();
    let release = document.release(&version("1.0")).unwrap();
    assert_eq!((release.status, current(document)), (Status::Revoked, None));
    assert_eq!(release.reason.as_ref().unwrap().code, ReasonCode::Backdoor);
    assert_eq!(document.rollback_targets, []);
    let refused = |what: &Edit| code(edit(&live, what, now()));
    assert_eq!(refused(&withdraw("1.0", Withdrawal::Revoke)), "E-EDIT-STATUS");
    assert_eq!(refused(&withdraw("1.0", Withdrawal::Quarantine)), "E-EDIT-STATUS");
    assert_eq!(refused(&Edit::Reinstate { version: version("1.0") }), "E-EDIT-STATUS");
    assert_eq!(refused(&withdraw("9.0", Withdrawal::Revoke)), "E-EDIT-UNLISTED");
    // Whoever does not name a successor is told, every time.
    let draft = edit(&live, &publish("3.0", None, Launch::Hold), now()).unwrap();
    assert_eq!(draft.warnings(now()), [Warning::NothingCurrent]);
}

#[test]
fn the_floor_only_rises_and_never_above_what_runs() {
    let crew = Crew::single();
    let floor = |counter| Edit::Floor { counter };
    assert_eq!(code(edit(&crew.begin(), &floor(1), now())), "E-EDIT-FLOOR");
    let live = crew.with(&[("1.0", 1), ("2.0", 2), ("3.0", 3)]);
    let live = crew.edit(&live, &roll_back("1.0", days(7))).unwrap();
    let live = crew.edit(&live, &promote("3.0")).unwrap();
    let live = crew.edit(&live, &publish("2.1", Some(2), Launch::Canary(1))).unwrap();
    let draft = edit(&live, &floor(3), now()).unwrap();
    assert_eq!(
        draft.warnings(now()),
        [
            Warning::ShutOut { versions: vec![version("1.0"), version("2.0"), version("2.1")] },
            Warning::AllowanceEnded { version: version("1.0"), until: days(7) },
            Warning::CanaryEnded { version: version("2.1") },
        ]
    );
    let live = crew.finish(draft).unwrap();
    assert_eq!(live.document().floor.counter, 3);
    for (counter, refusal) in [(2, "E-EDIT-FLOOR"), (3, "E-EDIT-NOTHING"), (4, "E-EDIT-FLOOR")] {
        assert_eq!(code(edit(&live, &floor(counter), now())), refusal, "{counter}");
    }
    assert_eq!(code(edit(&live, &publish("2.2", Some(2), Launch::Hold), now())), "E-EDIT-FLOOR");
}

#[test]
fn what_expires_without_being_renewed_is_said() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1)]);
    let soon = edit(&live, &Edit::Renew, days(350)).unwrap().warnings(days(350));
    assert_eq!(soon.len(), 2, "{soon:?}");
    assert!(soon.iter().all(|it| matches!(it, Warning::ExpiresSoon { .. })), "{soon:?}");
    let late = refresh(&live, days(400)).unwrap().warnings(days(400));
    assert_eq!(late.len(), 3, "{late:?}");
    assert!(late.iter().all(|it| matches!(it, Warning::Expired { .. })), "{late:?}");
    // Renewed is what the edit signs anyway.
    assert_eq!(edit(&live, &Edit::Renew, now()).unwrap().warnings(now()), []);
}
