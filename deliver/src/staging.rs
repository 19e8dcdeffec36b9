//! A hidden folder beside the wanted one, which becomes the wanted one in a single step or disappears.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lacre_manifest::escape_os;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::DeliverError;

/// What happens to a folder that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It is left alone, unless it is empty.
    Refuse,
    /// It is replaced as a whole, in one step; unless the current or the home folder lies in it.
    Replace,
}

/// Whether a folder may be made at `path`: there is nothing that it would hide, or that may be replaced.
///
/// # Errors
/// `E-EXISTS`.
pub fn may_write(path: &Path, overwrite: Overwrite) -> Result<(), DeliverError> {
    let refused = match overwrite {
        Overwrite::Refuse => is_taken(path),
        Overwrite::Replace => is_lived_in(path),
    };
    if refused || path.file_name().is_none() {
        return Err(DeliverError::Exists { path: escape_os(path.as_os_str()) });
    }
    Ok(())
}

/// The hidden folder. Dropped before [`expose`](Staging::expose), it is removed with all that is in it.
#[derive(Debug)]
pub(crate) struct Staging {
    hidden: PathBuf,
    wanted: PathBuf,
    overwrite: Overwrite,
}

impl Staging {
    /// Makes a folder beside `wanted`, for this user only.
    pub(crate) fn beside(wanted: &Path, overwrite: Overwrite) -> Result<Self, DeliverError> {
        may_write(wanted, overwrite)?;
        let name = wanted.file_name().unwrap_or_default();
        let parent = match wanted.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |source| DeliverError::Output { path: escape_os(parent.as_os_str()), source };
        fs::create_dir_all(parent).map_err(failed)?;
        for attempt in 0..u32::MAX {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".lacre-{}-{attempt}", std::process::id()));
            let hidden = parent.join(hidden);
            match DirBuilder::new().mode(0o700).create(&hidden) {
                Ok(()) => return Ok(Self { hidden, wanted: wanted.to_path_buf(), overwrite }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.hidden
    }

    /// Writes a further file, which must not be there yet.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DeliverError> {
        let path = self.hidden.join(name);
        File::create_new(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| DeliverError::Output { path: escape_os(path.as_os_str()), source })
    }

    /// Makes everything durable, and the hidden folder the wanted one, in one step.
    pub(crate) fn expose(self) -> Result<(), DeliverError> {
        let failed = |source| DeliverError::Output { path: escape_os(self.wanted.as_os_str()), source };
        // One flush of the file system instead of one for each of many files.
        File::open(&self.hidden).and_then(|folder| Ok(rustix::fs::syncfs(folder)?)).map_err(failed)?;
        fs::set_permissions(&self.hidden, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        match (fs::rename(&self.hidden, &self.wanted), self.overwrite) {
            (Ok(()), _) => {}
            (Err(_), Overwrite::Replace) => self.exchange().map_err(failed)?,
            (Err(_), Overwrite::Refuse) if is_taken(&self.wanted) => {
                return Err(DeliverError::Exists { path: escape_os(self.wanted.as_os_str()) });
            }
            (Err(error), Overwrite::Refuse) => return Err(failed(error)),
        }
        if let Some(parent) = self.hidden.parent() {
            File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(())
    }

    /// Puts the new folder in the place of what is there; the old one is then under the hidden name and is removed
    /// when this value is dropped.
    fn exchange(&self) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, &self.hidden, CWD, &self.wanted, RenameFlags::EXCHANGE) {
            // File systems without an exchange: there is a moment with neither, never one with half of either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let mut old = self.hidden.clone().into_os_string();
                old.push("-old");
                fs::rename(&self.wanted, &old)?;
                fs::rename(&self.hidden, &self.wanted)?;
                fs::rename(&old, &self.hidden)
            }
            other => Ok(other?),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing more can be done about a folder that does not go away; its name says whose it was. After an
        // exchange with a file, what is left is that file.
        if fs::remove_dir_all(&self.hidden).is_err() {
            let _ = fs::remove_file(&self.hidden);
        }
    }
}

/// Whether there is something at `path` that a new folder would hide: anything but an empty folder.
fn is_taken(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Err(error) => error.kind() != io::ErrorKind::NotFound,
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path).map_or(true, |mut listed| listed.next().is_some())
        }
        Ok(_) => true,
    }
}

/// Whether replacing the folder at `path` would take the current or the home folder away.
fn is_lived_in(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let homes = [std::env::current_dir().ok(), std::env::home_dir()];
    homes
        .into_iter()
        .flatten()
        .filter_map(|home| home.canonicalize().ok())
        .any(|home| home.starts_with(&path))
}
