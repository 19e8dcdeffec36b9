//! Encrypted artifacts: an artifact with all that is attached to it, in an envelope that is an artifact itself.
//!
//! ```text
//! manifest (public) ─► layer 0: the index, encrypted ─► which blob is in which layer, which is the model, which refer to it
//!                  └─► layers 1…: the blobs (files, configuration, manifests, bundles, chunk lists), encrypted one by one
//! ```
//!
//! Each layer is an age file. The public manifest shows how many blobs there are and how long each one is, and nothing
//! else: no name, no digest of what is inside (a digest would confirm a guess), no order (the layers stand in the order
//! of their own digests). Both ways through the envelope are a [`Store`]: [`Sealing`] takes what a push puts, [`Revealed`] gives
//! what a pull asks for, so that neither a push nor a pull knows of it.
//!
//! Anybody who knows a recipient can make an envelope. **Nothing here says whose it is**: whoever reveals one has proven
//! its manifest before.

mod index;
mod revealed;
mod sealing;
mod spool;

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;

pub use self::revealed::Revealed;
pub use self::sealing::Sealing;
use crate::descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_MANIFEST};
use crate::image::{ImageManifest, WrittenManifest};
use crate::{ArtifactFault, RegistryError};

/// Artifact type of an encrypted artifact's manifest.
pub const ENCRYPTED_ARTIFACT_TYPE: &str = "application/vnd.lacre.encrypted.v1";
/// Media type of its layers: age files (C2SP `age.md`, version 1).
pub const ENCRYPTED_LAYER_TYPE: &str = "application/vnd.lacre.encrypted.layer.v1.age";

/// What the manifest of an encrypted artifact shows: its layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedArtifact {
    /// The index, encrypted.
    index: Descriptor,
    /// The blobs, encrypted, in the order of the index.
    layers: Vec<Descriptor>,
}

impl EncryptedArtifact {
    /// Whether this is the manifest of an encrypted artifact, well-formed or not.
    ///
    /// # Errors
    /// The codes of reading JSON.
    pub fn is_one(bytes: &[u8]) -> Result<bool, RegistryError> {
        let manifest = ImageManifest::parse(bytes, &Sha256Digest::of(bytes))?;
        Ok(manifest.stated_artifact_type() == Some(ENCRYPTED_ARTIFACT_TYPE))
    }

    /// Reads the manifest of an encrypted artifact.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it is another one; when it has no index; when a layer is of another type, names URLs, annotations
    /// or embeds its content; the codes of reading JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let manifest = ImageManifest::parse(bytes, &Sha256Digest::of(bytes))?;
        let stated = |text: Option<&str>| text.unwrap_or_default().to_owned();
        if manifest.media_type.as_deref() != Some(IMAGE_MANIFEST) {
            return Err(ArtifactFault::MediaType { found: stated(manifest.media_type.as_deref()) }.into());
        }
        if manifest.stated_artifact_type() != Some(ENCRYPTED_ARTIFACT_TYPE) {
            return Err(ArtifactFault::NotEncrypted { found: stated(manifest.stated_artifact_type()) }.into());
        }
        if manifest.config.media_type != EMPTY_CONFIG {
            return Err(ArtifactFault::ConfigType { found: manifest.config.media_type }.into());
        }
        let layers = manifest.layers().iter().enumerate().map(|(layer, wire)| {
            if wire.urls.is_some() {
                return Err(ArtifactFault::External { layer }.into());
            }
            if wire.data.is_some() {
                return Err(ArtifactFault::Embedded { layer }.into());
            }
            if wire.media_type != ENCRYPTED_LAYER_TYPE {
                return Err(ArtifactFault::LayerType { layer, found: wire.media_type.clone() }.into());
            }
            let blob = format!("layer {layer}");
            wire.clone()
                .into_descriptor()
                .map_err(|detail| RegistryError::from(ArtifactFault::Descriptor { blob, detail }))
        });
        let mut layers = layers.collect::<Result<Vec<_>, RegistryError>>()?.into_iter();
        let index = layers.next().ok_or(ArtifactFault::NoLayers)?;
        Ok(Self { index, layers: layers.collect() })
    }

    /// The bytes of its manifest.
    fn to_manifest(&self, config: &Descriptor) -> Vec<u8> {
        let layers: Vec<Descriptor> = std::iter::once(&self.index).chain(&self.layers).cloned().collect();
        lacre_json::to_vec(&WrittenManifest {
            schema_version: 2,
            media_type: IMAGE_MANIFEST,
            artifact_type: ENCRYPTED_ARTIFACT_TYPE,
            config,
            layers: &layers,
            subject: None,
            annotations: BTreeMap::new(),
        })
    }
}

/// Reads bytes as the index of an encrypted artifact; gives the code of the refusal.
pub fn fuzz_index(bytes: &[u8]) -> Option<&'static str> {
    index::Index::parse(bytes).err().map(|error| error.code())
}

#[cfg(test)]
mod tests;
