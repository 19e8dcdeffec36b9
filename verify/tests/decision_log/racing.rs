//! Many who append at once: no line is lost, none is torn.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use lacre_verify::decision::{Decision, Reach, check_log};

use crate::desk::{Desk, code, decision};

const WRITERS: u64 = 6;
const EACH: u64 = 25;

/// Each has the log opened for itself, as another process would: the lock is one of the open file.
fn race(desk: &Desk, rotate: u64) {
    let together = Barrier::new(usize::try_from(WRITERS).unwrap());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                // The first of them begins the log.
                let log = desk.rotating(rotate);
                for number in 0..EACH {
                    log.append(&decision(writer * EACH + number)).unwrap();
                }
            });
        }
        // And one who looks, all the while.
        scope.spawn(|| {
            for _ in 0..50 {
                let said = code(&desk.check(&[]));
                assert!(["ok", "E-NOT-FOUND"].contains(&said), "{said}");
            }
        });
    });
    let mut seen = BTreeSet::new();
    let account = check_log(&desk.path(""), &[], Reach::Whole, &mut |entry| {
        if let Some(json) = entry.decision {
            let decision: Decision = serde_json::from_str(json).unwrap();
            seen.insert(decision.subject().reference.clone());
        }
    });
    assert_eq!(account.unwrap().decisions, WRITERS * EACH);
    assert_eq!(seen.len() as u64, WRITERS * EACH, "each of them once");
}

#[test]
fn in_one_file() {
    let desk = Desk::empty();
    race(&desk, u64::MAX);
    assert_eq!(desk.names(), [""]);
}

#[test]
fn while_files_are_turned() {
    let desk = Desk::empty();
    race(&desk, 4000);
    assert!(desk.names().len() > 10, "{:?}", desk.names());
}
