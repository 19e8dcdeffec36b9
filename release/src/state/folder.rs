//! The disk that is one. Everything beneath the folder is opened from its descriptor, and no symbolic link is followed.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::StateError;
use super::disk::{Disk, Place, Sharing};
use super::store::STATE;

const LOCK: &str = "lock";
const KEPT: &str = "kept";

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Not blocking: a FIFO would keep us waiting before it could be refused.
const FILE: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The folder of a channel.
#[derive(Debug)]
pub(super) struct Folder {
    top: OwnedFd,
    kept: OwnedFd,
}

impl Folder {
    /// Opens the folder of a state, which must be there.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let missing = || StateError::Missing { folder: path.to_owned() };
        let failed = |error: Errno| StateError::read(path, KEPT, error.into());
        let top = match rustix::fs::openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(top) => top,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(missing()),
            Err(error) => {
                return Err(StateError::Io { folder: path.to_owned(), action: "open", source: error.into() });
            }
        };
        match rustix::fs::statat(&top, STATE, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Err(missing()),
            Err(error) => return Err(StateError::read(path, STATE, error.into())),
            Ok(_) => {}
        }
        let kept =
            rustix::fs::openat(&top, KEPT, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        Ok(Self { top, kept })
    }

    /// Makes what is missing of the folder, but no state in it.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let top = rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?;
        match rustix::fs::mkdirat(&top, KEPT, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let kept = rustix::fs::openat(&top, KEPT, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        rustix::fs::openat(&top, LOCK, FILE | OFlags::RDWR | OFlags::CREATE, Mode::RUSR | Mode::WUSR)?;
        // The names of the lock, of `kept` and of the folder itself must outlive a power loss as the state does.
        rustix::fs::fsync(&top)?;
        let parent = rustix::fs::openat(&top, "..", FOLDER, Mode::empty())?;
        rustix::fs::fsync(&parent)?;
        Ok(Self { top, kept })
    }

    fn at(&self, place: Place) -> BorrowedFd<'_> {
        match place {
            Place::Top => self.top.as_fd(),
            Place::Kept => self.kept.as_fd(),
        }
    }
}

impl Disk for Folder {
    type Lock = File;
    type File = File;

    fn lock(&self, sharing: Sharing) -> io::Result<File> {
        let access = match sharing {
            Sharing::Shared => OFlags::RDONLY,
            // For writing, so that a folder that cannot be written is found before anything is tried in it.
            Sharing::Alone => OFlags::RDWR,
        };
        let file = File::from(rustix::fs::openat(&self.top, LOCK, FILE | access, Mode::empty())?);
        loop {
            let locked = match sharing {
                Sharing::Shared => file.lock_shared(),
                Sharing::Alone => file.lock(),
            };
            match locked {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|()| file),
            }
        }
    }

    fn read(&self, place: Place, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = match rustix::fs::openat(self.at(place), name, FILE | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => File::from(file),
            // A symbolic link: no file of ours.
            Err(Errno::LOOP) => return Err(io::ErrorKind::InvalidInput.into()),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, place: Place, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(rustix::fs::openat(self.at(place), name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, place: Place, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(self.at(place), from, self.at(place), to)?)
    }

    fn sync_folder(&self, place: Place) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.at(place))?)
    }

    fn remove(&self, place: Place, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.at(place), name, AtFlags::empty())?)
    }

    fn names(&self, place: Place) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.at(place))? {
            // What is no text was not put here by the store, and is left alone.
            if let Ok(name) = entry?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}
