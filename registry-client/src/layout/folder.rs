//! Folders held open: every file of a layout is reached from a descriptor, one name at a time.
//!
//! A layout is two levels deep, and each level is opened with `O_NOFOLLOW` from the descriptor of the one above.
//! So no name ever resolves through a symbolic link or out of the layout: what `openat2` with `RESOLVE_BENEATH` and
//! `RESOLVE_NO_SYMLINKS` would give, on every kernel, by one code path.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::RegistryError;

/// What the names of unfinished files start with; no blob's name does.
pub(crate) const TEMPORARY: &str = ".lacre-";

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// The user's mask narrows it, as for every file that a program makes.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// A folder held open.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    /// For messages only.
    path: PathBuf,
}

/// What stands under a name.
#[derive(Debug)]
pub(crate) enum Found {
    Absent,
    /// A regular file, and its size.
    File(File, u64),
    /// Something else, and what it is.
    Other(&'static str),
}

impl Folder {
    /// Opens the folder that the user names; the path may lead through links, since it is the user's own.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, RegistryError> {
        match rustix::fs::openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: path.to_owned() })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR) => Err(RegistryError::NotALayout {
                path: path.to_owned(),
                detail: "it is not a folder".to_owned(),
            }),
            Err(errno) => Err(RegistryError::Read { path: path.to_owned(), source: errno.into() }),
        }
    }

    /// Opens the folder `name` in this one.
    pub(crate) fn child(&self, name: &str) -> Result<Option<Self>, RegistryError> {
        match rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: self.path.join(name) })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Err(RegistryError::NotALayout {
                path: self.path.clone(),
                detail: format!("{name} is not a folder"),
            }),
            Err(errno) => Err(self.unreadable(name, errno)),
        }
    }

    /// Opens the folder `name` in this one, making it when it is missing.
    pub(crate) fn make_child(&self, name: &str) -> Result<Self, RegistryError> {
        match rustix::fs::mkdirat(&self.fd, name, FOLDER_MODE) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(self.unwritable(name, errno)),
        }
        self.child(name)?.ok_or_else(|| self.unreadable(name, Errno::NOENT))
    }

    /// Opens the regular file `name`, without following a link and without waiting on a pipe.
    pub(crate) fn file(&self, name: &str) -> Result<Found, RegistryError> {
        // Looked at before it is opened: opening a device may already act on it.
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(errno) => return Err(self.unreadable(name, errno)),
        };
        if let Some(kind) = foreign(FileType::from_raw_mode(stat.st_mode)) {
            return Ok(Found::Other(kind));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(Errno::LOOP) => return Ok(Found::Other("symbolic link")),
            Err(errno) => return Err(self.unreadable(name, errno)),
        };
        // And once more on the descriptor: the name may have changed hands in between.
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.unreadable(name, errno))?;
        match foreign(FileType::from_raw_mode(stat.st_mode)) {
            Some(kind) => Ok(Found::Other(kind)),
            None => Ok(Found::File(file, u64::try_from(stat.st_size).unwrap_or(0))),
        }
    }

    /// Makes an unfinished file of a hidden, unique name.
    pub(crate) fn temporary(&self) -> Result<Temporary<'_>, RegistryError> {
        loop {
            let name = unique_name();
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match rustix::fs::openat(&self.fd, name.as_str(), flags, FILE_MODE) {
                Ok(fd) => File::from(fd),
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(self.unwritable(&name, errno)),
            };
            // The lock tells a sweeper that the writer lives; the system drops it with the writer.
            let busy =
                rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK);
            let swept = rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_nlink == 0);
            if !busy && !swept {
                return Ok(Temporary { folder: self, name, file, finished: false });
            }
        }
    }

    /// Makes all renames in this folder durable.
    pub(crate) fn sync(&self) -> Result<(), RegistryError> {
        rustix::fs::fsync(&self.fd)
            .map_err(|errno| RegistryError::Write { path: self.path.clone(), source: errno.into() })
    }

    /// Waits for the exclusive lock of this folder. It is held until the value is dropped or the process ends.
    pub(crate) fn lock(&self) -> Result<OwnedFd, RegistryError> {
        let failed = |errno: Errno| RegistryError::Write { path: self.path.clone(), source: errno.into() };
        // A descriptor of its own: locks taken through one description do not exclude each other, and the threads
        // of one process share this folder's.
        let fd = rustix::fs::openat(&self.fd, c".", FOLDER, Mode::empty()).map_err(failed)?;
        retry_on_intr(|| rustix::fs::flock(&fd, FlockOperation::LockExclusive)).map_err(failed)?;
        Ok(fd)
    }

    /// The names in this folder.
    pub(crate) fn names(&self) -> Result<Vec<CString>, RegistryError> {
        let failed = |errno: Errno| RegistryError::Read { path: self.path.clone(), source: errno.into() };
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_owned();
            if name.as_c_str() != c"." && name.as_c_str() != c".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes the unfinished files of writers that are gone. What cannot be removed stays: it is in nobody's way.
    pub(crate) fn sweep(&self) -> Result<(), RegistryError> {
        for name in self.names()? {
            if name.to_bytes().starts_with(TEMPORARY.as_bytes()) {
                self.sweep_one(&name);
            }
        }
        Ok(())
    }

    fn sweep_one(&self, name: &CStr) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(fd) = rustix::fs::openat(&self.fd, name, flags, Mode::empty()) else { return };
        if rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // Nothing depends on the outcome.
            let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn unlink(&self, name: &CStr, flags: AtFlags) -> rustix::io::Result<()> {
        rustix::fs::unlinkat(&self.fd, name, flags)
    }

    fn unreadable(&self, name: &str, errno: Errno) -> RegistryError {
        RegistryError::Read { path: self.path.join(name), source: errno.into() }
    }

    fn unwritable(&self, name: &str, errno: Errno) -> RegistryError {
        RegistryError::Write { path: self.path.join(name), source: errno.into() }
    }
}

/// An unfinished file. Dropped without [`Temporary::publish`], it is removed.
#[derive(Debug)]
pub(crate) struct Temporary<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
    finished: bool,
}

impl Temporary<'_> {
    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        io::Write::write_all(&mut self.file, bytes).map_err(|source| self.failed(source))
    }

    /// Makes the bytes durable and gives them their name, in place of what may stand there. The name itself is
    /// durable after [`Folder::sync`].
    pub(crate) fn publish(mut self, name: &str) -> Result<(), RegistryError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        let fd = &self.folder.fd;
        rustix::fs::renameat(fd, self.name.as_str(), fd, name)
            .map_err(|errno| self.folder.unwritable(name, errno))?;
        self.finished = true;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RegistryError {
        RegistryError::Write { path: self.folder.path.join(&self.name), source }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // If this fails, the next sweep finds it.
            let _ = rustix::fs::unlinkat(&self.folder.fd, self.name.as_str(), AtFlags::empty());
        }
    }
}

fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Process numbers repeat between containers that share a folder; the clock and `O_EXCL` settle that.
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{TEMPORARY}{:x}-{clock:x}-{count:x}", process::id())
}

fn foreign(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::RegularFile => None,
        FileType::Directory => Some("folder"),
        FileType::Symlink => Some("symbolic link"),
        FileType::Fifo => Some("named pipe"),
        FileType::Socket => Some("socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("device"),
        FileType::Unknown => Some("file of unknown type"),
    }
}
