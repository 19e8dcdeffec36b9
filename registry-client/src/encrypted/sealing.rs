//! Putting an artifact into an encrypted one.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lacre_encrypt::{Head, LONGEST_HEAD, Recipients, Sealer};
use lacre_hash::{DigestSet, NoProgress, Progress, Sha256Digest, StreamHasher};

use super::index::{Blob, Index};
use super::spool::Spool;
use super::{ENCRYPTED_ARTIFACT_TYPE, ENCRYPTED_LAYER_TYPE, EncryptedArtifact};
use crate::descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_MANIFEST, MAX_MANIFEST};
use crate::image::ImageManifest;
use crate::reference::{Tag, Target};
use crate::referrers::EMPTY_CONFIG_BYTES;
use crate::store::{BlobContent, BlobReader, Presence, Put, Store};
use crate::{ArtifactFault, RegistryError};

/// Content that is encrypted in memory; what is longer waits on disk.
const SMALL: u64 = 1024 * 1024;
/// Bytes that are read and encrypted at a time.
const PIECE: usize = 256 * 1024;

/// A store that encrypts what is put into it, for some recipients, and puts that into another one. It takes one artifact
/// and what refers to it; [`finish`](Self::finish) makes the encrypted artifact of them.
pub struct Sealing<'a> {
    store: &'a dyn Store,
    recipients: &'a Recipients,
    /// Where encrypted bytes wait.
    spool: PathBuf,
    taken: Mutex<Taken>,
}

/// What was put so far.
#[derive(Default)]
struct Taken {
    /// In the order of their content's digests.
    blobs: BTreeMap<Sha256Digest, (Blob, Descriptor)>,
    /// The text and the listing of each manifest.
    manifests: Vec<(Vec<u8>, Descriptor)>,
    /// Which one is the artifact.
    model: Option<Sha256Digest>,
}

impl<'a> Sealing<'a> {
    /// Encrypts for `recipients` into `store`. Encrypted bytes wait in the folder `spool`: of four blobs at once, where
    /// four are put at once.
    pub fn new(store: &'a dyn Store, recipients: &'a Recipients, spool: PathBuf) -> Self {
        Self { store, recipients, spool, taken: Mutex::default() }
    }

    /// Puts the index and the manifest of the encrypted artifact; gives the latter.
    ///
    /// # Errors
    /// `E-ARTIFACT` when no artifact was put; `E-LIMIT` when a manifest cannot list as many blobs; those of the store.
    pub fn finish(self) -> Result<Descriptor, RegistryError> {
        let taken = self.taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        let model = taken.model.ok_or(ArtifactFault::NoLayers)?;
        let mut blobs: Vec<(Blob, Descriptor)> = taken.blobs.into_values().collect();
        // An order that says nothing about what is inside.
        blobs.sort_by_key(|(_, encrypted)| encrypted.digest);
        let manifests = taken.manifests.iter().map(|(_, listing)| listing.digest);
        let referrers = manifests.filter(|digest| *digest != model).collect();
        let (blobs, layers) = blobs.into_iter().unzip();
        let index = Index { blobs, model, referrers }.to_bytes();
        let (index, file, _) = in_memory(self.recipients, &index)?;
        let config = Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES);
        let manifest = EncryptedArtifact { index: index.clone(), layers }.to_manifest(&config);
        if manifest.len() as u64 > MAX_MANIFEST {
            let (document, size) =
                ("the manifest of the encrypted artifact".to_owned(), manifest.len() as u64);
            return Err(RegistryError::TooLarge { document, size, limit: MAX_MANIFEST });
        }
        self.store.put_blob(&config, &EMPTY_CONFIG_BYTES, &NoProgress)?;
        self.store.put_blob(&index, &file, &NoProgress)?;
        let mut descriptor = self.store.put_manifest(IMAGE_MANIFEST, &manifest, None)?;
        descriptor.artifact_type = Some(ENCRYPTED_ARTIFACT_TYPE.to_owned());
        Ok(descriptor)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, descriptor: &Descriptor, encrypted: Descriptor, head: &Head) {
        let (head_digest, head_size) = (Sha256Digest::of(head.as_bytes()), head.len() as u64);
        let Descriptor { digest, size, .. } = *descriptor;
        self.taken().blobs.insert(digest, (Blob { digest, size, head_digest, head_size }, encrypted));
    }
}

/// Encrypts a text; gives its layer, the bytes of it, and their head.
fn in_memory(recipients: &Recipients, text: &[u8]) -> Result<(Descriptor, Vec<u8>, Head), RegistryError> {
    let refused = |source| RegistryError::Encryption { digest: Sha256Digest::of(text), source };
    let mut sealer = recipients.seal(Vec::new()).map_err(refused)?;
    sealer.write_all(text).map_err(|source| refused(lacre_encrypt::EncryptError::Output(source)))?;
    let file = sealer.finish().map_err(refused)?;
    let head = Head::parse(&file).map_err(refused)?;
    Ok((Descriptor::of(ENCRYPTED_LAYER_TYPE, &file), file, head))
}

/// Takes all of `content`, which must be what `descriptor` says, into `sealer`.
fn encrypt<W: Write>(
    descriptor: &Descriptor,
    content: &dyn BlobContent,
    sealer: &mut Sealer<W>,
    progress: &dyn Progress,
    unwritten: impl Fn(io::Error) -> RegistryError,
) -> Result<(), RegistryError> {
    let (digest, expected) = (descriptor.digest, descriptor.size);
    let unreadable = |source| RegistryError::Content { digest, source };
    let mut source = content.open().map_err(unreadable)?.into_reader();
    // Whoever keeps the encrypted bytes compares none of these: both digests, where both are known.
    let blake3 = content.blake3();
    let wanted = if blake3.is_some() { DigestSet::Both } else { DigestSet::Sha256 };
    let mut hasher = StreamHasher::new(wanted);
    let (mut buffer, mut actual) = (vec![0; PIECE], 0_u64);
    loop {
        if progress.cancelled() {
            return Err(RegistryError::Interrupted);
        }
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        actual += read as u64;
        if actual > expected {
            return Err(RegistryError::BlobSize { digest, expected, actual });
        }
        hasher.update(&buffer[..read]);
        sealer.write_all(&buffer[..read]).map_err(&unwritten)?;
    }
    if actual != expected {
        return Err(RegistryError::BlobSize { digest, expected, actual });
    }
    let found = hasher.finish();
    match found.sha256 {
        Some(sha256) if sha256 == digest && found.blake3 == blake3 => Ok(()),
        Some(actual) if actual != digest => Err(RegistryError::BlobDigest { expected: digest, actual }),
        _ => Err(RegistryError::BlobChanged { digest }),
    }
}

/// Writes on, and hashes and counts what passes; keeps the beginning.
struct Hashed<W> {
    output: W,
    hasher: StreamHasher,
    size: u64,
    beginning: Vec<u8>,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        let bytes = &bytes[..written];
        self.hasher.update(bytes);
        self.size += written as u64;
        let wanted = LONGEST_HEAD.saturating_sub(self.beginning.len()).min(written);
        self.beginning.extend_from_slice(&bytes[..wanted]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Store for Sealing<'_> {
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        let taken = self.taken();
        let wanted = match target {
            Target::Only => taken.model,
            Target::Digest(digest) => Some(*digest),
            Target::Tag(tag) => {
                return Err(RegistryError::TagNotFound { tag: tag.to_string(), tags: Vec::new() });
            }
        };
        let mut listings = taken.manifests.iter().map(|(_, listing)| listing);
        match (listings.find(|listing| Some(listing.digest) == wanted), wanted) {
            (Some(listing), _) => Ok(listing.clone()),
            (None, Some(digest)) => Err(RegistryError::DigestNotFound { digest }),
            (None, None) => Err(RegistryError::NotOne { found: 0, tags: Vec::new() }),
        }
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        Ok(Vec::new())
    }

    /// Manifests alone are given back: the rest is encrypted, and nobody here can read it.
    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        let digest = descriptor.digest;
        let taken = self.taken();
        let mut manifests = taken.manifests.iter();
        let (text, _) = manifests
            .find(|(_, listing)| listing.digest == digest)
            .ok_or(RegistryError::BlobMissing { digest })?;
        Ok(BlobReader::from_stream(Box::new(io::Cursor::new(text.clone())), text.len() as u64))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        let there = self.taken().blobs.contains_key(&descriptor.digest);
        Ok(if there { Presence::Present } else { Presence::Absent })
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError> {
        if self.has_blob(descriptor)? == Presence::Present {
            return Ok(Put::Existed);
        }
        let refused = |source| RegistryError::Encryption { digest: descriptor.digest, source };
        if descriptor.size <= SMALL {
            let memory = |source| refused(lacre_encrypt::EncryptError::Output(source));
            let mut sealer = self.recipients.seal(Vec::new()).map_err(refused)?;
            encrypt(descriptor, content, &mut sealer, progress, memory)?;
            let file = sealer.finish().map_err(refused)?;
            let head = Head::parse(&file).map_err(refused)?;
            let encrypted = Descriptor::of(ENCRYPTED_LAYER_TYPE, &file);
            self.store.put_blob(&encrypted, &file, progress)?;
            self.keep(descriptor, encrypted, &head);
            return Ok(Put::Written);
        }
        let spool = Spool::new(&self.spool)?;
        let hasher = StreamHasher::new(DigestSet::Sha256);
        let output = Hashed { output: spool.file(), hasher, size: 0, beginning: Vec::new() };
        let mut sealer = self.recipients.seal(output).map_err(refused)?;
        encrypt(descriptor, content, &mut sealer, progress, |source| spool.unwritten(source))?;
        let Hashed { hasher, size, beginning, .. } = sealer.finish().map_err(refused)?;
        let digest =
            hasher.finish().sha256.ok_or(RegistryError::BlobMissing { digest: descriptor.digest })?;
        let head = Head::parse(&beginning).map_err(refused)?;
        let encrypted = Descriptor::new(ENCRYPTED_LAYER_TYPE, digest, size);
        self.store.put_blob(&encrypted, &|| spool.open(), progress)?;
        self.keep(descriptor, encrypted, &head);
        Ok(Put::Written)
    }

    /// # Errors
    /// `E-UNSUPPORTED` for another media type, and for a tag; `E-ARTIFACT` for a second artifact that refers to none.
    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError> {
        let unsupported = |what, found: &str| RegistryError::Unsupported { what, found: found.to_owned() };
        if media_type != IMAGE_MANIFEST {
            return Err(unsupported("a manifest of media type", media_type));
        }
        if let Some(tag) = tag {
            return Err(unsupported("in an encrypted artifact, the tag", tag.as_str()));
        }
        let plain = Descriptor::of(IMAGE_MANIFEST, bytes);
        let digest = plain.digest;
        let manifest = ImageManifest::parse(bytes, &digest)?;
        let refers =
            manifest.subject_digest().map_err(|detail| RegistryError::Referrer { digest, detail })?;
        let listing = manifest.listing(digest, plain.size);
        self.put_blob(&plain, &bytes, &NoProgress)?;
        let mut taken = self.taken();
        if refers.is_none() && *taken.model.get_or_insert(digest) != digest {
            return Err(ArtifactFault::EncryptedIndex {
                detail: "two artifacts were put into it".to_owned(),
            }
            .into());
        }
        if !taken.manifests.iter().any(|(_, listing)| listing.digest == digest) {
            taken.manifests.push((bytes.to_vec(), listing.clone()));
        }
        Ok(listing)
    }

    fn tag(&self, _: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
        let found = tag.to_string();
        Err(RegistryError::Unsupported { what: "in an encrypted artifact, the tag", found })
    }

    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut found = Vec::new();
        for (text, listing) in &self.taken().manifests {
            let digest = listing.digest;
            let manifest = ImageManifest::parse(text, &digest)?;
            let refers =
                manifest.refers_to(subject).map_err(|detail| RegistryError::Referrer { digest, detail })?;
            if refers && artifact_type.is_none_or(|wanted| wanted == manifest.artifact_type()) {
                found.push(listing.clone());
            }
        }
        found.sort_by_key(|referrer| referrer.digest);
        Ok(found)
    }
}

impl fmt::Debug for Sealing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealing").field("recipients", &self.recipients.len()).finish_non_exhaustive()
    }
}
