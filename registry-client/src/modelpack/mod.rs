//! Model artifacts: CNCF `ModelPack` (`modelpack/model-spec`, `docs/spec.md`) with one raw layer for each file, so that
//! a layer's digest is its file's SHA-256.

mod build;
mod kind;

use lacre_hash::Sha256Digest;
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use serde::Deserialize;

pub use self::build::{BuiltArtifact, build};
pub use self::kind::LayerKind;
use crate::descriptor::{Descriptor, IMAGE_MANIFEST, JSON_LIMITS, WireDescriptor};
use crate::encrypted::ENCRYPTED_ARTIFACT_TYPE;
use crate::image::ImageManifest;
use crate::{ArtifactFault, RegistryError};

/// Artifact type of a model's manifest.
pub const MODEL_ARTIFACT_TYPE: &str = "application/vnd.cncf.model.manifest.v1+json";
/// Media type of a model's configuration.
pub const MODEL_CONFIG_TYPE: &str = "application/vnd.cncf.model.config.v1+json";

/// `ModelPack`'s annotation for a layer's path.
const FILEPATH: &str = "org.cncf.model.filepath";
/// ORAS's annotation for the same.
const TITLE: &str = "org.opencontainers.image.title";
/// Where a model's own signature stands once it is pulled.
const SIGNATURE: &str = "model.sig";

/// What a model artifact holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelArtifact {
    /// The configuration.
    pub config: Descriptor,
    /// The files, in the manifest's order. At least one; no two paths are one file on any file system.
    pub layers: Vec<ModelLayer>,
}

/// One file of a model artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLayer {
    /// Where it lies in the model.
    pub path: EntryPath,
    /// The blob: the file's SHA-256 and size.
    pub descriptor: Descriptor,
}

/// What a model's configuration says of it. Nothing of it is proven unless the manifest's digest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// `descriptor.name`.
    pub name: Option<String>,
    /// `descriptor.version`.
    pub version: Option<String>,
}

impl ModelArtifact {
    /// Reads the manifest of a model artifact.
    ///
    /// # Errors
    /// `E-ENCRYPTED` when it is encrypted; `E-ARTIFACT` when it is of another media type, artifact type or configuration type; when it has no layers;
    /// when a layer is not a raw `ModelPack` layer, names no path or two, names URLs or embeds its content; or when a
    /// layer stands in the place of the model's signature, which travels as a referrer. `E-PATH`, `E-DUPLICATE-NAME`
    /// and `E-NAME-COLLISION` for the paths; `E-JSON`, `E-DUPLICATE-KEY` and `E-LIMIT` for the text.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let manifest = ImageManifest::parse(bytes, &Sha256Digest::of(bytes))?;
        let found = |text: Option<&str>| text.unwrap_or_default().to_owned();
        if manifest.media_type.as_deref() != Some(IMAGE_MANIFEST) {
            return Err(ArtifactFault::MediaType { found: found(manifest.media_type.as_deref()) }.into());
        }
        if manifest.stated_artifact_type() == Some(ENCRYPTED_ARTIFACT_TYPE) {
            return Err(RegistryError::Encrypted { digest: Sha256Digest::of(bytes) });
        }
        if manifest.stated_artifact_type() != Some(MODEL_ARTIFACT_TYPE) {
            let found = found(manifest.stated_artifact_type());
            return Err(ArtifactFault::ArtifactType { found }.into());
        }
        if manifest.config.media_type != MODEL_CONFIG_TYPE {
            return Err(ArtifactFault::ConfigType { found: manifest.config.media_type }.into());
        }
        let config = descriptor(&manifest.config, || "its configuration".to_owned())?;
        let layers =
            manifest.layers().iter().enumerate().map(layer).collect::<Result<Vec<_>, RegistryError>>()?;
        if layers.is_empty() {
            return Err(ArtifactFault::NoLayers.into());
        }
        let artifact = Self { config, layers };
        artifact.files()?;
        Ok(artifact)
    }

    /// The files as a manifest: paths, sizes and SHA-256 digests, no BLAKE3.
    ///
    /// # Errors
    /// None for an artifact that [`ModelArtifact::parse`] gave; else the codes of [`Manifest::new`].
    pub fn files(&self) -> Result<Manifest, RegistryError> {
        let entry = |layer: &ModelLayer| Entry {
            path: layer.path.clone(),
            size: Some(layer.descriptor.size),
            digests: Digests::Sha256 { sha256: layer.descriptor.digest, blake3: None },
        };
        Manifest::new(self.layers.iter().map(entry).collect())
            .map_err(|source| RegistryError::Files { source })
    }

    /// Reads this artifact's configuration.
    ///
    /// # Errors
    /// `E-BLOB-DIGEST` when the bytes are not the configuration's; `E-ARTIFACT` when it lists other layers; the codes
    /// of reading JSON.
    pub fn parse_config(&self, bytes: &[u8]) -> Result<ModelConfig, RegistryError> {
        self.config.prove(bytes)?;
        let config: WireConfig = lacre_json::from_slice(bytes, JSON_LIMITS).map_err(|source| {
            RegistryError::Json { document: format!("configuration sha256:{}", self.config.digest), source }
        })?;
        let layers = self.layers.iter().map(|layer| format!("sha256:{}", layer.descriptor.digest));
        if config.modelfs.kind != "layers" || !layers.eq(config.modelfs.diff_ids) {
            return Err(ArtifactFault::ConfigLayers.into());
        }
        Ok(ModelConfig { name: config.descriptor.name, version: config.descriptor.version })
    }
}

#[derive(Deserialize)]
struct WireConfig {
    descriptor: WireModel,
    modelfs: WireModelFs,
}

#[derive(Deserialize)]
struct WireModel {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireModelFs {
    #[serde(rename = "type")]
    kind: String,
    diff_ids: Vec<String>,
}

fn descriptor(wire: &WireDescriptor, blob: impl Fn() -> String) -> Result<Descriptor, RegistryError> {
    let fault = |detail: String| RegistryError::from(ArtifactFault::Descriptor { blob: blob(), detail });
    if wire.urls.is_some() || wire.data.is_some() {
        return Err(fault("its content may come from elsewhere (`urls` or `data`)".to_owned()));
    }
    wire.clone().into_descriptor().map_err(fault)
}

fn layer((layer, wire): (usize, &WireDescriptor)) -> Result<ModelLayer, RegistryError> {
    if wire.urls.is_some() {
        return Err(ArtifactFault::External { layer }.into());
    }
    if wire.data.is_some() {
        return Err(ArtifactFault::Embedded { layer }.into());
    }
    if LayerKind::from_media_type(&wire.media_type).is_none() {
        return Err(ArtifactFault::LayerType { layer, found: wire.media_type.clone() }.into());
    }
    let descriptor = descriptor(wire, || format!("layer {layer}"))?;
    let annotation = |key: &str| descriptor.annotations.get(key).map(String::as_str);
    let text = match (annotation(FILEPATH), annotation(TITLE)) {
        (None, None) => return Err(ArtifactFault::PathMissing { layer }.into()),
        (Some(filepath), Some(title)) if filepath != title => {
            let (filepath, title) = (filepath.to_owned(), title.to_owned());
            return Err(ArtifactFault::PathsDiffer { layer, filepath, title }.into());
        }
        (Some(text), _) | (None, Some(text)) => text,
    };
    let path = EntryPath::parse(text).map_err(|source| RegistryError::Path { layer, source })?;
    if is_signature_place(&path) {
        return Err(ArtifactFault::SignatureAsFile.into());
    }
    Ok(ModelLayer { path, descriptor })
}

/// Whether a file of this path would take the place of the pulled model's signature, on some file system.
fn is_signature_place(path: &EntryPath) -> bool {
    path.components().next().is_some_and(|first| first.eq_ignore_ascii_case(SIGNATURE))
}
