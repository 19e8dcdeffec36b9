//! What is to be written of a model: known before the digests of its archives are, which follow from reading the files.

use lacre_hash::Sha256Digest;
use lacre_manifest::{Entry, Manifest, Shape};

use super::{ArtifactFormat, PackedLayer, container};
use crate::descriptor::Descriptor;
use crate::modelpack::{self, BuiltArtifact, LayerKind, ModelLayer};
use crate::tar::{Compression, Pack, Packable};
use crate::{ArtifactFault, RegistryError};

/// Files above which those that are no weights travel in archives: a manifest must stay below 4 MiB.
const MOST_LAYERS: usize = 5000;
/// An archive is closed before it grows beyond so many bytes: what breaks off is not worth a day.
const LARGE: u64 = 1024 * 1024 * 1024;

/// In which form a model is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WrittenFormat {
    /// CNCF `ModelPack`: one raw layer for each file. Above 5000 files, those that are no weights travel in archives.
    #[default]
    ModelPack,
    /// A container image with the files in `/models`, for whatever mounts or runs images.
    Image,
}

/// A model about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    format: WrittenFormat,
    files: Vec<ModelLayer>,
    packs: Vec<PlannedPack>,
}

/// An archive about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPack {
    /// The media type of its layer.
    pub media_type: &'static str,
    /// What it will hold.
    pub pack: Pack,
}

/// Decides which layers a model gets. The same files and the same shape always give the same ones.
///
/// # Errors
/// `E-ARTIFACT` when a size is not known, when a file stands in the place of the model's signature, which travels as a
/// referrer, or when a name means something else in an image.
pub fn plan(
    format: WrittenFormat,
    manifest: &Manifest,
    shape: Option<&Shape>,
) -> Result<Plan, RegistryError> {
    let layers = manifest.entries().iter().map(modelpack::layer).collect::<Result<Vec<_>, _>>()?;
    let executable =
        |layer: &ModelLayer| shape.is_some_and(|shape| shape.executable().binary_search(&layer.path).is_ok());
    let packable = |layer: &ModelLayer| Packable {
        path: layer.path.clone(),
        size: layer.descriptor.size,
        mode: if executable(layer) { 0o755 } else { 0o644 },
    };
    let (files, packs) = match format {
        WrittenFormat::Image => {
            let empty = shape.map(|shape| shape.empty_folders().to_vec()).unwrap_or_default();
            (Vec::new(), container::packs(layers.iter().map(packable).collect(), empty)?)
        }
        WrittenFormat::ModelPack if layers.len() > MOST_LAYERS => {
            let (files, packed): (Vec<_>, Vec<_>) =
                layers.into_iter().partition(|layer| LayerKind::of(&layer.path) == LayerKind::Weight);
            let kinds = [LayerKind::Code, LayerKind::Dataset, LayerKind::Doc, LayerKind::WeightConfig];
            let packs = kinds.into_iter().flat_map(|kind| {
                let of_kind = packed.iter().filter(move |layer| LayerKind::of(&layer.path) == kind);
                let packs = parts(of_kind.map(packable).collect()).into_iter().map(Pack::of_files);
                packs.map(move |pack| PlannedPack { media_type: kind.archive_type(), pack })
            });
            let packs = packs.collect();
            (files, packs)
        }
        WrittenFormat::ModelPack => (layers, Vec::new()),
    };
    Ok(Plan { format, files, packs })
}

/// Files in their order, cut before a part grows too large.
fn parts(files: Vec<Packable>) -> Vec<Vec<Packable>> {
    let mut parts: Vec<Vec<Packable>> = Vec::new();
    let mut size: u64 = 0;
    for file in files {
        let grown = size.saturating_add(file.size);
        match parts.last_mut() {
            Some(part) if grown <= LARGE => {
                part.push(file);
                size = grown;
            }
            _ => {
                size = file.size;
                parts.push(vec![file]);
            }
        }
    }
    parts
}

impl Plan {
    /// The files that are layers of their own.
    pub fn files(&self) -> &[ModelLayer] {
        &self.files
    }

    /// The archives.
    pub fn packs(&self) -> &[PlannedPack] {
        &self.packs
    }

    /// Writes configuration and manifest, now that the digests of the archives are known, one for each of
    /// [`packs`](Self::packs).
    ///
    /// # Errors
    /// `E-LIMIT` when the manifest would be above 4 MiB, saying how many of the layers fit; `E-ARTIFACT` when there is not
    /// one digest for each archive.
    pub fn build(
        &self,
        digests: &[Sha256Digest],
        name: &str,
        version: Option<&str>,
    ) -> Result<BuiltArtifact, RegistryError> {
        if digests.len() != self.packs.len() {
            return Err(ArtifactFault::ConfigLayers.into());
        }
        let (format, beneath) = match self.format {
            WrittenFormat::ModelPack => (ArtifactFormat::ModelPack, None),
            WrittenFormat::Image => (ArtifactFormat::Image, Some(container::FOLDER)),
        };
        let packs: Vec<PackedLayer> = self
            .packs
            .iter()
            .zip(digests)
            .zip(self.files.len()..)
            .map(|((planned, digest), position)| {
                let descriptor = Descriptor::new(planned.media_type, *digest, planned.pack.size());
                PackedLayer { descriptor, position, compression: Compression::None, beneath }
            })
            .collect();
        let diff_ids: Vec<Sha256Digest> =
            self.files.iter().map(|file| file.descriptor.digest).chain(digests.iter().copied()).collect();
        let config = match self.format {
            WrittenFormat::ModelPack => modelpack::config(&diff_ids, name, version),
            WrittenFormat::Image => container::config(&diff_ids, name, version),
        };
        modelpack::assemble(format, self.files.clone(), packs, config)
    }
}

/// The raw layers of a model.
pub(crate) fn raw(manifest: &Manifest) -> Result<Plan, RegistryError> {
    let files = manifest.entries().iter().map(|entry: &Entry| modelpack::layer(entry));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    Ok(Plan { format: WrittenFormat::ModelPack, files, packs: Vec::new() })
}

#[cfg(test)]
mod tests {
    use lacre_manifest::{Digests, EntryPath};

    use super::*;
    use crate::descriptor::MAX_MANIFEST;

    fn model(paths: impl IntoIterator<Item = String>) -> Manifest {
        let entry = |path: String| Entry {
            digests: Digests::Sha256 { sha256: Sha256Digest::of(path.as_bytes()), blake3: None },
            size: Some(path.len() as u64),
            path: EntryPath::parse(&path).unwrap(),
        };
        Manifest::new(paths.into_iter().map(entry).collect()).unwrap()
    }

    fn built(plan: &Plan) -> BuiltArtifact {
        let digests: Vec<_> = (0..plan.packs().len()).map(|at| Sha256Digest::of(&at.to_le_bytes())).collect();
        plan.build(&digests, "m", None).unwrap()
    }

    #[test]
    fn many_small_files_fit_into_a_manifest() {
        let names = |count: usize| {
            let small = (0..count).map(|at| format!("shard-{at:06}/tokenizer-with-a-long-name.json"));
            small.chain(["a.safetensors".to_owned(), "run.py".to_owned()])
        };
        let few = plan(WrittenFormat::ModelPack, &model(names(4998)), None).unwrap();
        assert_eq!((few.files().len(), few.packs().len()), (5000, 0));
        let many = plan(WrittenFormat::ModelPack, &model(names(40_000)), None).unwrap();
        assert_eq!((many.files().len(), many.packs().len()), (1, 2));
        let types: Vec<_> = many.packs().iter().map(|pack| pack.media_type).collect();
        assert_eq!(
            types,
            ["application/vnd.cncf.model.code.v1.tar", "application/vnd.cncf.model.weight.config.v1.tar"]
        );
        let artifact = built(&many);
        assert!((artifact.manifest.len() as u64) < MAX_MANIFEST);
        assert_eq!(crate::ModelArtifact::parse(&artifact.manifest).unwrap(), artifact.artifact);
        assert!(artifact.artifact.parse_config(&artifact.config).is_ok());
        assert!(many.build(&[], "m", None).is_err(), "a digest for each");
    }

    #[test]
    fn an_image_is_read_as_it_was_written() {
        let shape_of = model(["a.bin".to_owned(), "run.sh".to_owned()]);
        let path = |text: &str| EntryPath::parse(text).unwrap();
        let shape = Shape::new(&shape_of, vec![path("run.sh")], vec![path("empty")]).unwrap();
        let image = plan(WrittenFormat::Image, &shape_of, Some(&shape)).unwrap();
        let modes: Vec<_> =
            image.packs().iter().flat_map(|pack| pack.pack.files()).map(|file| file.mode).collect();
        assert_eq!(modes, [0o644, 0o755]);
        let artifact = built(&image);
        let read = crate::ModelArtifact::parse(&artifact.manifest).unwrap();
        assert_eq!(read, artifact.artifact);
        assert_eq!(read.format, ArtifactFormat::Image);
        assert_eq!(read.parse_config(&artifact.config).unwrap().name.as_deref(), Some("m"));
        assert_eq!(read.files().unwrap_err().code(), "E-PACKED");
        // Written out by hand from the image specification (manifest.md, config.md).
        let text = String::from_utf8(artifact.config).unwrap();
        let diff_ids: Vec<_> =
            read.packs.iter().map(|pack| format!(r#""sha256:{}""#, pack.descriptor.digest)).collect();
        let wanted = format!(
            r#"{{"architecture":"amd64","config":{{"Labels":{{"org.opencontainers.image.title":"m"}}}},"os":"linux","rootfs":{{"diff_ids":[{}],"type":"layers"}}}}"#,
            diff_ids.join(",")
        );
        assert_eq!(text, wanted);
        assert!(!String::from_utf8(artifact.manifest).unwrap().contains("artifactType"));
    }
}
