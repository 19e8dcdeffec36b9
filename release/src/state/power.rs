//! A disk that loses its power: between any two operations, with every outcome that a real one may show afterwards.
//!
//! The model: contents reach the disk at the sync of the file, names at the sync of the folder. What was not synced may
//! be there afterwards or not, each on its own: a name without its contents, half of the contents, the second of two
//! names without the first. [`Simulated::worlds`] enumerates them all.

mod bound;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use lacre_hash::Sha256Digest;

use super::disk::{Disk, Place, Sharing};
use super::store::Store;
use super::{Record, StateError};
use crate::{Position, ReleaseError, Seen};

#[derive(Debug, Clone, Default)]
struct Contents {
    now: Vec<u8>,
    synced: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String, usize),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Names {
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone, Default)]
struct Memory {
    files: Vec<Contents>,
    folders: [Names; 2],
    /// What the counter beside the disk says.
    counted: u64,
    /// Operations until the power goes.
    left: Option<usize>,
}

/// Shared, so that the counter's power goes with the disk's.
#[derive(Debug, Default)]
struct Simulated(Arc<Mutex<Memory>>);

/// Another disk that holds the same.
impl Clone for Simulated {
    fn clone(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }
}

impl Simulated {
    /// A change of the disk: it happens, unless the power is gone.
    fn change<T>(&self, change: impl FnOnce(&mut Memory) -> io::Result<T>) -> io::Result<T> {
        let mut memory = self.0.lock().unwrap();
        match &mut memory.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        change(&mut memory)
    }

    /// The same disk, whose power goes after so many operations.
    fn failing_after(&self, operations: usize) -> Self {
        let mut memory = self.0.lock().unwrap().clone();
        memory.left = Some(operations);
        Self(Arc::new(Mutex::new(memory)))
    }

    /// The same disk as another process finds it after the one before was killed.
    fn restarted(&self) -> Self {
        let mut memory = self.0.lock().unwrap().clone();
        memory.left = None;
        Self(Arc::new(Mutex::new(memory)))
    }

    /// Every disk that may be found after the power came back.
    fn worlds(&self) -> Vec<Self> {
        let memory = self.0.lock().unwrap();
        let [top, kept] = memory.folders.each_ref().map(|folder| {
            let pending = &folder.pending;
            assert!(pending.len() < 10, "too many worlds");
            (0..1_usize << pending.len()).map(|chosen| {
                let mut names = folder.synced.clone();
                for (at, change) in pending.iter().enumerate() {
                    if chosen >> at & 1 == 1 {
                        change.apply(&mut names);
                    }
                }
                names
            })
        });
        let kept: Vec<_> = kept.collect();
        let mut worlds = Vec::new();
        for top in top {
            for kept in &kept {
                // Three outcomes for what was not synced: nothing of it, half of it, all of it.
                for outcome in 0..3 {
                    let settle = |file: &Contents| {
                        let found = match (&file.synced, outcome) {
                            (Some(synced), _) => synced.clone(),
                            (None, 0) => Vec::new(),
                            (None, 1) => file.now[..file.now.len() / 2].to_vec(),
                            (None, _) => file.now.clone(),
                        };
                        Contents { now: found.clone(), synced: Some(found) }
                    };
                    let folders = [&top, kept].map(|names| Names {
                        now: names.clone(),
                        synced: names.clone(),
                        pending: Vec::new(),
                    });
                    let files = memory.files.iter().map(settle).collect();
                    worlds.push(Self(Arc::new(Mutex::new(Memory {
                        files,
                        folders,
                        counted: memory.counted,
                        left: None,
                    }))));
                }
            }
        }
        worlds
    }
}

fn at(place: Place) -> usize {
    match place {
        Place::Top => 0,
        Place::Kept => 1,
    }
}

impl Disk for Simulated {
    type Lock = ();
    type File = usize;

    fn lock(&self, _: Sharing) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, place: Place, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let memory = self.0.lock().unwrap();
        let file = memory.folders[at(place)].now.get(name).ok_or(io::ErrorKind::NotFound)?;
        let bytes = &memory.files[*file].now;
        Ok(bytes[..bytes.len().min(usize::try_from(limit).unwrap())].to_vec())
    }

    fn create(&self, place: Place, name: &str) -> io::Result<usize> {
        self.change(|memory| {
            let folder = &mut memory.folders[at(place)];
            assert!(!folder.now.contains_key(name), "{name} is there");
            memory.files.push(Contents::default());
            let file = memory.files.len() - 1;
            folder.now.insert(name.to_owned(), file);
            folder.pending.push(Change::Link(name.to_owned(), file));
            Ok(file)
        })
    }

    fn write(&self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.change(|memory| {
            memory.files[*file].now.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        self.change(|memory| {
            let contents = &mut memory.files[*file];
            contents.synced = Some(contents.now.clone());
            Ok(())
        })
    }

    fn rename(&self, place: Place, from: &str, to: &str) -> io::Result<()> {
        self.change(|memory| {
            let folder = &mut memory.folders[at(place)];
            let file = *folder.now.get(from).ok_or(io::ErrorKind::NotFound)?;
            let change = Change::Rename(from.to_owned(), to.to_owned(), file);
            change.apply(&mut folder.now);
            folder.pending.push(change);
            Ok(())
        })
    }

    fn sync_folder(&self, place: Place) -> io::Result<()> {
        self.change(|memory| {
            let folder = &mut memory.folders[at(place)];
            folder.synced = folder.now.clone();
            folder.pending.clear();
            Ok(())
        })
    }

    fn remove(&self, place: Place, name: &str) -> io::Result<()> {
        if !self.0.lock().unwrap().folders[at(place)].now.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(|memory| {
            let folder = &mut memory.folders[at(place)];
            let change = Change::Unlink(name.to_owned());
            change.apply(&mut folder.now);
            folder.pending.push(change);
            Ok(())
        })
    }

    fn names(&self, place: Place) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().folders[at(place)].now.keys().cloned().collect())
    }
}

fn store(disk: Simulated) -> Store<Simulated> {
    Store::new(disk, PathBuf::from("simulated"), "org/name@stable".parse().unwrap())
}

fn record(sequence: u64) -> Record {
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut record = Record::new("org/name@stable".parse().unwrap(), Sha256Digest::of(b"root"), now);
    advance(&mut record, sequence).unwrap();
    record
}

fn advance(record: &mut Record, sequence: u64) -> Result<(), ReleaseError> {
    let document = format!("document {sequence}");
    let position = Position { epoch: 1, sequence };
    record.see(Seen { floor: 0, position, sha256: Sha256Digest::of(document.as_bytes()) })?;
    record.keep_file("root.json", b"stays".to_vec())?;
    record.keep_file("timestamp.json", format!("timestamp {sequence}").into_bytes())?;
    record.keep_file("document.json", document.into_bytes())
}

/// Loses the power before every operation of `act` on `disk`, and calls `look` with whether `act` returned well and with
/// every disk that may be found afterwards. Gives the number of operations and of disks.
fn lose_power_everywhere(
    disk: &Simulated,
    act: impl Fn(&Store<Simulated>) -> Result<(), ReleaseError>,
    look: impl Fn(&Result<(), ReleaseError>, &Simulated),
) -> (usize, usize) {
    lose_power(disk, store, act, look)
}

/// The same for any way to open a store on a disk.
fn lose_power(
    disk: &Simulated,
    store: impl Fn(Simulated) -> Store<Simulated>,
    act: impl Fn(&Store<Simulated>) -> Result<(), ReleaseError>,
    look: impl Fn(&Result<(), ReleaseError>, &Simulated),
) -> (usize, usize) {
    let (mut operations, mut disks) = (0, 0);
    loop {
        let trial = store(disk.failing_after(operations));
        let outcome = act(&trial);
        let trial = trial.into_disk();
        // Killed, but not without power: all that was done is there.
        let all = trial.worlds().into_iter().chain([trial.restarted()]);
        for world in all {
            look(&outcome, &world);
            disks += 1;
        }
        if trial.0.lock().unwrap().left != Some(0) {
            return (operations, disks);
        }
        operations += 1;
    }
}

fn created() -> Simulated {
    let store = store(Simulated::default());
    store.create(&record(1)).unwrap();
    store.into_disk().restarted()
}

/// Loses the power before every operation of `act`, which makes [`record`]`(1)` to `record(2)`: one of them is there afterwards.
fn old_or_new(act: impl Fn(&Store<Simulated>) -> Result<(), ReleaseError>) -> (usize, usize) {
    lose_power_everywhere(&created(), act, |outcome, world| {
        let after = store(world.clone());
        let found = after.read().unwrap();
        match outcome {
            Ok(()) => assert_eq!(found, record(2)),
            Err(_) => assert!(found == record(1) || found == record(2), "{found:?}"),
        }
        // And what was left behind is in nobody's way.
        after.update(None, |record| advance(record, 3)).unwrap();
        for later in after.into_disk().worlds() {
            assert_eq!(store(later).read().unwrap(), record(3));
        }
    })
}

#[test]
fn whenever_the_power_goes_the_old_state_is_there_or_the_new_one() {
    let (operations, disks) = old_or_new(|store| store.update(None, |record| advance(record, 2)));
    assert!(operations > 12 && disks > 200, "{operations} operations, {disks} disks");
    let knowing = old_or_new(|store| {
        let known = store.read()?;
        store.update(Some(&known), |record| advance(record, 2))
    });
    assert_eq!(knowing, (operations, disks), "who knows the files writes the same");
}

/// A first use, before every operation of which the power goes: it was made, or can be made again.
fn first_use(open: impl Fn(Simulated) -> Store<Simulated>) -> (usize, usize) {
    lose_power(
        &Simulated::default(),
        &open,
        |store| store.create(&record(1)),
        |outcome, world| {
            let after = open(world.clone());
            match (outcome, after.read()) {
                (_, Ok(found)) => assert_eq!(found, record(1)),
                (Err(_), Err(error)) => {
                    assert_eq!(error.code(), "E-STATE-MISSING");
                    after.create(&record(1)).unwrap();
                    assert_eq!(after.read().unwrap(), record(1));
                }
                (Ok(()), Err(error)) => panic!("{error:?}"),
            }
        },
    )
}

#[test]
fn whenever_the_power_goes_a_first_use_is_done_or_can_be_done_again() {
    let (operations, disks) = first_use(store);
    assert!(operations > 15 && disks > 500, "{operations} operations, {disks} disks");
}

/// A process is killed at every operation; the next one goes on with what it finds, and then the power goes.
#[test]
fn what_a_killed_process_left_unsynced_is_no_trap_for_the_next_one() {
    let created = created();
    for killed in 0.. {
        let first = store(created.failing_after(killed));
        let finished = first.update(None, |record| advance(record, 2)).is_ok();
        let between = first.into_disk().restarted();
        // The next one changes nothing: it has promised what it read all the same.
        let reader = store(between.clone());
        let read = reader.update(None, |record| Ok(record.clone())).unwrap();
        for world in reader.into_disk().worlds() {
            assert_eq!(store(world).read().unwrap(), read);
        }
        lose_power_everywhere(
            &between,
            |store| store.update(None, |record| advance(record, 3)),
            |outcome, world| {
                let found = store(world.clone()).read().unwrap();
                match outcome {
                    Ok(()) => assert_eq!(found, record(3)),
                    Err(_) => assert!([1, 2, 3].iter().any(|at| found == record(*at)), "{found:?}"),
                }
            },
        );
        if finished {
            break;
        }
    }
}

#[test]
fn what_no_state_names_any_more_is_removed() {
    let disk = store(created());
    disk.update(None, |record| advance(record, 2)).unwrap();
    let disk = disk.into_disk();
    assert_eq!(disk.names(Place::Kept).unwrap().len(), 3);
    assert_eq!(disk.names(Place::Top).unwrap(), ["state.json"]);
}

#[test]
fn a_change_that_forgets_is_not_written() {
    let disk = store(created());
    disk.update(None, |record| advance(record, 5)).unwrap();
    let error = disk.update(None, |it| {
        *it = record(4);
        Ok(())
    });
    assert!(
        matches!(error, Err(ReleaseError::State(StateError::Backwards { what: "the newest document" }))),
        "{error:?}"
    );
    assert_eq!(disk.read().unwrap(), record(5));
}

/// What was kept of `root.json` becomes something else on the disk.
fn tear(disk: &Simulated) {
    let mut memory = disk.0.lock().unwrap();
    let kept = memory.files.iter_mut().find(|file| file.now == b"stays").unwrap();
    kept.now = b"other".to_vec();
    kept.synced = Some(b"other".to_vec());
}

fn code_of<T: std::fmt::Debug>(outcome: Result<T, ReleaseError>) -> &'static str {
    outcome.unwrap_err().code()
}

#[test]
fn what_is_known_is_not_read_again_and_a_tear_is_found_by_the_next_reader() {
    let disk = created();
    let same = Simulated(Arc::clone(&disk.0));
    let there = store(disk);
    let known = there.read().unwrap();
    tear(&same);
    assert_eq!(code_of(there.update(None, |record| advance(record, 2))), "E-STATE-TORN");
    there.update(Some(&known), |record| advance(record, 2)).unwrap();
    assert_eq!(code_of(there.read()), "E-STATE-TORN");
}

#[test]
fn what_is_known_says_nothing_of_what_is_there_now() {
    let there = store(created());
    let known = there.read().unwrap();
    there.update(None, |record| advance(record, 2)).unwrap();
    let found = there.update(Some(&known), |found| {
        let before = found.clone();
        advance(found, 3)?;
        Ok(before)
    });
    let found = found.unwrap();
    assert_eq!(found, record(2), "the state is what another process made of it");
    // Records are compared by the digests of their files.
    assert!(found.files().eq(record(2).files()));
    assert_eq!(there.read().unwrap(), record(3));
    let error = there.update(Some(&known), |found| {
        *found = record(2);
        Ok(())
    });
    assert_eq!(code_of(error), "E-STATE-BACKWARDS");
}

#[test]
fn what_is_known_makes_no_lie_of_the_state_true() {
    let disk = created();
    let same = Simulated(Arc::clone(&disk.0));
    let there = store(disk);
    let known = there.read().unwrap();
    // The digest of the file, and not its size.
    let (honest, mut lying) = (known.stored(), known.stored());
    lying.files.get_mut("root.json").unwrap().size += 1;
    for file in &mut same.0.lock().unwrap().files {
        if file.now == honest.to_bytes() {
            file.now = lying.to_bytes();
        }
    }
    assert_eq!(code_of(there.update(None, |record| advance(record, 2))), "E-STATE-TORN");
    assert_eq!(code_of(there.update(Some(&known), |record| advance(record, 2))), "E-STATE-TORN");
}
