//! Model artifacts, of whatever format, and the one that Lacre writes: CNCF `ModelPack` (`modelpack/model-spec`,
//! `docs/spec.md`) with one raw layer for each file, so that a layer's digest is its file's SHA-256.

mod build;
mod kind;

use lacre_hash::Sha256Digest;
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use serde::Deserialize;

pub use self::build::{BuiltArtifact, build};
pub(crate) use self::build::{assemble, config, layer};
pub use self::kind::LayerKind;
use crate::descriptor::{Descriptor, JSON_LIMITS, WireDescriptor};
use crate::encrypted::ENCRYPTED_ARTIFACT_TYPE;
use crate::formats::{self, ArtifactFormat, PackedLayer, Part};
use crate::image::ImageManifest;
use crate::tar::Compression;
use crate::{ArtifactFault, RegistryError};

/// Artifact type of a model's manifest.
pub const MODEL_ARTIFACT_TYPE: &str = "application/vnd.cncf.model.manifest.v1+json";
/// Media type of a model's configuration.
pub const MODEL_CONFIG_TYPE: &str = "application/vnd.cncf.model.config.v1+json";

/// The empty configuration, embedded in a descriptor.
const EMPTY_EMBEDDED: &str = "e30=";
/// Where a model's own signature stands once it is pulled.
const SIGNATURE: &str = "model.sig";

/// What a model artifact holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelArtifact {
    /// In which form it holds it.
    pub format: ArtifactFormat,
    /// The configuration.
    pub config: Descriptor,
    /// The files that are layers of their own, in the manifest's order. No two paths are one file on any file system.
    pub layers: Vec<ModelLayer>,
    /// The archives, in the manifest's order. There is at least one layer or archive.
    pub packs: Vec<PackedLayer>,
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
    /// Reads the manifest of a model artifact of any format.
    ///
    /// # Errors
    /// `E-ENCRYPTED` when it is encrypted.
    /// `E-ARTIFACT` when it is of another media type, artifact type or configuration type; when it refers to something
    /// else; when it has no layers; when a layer is none of its format's, names no path or two, names URLs or embeds its
    /// content; or when a layer stands in the place of the model's signature, which travels as a referrer. `E-UNSUPPORTED`
    /// for a compression that is not read. `E-PATH`, `E-DUPLICATE-NAME` and `E-NAME-COLLISION` for the paths; `E-JSON`,
    /// `E-DUPLICATE-KEY` and `E-LIMIT` for the text.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let manifest = ImageManifest::parse(bytes, &Sha256Digest::of(bytes))?;
        if manifest.stated_artifact_type() == Some(ENCRYPTED_ARTIFACT_TYPE) {
            return Err(RegistryError::Encrypted { digest: Sha256Digest::of(bytes) });
        }
        let format = ArtifactFormat::of(&manifest)?;
        let found = |text: Option<&str>| text.unwrap_or_default().to_owned();
        if format == ArtifactFormat::ModelPack {
            if manifest.stated_artifact_type() != Some(MODEL_ARTIFACT_TYPE) {
                let found = found(manifest.stated_artifact_type());
                return Err(ArtifactFault::ArtifactType { found }.into());
            }
            if manifest.config.media_type != MODEL_CONFIG_TYPE {
                return Err(ArtifactFault::ConfigType { found: manifest.config.media_type }.into());
            }
        } else if manifest.subject.is_some() {
            return Err(ArtifactFault::Refers.into());
        }
        let mut stated = manifest.config.clone();
        // ORAS embeds the empty configuration, which is the same everywhere; nobody reads it here.
        stated.data.take_if(|data| format == ArtifactFormat::Oras && data == EMPTY_EMBEDDED);
        let config = descriptor(&stated, || "its configuration".to_owned())?;
        let (mut layers, mut packs) = (Vec::new(), Vec::new());
        for part in format.layers(&manifest)? {
            match part {
                Part::File(layer) => layers.push(layer),
                Part::Archive(pack) => packs.push(pack),
            }
        }
        if layers.is_empty() && packs.is_empty() {
            return Err(ArtifactFault::NoLayers.into());
        }
        let artifact = Self { format, config, layers, packs };
        if !artifact.layers.is_empty() {
            artifact.raw_files()?;
        }
        Ok(artifact)
    }

    /// The files as a manifest: paths, sizes and SHA-256 digests, no BLAKE3.
    ///
    /// # Errors
    /// `E-PACKED` when there are archives, whose files the manifest does not tell. None otherwise for an artifact that
    /// [`ModelArtifact::parse`] gave; else the codes of [`Manifest::new`].
    pub fn files(&self) -> Result<Manifest, RegistryError> {
        if !self.packs.is_empty() {
            return Err(ArtifactFault::Packed { layers: self.packs.len() }.into());
        }
        self.raw_files()
    }

    fn raw_files(&self) -> Result<Manifest, RegistryError> {
        let entry = |layer: &ModelLayer| Entry {
            path: layer.path.clone(),
            size: Some(layer.descriptor.size),
            digests: Digests::Sha256 { sha256: layer.descriptor.digest, blake3: None },
        };
        Manifest::new(self.layers.iter().map(entry).collect())
            .map_err(|source| RegistryError::Files { source })
    }

    /// The digest of each layer's uncompressed content, in the manifest's order, where the manifest tells it.
    fn diff_ids(&self) -> Vec<Option<Sha256Digest>> {
        let mut files = self.layers.iter().map(|layer| Some(layer.descriptor.digest));
        let mut packs = self.packs.iter().peekable();
        (0..self.layers.len() + self.packs.len())
            .filter_map(|position| match packs.next_if(|pack| pack.position == position) {
                Some(pack) => Some((pack.compression == Compression::None).then_some(pack.descriptor.digest)),
                None => files.next(),
            })
            .collect()
    }

    /// Reads this artifact's configuration.
    ///
    /// # Errors
    /// `E-BLOB-DIGEST` when the bytes are not the configuration's; `E-ARTIFACT` when it lists other layers; the codes
    /// of reading JSON.
    pub fn parse_config(&self, bytes: &[u8]) -> Result<ModelConfig, RegistryError> {
        self.config.prove(bytes)?;
        let json = |source| RegistryError::Json {
            document: format!("configuration sha256:{}", self.config.digest),
            source,
        };
        let (config, fits) = match self.format {
            ArtifactFormat::ModelPack => {
                let config: WireConfig = lacre_json::from_slice(bytes, JSON_LIMITS).map_err(json)?;
                let modelfs = config.modelfs;
                let fits = modelfs.kind == "layers" && lists(&modelfs.diff_ids, &self.diff_ids());
                (ModelConfig { name: config.descriptor.name, version: config.descriptor.version }, fits)
            }
            ArtifactFormat::Image => {
                let fits = formats::rootfs_fits(bytes, &self.diff_ids()).map_err(json)?;
                (formats::labels(bytes).map_err(json)?, fits)
            }
            ArtifactFormat::KitOps => (formats::package(bytes).map_err(json)?, true),
            // Theirs say nothing of name and version.
            ArtifactFormat::Docker | ArtifactFormat::Ollama | ArtifactFormat::Oras => {
                (ModelConfig { name: None, version: None }, true)
            }
        };
        if fits { Ok(config) } else { Err(ArtifactFault::ConfigLayers.into()) }
    }
}

/// Whether a configuration lists the digests of these layers, as far as they are known.
pub(crate) fn lists(diff_ids: &[String], layers: &[Option<Sha256Digest>]) -> bool {
    diff_ids.len() == layers.len()
        && diff_ids
            .iter()
            .zip(layers)
            .all(|(listed, layer)| layer.is_none_or(|digest| *listed == format!("sha256:{digest}")))
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

/// What a layer of `ModelPack` holds.
pub(crate) fn part(layer: usize, wire: &WireDescriptor) -> Result<Part, RegistryError> {
    if let Some(suffix) = LayerKind::archive_suffix(&wire.media_type) {
        return formats::archive(layer, wire, suffix, None);
    }
    if LayerKind::from_media_type(&wire.media_type).is_none() {
        return Err(formats::unknown(layer, wire));
    }
    let descriptor = formats::blob(layer, wire)?;
    let path = formats::annotated(layer, &descriptor)?.ok_or(ArtifactFault::PathMissing { layer })?;
    Ok(Part::File(ModelLayer { path, descriptor }))
}

/// Whether a file of this path would take the place of the pulled model's signature, on some file system.
pub(crate) fn is_signature_place(path: &EntryPath) -> bool {
    path.components().next().is_some_and(|first| first.eq_ignore_ascii_case(SIGNATURE))
}
