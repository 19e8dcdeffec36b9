//! A repository of an OCI registry (distribution specification 1.1).
//!
//! Several clients may work at once. A blob becomes visible only whole and with its digest proven, here and by the
//! registry; what a manifest lists is there before it. Referrers of registries without the referrers API stand in an
//! index under a tag that everybody rewrites; `fallback` says how nothing gets lost in it.

mod blobs;
mod fallback;
mod journal;
mod manifests;
mod pages;
mod referrers;
mod session;
mod tags;
mod upload;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_hash::{Progress, Sha256Digest};

use self::blobs::Parked;
use self::manifests::{Condition, Shelf};
use crate::RegistryError;
use crate::auth::Scope;
use crate::descriptor::Descriptor;
use crate::reference::{RegistryName, Repository, Tag, Target};
use crate::store::{BlobContent, BlobReader, Discovered, Presence, Put, Store};
use crate::transport::{RegistryOptions, Transport};

/// A repository of a registry.
///
/// Opening it opens no socket; the first question does.
pub struct Remote {
    transport: Arc<Transport>,
    repository: Repository,
    /// Repositories of the same registry that may hold the same blobs.
    sources: Vec<Repository>,
    pull: Scope,
    push: Scope,
    /// Blobs that were seen there.
    seen: Mutex<HashSet<Sha256Digest>>,
    shelf: Mutex<Shelf>,
    parked: Arc<Parked>,
}

impl Remote {
    /// The repository `repository` of `registry`.
    pub fn open(registry: &RegistryName, repository: &Repository, options: &RegistryOptions) -> Self {
        let repository = full_name(registry, repository);
        Self {
            transport: Arc::new(Transport::new(registry.clone(), options.clone())),
            sources: Vec::new(),
            pull: Scope::pull(repository.as_str()),
            push: Scope::push(repository.as_str()),
            repository,
            seen: Mutex::default(),
            shelf: Mutex::default(),
            parked: Arc::default(),
        }
    }

    /// Takes blobs from `source`, a repository of the same registry, where that holds them: they are not sent then.
    pub fn mount_from(mut self, source: Repository) -> Self {
        self.sources.push(source);
        self
    }

    /// The registry.
    pub fn registry(&self) -> &RegistryName {
        self.transport.name()
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// A place of this repository, below `/v2/`.
    fn place(&self, rest: &str) -> String {
        format!("{}/{rest}", self.repository)
    }

    fn note_seen(&self, digest: Sha256Digest) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    fn was_seen(&self, digest: &Sha256Digest) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}

/// Docker Hub's own images live below `library/`.
fn full_name(registry: &RegistryName, repository: &Repository) -> Repository {
    let hub = matches!(registry.host(), "docker.io" | "index.docker.io" | "registry-1.docker.io");
    if !hub || repository.as_str().contains('/') {
        return repository.clone();
    }
    Repository::parse(&format!("library/{repository}")).unwrap_or_else(|_| repository.clone())
}

/// Reads what registries answer, by one reader after another; the first code of those that refuse.
#[doc(hidden)]
pub fn fuzz_answer(bytes: &[u8]) -> Option<&'static str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Some(target) = pages::next_target(text) {
            assert!(text.contains(target));
        }
        // Its numbers are compared with what was asked for by whoever asked.
        let _ = blobs::content_range(text);
    }
    crate::transport::fuzz_errors(bytes);
    let outcomes = [referrers::ReferrerIndex::parse(bytes).map(drop), tags::parse(bytes).map(drop)];
    outcomes.into_iter().find_map(|outcome| Some(outcome.err()?.code()))
}

impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{}/{}", self.registry(), self.repository);
        formatter.debug_tuple("Remote").field(&name).finish()
    }
}

impl Store for Remote {
    /// [`Target::Only`] finds the one manifest that has tags. A tag is resolved by the bytes behind it: the digest is
    /// computed here, and must be the one that the registry names.
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        manifests::resolve(self, target)
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        tags::resolved(self)
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        manifests::proven(self, descriptor)
    }

    /// A stream that goes on behind a lost connection, where it stopped.
    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        blobs::open(self, descriptor, 0..descriptor.size)
    }

    fn blob_range(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        blobs::open(self, descriptor, range)
    }

    /// Asks the registry; that it has a blob of this size is its word.
    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        blobs::presence(self, descriptor)
    }

    /// A blob that the registry says it has, here or in a repository to mount from, is not sent; its content is not
    /// looked at then.
    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError> {
        upload::put(self, descriptor, content, progress)
    }

    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError> {
        manifests::put(self, media_type, bytes, tag, Condition::None)
    }

    fn replace_manifest(
        &self,
        bytes: &[u8],
        tag: &Tag,
        before: Option<Sha256Digest>,
    ) -> Result<Descriptor, RegistryError> {
        manifests::replace(self, bytes, tag, before)
    }

    fn tag(&self, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
        manifests::tag(self, descriptor, tag)
    }

    /// What the registry, or the fallback index, lists is only where to look: each listed manifest is fetched and says
    /// itself what it refers to.
    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        Ok(referrers::list(self, subject, artifact_type)?.referrers)
    }

    fn discover(&self, subject: &Sha256Digest) -> Result<Discovered, RegistryError> {
        referrers::list(self, subject, None)
    }
}
