//! Reading and replacing a state, on any disk.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use lacre_hash::Sha256Digest;

use super::counter::{self, Age, CounterError, MonotonicCounter};
use super::disk::{Disk, Place, Sharing};
use super::format::{KeptFile, LONGEST_STATE, Stored};
use super::record::{LONGEST_FILE, Record};
use super::{StateError, Tear};
use crate::{ChannelId, ReleaseError};

pub(super) const STATE: &str = "state.json";
/// What is being written, in both folders; a writer has the lock, so there is one at a time.
const NEW: &str = ".new";

/// The state of a channel on a disk.
#[derive(Debug)]
pub(super) struct Store<D> {
    disk: D,
    folder: PathBuf,
    id: ChannelId,
    counter: Option<Box<dyn MonotonicCounter>>,
}

/// A state as it was read and proven.
struct Loaded {
    record: Record,
    kept: BTreeMap<String, KeptFile>,
    age: Age,
}

impl<D: Disk> Store<D> {
    pub(super) fn new(disk: D, folder: PathBuf, id: ChannelId) -> Self {
        Self { disk, folder, id, counter: None }
    }

    pub(super) fn bound(self, counter: Box<dyn MonotonicCounter>) -> Self {
        Self { counter: Some(counter), ..self }
    }

    pub(super) fn create(&self, record: &Record) -> Result<(), ReleaseError> {
        let _lock = self.disk.lock(Sharing::Alone).map_err(|error| self.unwritten("lock", error))?;
        match self.disk.read(Place::Top, STATE, 1) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.unreadable(STATE, error).into()),
            Ok(_) => return Err(StateError::Exists { folder: self.folder.clone() }.into()),
        }
        let age = match &self.counter {
            None => Age::Unbound,
            Some(counter) => {
                Age::OneAhead(counter.value().and_then(counter::next).map_err(|fault| self.unvouched(fault))?)
            }
        };
        self.save(record, &BTreeMap::new(), age)
    }

    pub(super) fn read(&self) -> Result<Record, ReleaseError> {
        let lock = self.disk.lock(Sharing::Shared).map_err(|error| self.unreadable("lock", error))?;
        let loaded = self.load(None)?;
        let Age::OneAhead(_) = loaded.age else { return Ok(loaded.record) };
        drop(lock);
        // What is one ahead may not be acted on, and only one process at a time may change that.
        let _lock = self.lock_alone()?;
        let loaded = self.load(Some(&loaded.record))?;
        self.catch_up(&loaded)?;
        Ok(loaded.record)
    }

    /// Which counter the state says that it is bound to.
    pub(super) fn bound_to(&self) -> Result<Option<u32>, ReleaseError> {
        let _lock = self.disk.lock(Sharing::Shared).map_err(|error| self.unreadable("lock", error))?;
        Ok(self.stored()?.counter.map(|bound| bound.index()))
    }

    /// `known` saves reading what is kept again: of its files, those that the state names by the same digest.
    pub(super) fn update<T>(
        &self,
        known: Option<&Record>,
        change: impl FnOnce(&mut Record) -> Result<T, ReleaseError>,
    ) -> Result<T, ReleaseError> {
        let _lock = self.lock_alone()?;
        let loaded = self.load(known)?;
        let age = self.catch_up(&loaded)?;
        let Loaded { record: old, kept, .. } = loaded;
        let mut new = old.clone();
        let answer = change(&mut new)?;
        new.check_after(&old)?;
        if new == old {
            // Someone whose process ended before its last sync may have left it to us.
            self.disk.sync_folder(Place::Top).map_err(|error| self.unwritten("sync", error))?;
        } else {
            let age = match age {
                Age::Level(value) if new.counts_after(&old) => {
                    Age::OneAhead(counter::next(value).map_err(|fault| self.unvouched(fault))?)
                }
                age => age,
            };
            self.save(&new, &kept, age)?;
        }
        Ok(answer)
    }

    /// One of the files that are kept, without a look at the others.
    pub(super) fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>, ReleaseError> {
        let lock = self.disk.lock(Sharing::Shared).map_err(|error| self.unreadable("lock", error))?;
        let stored = self.stored()?;
        if let Age::OneAhead(_) = self.age(&stored)? {
            drop(lock);
            return Ok(self.read()?.file(name).map(<[u8]>::to_vec));
        }
        stored.files.get(name).map(|kept| self.load_file(name, kept)).transpose()
    }

    fn torn(&self, name: &str, tear: Tear) -> StateError {
        StateError::Torn { folder: self.folder.clone(), name: name.to_owned(), tear }
    }

    fn lock_alone(&self) -> Result<D::Lock, StateError> {
        self.disk.lock(Sharing::Alone).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.unreadable("lock", error),
            _ => self.unwritten("lock", error),
        })
    }

    /// Lets the counter count for a writer that was interrupted before it could, and gives the age that the state has
    /// then. The lock is held alone.
    fn catch_up(&self, loaded: &Loaded) -> Result<Age, ReleaseError> {
        let Age::OneAhead(value) = loaded.age else { return Ok(loaded.age) };
        // The rename may not have reached the disk: a counter that is beyond what is there stays so.
        self.disk.sync_folder(Place::Top).map_err(|error| self.unwritten("sync", error))?;
        self.count(loaded.age)?;
        Ok(Age::Level(value))
    }

    /// Lets the counter count if the state is ahead of it.
    fn count(&self, age: Age) -> Result<(), ReleaseError> {
        if let (Some(counter), Age::OneAhead(value)) = (&self.counter, age) {
            counter::count_to(counter.as_ref(), value).map_err(|fault| self.unvouched(fault))?;
        }
        Ok(())
    }

    fn stored(&self) -> Result<Stored, ReleaseError> {
        let limit = LONGEST_STATE as u64 + 1;
        let bytes = self.disk.read(Place::Top, STATE, limit).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StateError::Missing { folder: self.folder.clone() },
            _ => self.unreadable(STATE, error),
        })?;
        if bytes.len() > LONGEST_STATE {
            return Err(self.torn(STATE, Tear::TooLarge).into());
        }
        let stored = Stored::parse(&bytes, &self.folder, STATE)?;
        if stored.id() != self.id {
            let (found, wanted) = (stored.id().to_string(), self.id.clone());
            return Err(StateError::Other { found, wanted }.into());
        }
        Ok(stored)
    }

    /// How old it is; what is not the newest is refused.
    fn age(&self, stored: &Stored) -> Result<Age, ReleaseError> {
        Ok(counter::age(self.counter.as_deref(), stored).map_err(|fault| self.unvouched(fault))?)
    }

    fn load_file(&self, name: &str, kept: &KeptFile) -> Result<Vec<u8>, ReleaseError> {
        if kept.size > LONGEST_FILE as u64 {
            return Err(self.torn(name, Tear::TooLarge).into());
        }
        let bytes = self
            .disk
            .read(Place::Kept, &kept.sha256.to_string(), kept.size + 1)
            .map_err(|error| self.unreadable(name, error))?;
        if bytes.len() as u64 != kept.size || Sha256Digest::of(&bytes) != kept.sha256 {
            return Err(self.torn(name, Tear::OtherBytes).into());
        }
        Ok(bytes)
    }

    /// The state, as `state.json` is now. A file that `known` has by the digest that stands there is that file: it was proven
    /// when it came into the record, and is not read again.
    fn load(&self, known: Option<&Record>) -> Result<Loaded, ReleaseError> {
        let stored = self.stored()?;
        let age = self.age(&stored)?;
        let mut files = BTreeMap::new();
        for (name, kept) in &stored.files {
            let bytes = match known.and_then(|record| record.shared(&kept.sha256)) {
                Some(bytes) if bytes.len() as u64 == kept.size => bytes,
                _ => Arc::new(self.load_file(name, kept)?),
            };
            files.insert(name.clone(), bytes);
        }
        let kept = stored.files.clone();
        let record = Record::restore(stored, files).ok_or_else(|| self.torn(STATE, Tear::Nonsense))?;
        Ok(Loaded { record, kept, age })
    }

    /// Replaces the state by one of this age. `kept` was read and proven under the same lock.
    fn save(&self, record: &Record, kept: &BTreeMap<String, KeptFile>, age: Age) -> Result<(), ReleaseError> {
        let failed = |error| self.unwritten("write", error);
        let mut stored = record.stored();
        if let (Some(counter), Age::Level(value) | Age::OneAhead(value)) = (&self.counter, age) {
            let bound = counter::sealed(counter.as_ref(), stored.clone(), value);
            stored.counter = Some(bound.map_err(|fault| self.unvouched(fault))?);
        }
        let there: Vec<_> = kept.values().map(|file| file.sha256).collect();
        let mut written = Vec::new();
        for (name, bytes) in record.files() {
            let Some(KeptFile { sha256, .. }) = stored.files.get(name) else { continue };
            if !there.contains(sha256) && !written.contains(sha256) {
                self.put(Place::Kept, &sha256.to_string(), bytes).map_err(failed)?;
                written.push(*sha256);
            }
        }
        if !written.is_empty() {
            self.disk.sync_folder(Place::Kept).map_err(failed)?;
        }
        // The one moment: until the rename the old state is whole, and all that the new one names is on the disk.
        self.put(Place::Top, STATE, &stored.to_bytes()).map_err(failed)?;
        self.disk.sync_folder(Place::Top).map_err(failed)?;
        // Only now: a counter that is beyond what the disk holds refuses it for good.
        self.count(age)?;
        self.prune(&stored);
        Ok(())
    }

    /// A file under its name, whole and synced; its name is not, before its folder is.
    fn put(&self, place: Place, name: &str, bytes: &[u8]) -> io::Result<()> {
        match self.disk.remove(place, NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.disk.create(place, NEW)?;
        self.disk.write(&mut file, bytes)?;
        self.disk.sync(&file)?;
        self.disk.rename(place, NEW, name)
    }

    /// Removes what no state names any more. What stays behind costs space only, and the next writer tries again.
    fn prune(&self, stored: &Stored) {
        let named: Vec<String> = stored.files.values().map(|file| file.sha256.to_string()).collect();
        for name in self.disk.names(Place::Kept).unwrap_or_default() {
            if !named.contains(&name) {
                let _ = self.disk.remove(Place::Kept, &name);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn into_disk(self) -> D {
        self.disk
    }

    fn unvouched(&self, fault: CounterError) -> StateError {
        StateError::Counter { folder: self.folder.clone(), fault }
    }

    fn unwritten(&self, action: &'static str, error: io::Error) -> StateError {
        StateError::written(&self.folder, action, error)
    }

    fn unreadable(&self, name: &str, error: io::Error) -> StateError {
        StateError::read(&self.folder, name, error)
    }
}
