//! What a client remembers of a channel, on disk: it fails closed.
//!
//! A client without memory takes any document that has not expired, so the memory is worth attacking: whoever deletes it,
//! cuts it short or puts an older one in its place must get an error, not a first use. What is here is made once, by
//! [`StateStore::create`]; that a folder holds nothing is an error everywhere else.
//!
//! A folder holds one channel:
//!
//! | name | what |
//! |---|---|
//! | `state.json` | positions, floors, times, and which files are kept, under a checksum (`format`) |
//! | `kept/SHA256` | metadata and the document, byte for byte, named by their content |
//! | `lock` | empty; readers share it, a writer has it alone |
//!
//! The walk of the data: [`StateStore::update`] takes the lock, reads and proves everything (`store`), lets the caller
//! change the [`Record`] (`record`), proves that nothing fell, writes and syncs what is to be kept, and then renames one
//! new `state.json` over the old one: before that moment the old state is whole, from it on the new one is. The checksum
//! finds what a disk did; against someone who can write the folder there is the folder's mode, and a counter outside of it
//! for a state that is bound to one (`counter`, in a TPM with the feature `tpm`). What `lacre channel
//! state` carries to another machine is an [`ExportedState`] (`exported`), positions without files.

mod counter;
mod disk;
mod error;
mod exported;
mod folder;
mod format;
mod record;
mod store;
#[cfg(feature = "tpm")]
mod tpm;

#[cfg(test)]
mod power;

use std::path::Path;

use folder::Folder;
use store::Store;

use crate::{ChannelId, ReleaseError};

pub use counter::{CounterError, MonotonicCounter};
pub use error::{StateError, Tear, WayOut};
pub use exported::ExportedState;
pub use record::{Accepted, LocalFloor, Record};
#[cfg(feature = "tpm")]
pub use tpm::TpmCounter;

/// The memory of one channel in a folder. Several processes may use it at once.
#[derive(Debug)]
pub struct StateStore {
    store: Store<Folder>,
}

impl StateStore {
    /// Makes the folder, if it is not there, and the first state in it: the only first use of a channel.
    ///
    /// # Errors
    /// [`StateError::Exists`] if there is one already.
    pub fn create(folder: &Path, record: &Record) -> Result<Self, ReleaseError> {
        let disk = Folder::make(folder).map_err(|error| StateError::written(folder, "make", error))?;
        let store = Store::new(disk, folder.to_owned(), record.id().clone());
        store.create(record)?;
        Ok(Self { store })
    }

    /// As [`StateStore::create`], and binds the state to `counter`, which no other state may be bound to.
    ///
    /// # Errors
    /// And what the counter says.
    pub fn create_bound(
        folder: &Path,
        record: &Record,
        counter: Box<dyn MonotonicCounter>,
    ) -> Result<Self, ReleaseError> {
        let disk = Folder::make(folder).map_err(|error| StateError::written(folder, "make", error))?;
        let store = Store::new(disk, folder.to_owned(), record.id().clone()).bound(counter);
        store.create(record)?;
        Ok(Self { store })
    }

    /// As [`StateStore::open`], of a state that is bound to `counter`. One that is bound to none is refused when it is
    /// read: the folder alone must not decide whether the counter is asked.
    ///
    /// # Errors
    /// [`StateError::Missing`] if it is not there.
    pub fn open_bound(
        folder: &Path,
        id: &ChannelId,
        counter: Box<dyn MonotonicCounter>,
    ) -> Result<Self, ReleaseError> {
        let disk = Folder::open(folder)?;
        Ok(Self { store: Store::new(disk, folder.to_owned(), id.clone()).bound(counter) })
    }

    /// Which counter the state says that it is bound to: to be given to [`StateStore::open_bound`], which proves it.
    pub fn bound_to(&self) -> Result<Option<u32>, ReleaseError> {
        self.store.bound_to()
    }

    /// Opens the state of a channel, which must be there. One that is bound to a counter is refused when it is read.
    ///
    /// # Errors
    /// [`StateError::Missing`] if it is not.
    pub fn open(folder: &Path, id: &ChannelId) -> Result<Self, ReleaseError> {
        let disk = Folder::open(folder)?;
        Ok(Self { store: Store::new(disk, folder.to_owned(), id.clone()) })
    }

    /// What is remembered. It writes nothing and works in a folder that cannot be written, but for a bound state whose
    /// last writer was interrupted before its counter counted.
    pub fn read(&self) -> Result<Record, ReleaseError> {
        self.store.read()
    }

    /// Where the channel lies, as [`Record::place`] gives it, without a look at anything else.
    pub fn place(&self) -> Result<Option<String>, ReleaseError> {
        Ok(self.store.read_file(crate::client::PLACE)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Changes what is remembered. When it returns, the change has reached the disk; when `change` or anything else fails,
    /// what was remembered before still is; only when the counter of a bound state fails, the change may have been made. The
    /// lock is held meanwhile: `change` computes, and waits for nobody.
    ///
    /// # Errors
    /// [`StateError::Backwards`] if `change` would forget something, [`StateError::ReadOnly`] where nothing can be written,
    /// and what `change` returns.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut Record) -> Result<T, ReleaseError>,
    ) -> Result<T, ReleaseError> {
        self.store.update(None, change)
    }

    /// As [`StateStore::update`], for whoever has just read the state: `known` is what [`StateStore::read`] gave. What
    /// `change` gets is the state as it is now, which another process may have changed since, and nothing of `known` but
    /// bytes: a kept file that is still named by the same digest is taken from there, and neither read nor hashed again. One that
    /// the disk has lost meanwhile is noticed by the next who reads it.
    ///
    /// # Errors
    /// Those of [`StateStore::update`].
    pub fn update_from<T>(
        &self,
        known: &Record,
        change: impl FnOnce(&mut Record) -> Result<T, ReleaseError>,
    ) -> Result<T, ReleaseError> {
        self.store.update(Some(known), change)
    }
}
