//! What is inside of an encrypted artifact, as a store.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_encrypt::{CHUNK, EncryptError, Head, Identities, LONGEST_HEAD, file_size, is_forged};
use lacre_hash::{Progress, Sha256Digest};

use super::EncryptedArtifact;
use super::index::{Blob, Index, LONGEST_INDEX};
use crate::descriptor::{Descriptor, IMAGE_MANIFEST};
use crate::image::ImageManifest;
use crate::reference::{Tag, Target};
use crate::store::{BlobContent, BlobReader, Presence, Put, Store};
use crate::{ArtifactFault, RegistryError};

/// What authentication adds to each chunk of an age file, in bytes.
const TAG_SIZE: u64 = 16;

/// The artifact inside of an encrypted one, and all that refers to it. Blobs are decrypted while they are read, from any
/// place on, as [`Store`] says: their bytes are intact, and not proven.
///
/// Nothing can be put into it.
pub struct Revealed<'a> {
    store: &'a dyn Store,
    identities: Identities,
    layers: HashMap<Sha256Digest, Layer>,
    model: Descriptor,
    referrers: Vec<Descriptor>,
    /// Heads that were read, by the blobs that they lead to.
    heads: Mutex<HashMap<Sha256Digest, Arc<Head>>>,
}

/// A blob and the layer that it is in.
struct Layer {
    blob: Blob,
    encrypted: Descriptor,
}

impl<'a> Revealed<'a> {
    /// Decrypts the index of an artifact. The caller has proven the manifest that `artifact` was read from: what is opened
    /// here may be by anybody.
    ///
    /// # Errors
    /// `E-NOT-RECIPIENT` when none of the identities opens it; `E-AGE-HEADER`, `E-CIPHERTEXT` when it is no such file, or a
    /// changed one; `E-ARTIFACT` and the codes of reading JSON when the index is malformed, or of other layers.
    pub fn open(
        store: &'a dyn Store,
        artifact: &EncryptedArtifact,
        identities: Identities,
    ) -> Result<Self, RegistryError> {
        let index = Index::parse(&index(store, &artifact.index, &identities)?)?;
        if index.blobs.len() != artifact.layers.len() {
            let (blobs, layers) = (index.blobs.len(), artifact.layers.len());
            let detail = format!("its index lists {blobs} blobs, and its manifest {layers} layers");
            return Err(ArtifactFault::EncryptedIndex { detail }.into());
        }
        let mut layers = HashMap::with_capacity(index.blobs.len());
        for (blob, encrypted) in index.blobs.iter().zip(&artifact.layers) {
            if file_size(blob.head_size, blob.size) != Some(encrypted.size) {
                let detail =
                    format!("the layer sha256:{} is not as long as its index says", encrypted.digest);
                return Err(ArtifactFault::EncryptedIndex { detail }.into());
            }
            layers.insert(blob.digest, Layer { blob: *blob, encrypted: encrypted.clone() });
        }
        // That they are blobs is known.
        let manifest = |digest: &Sha256Digest| {
            let size = layers.get(digest).map_or(0, |layer| layer.blob.size);
            Descriptor::new(IMAGE_MANIFEST, *digest, size)
        };
        let model = manifest(&index.model);
        let referrers = index.referrers.iter().map(manifest).collect();
        Ok(Self { store, identities, layers, model, referrers, heads: Mutex::default() })
    }

    fn layer(&self, descriptor: &Descriptor) -> Result<&Layer, RegistryError> {
        let digest = descriptor.digest;
        let layer = self.layers.get(&digest).ok_or(RegistryError::BlobMissing { digest })?;
        if layer.blob.size != descriptor.size {
            let (expected, actual) = (descriptor.size, layer.blob.size);
            return Err(RegistryError::BlobSize { digest, expected, actual });
        }
        Ok(layer)
    }

    /// Opens the bytes `range` of a blob.
    fn reader(&self, layer: &Layer, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        let Layer { blob, encrypted } = layer;
        let refused = |source| RegistryError::Encryption { digest: encrypted.digest, source };
        if range.start > range.end || range.end > blob.size {
            let source = io::ErrorKind::InvalidInput.into();
            return Err(RegistryError::Content { digest: blob.digest, source });
        }
        let size = range.end - range.start;
        if size == 0 {
            return Ok(BlobReader::from_stream(Box::new(io::empty()), 0));
        }
        let (first, behind) = (range.start / CHUNK, range.end.div_ceil(CHUNK));
        let place = |chunk: u64| (blob.head_size + chunk * (CHUNK + TAG_SIZE)).min(encrypted.size);
        let known = self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(&blob.digest).cloned();
        let (head, chunks) = match known {
            Some(head) => (head, self.store.blob_range(encrypted, place(first)..place(behind))?),
            // One request for both.
            None if first == 0 => {
                let mut stream = self.store.blob_range(encrypted, 0..place(behind))?;
                (self.head(layer, &mut stream)?, stream)
            }
            None => {
                let head = self.head(layer, &mut self.store.blob_range(encrypted, 0..place(0))?)?;
                (head, self.store.blob_range(encrypted, place(first)..place(behind))?)
            }
        };
        let opened = self.identities.open(&head, first, chunks).map_err(|error| match error {
            EncryptError::Input(source) => unreadable(encrypted, source),
            error => refused(error),
        })?;
        let mut content = Content { opened, layer: encrypted.digest };
        let skipped = range.start % CHUNK;
        io::copy(&mut (&mut content).take(skipped), &mut io::sink())
            .map_err(|source| unreadable(encrypted, source))?;
        Ok(BlobReader::from_stream(Box::new(content), size))
    }

    /// Reads the head of a layer, which must be the one that the index knows, and keeps it.
    fn head(&self, layer: &Layer, stream: &mut BlobReader) -> Result<Arc<Head>, RegistryError> {
        let Layer { blob, encrypted } = layer;
        let refused = |source| RegistryError::Encryption { digest: encrypted.digest, source };
        let mut bytes = vec![0; usize::try_from(blob.head_size).unwrap_or(LONGEST_HEAD).min(LONGEST_HEAD)];
        stream.read_exact(&mut bytes).map_err(|source| unreadable(encrypted, source))?;
        if Sha256Digest::of(&bytes) != blob.head_digest {
            return Err(refused(EncryptError::Forged));
        }
        let head = Head::parse(&bytes).map_err(refused)?;
        if head.len() != bytes.len() {
            return Err(refused(EncryptError::Header { detail: "its index knows another one" }));
        }
        let head = Arc::new(head);
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert(blob.digest, Arc::clone(&head));
        Ok(head)
    }
}

/// The content of the index, whose layer is proven before it is decrypted.
fn index(store: &dyn Store, layer: &Descriptor, identities: &Identities) -> Result<Vec<u8>, RegistryError> {
    let refused = |source| RegistryError::Encryption { digest: layer.digest, source };
    let longest = file_size(LONGEST_HEAD as u64, LONGEST_INDEX as u64).unwrap_or_default();
    let file = store.small_blob(layer, longest)?;
    let head = Head::parse(&file).map_err(refused)?;
    let chunks = file.get(head.len()..).unwrap_or_default();
    let opened = identities.open(&head, 0, chunks).map_err(refused)?;
    let mut content = Vec::new();
    // One byte more than there may be: the reader of the index refuses it.
    let read = opened.take(LONGEST_INDEX as u64 + 1).read_to_end(&mut content);
    read.map_err(|_| refused(EncryptError::Forged))?;
    Ok(content)
}

/// The error of a layer that could not be read.
fn unreadable(layer: &Descriptor, source: io::Error) -> RegistryError {
    source.downcast().unwrap_or_else(|source| RegistryError::Content { digest: layer.digest, source })
}

/// The content of a layer; what was changed on its way is told as the store's own reason.
struct Content<R> {
    opened: R,
    layer: Sha256Digest,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.opened.read(buffer).map_err(|error| {
            if is_forged(&error) {
                let refusal = RegistryError::Encryption { digest: self.layer, source: EncryptError::Forged };
                return io::Error::other(refusal);
            }
            error
        })
    }
}

impl Store for Revealed<'_> {
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        match target {
            Target::Only => Ok(self.model.clone()),
            Target::Digest(digest) if *digest == self.model.digest => Ok(self.model.clone()),
            Target::Digest(digest) => Err(RegistryError::DigestNotFound { digest: *digest }),
            Target::Tag(tag) => Err(RegistryError::TagNotFound { tag: tag.to_string(), tags: Vec::new() }),
        }
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        Ok(Vec::new())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        self.reader(self.layer(descriptor)?, 0..descriptor.size)
    }

    fn blob_range(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        self.reader(self.layer(descriptor)?, range)
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        Ok(self.layer(descriptor).map_or(Presence::Absent, |_| Presence::Present))
    }

    fn put_blob(&self, _: &Descriptor, _: &dyn BlobContent, _: &dyn Progress) -> Result<Put, RegistryError> {
        Err(read_only())
    }

    fn put_manifest(&self, _: &str, _: &[u8], _: Option<&Tag>) -> Result<Descriptor, RegistryError> {
        Err(read_only())
    }

    fn tag(&self, _: &Descriptor, _: &Tag) -> Result<(), RegistryError> {
        Err(read_only())
    }

    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut found = Vec::new();
        for referrer in &self.referrers {
            let Descriptor { digest, size, .. } = *referrer;
            let manifest = ImageManifest::parse(&self.manifest(referrer)?, &digest)?;
            let refers =
                manifest.refers_to(subject).map_err(|detail| RegistryError::Referrer { digest, detail })?;
            if refers && artifact_type.is_none_or(|wanted| wanted == manifest.artifact_type()) {
                found.push(manifest.listing(digest, size));
            }
        }
        found.sort_by_key(|referrer| referrer.digest);
        Ok(found)
    }
}

fn read_only() -> RegistryError {
    RegistryError::Unsupported { what: "writing to", found: "an encrypted artifact".to_owned() }
}

impl fmt::Debug for Revealed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Revealed")
            .field("model", &self.model)
            .field("layers", &self.layers.len())
            .finish_non_exhaustive()
    }
}
