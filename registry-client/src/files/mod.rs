//! Sets of small files that belong together and are replaced together: a repository of The Update Framework, as an OCI
//! artifact, in a folder, or behind HTTPS.
//!
//! ```text
//!                  ┌─ ArtifactFiles: one manifest, a layer for each file, the small ones once more in its configuration
//! FileName ─► FileSet ─ FolderFiles: DIR/metadata/…, DIR/targets/…, the timestamp last
//!                  └─ WebFiles: URL/metadata/…, URL/targets/…, to be read only
//! ```
//!
//! Nothing here is proven but that an artifact's bytes are those of its manifest: whoever reads a repository verifies it.

mod artifact;
mod folder;
mod name;
mod web;

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;

use crate::RegistryError;

pub use self::artifact::{ArtifactFiles, FILES_ARTIFACT_TYPE, TUF_METADATA_TYPE, TUF_TARGET_TYPE};
pub use self::folder::FolderFiles;
pub use self::name::{FileKind, FileName};
pub use self::web::WebFiles;

/// Files by their names.
pub type Files = BTreeMap<FileName, Vec<u8>>;

/// The most files of a set: roots and targets that were there once stay.
const MOST_FILES: usize = 8192;
/// The most bytes of a whole set.
const MOST_BYTES: u64 = 128 << 20;

/// A set of files that can be read one by one.
pub trait FileSet: Send + Sync {
    /// The bytes of a file, or nothing when the set has none of that name.
    ///
    /// # Errors
    /// `E-LIMIT` when it is longer than `limit`; the codes of the place where it is kept.
    fn read(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError>;

    /// The digest of a file, where the set says it without handing out the file: who has its bytes already need not read
    /// it. What is said is what [`read`](Self::read) keeps to.
    fn digest(&self, name: &FileName) -> Option<Sha256Digest>;

    /// What stands for the whole set, where one value does: the digest of an artifact's manifest. As long as it is the
    /// same, every file is.
    fn fingerprint(&self) -> Option<Sha256Digest>;

    /// All files at once, for whoever writes the next set.
    ///
    /// # Errors
    /// `E-UNSUPPORTED` where the files cannot be listed; `E-LIMIT` above 8192 files or 128 MiB.
    fn all(&self) -> Result<Files, RegistryError>;
}

impl<T: FileSet + ?Sized> FileSet for &T {
    fn read(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        (**self).read(name, limit)
    }

    fn digest(&self, name: &FileName) -> Option<Sha256Digest> {
        (**self).digest(name)
    }

    fn fingerprint(&self) -> Option<Sha256Digest> {
        (**self).fingerprint()
    }

    fn all(&self) -> Result<Files, RegistryError> {
        (**self).all()
    }
}

/// Counts what is read of a whole set.
struct Budget {
    files: usize,
    bytes: u64,
}

impl Budget {
    fn new() -> Self {
        Self { files: MOST_FILES, bytes: MOST_BYTES }
    }

    /// One more file; what may be read of it.
    fn next(&mut self, document: &str) -> Result<u64, RegistryError> {
        self.files = self.files.checked_sub(1).ok_or_else(|| RegistryError::TooLarge {
            document: document.to_owned(),
            size: MOST_FILES as u64 + 1,
            limit: MOST_FILES as u64,
        })?;
        Ok(self.bytes)
    }

    fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}
