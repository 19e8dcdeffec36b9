//! Chunk lists as a referrer: what lets whoever pulls prove each MiB of a file as it arrives.
//!
//! One layer holds the lists of all files that have one (those above 1 MiB with a signed BLAKE3 digest), one after the
//! other, in the order of the signed names; the signed sizes say where each ends. Nothing vouches for the layer, and
//! nothing has to: each list proves itself against the signed digest of its file.

use std::collections::BTreeMap;

use lacre_hash::{NoProgress, Sha256Digest};

use crate::RegistryError;
use crate::descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_MANIFEST};
use crate::image::WrittenManifest;
use crate::referrers::{EMPTY_CONFIG_BYTES, OneLayer, one_layer};
use crate::store::{Put, Store};

/// Artifact type of a referrer with chunk lists, and media type of its one layer.
pub const CHUNKS_ARTIFACT_TYPE: &str = "application/vnd.lacre.chunks.v1";

/// What a referrer with chunk lists says. Nothing of it is proven: each list proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunksReferrer {
    /// The manifest that it is attached to.
    pub subject: Sha256Digest,
    /// The lists.
    pub lists: Descriptor,
}

impl ChunksReferrer {
    /// Reads a referrer's manifest.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it is not an image manifest of type [`CHUNKS_ARTIFACT_TYPE`] with a subject and exactly one layer
    /// of that type, held in the store; the codes of reading JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let OneLayer { subject, layer: lists, .. } = one_layer(bytes, CHUNKS_ARTIFACT_TYPE)?;
        Ok(Self { subject, lists })
    }
}

/// Stores `lists` as a referrer of `subject`. The same lists give the same referrer, so a second time adds nothing.
///
/// # Errors
/// Those of [`Store::put_blob`] and [`Store::put_manifest`].
pub fn attach_chunks(
    store: &dyn Store,
    subject: &Descriptor,
    lists: &[u8],
) -> Result<Descriptor, RegistryError> {
    let mut config = Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES);
    config.artifact_type = Some(CHUNKS_ARTIFACT_TYPE.to_owned());
    let layer = Descriptor::of(CHUNKS_ARTIFACT_TYPE, lists);
    let manifest = lacre_json::to_vec(&WrittenManifest {
        schema_version: 2,
        media_type: IMAGE_MANIFEST,
        artifact_type: CHUNKS_ARTIFACT_TYPE,
        config: &config,
        layers: std::slice::from_ref(&layer),
        subject: Some(subject.plain()),
        annotations: BTreeMap::new(),
    });
    store.put_blob(&config, &EMPTY_CONFIG_BYTES, &NoProgress)?;
    let _: Put = store.put_blob(&layer, &lists, &NoProgress)?;
    store.put_manifest(IMAGE_MANIFEST, &manifest, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BUNDLE_ARTIFACT_TYPE, Layout};

    #[test]
    fn what_was_attached_is_found_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Layout::create(&folder.path().join("store")).unwrap();
        let subject = Descriptor::new(IMAGE_MANIFEST, Sha256Digest::of(b"model"), 5);
        let first = attach_chunks(&store, &subject, b"lists").unwrap();
        assert_eq!(attach_chunks(&store, &subject, b"lists").unwrap().digest, first.digest);
        let found = store.referrers(&subject.digest, Some(CHUNKS_ARTIFACT_TYPE)).unwrap();
        assert_eq!(found.len(), 1);
        let manifest = store.manifest(&found[0]).unwrap();
        let read = ChunksReferrer::parse(&manifest).unwrap();
        assert_eq!(read.subject, subject.digest);
        assert_eq!(store.small_blob(&read.lists, 5).unwrap(), b"lists");
        let text = String::from_utf8(manifest).unwrap().replace(CHUNKS_ARTIFACT_TYPE, BUNDLE_ARTIFACT_TYPE);
        assert_eq!(ChunksReferrer::parse(text.as_bytes()).unwrap_err().code(), "E-ARTIFACT");
    }
}
