//! Image manifests as they are found (image specification 1.1, `manifest.md`), before anything is demanded of them.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::RegistryError;
use crate::descriptor::{AnyDigest, Descriptor, IMAGE_MANIFEST, JSON_LIMITS, WireDescriptor, parse_digest};

/// An image manifest. Each reader demands of it what it relies on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    schema_version: u32,
    pub(crate) media_type: Option<String>,
    artifact_type: Option<String>,
    pub(crate) config: WireDescriptor,
    layers: Option<Vec<WireDescriptor>>,
    pub(crate) subject: Option<WireDescriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl ImageManifest {
    /// Reads the manifest of digest `digest`, which only messages use.
    pub(crate) fn parse(bytes: &[u8], digest: &Sha256Digest) -> Result<Self, RegistryError> {
        let manifest: Self = lacre_json::from_slice(bytes, JSON_LIMITS).map_err(|source| {
            RegistryError::Json { document: format!("manifest sha256:{digest}"), source }
        })?;
        if manifest.schema_version != 2 {
            let found = manifest.schema_version.to_string();
            return Err(RegistryError::Unsupported { what: "a manifest of schema version", found });
        }
        Ok(manifest)
    }

    /// The artifact type: the manifest's own, else its configuration's media type (distribution specification 1.1,
    /// "Listing Referrers").
    pub(crate) fn artifact_type(&self) -> &str {
        match self.artifact_type.as_deref() {
            None | Some("") => &self.config.media_type,
            Some(text) => text,
        }
    }

    /// The artifact type that the manifest itself states.
    pub(crate) fn stated_artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    pub(crate) fn layers(&self) -> &[WireDescriptor] {
        self.layers.as_deref().unwrap_or_default()
    }

    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.clone().unwrap_or_default()
    }

    /// Whether the manifest's `subject` is `digest`; an error's text when its subject is malformed.
    pub(crate) fn refers_to(&self, digest: &Sha256Digest) -> Result<bool, String> {
        Ok(self.subject_digest()? == Some(*digest))
    }

    /// The digest of the manifest's `subject`, if it is SHA-256; an error's text when it is malformed.
    pub(crate) fn subject_digest(&self) -> Result<Option<Sha256Digest>, String> {
        let Some(subject) = &self.subject else { return Ok(None) };
        match parse_digest(&subject.digest)? {
            AnyDigest::Sha256(found) => Ok(Some(found)),
            AnyDigest::Other => Ok(None),
        }
    }

    /// How an index lists this manifest: with its artifact type and its annotations.
    pub(crate) fn listing(&self, digest: Sha256Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: IMAGE_MANIFEST.to_owned(),
            digest,
            size,
            artifact_type: Some(self.artifact_type().to_owned()),
            annotations: self.annotations(),
        }
    }
}

/// What an image manifest of any kind says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its artifact type, or else the media type of its configuration.
    pub artifact_type: String,
    /// The manifest that it refers to, if that is named by a SHA-256.
    pub subject: Option<Sha256Digest>,
}

impl Outline {
    /// Reads an image manifest, of which nothing else is demanded.
    ///
    /// # Errors
    /// `E-ARTIFACT` when its subject is malformed; `E-UNSUPPORTED` and the codes of reading JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let digest = Sha256Digest::of(bytes);
        let manifest = ImageManifest::parse(bytes, &digest)?;
        let subject =
            manifest.subject_digest().map_err(|detail| RegistryError::Referrer { digest, detail })?;
        Ok(Self { artifact_type: manifest.artifact_type().to_owned(), subject })
    }
}

/// An image manifest as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenManifest<'a> {
    pub(crate) schema_version: u32,
    pub(crate) media_type: &'a str,
    /// Empty where the configuration's media type says it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) artifact_type: &'a str,
    pub(crate) config: &'a Descriptor,
    pub(crate) layers: &'a [Descriptor],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}
