//! Manifests (distribution specification 1.1, "Pulling manifests", "Pushing Manifests").

use std::collections::VecDeque;
use std::sync::PoisonError;

use lacre_hash::Sha256Digest;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use serde::Deserialize;

use super::{Remote, fallback, tags};
use crate::descriptor::{
    AnyDigest, Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, JSON_LIMITS, MAX_MANIFEST, parse_digest,
};
use crate::image::ImageManifest;
use crate::reference::{Tag, Target};
use crate::store::{Presence, Store as _};
use crate::transport::{Answer, Payload, Place, Request};
use crate::{ArtifactFault, RegistryError};

/// Docker's forms of the same documents.
const DOCKER: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

const DIGEST: &str = "docker-content-digest";
const SUBJECT: &str = "oci-subject";

/// A manifest as a registry gave it; its digest was computed here.
pub(super) struct Fetched {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Vec<u8>,
    pub(super) etag: Option<String>,
}

/// Manifests that were proven a moment ago, so that nobody asks for them twice.
#[derive(Default)]
pub(super) struct Shelf {
    manifests: VecDeque<(Sha256Digest, Vec<u8>)>,
    bytes: usize,
}

impl Shelf {
    const MOST: usize = 64;
    const BYTES: usize = 8 * 1024 * 1024;

    fn put(&mut self, digest: Sha256Digest, bytes: &[u8]) {
        if self.get(&digest).is_some() {
            return;
        }
        self.bytes += bytes.len();
        self.manifests.push_back((digest, bytes.to_vec()));
        while self.manifests.len() > Self::MOST || self.bytes > Self::BYTES {
            let Some((_, oldest)) = self.manifests.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    fn get(&self, digest: &Sha256Digest) -> Option<&Vec<u8>> {
        self.manifests.iter().find(|(kept, _)| kept == digest).map(|(_, bytes)| bytes)
    }
}

pub(super) fn resolve(remote: &Remote, target: &Target) -> Result<Descriptor, RegistryError> {
    match target {
        Target::Only => the_only_one(remote),
        Target::Tag(tag) => match fetch(remote, tag.as_str())? {
            Some(found) => keep(remote, found),
            None => Err(no_such_tag(remote, tag)),
        },
        Target::Digest(digest) => match fetch(remote, &format!("sha256:{digest}"))? {
            Some(found) if found.descriptor.digest != *digest => {
                Err(RegistryError::BlobDigest { expected: *digest, actual: found.descriptor.digest })
            }
            Some(found) => keep(remote, found),
            None => Err(RegistryError::DigestNotFound { digest: *digest }),
        },
    }
}

/// A registry has no index of its models: with one tag it is clear which one is meant.
fn the_only_one(remote: &Remote) -> Result<Descriptor, RegistryError> {
    let mut tags: Vec<Tag> = tags::all(remote)?
        .unwrap_or_default()
        .iter()
        .filter(|tag| !fallback::is_ours(tag))
        .filter_map(|tag| Tag::parse(tag).ok())
        .collect();
    match (tags.pop(), tags.len()) {
        (Some(tag), 0) => resolve(remote, &Target::Tag(tag)),
        (last, _) => {
            tags.extend(last);
            let tags: Vec<String> = tags.iter().map(Tag::to_string).collect();
            Err(RegistryError::NotOne { found: tags.len(), tags })
        }
    }
}

/// The tags that are there help whoever mistyped one; where they are not told, it is still the tag that is missing.
fn no_such_tag(remote: &Remote, tag: &Tag) -> RegistryError {
    let tag = tag.to_string();
    match tags::all(remote) {
        Ok(Some(mut tags)) => {
            tags.retain(|tag| !fallback::is_ours(tag));
            RegistryError::TagNotFound { tag, tags }
        }
        Ok(None) | Err(_) => {
            RegistryError::NotInRepository { tag, repository: remote.repository.to_string() }
        }
    }
}

fn keep(remote: &Remote, found: Fetched) -> Result<Descriptor, RegistryError> {
    let Fetched { descriptor, bytes, .. } = found;
    let listing = if descriptor.media_type == IMAGE_MANIFEST {
        ImageManifest::parse(&bytes, &descriptor.digest)?.listing(descriptor.digest, descriptor.size)
    } else {
        descriptor
    };
    shelve(remote, listing.digest, &bytes);
    Ok(listing)
}

pub(super) fn shelve(remote: &Remote, digest: Sha256Digest, bytes: &[u8]) {
    remote.shelf.lock().unwrap_or_else(PoisonError::into_inner).put(digest, bytes);
}

/// The manifest of exactly this size and digest.
pub(super) fn proven(remote: &Remote, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
    let digest = descriptor.digest;
    if descriptor.size > MAX_MANIFEST {
        let document = format!("manifest sha256:{digest}");
        return Err(RegistryError::TooLarge { document, size: descriptor.size, limit: MAX_MANIFEST });
    }
    let kept = remote.shelf.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
    let bytes = match kept {
        Some(bytes) => bytes,
        None => match fetch(remote, &format!("sha256:{digest}"))? {
            Some(found) => found.bytes,
            None => return Err(RegistryError::BlobMissing { digest }),
        },
    };
    descriptor.prove(&bytes)?;
    shelve(remote, digest, &bytes);
    Ok(bytes)
}

/// What the registry has under a tag or digest; nothing when it has nothing there.
///
/// # Errors
/// `E-LIMIT` above 4 MiB; `E-ARTIFACT` when the document says another media type than the answer; `E-BLOB-DIGEST`
/// when the registry names another digest than the bytes have; `E-REGISTRY` for what is no manifest.
pub(super) fn fetch(remote: &Remote, reference: &str) -> Result<Option<Fetched>, RegistryError> {
    let place = remote.place(&format!("manifests/{reference}"));
    let accept = [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER[0], DOCKER[1]].join(", ");
    let request = Request::new(Method::GET, Place::Below(&place), &remote.pull).header(ACCEPT, accept);
    let answer = remote.transport.send(&request)?;
    match answer.status() {
        200 => read(answer).map(Some),
        404 => Ok(None),
        _ => Err(answer.refusal()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    media_type: Option<String>,
}

fn read(answer: Answer) -> Result<Fetched, RegistryError> {
    let told = answer.told().clone();
    let header = answer.media_type();
    let named = answer.header(DIGEST).map(parse_digest).transpose();
    let named = named.map_err(|_| told.protocol("names a digest that is none"))?;
    let etag = answer.header(ETAG.as_str()).map(str::to_owned);
    let known = |kind: &str| [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER[0], DOCKER[1]].contains(&kind);
    if let Some(kind) = header.as_deref().filter(|kind| !known(kind)) {
        let kind = lacre_manifest::escape(kind);
        return Err(told.protocol(format!("answered with {kind}, not with a manifest")));
    }
    let bytes = answer.small(MAX_MANIFEST)?;
    let digest = Sha256Digest::of(&bytes);
    if let Some(AnyDigest::Sha256(named)) = named
        && named != digest
    {
        return Err(RegistryError::BlobDigest { expected: named, actual: digest });
    }
    let stated: Stated = lacre_json::from_slice(&bytes, JSON_LIMITS)
        .map_err(|source| RegistryError::Json { document: format!("manifest sha256:{digest}"), source })?;
    let media_type = match (header, stated.media_type) {
        (Some(header), Some(stated)) if header != stated => {
            return Err(ArtifactFault::MediaTypesDiffer { header, stated }.into());
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return Err(told.protocol("does not say what kind of manifest this is")),
    };
    Ok(Fetched { descriptor: Descriptor::new(&media_type, digest, bytes.len() as u64), bytes, etag })
}

pub(super) fn put(
    remote: &Remote,
    media_type: &str,
    bytes: &[u8],
    tag: Option<&Tag>,
    condition: Condition,
) -> Result<Descriptor, RegistryError> {
    if media_type != IMAGE_MANIFEST {
        let found = media_type.to_owned();
        return Err(RegistryError::Unsupported { what: "a manifest of media type", found });
    }
    let Descriptor { digest, size, .. } = Descriptor::of(IMAGE_MANIFEST, bytes);
    if size > MAX_MANIFEST {
        let document = format!("manifest sha256:{digest}");
        return Err(RegistryError::TooLarge { document, size, limit: MAX_MANIFEST });
    }
    let manifest = ImageManifest::parse(bytes, &digest)?;
    if let Some(found) = manifest.media_type.as_deref().filter(|&found| found != IMAGE_MANIFEST) {
        return Err(ArtifactFault::MediaType { found: found.to_owned() }.into());
    }
    let subject = manifest.subject_digest().map_err(|detail| RegistryError::Referrer { digest, detail })?;
    for blob in std::iter::once(&manifest.config).chain(manifest.layers()) {
        let blob = blob.clone().into_descriptor();
        let blob = blob.map_err(|found| RegistryError::Unsupported { what: "a blob:", found })?;
        if !remote.was_seen(&blob.digest) && remote.has_blob(&blob)? == Presence::Absent {
            return Err(RegistryError::BlobMissing { digest: blob.digest });
        }
    }
    let listing = manifest.listing(digest, size);
    let reference = tag.map_or_else(|| format!("sha256:{digest}"), Tag::to_string);
    let knows_referrers = match write(remote, media_type, bytes, &reference, condition)? {
        Written::Done { subject } => subject,
        Written::Overtaken => return Err(RegistryError::Conflict { place: reference }),
    };
    if let Some(subject) = subject {
        match knows_referrers {
            Some(named) if named == subject => {}
            _ => fallback::add(remote, &subject, &listing, bytes)?,
        }
    }
    shelve(remote, digest, bytes);
    Ok(listing)
}

/// Moves `tag` to a manifest, if it stands where it stood. Registries that ignore conditions are compared with before
/// and after: so whoever was overwritten at once at least learns of it.
pub(super) fn replace(
    remote: &Remote,
    bytes: &[u8],
    tag: &Tag,
    before: Option<Sha256Digest>,
) -> Result<Descriptor, RegistryError> {
    let conflict = || RegistryError::Conflict { place: tag.to_string() };
    let found = fetch(remote, tag.as_str())?;
    if found.as_ref().map(|found| found.descriptor.digest) != before {
        return Err(conflict());
    }
    let condition = match found {
        Some(Fetched { etag: Some(etag), .. }) => Condition::Unchanged(etag),
        Some(_) => Condition::None,
        None => Condition::Absent,
    };
    let put = put(remote, IMAGE_MANIFEST, bytes, Some(tag), condition)?;
    let after = fetch(remote, tag.as_str())?.map(|found| found.descriptor.digest);
    if after == Some(put.digest) { Ok(put) } else { Err(conflict()) }
}

/// Under which condition a tag is moved (RFC 9110, section 13.1).
pub(super) enum Condition {
    None,
    /// Nothing stands there.
    Absent,
    /// What stands there is still this.
    Unchanged(String),
}

/// What became of writing a manifest.
pub(super) enum Written {
    /// It stands there. A registry that keeps referrers names the subject.
    Done { subject: Option<Sha256Digest> },
    /// The condition did not hold.
    Overtaken,
}

/// Writes a manifest under a tag or digest.
pub(super) fn write(
    remote: &Remote,
    media_type: &str,
    bytes: &[u8],
    reference: &str,
    condition: Condition,
) -> Result<Written, RegistryError> {
    let place = remote.place(&format!("manifests/{reference}"));
    let mut request = Request::new(Method::PUT, Place::Below(&place), &remote.push)
        .header(CONTENT_TYPE, media_type)
        .payload(Payload::Bytes(bytes));
    match condition {
        Condition::None => {}
        Condition::Absent => request = request.header(IF_NONE_MATCH, "*"),
        Condition::Unchanged(etag) => request = request.header(IF_MATCH, etag),
    }
    let answer = remote.transport.send(&request)?;
    match answer.status() {
        200..=202 => {}
        412 => return Ok(Written::Overtaken),
        _ => return Err(answer.refusal()),
    }
    let (told, digest) = (answer.told(), Sha256Digest::of(bytes));
    if let Some(AnyDigest::Sha256(named)) = answer.header(DIGEST).and_then(|text| parse_digest(text).ok())
        && named != digest
    {
        return Err(told.protocol(format!("stored it as sha256:{named}, and it is sha256:{digest}")));
    }
    let subject = answer.header(SUBJECT).and_then(|text| match parse_digest(text) {
        Ok(AnyDigest::Sha256(digest)) => Some(digest),
        _ => None,
    });
    Ok(Written::Done { subject })
}

pub(super) fn tag(remote: &Remote, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
    let bytes = proven(remote, descriptor)?;
    write(remote, &descriptor.media_type, &bytes, tag.as_str(), Condition::None).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_holds_the_newest_and_little() {
        let mut shelf = Shelf::default();
        let large = vec![7; Shelf::BYTES / 2 + 1];
        let digest = |text: &str| Sha256Digest::of(text.as_bytes());
        shelf.put(digest("a"), &large);
        shelf.put(digest("b"), &large);
        assert!(shelf.get(&digest("a")).is_none() && shelf.get(&digest("b")).is_some());
        for number in 0..100 {
            shelf.put(digest(&number.to_string()), b"x");
        }
        assert_eq!(shelf.manifests.len(), Shelf::MOST);
        assert_eq!(shelf.bytes, Shelf::MOST);
    }
}
