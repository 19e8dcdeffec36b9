//! Writing a model artifact.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_manifest::{Entry, Manifest};

use super::{
    LayerKind, MODEL_ARTIFACT_TYPE, MODEL_CONFIG_TYPE, ModelArtifact, ModelLayer, is_signature_place,
};
use crate::descriptor::{Descriptor, IMAGE_MANIFEST, MAX_MANIFEST};
use crate::formats::{ArtifactFormat, FILEPATH, IMAGE_CONFIG_TYPE, PackedLayer, TITLE, raw};
use crate::image::WrittenManifest;
use crate::{ArtifactFault, RegistryError};

/// A model artifact, ready to be stored: first the blobs of its layers and its configuration, then its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltArtifact {
    /// What the manifest lists: the files in the order of the paths, then the archives.
    pub artifact: ModelArtifact,
    /// The bytes of the configuration, whose descriptor is the artifact's `config`.
    pub config: Vec<u8>,
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
}

impl BuiltArtifact {
    /// Describes the manifest.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::of(IMAGE_MANIFEST, &self.manifest);
        let artifact_type = match self.artifact.format {
            ArtifactFormat::Image => IMAGE_CONFIG_TYPE,
            _ => MODEL_ARTIFACT_TYPE,
        };
        descriptor.artifact_type = Some(artifact_type.to_owned());
        descriptor
    }
}

/// Builds the artifact of a model: one raw layer for each file, whose digest is the file's SHA-256, in the order of
/// the paths. The same files, name and version always give the same bytes: no time stands in them.
///
/// # Errors
/// `E-LIMIT` when the manifest would be above 4 MiB, saying how many of the files fit; `E-ARTIFACT` when a size is
/// not known, or when a file stands in the place of the model's signature, which travels as a referrer.
pub fn build(manifest: &Manifest, name: &str, version: Option<&str>) -> Result<BuiltArtifact, RegistryError> {
    raw(manifest)?.build(&[], name, version)
}

/// Writes the manifest of these layers: first the files, then the archives.
pub(crate) fn assemble(
    format: ArtifactFormat,
    layers: Vec<ModelLayer>,
    packs: Vec<PackedLayer>,
    config_bytes: Vec<u8>,
) -> Result<BuiltArtifact, RegistryError> {
    let (artifact_type, config_type) = match format {
        ArtifactFormat::Image => ("", IMAGE_CONFIG_TYPE),
        _ => (MODEL_ARTIFACT_TYPE, MODEL_CONFIG_TYPE),
    };
    let config = Descriptor::of(config_type, &config_bytes);
    let files = layers.iter().map(|layer| &layer.descriptor);
    let descriptors: Vec<Descriptor> =
        files.chain(packs.iter().map(|pack| &pack.descriptor)).cloned().collect();
    let bytes = lacre_json::to_vec(&WrittenManifest {
        schema_version: 2,
        media_type: IMAGE_MANIFEST,
        artifact_type,
        config: &config,
        layers: &descriptors,
        subject: None,
        annotations: BTreeMap::new(),
    });
    let size = bytes.len() as u64;
    if size > MAX_MANIFEST {
        let fit = how_many_fit(&descriptors, size);
        return Err(RegistryError::TooManyFiles { files: descriptors.len(), fit, size, limit: MAX_MANIFEST });
    }
    let artifact = ModelArtifact { format, config, layers, packs };
    Ok(BuiltArtifact { artifact, config: config_bytes, manifest: bytes })
}

/// The raw layer of a file.
pub(crate) fn layer(entry: &Entry) -> Result<ModelLayer, RegistryError> {
    let path = &entry.path;
    if is_signature_place(path) {
        return Err(ArtifactFault::SignatureAsFile.into());
    }
    let size = entry.size.ok_or_else(|| ArtifactFault::SizeUnknown { path: path.to_string() })?;
    let sha256 = entry.sha256().ok_or_else(|| ArtifactFault::DigestUnknown { path: path.to_string() })?;
    let mut descriptor = Descriptor::new(LayerKind::of(path).media_type(), *sha256, size);
    for key in [FILEPATH, TITLE] {
        descriptor.annotations.insert(key.to_owned(), path.as_str().to_owned());
    }
    Ok(ModelLayer { path: path.clone(), descriptor })
}

/// The configuration (`ModelPack` `docs/config.md`): only what is known for sure of every model. No layer is compressed,
/// so each is its own uncompressed content.
pub(crate) fn config(diff_ids: &[Sha256Digest], name: &str, version: Option<&str>) -> Vec<u8> {
    // ModelPack's schema wants a name to have a character.
    let descriptor: BTreeMap<&str, &str> =
        [("name", Some(name).filter(|name| !name.is_empty())), ("version", version)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
    let diff_ids: Vec<String> = diff_ids.iter().map(|digest| format!("sha256:{digest}")).collect();
    lacre_json::to_vec(&serde_json::json!({
        "descriptor": descriptor,
        "config": {},
        "modelfs": { "type": "layers", "diffIds": diff_ids },
    }))
}

/// How many layers, from the first, a manifest within the limit holds, when all of them need `size` bytes.
fn how_many_fit(layers: &[Descriptor], size: u64) -> usize {
    let lengths: Vec<u64> = layers.iter().map(|layer| lacre_json::to_vec(layer).len() as u64 + 1).collect();
    let mut rest = size - lengths.iter().sum::<u64>();
    lengths
        .iter()
        .take_while(|&&length| {
            rest += length;
            rest <= MAX_MANIFEST
        })
        .count()
}

#[cfg(test)]
mod tests {
    use lacre_manifest::{Digests, EntryPath};

    use super::*;

    fn model(paths: impl IntoIterator<Item = String>) -> Manifest {
        let entry = |path: String| Entry {
            digests: Digests::Sha256 { sha256: Sha256Digest::of(path.as_bytes()), blake3: None },
            size: Some(path.len() as u64),
            path: EntryPath::parse(&path).unwrap(),
        };
        Manifest::new(paths.into_iter().map(entry).collect()).unwrap()
    }

    // The texts are written out by hand from ModelPack's specification (docs/spec.md, docs/config.md).
    #[test]
    fn writes_the_specified_documents() {
        let built = build(&model(["b.txt".to_owned(), "a.gguf".to_owned()]), "org/m", Some("1.0")).unwrap();
        let (a, b) = (Sha256Digest::of(b"a.gguf"), Sha256Digest::of(b"b.txt"));
        let config = format!(
            r#"{{"config":{{}},"descriptor":{{"name":"org/m","version":"1.0"}},"modelfs":{{"diffIds":["sha256:{a}","sha256:{b}"],"type":"layers"}}}}"#
        );
        assert_eq!(String::from_utf8(built.config.clone()).unwrap(), config);
        let layer = |path: &str, digest, kind: &str| {
            format!(
                r#"{{"annotations":{{"org.cncf.model.filepath":"{path}","org.opencontainers.image.title":"{path}"}},"digest":"sha256:{digest}","mediaType":"application/vnd.cncf.model.{kind}.v1.raw","size":{}}}"#,
                path.len()
            )
        };
        let manifest = format!(
            r#"{{"artifactType":"application/vnd.cncf.model.manifest.v1+json","config":{{"digest":"sha256:{}","mediaType":"application/vnd.cncf.model.config.v1+json","size":{}}},"layers":[{},{}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}}"#,
            Sha256Digest::of(config.as_bytes()),
            config.len(),
            layer("a.gguf", a, "weight"),
            layer("b.txt", b, "weight.config"),
        );
        assert_eq!(String::from_utf8(built.manifest.clone()).unwrap(), manifest);
        assert_eq!(built.descriptor().digest, Sha256Digest::of(manifest.as_bytes()));
        let again = build(&model(["a.gguf".to_owned(), "b.txt".to_owned()]), "org/m", Some("1.0")).unwrap();
        assert_eq!(again, built);
    }

    #[test]
    fn says_how_many_files_fit() {
        let many = |count: usize| model((0..count).map(|index| format!("part-{index:06}.safetensors")));
        let error = build(&many(20_000), "m", None).unwrap_err();
        assert_eq!(error.code(), "E-LIMIT");
        let RegistryError::TooManyFiles { files, fit, limit, .. } = error else { panic!("{error:?}") };
        assert_eq!((files, limit), (20_000, 4_194_304));
        // The configuration's descriptor is longer by the digits of its size when there are more files; the names and
        // thus the layers are all of one length.
        let most = build(&many(fit), "m", None).unwrap();
        assert!(most.manifest.len() as u64 <= limit);
        assert_eq!(build(&many(fit + 1), "m", None).unwrap_err().code(), "E-LIMIT");
    }

    #[test]
    fn a_signature_is_never_a_layer() {
        for path in ["model.sig", "Model.SIG", "model.sig/x"] {
            let error = build(&model([path.to_owned()]), "m", None).unwrap_err();
            assert_eq!(error.code(), "E-ARTIFACT", "{path}");
        }
        assert!(build(&model(["sub/model.sig".to_owned()]), "m", None).is_ok());
        let mut entry = model(["a".to_owned()]).entries().to_vec();
        entry[0].size = None;
        assert_eq!(build(&Manifest::new(entry).unwrap(), "m", None).unwrap_err().code(), "E-ARTIFACT");
    }
}
