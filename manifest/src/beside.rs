//! What lies beside a model: the bundles of further signers, in `NAME.signatures`.
//!
//! They cannot lie in the model, because each signer would have to sign those of the ones before.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::ManifestError;
use crate::path::escape_os;
use crate::root::Root;

/// At most this many. Whoever can write there can add any number.
const MOST: usize = 64;

/// Where the bundles of further signers of a model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    folder: PathBuf,
}

impl Beside {
    /// The folder of `root`, which need not exist.
    pub fn of(root: &Root) -> Self {
        Self { folder: root.beside(".signatures") }
    }

    /// Its path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The paths of the bundles (`*.sig`), in the order of their names. What is no regular file is no bundle.
    ///
    /// # Errors
    /// `E-LIMIT` when there are more than 64; `E-UNREADABLE`.
    pub fn bundles(&self) -> Result<Vec<PathBuf>, ManifestError> {
        let failed = |error| ManifestError::reading_escaped(&escape_os(self.folder.as_os_str()), error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let is_file = entry.file_type().map_err(failed)?.is_file();
            if is_file && entry.path().extension() == Some(OsStr::new("sig")) {
                found.push(entry.path());
            }
            if found.len() > MOST {
                return Err(ManifestError::Limit { what: "bundles beside the model", limit: MOST });
            }
        }
        found.sort();
        Ok(found)
    }

    /// Opens one of [`bundles`](Self::bundles), which is still a regular file and no link.
    ///
    /// # Errors
    /// `E-UNREADABLE`, `E-NOT-FOUND`.
    pub fn open(path: &Path) -> Result<File, ManifestError> {
        let failed = |error: io::Error| ManifestError::reading_escaped(&escape_os(path.as_os_str()), error);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        let file = File::from(file);
        if file.metadata().map_err(failed)?.is_file() {
            Ok(file)
        } else {
            Err(failed(io::Error::other("it is no regular file")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::root::Links;

    #[test]
    fn only_regular_files_of_the_right_name_are_bundles() {
        let above = tempfile::tempdir().unwrap();
        let model = above.path().join("m");
        fs::create_dir(&model).unwrap();
        symlink(&model, above.path().join("current")).unwrap();
        // Whatever the name by which it is opened, the folder is that of the model itself.
        let beside = Beside::of(&Root::open(&above.path().join("current"), Links::Refuse).unwrap());
        assert_eq!(beside.bundles().unwrap(), [] as [PathBuf; 0]);
        let at = |name: &str| above.path().join("m.signatures").join(name);
        fs::create_dir_all(at("folder.sig")).unwrap();
        for name in ["b.sig", "a.sig", "notes.txt", "sig"] {
            fs::write(at(name), name).unwrap();
        }
        symlink(at("a.sig"), at("link.sig")).unwrap();
        let found = beside.bundles().unwrap();
        let folder = above.path().canonicalize().unwrap().join("m.signatures");
        assert_eq!(found, [folder.join("a.sig"), folder.join("b.sig")]);
        assert_eq!(io::read_to_string(Beside::open(&found[0]).unwrap()).unwrap(), "a.sig");
        assert_eq!(Beside::open(&at("link.sig")).unwrap_err().code(), "E-UNREADABLE");
        assert_eq!(Beside::open(&at("folder.sig")).unwrap_err().code(), "E-UNREADABLE");
        for number in 0..MOST {
            fs::write(at(&format!("{number}.sig")), "").unwrap();
        }
        assert_eq!(beside.bundles().unwrap_err().code(), "E-LIMIT");
    }
}
