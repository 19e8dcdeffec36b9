//! Whole files in private memory.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use lacre_hash::NoProgress;

use super::memory::Frozen;
use super::place::{Place, Shelf};
use super::{LoadOptions, ProvenFile};
use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

/// The bytes of a signed file: a private copy that was found to have the signed digest. Cheap to clone.
#[derive(Clone)]
pub struct ProvenBytes(Arc<Held>);

enum Held {
    Small(Box<[u8]>),
    Mapped(Frozen),
}

impl ProvenBytes {
    pub(super) fn small(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Held::Small(bytes.into())))
    }

    pub(super) fn mapped(bytes: Frozen) -> Self {
        Self(Arc::new(Held::Mapped(bytes)))
    }
}

impl Deref for ProvenBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Held::Small(bytes) => bytes,
            Held::Mapped(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for ProvenBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl ProvenFile for ProvenBytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        super::within(self, range).map(Cow::Borrowed)
    }
}

impl std::fmt::Debug for ProvenBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ProvenBytes({} bytes)", self.len())
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The bytes of the signed file `name`: [`copy`](Self::copy) with the default options.
    ///
    /// # Errors
    /// Those of [`copy`](Self::copy).
    pub fn read(&self, name: &str) -> Result<ProvenBytes, VerifyError> {
        self.copy(name, &LoadOptions::new())
    }

    /// The bytes of the signed file `name`: those held since verification, or a private copy that is read and proven
    /// now, against the signed digests that proved it before.
    ///
    /// Guarantee: these are the signed bytes, and stay so, whatever any other process does to the file. They are hashed
    /// where they are handed out, in memory of this process alone; a file of 1 MiB or more is mapped and then made read-only,
    /// so that a stray write of this process is a fault and not another model. Who may trace this process, and
    /// whoever has its rights in it, can change them. Cost: reading and hashing, and the file's size in memory for each
    /// process. For whoever uses the bytes in this process.
    ///
    /// ```no_run
    /// use lacre_verify::{LoadOptions, MemoryLimit, Model, Verified};
    ///
    /// fn weights(model: &Verified<Model>) -> Result<usize, lacre_verify::VerifyError> {
    ///     let options = LoadOptions::new().memory_limit(MemoryLimit::bytes(8 << 30));
    ///     Ok(model.copy("model.safetensors", &options)?.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed, or it is not in the part; `E-MEMORY-LIMIT` when it is too large;
    /// `E-FILE-SIZE`, `E-FILE-CHANGED` or `E-INPUT-CHANGED` when the file is no longer what was signed, or was being changed;
    /// a code of the disk when it cannot be read.
    pub fn copy(&self, name: &str, options: &LoadOptions) -> Result<ProvenBytes, VerifyError> {
        let model = self.model();
        let entry = super::entry(&model.manifest, name)?;
        let files = Shelf::of(model);
        if let Some(held) = files.held(entry) {
            return Ok(held.clone());
        }
        options.allow(entry.size.unwrap_or(0))?;
        let place = Place::default();
        files.prove(&[(entry, &place)], options, &NoProgress)?;
        place.into_proven()
    }
}
