//! Where stamps are kept between two signings: a file for each model, in a folder of the user's own.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::entry::Manifest;
use crate::stamps::{MachineId, Stamps, StampsError};

/// A folder of stamps, named by the identity of the model.
///
/// It needs no secrecy, and little trust: what is in it can only say "unchanged" of a file whose digests the signer has
/// signed before. Still nobody but the user may have written it.
#[derive(Debug, Clone)]
pub struct StampStore {
    folder: PathBuf,
    machine: MachineId,
}

impl StampStore {
    /// The stamps in `folder`, which is made when the first are saved.
    pub fn new(folder: PathBuf, machine: MachineId) -> Self {
        Self { folder, machine }
    }

    /// Where the stamps of this model are.
    ///
    /// # Errors
    /// [`StampsError::NoIdentity`] for a manifest that gives no sizes.
    pub fn path(&self, manifest: &Manifest) -> Result<PathBuf, StampsError> {
        let identity = manifest.identity().ok_or(StampsError::NoIdentity)?;
        Ok(self.folder.join(identity.to_string()))
    }

    /// The stamps of the files of `manifest`, if there are any.
    ///
    /// # Errors
    /// [`StampsError`], and the files are to be hashed.
    pub fn load(&self, manifest: &Manifest) -> Result<Option<Stamps>, StampsError> {
        let identity = manifest.identity().ok_or(StampsError::NoIdentity)?;
        let path = self.folder.join(identity.to_string());
        let Some(file) = open_own(&path)? else { return Ok(None) };
        // What is larger than it should be is refused by its length, with no more of it in memory than this.
        let limit = Stamps::written_len(manifest.len()) as u64 + 1;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        let stamps = Stamps::parse(&bytes, &identity, &self.machine)?;
        Ok(Some(stamps))
    }

    /// Keeps the stamps of the files of `manifest`, in the place of older ones. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`StampsError::Io`], [`StampsError::Insecure`] in a folder of another user, [`StampsError::NoIdentity`].
    pub fn save(&self, manifest: &Manifest, stamps: &Stamps) -> Result<(), StampsError> {
        let identity = manifest.identity().ok_or(StampsError::NoIdentity)?;
        refuse_foreign_home(&self.folder)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let bytes = stamps.to_bytes(&identity, &self.machine);
        let temporary = self.folder.join(format!(".{identity}.{}.tmp", std::process::id()));
        let written = write_new(&temporary, &bytes)
            .and_then(|()| fs::rename(&temporary, self.folder.join(identity.to_string())));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        Ok(written?)
    }
}

/// Opens a file that only its owner, who is us, can have written; nothing when there is none.
fn open_own(path: &Path) -> Result<Option<File>, StampsError> {
    // Not blocking: a FIFO would keep us waiting before it could be refused.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(StampsError::Insecure("is a symbolic link")),
        Err(error) => return Err(StampsError::Io(error.into())),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(StampsError::Insecure("is no regular file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(StampsError::Insecure("belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(StampsError::Insecure("can be written by others"));
    }
    Ok(Some(file))
}

/// Refuses to make anything in the home of somebody else. `sudo` often keeps the caller's `HOME`: files of root there
/// would be in the caller's way from then on.
fn refuse_foreign_home(folder: &Path) -> Result<(), StampsError> {
    let nearest = folder.ancestors().find_map(|ancestor| fs::metadata(ancestor).ok());
    let ours = rustix::process::geteuid().as_raw();
    match nearest.map(|found| found.uid()) {
        Some(owner) if owner != ours && owner != 0 => {
            Err(StampsError::Insecure("lies in a folder of another user"))
        }
        _ => Ok(()),
    }
}

/// Not synced to the disk: after a crash the checksum tells, and all that is lost is time.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
