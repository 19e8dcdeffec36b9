//! How a file that was not touched since it was hashed is known: by its stamp.
//!
//! A stamp is what the file system keeps of a file beside its bytes: device, inode, and the times of the last change
//! of its content (mtime) and of anything about it (ctime). A user can set mtime to any value; ctime only the kernel
//! sets, and whatever is done to the bytes moves it. So the same file with the same ctime has the bytes that it had,
//! if two things are seen to, both in [`Taken::of`]:
//!
//! - **The clock of a file system ticks slowly**, up to 10 ms apart, on some systems seconds. Two changes in one tick
//!   bear the same time, so a file that was changed a moment ago gets no stamp: somebody could change it again
//!   unseen.
//! - **Some file systems do not store fractions of a second.** Their files get no stamp either.
//!
//! What stays: a process that has mapped the file for writing can change its bytes before the kernel writes down a
//! new time, the clock of a file server can lag behind this machine's, and who controls a disk can forge anything on
//! it. The digests that are taken then are still ones that the same key has signed before: a changed file does not
//! pass for them, it fails at verification.

mod format;
mod store;
mod untouched;

use std::fs::{File, Metadata};
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use format::MachineId;
pub use store::StampStore;
pub(crate) use untouched::untouched;

use crate::entry::Manifest;

/// What tells a file that was touched from one that was not. 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    modified: i64,
    changed: i64,
    modified_nanos: u32,
    /// Never zero, see [`is_fine`]: an `Option<Stamp>` needs no more room than a `Stamp`.
    changed_nanos: NonZeroU32,
}

/// The stamps of a model's files, in the order of its manifest. They say nothing about what is in the files.
///
/// A file whose stamp would prove nothing has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps(pub(crate) Vec<Option<Stamp>>);

impl Stamps {
    /// The number of files; not all of them need have a stamp.
    #[expect(clippy::len_without_is_empty, reason = "a model is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many of the files have a stamp.
    pub fn usable(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// Why stamps cannot be used. The work goes on without them, so none of these is ever the end of a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StampsError {
    /// The bytes are not what was written.
    #[error("the stamps are damaged: {0}")]
    Corrupt(&'static str),
    /// There are more or fewer stamps than files.
    #[error("there are {found} stamps for {expected} files")]
    Count {
        /// The number of files.
        expected: usize,
        /// The number of stamps.
        found: usize,
    },
    /// Somebody else could have written the file.
    #[error("the file of stamps {0}")]
    Insecure(&'static str),
    /// The machine has no name, so that its stamps could be taken for those of another.
    #[error("this machine has no /etc/machine-id, and no boot id")]
    NoMachineId,
    /// The manifest has no identity: it does not give the size of every file.
    #[error("the signature gives no sizes (it was made by another tool)")]
    NoIdentity,
    /// The device and inode numbers are those of another machine.
    #[error("the stamps were taken on another machine")]
    OtherMachine,
    /// The file is of another version of the format.
    #[error("the stamps were written by another version of lacre")]
    OtherVersion,
    /// The file could not be read or written.
    #[error("the file of stamps: {0}")]
    Io(#[from] io::Error),
}

/// What is known from an earlier signing: the signed manifest, and the stamps that its files had then.
///
/// The manifest must be one whose signature was found good: its digests are taken over without a look at the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) stamps: &'a Stamps,
}

impl<'a> Known<'a> {
    /// Puts the two together.
    ///
    /// # Errors
    /// [`StampsError::Count`] unless there is one for the other.
    pub fn new(manifest: &'a Manifest, stamps: &'a Stamps) -> Result<Self, StampsError> {
        if manifest.len() != stamps.len() {
            return Err(StampsError::Count { expected: manifest.len(), found: stamps.len() });
        }
        Ok(Self { manifest, stamps })
    }
}

/// The slowest clock of a kernel ticks 100 times a second; a file that is older than two ticks was changed in an
/// earlier tick than this one.
const SETTLED: Duration = Duration::from_millis(20);

/// What comes of asking for a file's stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A stamp that will tell any later change.
    Stamp(Stamp),
    /// The file system does not tell the time finely enough.
    Coarse,
    /// It was changed just now (or in the future, by a wrong clock): a later change could bear the same time.
    Unsettled,
}

impl Taken {
    /// Takes the stamp of an open file: to be called before its first byte is read.
    ///
    /// A file that was changed less than two ticks ago is waited for, but not beyond `patience`: that is the same for
    /// all files of a model, so that together they cost no more than one wait.
    pub(crate) fn of(file: &File, patience: Patience) -> io::Result<Self> {
        loop {
            // The clock first: what is settled by it was settled when the file was looked at.
            let now = SystemTime::now();
            let Some(stamp) = Stamp::of(&file.metadata()?) else { return Ok(Self::Coarse) };
            let age = stamp.changed().and_then(|changed| now.duration_since(changed).ok());
            match age.map(|age| SETTLED.saturating_sub(age)) {
                Some(Duration::ZERO) => return Ok(Self::Stamp(stamp)),
                Some(wait) if wait <= patience.left() => std::thread::sleep(wait),
                _ => return Ok(Self::Unsettled),
            }
        }
    }
}

/// Until when files are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    end: Instant,
}

impl Patience {
    /// What lay still when this was called is settled when the patience ends.
    pub(crate) fn from_now() -> Self {
        // A little longer: the two clocks need not run alike.
        Self { end: Instant::now() + SETTLED + Duration::from_millis(1) }
    }

    fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

impl Stamp {
    /// The stamp of a file, however young; none where the file system does not tell the time finely enough.
    pub(crate) fn of(found: &Metadata) -> Option<Self> {
        let nanos = |nanos: i64| u32::try_from(nanos).unwrap_or(0);
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            modified: found.mtime(),
            changed: found.ctime(),
            modified_nanos: nanos(found.mtime_nsec()),
            changed_nanos: is_fine(nanos(found.ctime_nsec()))?,
        })
    }

    /// When anything about the file was last changed; nothing for what no clock shows.
    fn changed(&self) -> Option<SystemTime> {
        let since = Duration::new(u64::try_from(self.changed).ok()?, self.changed_nanos.get());
        UNIX_EPOCH.checked_add(since)
    }
}

/// Whether a time with so many nanoseconds comes from a clock that tells nanoseconds. One that tells milliseconds or
/// less (ext4 with small inodes, FAT, some file servers) gives a multiple of a million; a fine one does so once in a
/// million times, and then a file is hashed again for nothing.
const fn is_fine(nanos: u32) -> Option<NonZeroU32> {
    if nanos >= 1_000_000_000 || nanos.is_multiple_of(1_000_000) { None } else { NonZeroU32::new(nanos) }
}

#[cfg(test)]
mod tests {
    use std::fs::{FileTimes, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn no_more_room_than_is_said() {
        assert_eq!(size_of::<Option<Stamp>>(), 40);
    }

    #[test]
    fn times_without_fractions_are_coarse() {
        for coarse in [0, 1_000_000, 10_000_000, 999_000_000, 1_000_000_000, u32::MAX] {
            assert_eq!(is_fine(coarse), None, "{coarse}");
        }
        for fine in [1, 100, 999_999_999, 123_456_700] {
            assert!(is_fine(fine).is_some(), "{fine}");
        }
    }

    /// A file of this moment is waited for once; without patience it has no stamp.
    #[test]
    fn a_file_of_this_moment_has_no_stamp_before_its_tick_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("f")).unwrap();
        let spent = Patience { end: Instant::now() };
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
        let at_once = Taken::of(&file, spent).unwrap();
        let Taken::Stamp(stamp) = Taken::of(&file, Patience::from_now()).unwrap() else {
            panic!("it was not waited for")
        };
        let age = SystemTime::now().duration_since(stamp.changed().unwrap()).unwrap();
        assert!(age >= SETTLED, "{age:?}");
        // A machine that stood still between the two lines above makes an old file of it.
        assert!(matches!(at_once, Taken::Unsettled) || at_once == Taken::Stamp(stamp), "{at_once:?}");
    }

    #[test]
    fn a_restored_mtime_does_not_restore_the_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "one").unwrap();
        let file = File::open(&path).unwrap();
        let before = Taken::of(&file, Patience::from_now()).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, "two").unwrap();
        let times = FileTimes::new().set_modified(modified);
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), modified);
        let after = Taken::of(&file, Patience::from_now()).unwrap();
        assert!(matches!((before, after), (Taken::Stamp(_), Taken::Stamp(_))));
        assert_ne!(before, after);
    }
}
