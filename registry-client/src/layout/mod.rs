//! An OCI image layout on disk (image specification 1.1, `image-layout.md`): all that a registry does, without one.
//!
//! Writers may work at once, in threads and in processes. Blobs and manifests are written under hidden names and
//! renamed when they are proven and durable; `index.json` changes under an exclusive `flock` of the layout's folder and
//! is replaced by a rename, so readers need no lock. A writer that dies leaves nothing but a hidden file, which the
//! next [`Layout::create`] removes. Programs that do not take the lock (oras, skopeo) must not write at the same time.

mod blobs;
mod collect;
pub(crate) mod folder;
mod index;

use std::fs;
use std::io::Read as _;
use std::path::Path;

use lacre_hash::{NoProgress, Progress, Sha256Digest};
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

pub use self::collect::Freed;
use self::folder::{Folder, Found, TEMPORARY};
use self::index::{Index, Tagged};
use crate::descriptor::{Descriptor, IMAGE_MANIFEST, MAX_MANIFEST};
use crate::encrypted::ENCRYPTED_ARTIFACT_TYPE;
use crate::formats::ArtifactFormat;
use crate::image::ImageManifest;
use crate::modelpack::MODEL_ARTIFACT_TYPE;
use crate::reference::{Tag, Target};
use crate::store::{BlobContent, BlobReader, Presence, Put, Store};
use crate::{ArtifactFault, BUNDLE_ARTIFACT_TYPE, CHUNKS_ARTIFACT_TYPE, RegistryError};

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
/// oras keeps its own unfinished files here.
const INGEST: &str = "ingest";
const VERSION: &str = "1.0.0";
const MARKER_LIMITS: Limits = Limits::new(4096, 4);

/// Most manifests that one question (which model, which referrers) reads.
pub const MAX_CANDIDATES: u64 = 10_000;
/// Most bytes of manifests that one question reads.
pub const MAX_CANDIDATE_BYTES: u64 = 256 * 1024 * 1024;

/// An OCI image layout on disk.
///
/// The folder is opened once and held: what is renamed over its path later is not looked at.
#[derive(Debug)]
pub struct Layout {
    root: Folder,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens an existing layout.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is no such folder; `E-LAYOUT` when it is not a layout; `E-UNSUPPORTED` when it is of
    /// another version than 1.0.0.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let root = Folder::open(path)?.ok_or_else(|| RegistryError::NotFound { path: path.to_owned() })?;
        let layout = Self { root };
        layout.check()?;
        Ok(layout)
    }

    /// Opens a layout for writing, making it (and its parent folders) when there is none, and removes what writers
    /// that died have left.
    ///
    /// # Errors
    /// As [`Layout::open`]; `E-LAYOUT` when the folder holds other things; `E-OUTPUT` when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, RegistryError> {
        let root = if let Some(root) = Folder::open(path)? {
            root
        } else {
            fs::create_dir_all(path)
                .map_err(|source| RegistryError::Write { path: path.to_owned(), source })?;
            Folder::open(path)?.ok_or_else(|| RegistryError::NotFound { path: path.to_owned() })?
        };
        let layout = Self { root };
        let lock = layout.root.lock()?;
        if matches!(layout.root.file(MARKER)?, Found::Absent) {
            layout.furnish()?;
        }
        drop(lock);
        layout.check()?;
        layout.root.sweep()?;
        blobs::folder(&layout.root)?.sweep()?;
        Ok(layout)
    }

    /// The folder, as it was named.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Makes what is missing of a layout, the marker last: a folder with a marker is whole.
    fn furnish(&self) -> Result<(), RegistryError> {
        let ours = [BLOBS_NAME, INDEX.as_bytes(), INGEST.as_bytes()];
        for name in self.root.names()? {
            let name = name.to_bytes();
            if !ours.contains(&name) && !name.starts_with(TEMPORARY.as_bytes()) {
                let detail = format!("it has no {MARKER} file, but holds other files");
                return Err(self.not_a_layout(detail));
            }
        }
        blobs::folder(&self.root)?;
        if matches!(self.root.file(INDEX)?, Found::Absent) {
            self.replace(INDEX, &Index::new().to_bytes()?)?;
        }
        self.replace(MARKER, &lacre_json::to_vec(&Marker { image_layout_version: VERSION.to_owned() }))
    }

    fn check(&self) -> Result<(), RegistryError> {
        let bytes = self.document(MARKER, MARKER_LIMITS.bytes as u64)?;
        let marker: Marker = lacre_json::from_slice(&bytes, MARKER_LIMITS)
            .map_err(|source| RegistryError::Json { document: MARKER.to_owned(), source })?;
        if marker.image_layout_version != VERSION {
            let found = marker.image_layout_version;
            return Err(RegistryError::Unsupported { what: "an image layout of version", found });
        }
        self.index().map(drop)
    }

    fn index(&self) -> Result<Index, RegistryError> {
        Index::parse(&self.document(INDEX, MAX_MANIFEST)?)
    }

    /// Reads a file in the layout's own folder.
    fn document(&self, name: &str, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let (file, size) = match self.root.file(name)? {
            Found::Absent => return Err(self.not_a_layout(format!("it has no {name} file"))),
            Found::Other(kind) => return Err(self.not_a_layout(format!("{name} is a {kind}"))),
            Found::File(file, size) => (file, size),
        };
        let mut bytes = Vec::new();
        let read = file.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|source| RegistryError::Read { path: self.path().join(name), source })?;
        if bytes.len() as u64 > limit {
            let size = size.max(bytes.len() as u64);
            return Err(RegistryError::TooLarge { document: name.to_owned(), size, limit });
        }
        Ok(bytes)
    }

    /// Replaces a file in the layout's own folder, durably.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let mut file = self.root.temporary()?;
        file.write(bytes)?;
        file.publish(name)?;
        self.root.sync()
    }

    /// Changes the index under the lock.
    fn list(&self, listing: &Descriptor, tag: Option<&Tag>) -> Result<(), RegistryError> {
        let _lock = self.root.lock()?;
        self.list_locked(&self.index()?, listing, tag)
    }

    fn list_locked(
        &self,
        before: &Index,
        listing: &Descriptor,
        tag: Option<&Tag>,
    ) -> Result<(), RegistryError> {
        let mut after = before.clone();
        after.list(listing, tag);
        if after == *before { Ok(()) } else { self.replace(INDEX, &after.to_bytes()?) }
    }

    /// Stores a manifest that nothing leads to yet, and gives how the index is to list it.
    fn put_unlisted(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, RegistryError> {
        if media_type != IMAGE_MANIFEST {
            return Err(RegistryError::Unsupported {
                what: "a manifest of media type",
                found: media_type.to_owned(),
            });
        }
        let descriptor = Descriptor::of(IMAGE_MANIFEST, bytes);
        let Descriptor { digest, size, .. } = descriptor;
        if size > MAX_MANIFEST {
            let document = format!("manifest sha256:{digest}");
            return Err(RegistryError::TooLarge { document, size, limit: MAX_MANIFEST });
        }
        let manifest = ImageManifest::parse(bytes, &digest)?;
        if let Some(found) = manifest.media_type.as_deref().filter(|&found| found != IMAGE_MANIFEST) {
            return Err(ArtifactFault::MediaType { found: found.to_owned() }.into());
        }
        manifest.refers_to(&digest).map_err(|detail| RegistryError::Referrer { digest, detail })?;
        for blob in std::iter::once(&manifest.config).chain(manifest.layers()) {
            let blob = blob.clone().into_descriptor();
            let blob = blob.map_err(|found| RegistryError::Unsupported { what: "a blob:", found })?;
            if self.has_blob(&blob)? == Presence::Absent {
                return Err(RegistryError::BlobMissing { digest: blob.digest });
            }
        }
        blobs::put(&self.root, &descriptor, &bytes, &NoProgress)?;
        // The blobs' names must outlive a power cut before the index speaks of them.
        blobs::folder(&self.root)?.sync()?;
        Ok(manifest.listing(digest, size))
    }

    fn the_only_model(&self) -> Result<Descriptor, RegistryError> {
        let index = self.index()?;
        let mut candidates = index.manifests();
        candidates.retain(|(candidate, _)| {
            let listed = candidate.artifact_type.as_deref();
            !matches!(listed, Some(BUNDLE_ARTIFACT_TYPE | CHUNKS_ARTIFACT_TYPE))
        });
        affordable(&candidates)?;
        let mut found = Vec::new();
        for (descriptor, tag) in candidates {
            let manifest = ImageManifest::parse(&self.manifest(&descriptor)?, &descriptor.digest)?;
            let says_so = if manifest.stated_artifact_type() == Some(ENCRYPTED_ARTIFACT_TYPE) {
                Some(true)
            } else {
                ArtifactFormat::of(&manifest).ok().map(|format| format == ArtifactFormat::ModelPack)
            };
            if let (Some(says_so), true) = (says_so, manifest.subject.is_none()) {
                found.push((descriptor, tag, says_so));
            }
        }
        // What says that it is a model, before what may be anything.
        if found.iter().any(|(.., says_so)| *says_so) {
            found.retain(|(.., says_so)| *says_so);
        }
        let (mut tagged, mut untagged) = (Vec::new(), Vec::new());
        for (descriptor, tag, _) in found {
            match tag {
                Tagged::Yes => tagged.push(descriptor),
                Tagged::No => untagged.push(descriptor),
            }
        }
        // A model whose tag moved on is an older version of the one that has the tag now.
        let mut models = if tagged.is_empty() { untagged } else { tagged };
        match (models.pop(), models.is_empty()) {
            (Some(model), true) => index.by_digest(&model.digest),
            (last, _) => {
                let found = models.len() + usize::from(last.is_some());
                let mut tags: Vec<String> = index
                    .tags()
                    .into_iter()
                    .filter(|(_, at)| models.iter().chain(&last).any(|model| model.digest == at.digest))
                    .map(|(tag, _)| tag.to_string())
                    .collect();
                tags.dedup();
                Err(RegistryError::NotOne { found, tags })
            }
        }
    }

    fn not_a_layout(&self, detail: String) -> RegistryError {
        RegistryError::NotALayout { path: self.path().to_owned(), detail }
    }
}

/// Artifact types of models.
const MODELS: [&str; 2] = [MODEL_ARTIFACT_TYPE, ENCRYPTED_ARTIFACT_TYPE];

const BLOBS_NAME: &[u8] = blobs::BLOBS.as_bytes();

impl Store for Layout {
    /// [`Target::Only`] finds the one model that has a tag, or, when no model has one, the one model. A digest is
    /// found when the index lists it.
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        match target {
            Target::Only => self.the_only_model(),
            Target::Tag(tag) => self.index()?.by_tag(tag),
            Target::Digest(digest) => self.index()?.by_digest(digest),
        }
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        Ok(self.index()?.tags())
    }

    /// A reader over the blob's own file, never reached through a link; [`BlobReader::into_file`] gives it.
    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        Ok(BlobReader::from_file(blobs::open(&self.root, descriptor)?, descriptor.size))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        blobs::presence(&self.root, descriptor)
    }

    /// A blob that is there already is hashed: it stays when its bytes are right, and is replaced when they are not.
    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError> {
        blobs::put(&self.root, descriptor, content, progress)
    }

    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError> {
        let listing = self.put_unlisted(media_type, bytes)?;
        self.list(&listing, tag)?;
        Ok(listing)
    }

    fn replace_manifest(
        &self,
        bytes: &[u8],
        tag: &Tag,
        before: Option<Sha256Digest>,
    ) -> Result<Descriptor, RegistryError> {
        let listing = self.put_unlisted(IMAGE_MANIFEST, bytes)?;
        let _lock = self.root.lock()?;
        let index = self.index()?;
        let standing = match index.by_tag(tag) {
            Ok(found) => Some(found.digest),
            Err(RegistryError::TagNotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        if standing != before {
            return Err(RegistryError::Conflict { place: tag.to_string() });
        }
        self.list_locked(&index, &listing, Some(tag))?;
        Ok(listing)
    }

    fn tag(&self, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
        let bytes = self.manifest(descriptor)?;
        let manifest = ImageManifest::parse(&bytes, &descriptor.digest)?;
        self.list(&manifest.listing(descriptor.digest, descriptor.size), Some(tag))
    }

    /// Reads every listed image manifest and looks at its `subject`; what the index says of artifact types is not
    /// trusted, but for leaving out the models of a store when another type is asked for.
    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let other_models = artifact_type.is_some_and(|wanted| !MODELS.contains(&wanted));
        let mut candidates = self.index()?.manifests();
        candidates.retain(|(candidate, _)| {
            let is_model = candidate.artifact_type.as_deref().is_some_and(|listed| MODELS.contains(&listed));
            candidate.digest != *subject && !(other_models && is_model)
        });
        affordable(&candidates)?;
        let mut referrers = Vec::new();
        for (descriptor, _) in candidates {
            let manifest = ImageManifest::parse(&self.manifest(&descriptor)?, &descriptor.digest)?;
            let digest = descriptor.digest;
            let refers =
                manifest.refers_to(subject).map_err(|detail| RegistryError::Referrer { digest, detail })?;
            if refers && artifact_type.is_none_or(|wanted| wanted == manifest.artifact_type()) {
                referrers.push(manifest.listing(digest, descriptor.size));
            }
        }
        Ok(referrers)
    }
}

/// Refuses a question that would read too much, before anything is read.
fn affordable(candidates: &[(Descriptor, Tagged)]) -> Result<(), RegistryError> {
    if candidates.len() as u64 > MAX_CANDIDATES {
        return Err(RegistryError::TooMany { what: "manifests to look at", limit: MAX_CANDIDATES });
    }
    let bytes = candidates.iter().fold(0_u64, |sum, (candidate, _)| sum.saturating_add(candidate.size));
    if bytes > MAX_CANDIDATE_BYTES {
        return Err(RegistryError::TooMany {
            what: "bytes of manifests to look at",
            limit: MAX_CANDIDATE_BYTES,
        });
    }
    Ok(())
}
