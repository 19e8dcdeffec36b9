//! The forms that models come in: which one a manifest is, and what each of its layers holds.
//!
//! | format | files |
//! |---|---|
//! | `ModelPack` (`modelpack/model-spec`) | raw layers by their annotations; archives |
//! | container image (image specification 1.1) | archives, below `models/` |
//! | `KitOps` `ModelKit` (`kitops-ml/kitops`, `pkg/lib/filesystem/tar.go`) | archives |
//! | Docker model (`docker/model-runner`, `pkg/distribution`) | raw layers by annotation or by their type; archives |
//! | Ollama (`ollama/ollama`, `manifest`) | raw layers by their type |
//! | ORAS (`oras-project/oras-go`, `content/file`) | raw layers by their title; folders as compressed archives |
//!
//! All of them become one thing: files whose digest the manifest tells, and archives of further files. Which files there
//! have to be is said by the signature alone, whatever the format.

mod container;
mod docker;
mod kitops;
mod ollama;
mod oras;
mod packed;
mod plan;

use lacre_manifest::EntryPath;

pub use self::container::IMAGE_CONFIG_TYPE;
pub(crate) use self::container::{labels, rootfs_fits};
pub(crate) use self::kitops::package;
pub use self::packed::LayerSource;
pub(crate) use self::plan::raw;
pub use self::plan::{Plan, PlannedPack, WrittenFormat, plan};
use crate::descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_MANIFEST, WireDescriptor};
use crate::image::ImageManifest;
use crate::modelpack::{self, MODEL_ARTIFACT_TYPE, MODEL_CONFIG_TYPE, ModelLayer};
use crate::tar::Compression;
use crate::{ArtifactFault, RegistryError};

/// `ModelPack`'s annotation for a layer's path.
pub(crate) const FILEPATH: &str = "org.cncf.model.filepath";
/// ORAS's annotation for the same.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// Docker's media type of an image manifest.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's media type of an image's configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// In which form an artifact holds a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactFormat {
    /// CNCF `ModelPack`.
    ModelPack,
    /// A container image with files in `/models`.
    Image,
    /// A `ModelKit`, as `kit pack` makes it.
    KitOps,
    /// A model of Docker's Model Runner.
    Docker,
    /// A model of Ollama.
    Ollama,
    /// Files, as `oras push` packs them.
    Oras,
}

impl ArtifactFormat {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ModelPack => "ModelPack",
            Self::Image => "container image",
            Self::KitOps => "KitOps ModelKit",
            Self::Docker => "Docker model",
            Self::Ollama => "Ollama model",
            Self::Oras => "ORAS",
        }
    }

    /// What a manifest is, by the types that it states.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it is none of them.
    pub(crate) fn of(manifest: &ImageManifest) -> Result<Self, ArtifactFault> {
        let config = manifest.config.media_type.as_str();
        let stated = manifest.stated_artifact_type().unwrap_or_default();
        let is_model_pack = stated == MODEL_ARTIFACT_TYPE || config == MODEL_CONFIG_TYPE;
        let ollama = |layer: &WireDescriptor| layer.media_type.starts_with(ollama::LAYER);
        let format = match config {
            _ if is_model_pack => Self::ModelPack,
            kitops::CONFIG => Self::KitOps,
            DOCKER_CONFIG if manifest.layers().iter().any(ollama) => Self::Ollama,
            IMAGE_CONFIG_TYPE => Self::Image,
            _ if docker::CONFIGS.contains(&config) => Self::Docker,
            EMPTY_CONFIG | oras::UNKNOWN_CONFIG => Self::Oras,
            _ if stated.is_empty() => return Err(ArtifactFault::ConfigType { found: config.to_owned() }),
            _ => return Err(ArtifactFault::ArtifactType { found: stated.to_owned() }),
        };
        let media_type = manifest.media_type.as_deref();
        let fits = match format {
            Self::ModelPack => media_type == Some(IMAGE_MANIFEST),
            Self::Ollama => matches!(media_type, Some(DOCKER_MANIFEST | IMAGE_MANIFEST)),
            // What KitOps and others leave out is said by the store.
            _ => media_type.is_none_or(|found| found == IMAGE_MANIFEST),
        };
        if !fits {
            return Err(ArtifactFault::MediaType { found: media_type.unwrap_or_default().to_owned() });
        }
        Ok(format)
    }

    /// What a layer of this format holds.
    pub(crate) fn layers(self, manifest: &ImageManifest) -> Result<Vec<Part>, RegistryError> {
        match self {
            Self::ModelPack => each(manifest, modelpack::part),
            Self::Image => each(manifest, container::part),
            Self::KitOps => each(manifest, kitops::part),
            Self::Docker => docker::parts(manifest),
            Self::Ollama => ollama::parts(manifest),
            Self::Oras => each(manifest, oras::part),
        }
    }
}

/// A layer that holds several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedLayer {
    /// The blob.
    pub descriptor: Descriptor,
    /// Position in the manifest's layers, from 0.
    pub position: usize,
    /// How it is compressed.
    pub compression: Compression,
    /// The folder that all its files lie in, which is not part of their paths.
    pub beneath: Option<&'static str>,
}

/// What a layer holds.
pub(crate) enum Part {
    File(ModelLayer),
    Archive(PackedLayer),
}

/// Reads layers that say all there is to know of them.
fn each(
    manifest: &ImageManifest,
    part: fn(usize, &WireDescriptor) -> Result<Part, RegistryError>,
) -> Result<Vec<Part>, RegistryError> {
    manifest.layers().iter().enumerate().map(|(layer, wire)| part(layer, wire)).collect()
}

/// The blob of a layer, which comes from the store and from nowhere else.
pub(crate) fn blob(layer: usize, wire: &WireDescriptor) -> Result<Descriptor, RegistryError> {
    if wire.urls.is_some() {
        return Err(ArtifactFault::External { layer }.into());
    }
    if wire.data.is_some() {
        return Err(ArtifactFault::Embedded { layer }.into());
    }
    let fault = |detail| ArtifactFault::Descriptor { blob: format!("layer {layer}"), detail };
    Ok(wire.clone().into_descriptor().map_err(fault)?)
}

/// The path that a layer's annotations say, if they say one.
pub(crate) fn annotated(layer: usize, descriptor: &Descriptor) -> Result<Option<EntryPath>, RegistryError> {
    let annotation = |key: &str| descriptor.annotations.get(key).map(String::as_str);
    match (annotation(FILEPATH), annotation(TITLE)) {
        (None, None) => Ok(None),
        (Some(filepath), Some(title)) if filepath != title => {
            let (filepath, title) = (filepath.to_owned(), title.to_owned());
            Err(ArtifactFault::PathsDiffer { layer, filepath, title }.into())
        }
        (Some(text), _) | (None, Some(text)) => path(layer, text).map(Some),
    }
}

/// A file at `text`, where a file of a model can lie.
pub(crate) fn path(layer: usize, text: &str) -> Result<EntryPath, RegistryError> {
    let path = EntryPath::parse(text).map_err(|source| RegistryError::Path { layer, source })?;
    if modelpack::is_signature_place(&path) {
        return Err(ArtifactFault::SignatureAsFile.into());
    }
    Ok(path)
}

/// A layer of a type that the format does not know.
pub(crate) fn unknown(layer: usize, wire: &WireDescriptor) -> RegistryError {
    ArtifactFault::LayerType { layer, found: wire.media_type.clone() }.into()
}

/// An archive whose media type ends with `suffix`, behind `.tar`.
pub(crate) fn archive(
    layer: usize,
    wire: &WireDescriptor,
    suffix: &str,
    beneath: Option<&'static str>,
) -> Result<Part, RegistryError> {
    let compression = match suffix {
        "" => Compression::None,
        "+gzip" => Compression::Gzip,
        "+zstd" => {
            return Err(RegistryError::Unsupported { what: "the compression", found: "zstd".to_owned() });
        }
        _ => return Err(unknown(layer, wire)),
    };
    let descriptor = blob(layer, wire)?;
    Ok(Part::Archive(PackedLayer { descriptor, position: layer, compression, beneath }))
}
