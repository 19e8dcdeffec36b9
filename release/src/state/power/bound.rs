//! The same, with a counter beside the disk: what it counted survives, and it counts or it does not.

use super::*;
use crate::state::counter::{CounterError, MonotonicCounter};

/// Counts in the simulated memory, and loses its power with the disk.
#[derive(Debug)]
struct Beside(Arc<Mutex<Memory>>);

impl MonotonicCounter for Beside {
    fn index(&self) -> u32 {
        7
    }

    fn value(&self) -> Result<u64, CounterError> {
        Ok(self.0.lock().unwrap().counted)
    }

    fn increment(&self) -> Result<u64, CounterError> {
        let counted = Simulated(Arc::clone(&self.0)).change(|memory| {
            memory.counted += 1;
            Ok(memory.counted)
        });
        counted.map_err(|error| CounterError::Device { action: "count", reason: error.to_string() })
    }

    fn seal(&self, message: &Sha256Digest) -> Result<Sha256Digest, CounterError> {
        let key = b"the device's key";
        Ok(Sha256Digest::of(&[&key[..], message.as_bytes()].concat()))
    }
}

fn bound(disk: Simulated) -> Store<Simulated> {
    let counter = Beside(Arc::clone(&disk.0));
    store(disk).bound(Box::new(counter))
}

/// A bound state with [`record`]`(1)`, beside a counter that has counted before.
fn created_bound() -> Simulated {
    let disk = Simulated::default();
    disk.0.lock().unwrap().counted = 40;
    let store = bound(disk);
    store.create(&record(1)).unwrap();
    store.into_disk().restarted()
}

/// Loses the power before every operation of `act` on `disk`, as [`lose_power_everywhere`] does without a counter.
fn lose_power_everywhere_bound(
    disk: &Simulated,
    act: impl Fn(&Store<Simulated>) -> Result<(), ReleaseError>,
    look: impl Fn(&Result<(), ReleaseError>, &Simulated),
) -> (usize, usize) {
    lose_power(disk, bound, act, look)
}

/// Every disk after `first`, on which `old` was put back in the place of the state, with the counter as it is.
fn put_back(now: &Simulated, old: &Simulated) -> Simulated {
    let restored = old.restarted();
    restored.0.lock().unwrap().counted = now.0.lock().unwrap().counted;
    restored
}

#[test]
fn whenever_the_power_goes_the_state_and_its_counter_agree_again() {
    let old = created_bound();
    let (operations, disks) = lose_power_everywhere_bound(
        &old,
        |store| store.update(None, |record| advance(record, 2)),
        |outcome, world| {
            let after = bound(world.clone());
            let found = after.read().unwrap();
            match outcome {
                Ok(()) => assert_eq!(found, record(2)),
                Err(_) => assert!(found == record(1) || found == record(2), "{found:?}"),
            }
            // Who has seen the new state is not shown the old one again, whoever puts it back.
            if found == record(2) {
                let restored = put_back(&after.into_disk(), &old);
                assert_eq!(code_of(bound(restored.clone()).read()), "E-STATE-BACKWARDS");
                assert_eq!(code_of(bound(restored.clone()).read_file("document.json")), "E-STATE-BACKWARDS");
                assert_eq!(code_of(bound(restored).update(None, |_| Ok(()))), "E-STATE-BACKWARDS");
            }
            // What was left behind is in nobody's way.
            let next = bound(world.clone());
            next.update(None, |record| advance(record, 3)).unwrap();
            for later in next.into_disk().worlds() {
                assert_eq!(bound(later).read().unwrap(), record(3));
            }
        },
    );
    assert!(operations > 13 && disks > 200, "{operations} operations, {disks} disks");
}

#[test]
fn whenever_the_power_goes_a_bound_first_use_is_done_or_can_be_done_again() {
    let (operations, _) = first_use(bound);
    assert!(operations > 16, "{operations} operations");
}

/// A process is killed at every operation of a change, the power goes at every operation of the next one that only looks,
/// and a third one goes on.
#[test]
fn who_makes_up_for_the_counter_may_be_interrupted_too() {
    let created = created_bound();
    let mut ahead = 0;
    for killed in 0.. {
        let first = bound(created.failing_after(killed));
        let finished = first.update(None, |record| advance(record, 2)).is_ok();
        let between = first.into_disk().restarted();
        lose_power_everywhere_bound(
            &between,
            |store| store.read().map(drop),
            |outcome, world| {
                let third = bound(world.clone());
                let found = third.read().unwrap();
                let seen = bound(between.restarted()).read().unwrap();
                match outcome {
                    // It was told to someone: from then on nothing older is.
                    Ok(()) => assert_eq!(found, seen),
                    Err(_) => assert!(found == record(1) || found == record(2), "{found:?}"),
                }
                third.update(None, |record| advance(record, 3)).unwrap();
                assert_eq!(third.read().unwrap(), record(3));
            },
        );
        let before = between.0.lock().unwrap().counted;
        let looked = bound(between);
        looked.read().unwrap();
        ahead += looked.into_disk().0.lock().unwrap().counted - before;
        if finished {
            break;
        }
    }
    assert!(ahead >= 2, "the state was ahead of its counter {ahead} times");
}

#[test]
fn a_state_knows_whether_it_is_bound() {
    let disk = created_bound();
    assert_eq!(bound(disk.clone()).bound_to().unwrap(), Some(7));
    assert_eq!(code_of(store(disk.clone()).read()), "E-STATE-COUNTER");
    assert_eq!(code_of(store(disk).update(None, |_| Ok(()))), "E-STATE-COUNTER");
    assert_eq!(store(created()).bound_to().unwrap(), None);
    assert_eq!(code_of(bound(created()).read()), "E-STATE-COUNTER");
}

#[test]
fn a_counter_that_is_too_far_behind_was_cleared() {
    let disk = created_bound();
    for (counted, expected) in [
        (39, "E-STATE-COUNTER"),
        (0, "E-STATE-COUNTER"),
        (42, "E-STATE-BACKWARDS"),
        (u64::MAX, "E-STATE-BACKWARDS"),
    ] {
        let other = disk.clone();
        other.0.lock().unwrap().counted = counted;
        assert_eq!(code_of(bound(other).read()), expected, "{counted}");
    }
}

/// Whoever is told one file of a state is told of the state.
#[test]
fn a_single_file_is_vouched_for_as_the_whole_state_is() {
    let created = created_bound();
    assert_eq!(code_of(store(created.clone()).read_file("document.json")), "E-STATE-COUNTER");
    let file = bound(created.clone()).read_file("document.json").unwrap();
    assert_eq!(file.as_deref(), Some(&b"document 1"[..]));
    let (mut ahead, mut killed) = (0, 0);
    loop {
        let first = bound(created.failing_after(killed));
        let finished = first.update(None, |record| advance(record, 2)).is_ok();
        let between = first.into_disk().restarted();
        let before = between.0.lock().unwrap().counted;
        let next = bound(between);
        let file = next.read_file("document.json").unwrap().unwrap();
        let after = next.into_disk();
        ahead += after.0.lock().unwrap().counted - before;
        if file == b"document 2" {
            let restored = put_back(&after, &created);
            assert_eq!(code_of(bound(restored).read_file("document.json")), "E-STATE-BACKWARDS");
        }
        if finished {
            break;
        }
        killed += 1;
    }
    assert!(ahead >= 2, "the state was ahead of its counter {ahead} times");
}
