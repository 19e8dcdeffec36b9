//! What the store asks of a disk: each operation alone, so that a test can take the power away behind any of them.

use std::io;

/// A folder of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The channel's own.
    Top,
    /// `kept` in it.
    Kept,
}

/// How the lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Beside other readers.
    Shared,
    /// Alone.
    Alone,
}

/// The operations. Names are plain: no separator, not `..`.
pub(super) trait Disk {
    /// Held until it is dropped.
    type Lock;
    /// A file that is being written.
    type File;

    /// Waits for the lock.
    fn lock(&self, sharing: Sharing) -> io::Result<Self::Lock>;
    /// The first `limit` bytes of a file.
    fn read(&self, place: Place, name: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// Makes a file that is not there.
    fn create(&self, place: Place, name: &str) -> io::Result<Self::File>;
    /// Writes all of a file.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Brings the contents of a file to the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Puts a file in the place of another.
    fn rename(&self, place: Place, from: &str, to: &str) -> io::Result<()>;
    /// Brings the names in a folder to the disk.
    fn sync_folder(&self, place: Place) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, place: Place, name: &str) -> io::Result<()>;
    /// The names in a folder.
    fn names(&self, place: Place) -> io::Result<Vec<String>>;
}
