//! Bytes that cannot change any more.
//!
//! What is handed out is what was hashed: a private copy, a sealed descriptor, or groups of 1 MiB that are each
//! proven on first touch. A file that is overwritten in place, cut short, replaced or re-linked afterwards changes nothing
//! in it; what is not held yet is read again, proven again, and refused when it is no longer what was signed. A file that
//! others can write to is never mapped: a memory map shows what they write, and is a fault where they cut it short.
//!
//! | way | what it gives | cost | for |
//! |---|---|---|---|
//! | [`copy`](crate::Verified::copy) | private memory, read-only | the file, once in each process | whoever computes here |
//! | [`sealed`](crate::Verified::sealed) | a sealed descriptor, with a path | the file, once for all processes | loaders that want a path |
//! | [`lazy`](crate::Verified::lazy), [`verify_lazily`](crate::Unverified::verify_lazily) | proven ranges | what is touched | workers that need slices |
//! | [`snapshot`](crate::Verified::snapshot) | a private folder, proven there | the files, on disk | engines that want a folder |
//! | [`path_unpinned_danger`](crate::Verified::path_unpinned_danger) | a path, and no guarantee | none | who accepts the race |

mod copy;
mod lazily;
mod lazy;
mod limit;
mod memory;
mod place;
mod sealed;
mod sealed_folder;
mod snapshot;
mod tensors;

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use lacre_manifest::{Entry, Manifest};

use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

pub use copy::ProvenBytes;
pub use lazily::Lazy;
pub use lazy::{LazyFile, ListFrom};
pub use limit::{LoadOptions, MemoryLimit};
pub(crate) use place::{Keep, Place, SignedFile, blame};
pub use sealed::{SealedFile, SealedFiles};
pub use sealed_folder::SealedFolder;
pub use snapshot::Snapshot;
pub use tensors::{ProvenTensor, ProvenTensors, SliceProblem, Tensors};

/// A signed file whose bytes are proven wherever they are read from.
pub trait ProvenFile: Debug + Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// The bytes of `range`, counted from the beginning of the file. They do not change any more.
    ///
    /// # Errors
    /// `E-RANGE` when the range ends behind the file; where bytes are proven only when they are read,
    /// `E-FILE-CHANGED` and codes of the disk.
    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError>;
}

impl ProvenFile for Box<dyn ProvenFile> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        (**self).bytes(range)
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// A file, of which only what is touched is read where it is signed so that this can be proven, and all of it otherwise.
    pub(crate) fn touch(&self, name: &str) -> Result<Box<dyn ProvenFile>, VerifyError> {
        match self.lazy(name, &LoadOptions::new()) {
            // Proven by another digest, which is one of the whole; or held already.
            Err(VerifyError::DigestNotSigned { .. }) => Ok(Box::new(self.read(name)?)),
            opened => Ok(Box::new(opened?)),
        }
    }
}

/// The bytes of `range`, if there are such.
fn within(bytes: &[u8], range: Range<u64>) -> Result<&[u8], VerifyError> {
    let within = || bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
    within().ok_or(VerifyError::Range { size: bytes.len() as u64, end: range.end })
}

/// The entry of the file `name`.
fn entry<'a>(manifest: &'a Manifest, name: &str) -> Result<&'a Entry, VerifyError> {
    manifest.get(name).ok_or_else(|| VerifyError::NotSigned { what: "the file", name: name.to_owned() })
}
