//! Writing a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::text;

/// What happens to a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and the write is refused.
    Refuse,
    /// It is replaced, in one step.
    Replace,
}

impl Existing {
    /// What `--force` says.
    pub(crate) fn by_force(force: bool) -> Self {
        if force { Self::Replace } else { Self::Refuse }
    }
}

/// Refuses early what [`write()`] would refuse after the work.
pub(crate) fn check(path: &Path, existing: Existing) -> Result<(), CliError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(CliError::Exists { path: text::path(path), why: "it is a folder" })
        }
        Ok(_) if existing == Existing::Refuse => {
            Err(CliError::Exists { path: text::path(path), why: "it is replaced only with --force" })
        }
        _ => Ok(()),
    }
}

/// Writes `bytes` to `path` through a temporary file beside it.
pub(crate) fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), CliError> {
    check(path, existing)?;
    let failed = |source| CliError::Output { path: text::path(path), source };
    let temporary = Temporary::create(path, bytes, 0o666).map_err(failed)?;
    match existing {
        Existing::Replace => fs::rename(&temporary.path, path).map_err(failed)?,
        // A link, unlike a rename, does not replace a file that appeared meanwhile.
        Existing::Refuse => match fs::hard_link(&temporary.path, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return check(path, existing).and(Err(failed(error)));
            }
            // A file system without hard links.
            Err(_) => fs::rename(&temporary.path, path).map_err(failed)?,
        },
    }
    Ok(())
}

/// Writes `bytes` to `path`, or replaces it, so that nobody but its owner can write to it.
pub(crate) fn write_own(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    check(path, Existing::Replace)?;
    let failed = |source| CliError::Output { path: text::path(path), source };
    let temporary = Temporary::create(path, bytes, 0o644).map_err(failed)?;
    fs::rename(&temporary.path, path).map_err(failed)
}

/// A file that is removed when it goes out of scope (after a rename there is nothing left to remove).
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// With this mode, of which the process may mask a part.
    fn create(target: &Path, bytes: &[u8], mode: u32) -> io::Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let path = target.with_file_name(name);
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        let this = Self { path };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(this)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_only_when_asked_and_no_trace_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.sig");
        write(&path, b"one", Existing::Refuse).unwrap();
        assert_eq!(write(&path, b"two", Existing::Refuse).unwrap_err().code(), "E-EXISTS");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["model.sig"]);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_output_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/model.sig"), b"x", Existing::Refuse).unwrap_err();
        assert_eq!(error.code(), "E-OUTPUT");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
