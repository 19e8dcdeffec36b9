//! Whole files in private memory.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use lacre_hash::{Engine, NoProgress};
use lacre_manifest::FileSource;

use super::ProvenFile;
use crate::VerifyError;
use crate::content::{self, Place, SignedFile};
use crate::mismatch;
use crate::proof::{Extent, Standing, Verified};

/// The bytes of a signed file: a private copy that was found to have the signed digest. Cheap to clone.
#[derive(Clone)]
pub struct ProvenBytes(Arc<Vec<u8>>);

impl ProvenBytes {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for ProvenBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ProvenBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl ProvenFile for ProvenBytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        let within = || self.0.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
        within().map(Cow::Borrowed).ok_or(VerifyError::Range { size: self.size(), end: range.end })
    }
}

impl std::fmt::Debug for ProvenBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ProvenBytes({} bytes)", self.0.len())
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The bytes of the signed file `name`: those held since verification, or a private copy that is read and proven
    /// now, against the signed digests that proved it before.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed, or it is not in the part; `E-FILE-SIZE` or `E-FILE-CHANGED` when the file is no longer what was
    /// signed; a code of the disk when it cannot be read.
    pub fn read(&self, name: &str) -> Result<ProvenBytes, VerifyError> {
        let model = self.model();
        let Some(entry) = model.manifest.get(name) else {
            return Err(VerifyError::NotSigned { what: "the file", name: name.to_owned() });
        };
        if let Some(held) = model.held.get(&entry.path) {
            return Ok(held.clone());
        }
        let digests = model.prove.digests(entry)?;
        let on_disk = model.root.only_file().unwrap_or(&entry.path);
        let size = model.root.open_file(on_disk)?.metadata().map_or(0, |metadata| metadata.len());
        if let Some(signed) = entry.size.filter(|&signed| signed != size) {
            return Err(mismatch::wrong_size(&entry.path, signed, size));
        }
        let place = Place::default();
        let file = FileSource::new(&model.root, on_disk.clone(), size, digests);
        let found = Engine::new()
            .run(&[SignedFile { file, hold: Some(&place) }], &NoProgress)
            .map_err(content::blame)?;
        content::compare(std::iter::once(entry).zip(&found))?;
        Ok(place.into_proven())
    }
}
