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
    _above: Above,
}

/// Folders that are made on the way to a place, innermost first. Those that nothing came to lie in are removed.
#[derive(Debug)]
struct Above(Vec<PathBuf>);

impl Above {
    fn missing(folder: &Path) -> Self {
        let missing = folder.ancestors().take_while(|above| fs::symlink_metadata(above).is_err());
        Self(missing.filter(|above| !above.as_os_str().is_empty()).map(Path::to_path_buf).collect())
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Only ever an empty one: where the model arrived, this does nothing.
            let _ = fs::remove_dir(folder);
        }
    }
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
        let above = Above::missing(parent);
        fs::create_dir_all(parent).map_err(failed)?;
        for attempt in 0..u32::MAX {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".lacre-{}-{attempt}", std::process::id()));
            let hidden = parent.join(hidden);
            match DirBuilder::new().mode(0o700).create(&hidden) {
                Ok(()) => {
                    return Ok(Self { hidden, wanted: wanted.to_path_buf(), overwrite, _above: above });
                }
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
        // What cannot be looked at cannot be written either; trying to will say why.
        Err(_) => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(folder: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_someone_lives_in() {
        let here = std::env::current_dir().unwrap();
        assert!(is_lived_in(&here) && is_lived_in(here.parent().unwrap()) && is_lived_in(Path::new("/")));
        assert!(is_lived_in(Path::new(".")) && is_lived_in(Path::new("..")));
        assert!(is_lived_in(&here.join("src/..")), "however it is written");
        assert!(!is_lived_in(&here.join("src")), "what lies below may be replaced");
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_lived_in(folder.path()) && !is_lived_in(&folder.path().join("nowhere")));
        // A name that only begins like that of the current folder.
        let mut longer = here.into_os_string();
        longer.push("-not");
        assert!(!is_lived_in(Path::new(&longer)));
    }

    #[test]
    fn what_is_not_exposed_disappears() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let staging = Staging::beside(&wanted, Overwrite::Refuse).unwrap();
        let mode = fs::metadata(staging.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else sees what is not proven");
        assert_eq!(staging.path().parent(), Some(folder.path()), "on the same file system");
        fs::create_dir_all(staging.path().join("a/b")).unwrap();
        staging.write("a/b/c", b"x").unwrap();
        assert_eq!(staging.write("a/b/c", b"y").unwrap_err().code(), "E-OUTPUT");
        drop(staging);
        assert!(listed(folder.path()).is_empty());
    }

    #[test]
    fn what_another_process_left_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let stale = folder.path().join(format!(".wanted.lacre-{}-0", std::process::id()));
        fs::create_dir(&stale).unwrap();
        fs::write(stale.join("planted"), "x").unwrap();
        let staging = Staging::beside(&folder.path().join("wanted"), Overwrite::Refuse).unwrap();
        assert_ne!(staging.path(), stale);
        staging.write("mine", b"x").unwrap();
        staging.expose().unwrap();
        assert_eq!(listed(&folder.path().join("wanted")), ["mine"]);
        assert_eq!(listed(&stale), ["planted"]);
    }

    #[test]
    fn what_came_to_be_there_meanwhile_is_not_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let staging = Staging::beside(&wanted, Overwrite::Refuse).unwrap();
        fs::create_dir(&wanted).unwrap();
        fs::write(wanted.join("theirs"), "x").unwrap();
        assert_eq!(staging.expose().unwrap_err().code(), "E-EXISTS");
        assert_eq!(listed(&wanted), ["theirs"]);
        assert_eq!(listed(folder.path()), ["wanted"]);
    }
}
