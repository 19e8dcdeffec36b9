//! States that are bound to a counter in a TPM: `swtpm`, with tpm2-tools beside it to see and to do what Lacre does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

use std::fs;
use std::path::Path;

use lacre_hash::Sha256Digest;
use lacre_release::{
    ChannelId, CounterError, MonotonicCounter, Position, Record, ReleaseError, Seen, StateStore, TpmCounter,
};
use lacre_testkit::SoftwareTpm;
use tempfile::TempDir;

const AUTH: &[u8] = b"known to the service";

fn id() -> ChannelId {
    "org/name@stable".parse().unwrap()
}

fn record() -> Record {
    Record::new(id(), Sha256Digest::of(b"root"), "2026-11-23T10:00:00Z".parse().unwrap())
}

fn see(record: &mut Record, sequence: u64) -> Result<(), ReleaseError> {
    let document = format!("document {sequence}").into_bytes();
    let position = Position { epoch: 1, sequence };
    record.see(Seen { floor: 0, position, sha256: Sha256Digest::of(&document) })?;
    record.keep_file("document.json", document)
}

fn code<T>(outcome: Result<T, ReleaseError>) -> &'static str {
    outcome.err().unwrap().code()
}

/// A device with the state of a channel that is bound to it.
struct Bound {
    device: SoftwareTpm,
    folder: TempDir,
    index: u32,
}

impl Bound {
    fn new() -> Option<Self> {
        let (device, folder) = (SoftwareTpm::start()?, TempDir::new().unwrap());
        let counter = TpmCounter::define(&device.tcti(), b"", &id()).unwrap();
        let index = counter.index();
        StateStore::create_bound(&folder.path().join("now"), &record(), Box::new(counter)).unwrap();
        Some(Self { device, folder, index })
    }

    fn counter(&self) -> Result<TpmCounter, CounterError> {
        TpmCounter::open(&self.device.tcti(), b"", self.index)
    }

    fn store(&self) -> StateStore {
        let counter = Box::new(self.counter().unwrap());
        StateStore::open_bound(&self.folder.path().join("now"), &id(), counter).unwrap()
    }

    fn see(&self, sequence: u64) -> Result<(), ReleaseError> {
        self.store().update(|record| see(record, sequence))
    }

    fn seen(&self) -> Result<u64, ReleaseError> {
        Ok(self.store().read()?.seen().unwrap().position.sequence)
    }

    /// Copies the state's folder beside it.
    fn back_up(&self, name: &str) {
        copy(&self.folder.path().join("now"), &self.folder.path().join(name));
    }

    /// Puts a copy in the state's place.
    fn restore(&self, name: &str) {
        fs::remove_dir_all(self.folder.path().join("now")).unwrap();
        copy(&self.folder.path().join(name), &self.folder.path().join("now"));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn each_change_counts_and_no_look_does() {
    let Some(bound) = Bound::new() else { return };
    let begun = bound.device.counted(bound.index);
    for sequence in 1..=3 {
        bound.see(sequence).unwrap();
        assert_eq!(bound.device.counted(bound.index), begun + sequence);
        assert_eq!(bound.seen().unwrap(), sequence);
    }
    // Nothing new, and the time alone on the same day.
    bound.see(3).unwrap();
    let later = "2026-11-23T20:00:00Z".parse().unwrap();
    bound.store().update(|record| record.see_time(later).map(drop)).unwrap();
    assert_eq!(bound.store().read().unwrap().last_seen(), later);
    assert_eq!(bound.device.counted(bound.index), begun + 3);
    let tomorrow = "2026-11-24T00:00:00Z".parse().unwrap();
    bound.store().update(|record| record.see_time(tomorrow).map(drop)).unwrap();
    assert_eq!(bound.device.counted(bound.index), begun + 4);
}

#[test]
fn a_restart_of_the_device_changes_nothing() {
    let Some(mut bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    let counted = bound.device.counted(bound.index);
    bound.device.restart();
    assert_eq!(bound.device.counted(bound.index), counted);
    assert_eq!(bound.seen().unwrap(), 1);
    bound.see(2).unwrap();
    assert_eq!(bound.seen().unwrap(), 2);
}

#[test]
fn an_old_copy_that_is_put_back_is_refused() {
    let Some(bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    bound.back_up("old");
    bound.see(2).unwrap();
    bound.back_up("new");

    bound.restore("old");
    assert_eq!(code(bound.seen()), "E-STATE-BACKWARDS");
    assert_eq!(code(bound.see(3)), "E-STATE-BACKWARDS");
    bound.restore("new");
    assert_eq!(bound.seen().unwrap(), 2);
}

/// The checksum is nobody's secret: whoever writes the folder can make it right.
#[test]
fn an_old_state_with_the_present_value_is_refused() {
    let Some(bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    bound.back_up("old");
    bound.see(2).unwrap();
    bound.restore("old");

    let path = bound.folder.path().join("now/state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["counter"]["value"] = bound.device.counted(bound.index).into();
    let members = state.as_object_mut().unwrap();
    members.remove("checksum").unwrap();
    let checksum = Sha256Digest::of(&lacre_json::to_vec(members)).to_string();
    members.insert("checksum".to_owned(), checksum.into());
    fs::write(&path, lacre_json::to_vec(&state)).unwrap();
    assert_eq!(code(bound.seen()), "E-STATE-TORN");
    let error = bound.seen().unwrap_err().to_string();
    assert!(error.contains("was not sealed by the counter's device"), "{error}");
}

#[test]
fn a_counter_that_is_deleted_and_defined_again_goes_on_above() {
    let Some(bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    bound.see(2).unwrap();
    let (before, index) = (bound.device.counted(bound.index), format!("{:#010x}", bound.index));
    bound.device.tool(&["tpm2_nvundefine", "-C", "o", &index]);
    assert_eq!(bound.counter().unwrap_err(), CounterError::Missing { index: bound.index });

    bound.device.tool(&[
        "tpm2_nvdefine",
        "-C",
        "o",
        "-s",
        "8",
        "-a",
        "authread|authwrite|no_da|nt=counter",
        &index,
    ]);
    assert!(bound.counter().is_err(), "it has not counted yet");
    bound.device.tool(&["tpm2_nvincrement", "-C", &index, &index]);
    assert!(bound.device.counted(bound.index) > before);
    assert_eq!(code(bound.seen()), "E-STATE-BACKWARDS");
}

/// A counter whose power goes when it is to count.
#[derive(Debug)]
struct Interrupted(TpmCounter);

impl MonotonicCounter for Interrupted {
    fn index(&self) -> u32 {
        self.0.index()
    }
    fn value(&self) -> Result<u64, CounterError> {
        self.0.value()
    }
    fn increment(&self) -> Result<u64, CounterError> {
        Err(CounterError::Device { action: "count", reason: "no power".to_owned() })
    }
    fn seal(&self, message: &Sha256Digest) -> Result<Sha256Digest, CounterError> {
        self.0.seal(message)
    }
}

#[test]
fn a_power_loss_before_the_counter_counts_is_made_up_for() {
    let Some(mut bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    bound.back_up("old");
    let counted = bound.device.counted(bound.index);
    let interrupted = Interrupted(bound.counter().unwrap());
    let store =
        StateStore::open_bound(&bound.folder.path().join("now"), &id(), Box::new(interrupted)).unwrap();
    assert_eq!(code(store.update(|record| see(record, 2))), "E-STATE-COUNTER");
    bound.device.restart();

    // The new state is there, and whoever saw it is not shown the old one again.
    assert_eq!(bound.device.counted(bound.index), counted);
    assert_eq!(bound.seen().unwrap(), 2);
    assert_eq!(bound.device.counted(bound.index), counted + 1);
    bound.restore("old");
    assert_eq!(code(bound.seen()), "E-STATE-BACKWARDS");
}

#[test]
fn every_state_has_a_counter_of_its_own() {
    let Some(bound) = Bound::new() else { return };
    let other = TpmCounter::define(&bound.device.tcti(), b"", &id()).unwrap();
    assert_ne!(other.index(), bound.index);
    let store = StateStore::open(&bound.folder.path().join("now"), &id()).unwrap();
    assert_eq!(store.bound_to().unwrap(), Some(bound.index));
    assert_eq!(code(store.read()), "E-STATE-COUNTER");
    let store = StateStore::open_bound(&bound.folder.path().join("now"), &id(), Box::new(other)).unwrap();
    assert_eq!(code(store.read()), "E-STATE-COUNTER");
}

#[test]
fn who_does_not_know_the_authorization_value_neither_counts_nor_seals() {
    let Some(device) = SoftwareTpm::start() else { return };
    let mine = TpmCounter::define(&device.tcti(), AUTH, &id()).unwrap();
    let counted = mine.value().unwrap();
    assert_eq!(TpmCounter::open(&device.tcti(), AUTH, mine.index()).unwrap().value().unwrap(), counted);
    // More often than a TPM forgives where it counts wrong guesses.
    for _ in 0..8 {
        let error = TpmCounter::open(&device.tcti(), b"a guess", mine.index()).unwrap_err();
        assert!(matches!(error, CounterError::Device { action: "read the counter", .. }), "{error}");
    }
    assert_eq!(mine.increment().unwrap(), counted + 1);

    let message = Sha256Digest::of(b"a state");
    let theirs = TpmCounter::define(&device.tcti(), b"", &id()).unwrap();
    assert_eq!(mine.seal(&message).unwrap(), mine.seal(&message).unwrap());
    assert_ne!(mine.seal(&message).unwrap(), theirs.seal(&message).unwrap());
    assert_ne!(mine.seal(&message).unwrap(), mine.seal(&Sha256Digest::of(b"another")).unwrap());
}

#[test]
fn another_device_does_not_vouch() {
    let Some(bound) = Bound::new() else { return };
    let other = SoftwareTpm::start().unwrap();
    let counter = TpmCounter::define(&other.tcti(), b"", &id()).unwrap();
    // Its first free index is the same, and it has counted as often; only its seals differ.
    assert_eq!(counter.index(), bound.index);
    while counter.value().unwrap() < bound.device.counted(bound.index) {
        counter.increment().unwrap();
    }
    let store = StateStore::open_bound(&bound.folder.path().join("now"), &id(), Box::new(counter)).unwrap();
    assert_eq!(code(store.read()), "E-STATE-TORN");
}

#[test]
fn a_device_that_is_away_is_an_error() {
    let Some(mut bound) = Bound::new() else { return };
    let store = bound.store();
    bound.device.stop();
    assert_eq!(code(store.read()), "E-STATE-COUNTER");
    assert_eq!(code(store.update(|record| see(record, 2))), "E-STATE-COUNTER");
}

#[test]
fn an_index_that_is_no_counter_is_refused() {
    let Some(device) = SoftwareTpm::start() else { return };
    device.tool(&["tpm2_nvdefine", "-C", "o", "-s", "8", "-a", "authread|authwrite|no_da", "0x01812345"]);
    let error = TpmCounter::open(&device.tcti(), b"", 0x0181_2345).unwrap_err();
    assert!(error.to_string().contains("the index is no counter"), "{error}");
}

#[test]
fn counters_are_in_the_owners_range() {
    let Some(device) = SoftwareTpm::start() else { return };
    // The registry of reserved handles (TCG) gives the owner these.
    let owners = 0x0180_0000..=0x01bf_ffff;
    for id in ["org/name@stable", "org/name@canary", "org/other@stable"] {
        let index = TpmCounter::define(&device.tcti(), b"", &id.parse().unwrap()).unwrap().index();
        assert!(owners.contains(&index), "{id}: {index:#x}");
    }
    for index in [0, owners.start() - 1, owners.end() + 1, u32::MAX] {
        let error = TpmCounter::open(&device.tcti(), b"", index).unwrap_err();
        assert_eq!(error, CounterError::Missing { index });
    }
}

#[test]
fn what_names_no_device_is_refused() {
    let open = |tcti, auth: &[u8]| TpmCounter::open(tcti, auth, 0x0180_0000).unwrap_err();
    assert!(matches!(
        open("floppy:/dev/fd0", b""),
        CounterError::Device { action: "read the TPM's name", .. }
    ));
    assert!(matches!(
        open("device:/dev/null/none", b""),
        CounterError::Device { action: "open the TPM", .. }
    ));
    let long = open("device:/dev/null/none", &[7; 33]);
    assert!(matches!(long, CounterError::Device { action: "use the authorization value", .. }), "{long}");
}

#[test]
fn many_at_once_count_one_after_the_other() {
    let Some(bound) = Bound::new() else { return };
    bound.see(1).unwrap();
    let begun = bound.device.counted(bound.index);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let next =
                        |record: &mut Record| see(record, record.seen().unwrap().position.sequence + 1);
                    bound.store().update(next).unwrap();
                    bound.seen().unwrap();
                }
            });
        }
    });
    assert_eq!(bound.seen().unwrap(), 21);
    assert_eq!(bound.device.counted(bound.index), begun + 20);
}
