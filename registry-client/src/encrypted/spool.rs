//! Encrypted bytes that wait on disk: an upload wants to know digest and size before its first byte.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::RegistryError;

/// A file without a name: it is gone with the last descriptor of it, whatever becomes of the process.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    folder: PathBuf,
}

impl Spool {
    /// Makes one on the file system of `folder`, which is made when it is missing.
    pub(super) fn new(folder: &Path) -> Result<Self, RegistryError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let failed = |source| RegistryError::Write { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{:x}-{count:x}", std::process::id()));
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
            match file {
                // Of a process of this number that died in this very moment, or of another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
                Ok(file) => {
                    fs::remove_file(&path).map_err(failed)?;
                    return Ok(Self { file, folder: folder.to_owned() });
                }
            }
        }
    }

    /// The file, at its end.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Opens it once more, at its beginning. Its place is its own: a second reader does not move the first.
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// The refusal of a disk that takes no more.
    pub(super) fn unwritten(&self, source: io::Error) -> RegistryError {
        RegistryError::Write { path: self.folder.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn what_waits_has_no_name_and_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        let spool = Spool::new(&folder).unwrap();
        spool.file().write_all(b"bytes").unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let (mut one, mut two) = (spool.open().unwrap(), spool.open().unwrap());
        let (mut first, mut second) = (String::new(), String::new());
        one.read_to_string(&mut first).unwrap();
        two.read_to_string(&mut second).unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("bytes", "bytes"));
    }
}
