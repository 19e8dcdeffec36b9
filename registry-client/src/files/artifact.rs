//! A set as an OCI artifact: one manifest, one layer for each file, by the media types and the annotation that
//! `docker/attest` reads.
//!
//! The configuration repeats the small metadata, so that who comes with an older set needs three requests: manifest,
//! configuration, and the one target that changed. What it repeats counts only when it has its layer's digest.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

use super::{Budget, FileKind, FileName, FileSet, Files};
use crate::RegistryError;
use crate::descriptor::{Descriptor, IMAGE_MANIFEST};
use crate::image::{ImageManifest, WrittenManifest};
use crate::reference::{Tag, Target};
use crate::store::Store;

/// Artifact type of such a set, and media type of its configuration.
pub const FILES_ARTIFACT_TYPE: &str = "application/vnd.lacre.channel.v1+json";
/// Media type of a layer that holds metadata.
pub const TUF_METADATA_TYPE: &str = "application/vnd.tuf.metadata+json";
/// Media type of a layer that holds a target.
pub const TUF_TARGET_TYPE: &str = "application/vnd.tuf.target";

/// Names the file that a layer holds.
const FILE_NAME: &str = "tuf.io/filename";

/// Names the manifest that was there before.
const PREVIOUS: &str = "vnd.lacre.channel.previous";

/// The longest file that the configuration repeats.
const REPEATED: usize = 64 << 10;
/// The longest configuration.
const CONFIGURATION: usize = 1 << 20;

/// A set of files in a store.
pub struct ArtifactFiles<'a> {
    store: &'a dyn Store,
    manifest: Sha256Digest,
    previous: Option<Sha256Digest>,
    config: Descriptor,
    layers: BTreeMap<FileName, Descriptor>,
    repeated: OnceLock<BTreeMap<String, String>>,
}

/// The configuration: metadata by name, as it is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    files: BTreeMap<String, String>,
}

impl<'a> ArtifactFiles<'a> {
    /// Opens the set that `target` names.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it is no such set, or names a file twice; those of [`Store::resolve`] and [`Store::manifest`].
    pub fn open(store: &'a dyn Store, target: &Target) -> Result<Self, RegistryError> {
        let found = store.resolve(target)?;
        let bytes = store.manifest(&found)?;
        let manifest = ImageManifest::parse(&bytes, &found.digest)?;
        let mut layers = BTreeMap::new();
        for layer in manifest.layers() {
            let layer = layer.clone().into_descriptor().map_err(malformed)?;
            let kind = match layer.media_type.as_str() {
                TUF_METADATA_TYPE => FileKind::Metadata,
                TUF_TARGET_TYPE => FileKind::Target,
                _ => {
                    return Err(malformed(format!(
                        "a layer of type {}",
                        lacre_manifest::escape(&layer.media_type)
                    )));
                }
            };
            let name = layer.annotations.get(FILE_NAME).ok_or_else(|| malformed("a layer without a name"))?;
            let name = FileName::parse(kind, name)?;
            if let Some(_twice) = layers.insert(name, layer) {
                return Err(malformed("two layers of one name"));
            }
        }
        if layers.is_empty() {
            return Err(malformed("no layer"));
        }
        let previous = manifest
            .annotations()
            .get(PREVIOUS)
            .and_then(|text| text.strip_prefix("sha256:").map(Sha256Digest::from_hex));
        let previous = previous.transpose().map_err(|_| malformed("the digest of the set before is none"))?;
        let config = manifest.config.clone().into_descriptor().map_err(malformed)?;
        Ok(Self { store, manifest: found.digest, previous, config, layers, repeated: OnceLock::new() })
    }

    /// The manifest of the set that this one took the place of, as its writer says.
    pub fn previous(&self) -> Option<Sha256Digest> {
        self.previous
    }

    /// Stores `files` as one artifact and moves `tag` to it: readers see the old set or the new one. The tag has to
    /// stand at `before` still, or nowhere; the new manifest names it (`vnd.lacre.channel.previous`).
    ///
    /// # Errors
    /// `E-CONFLICT` when somebody else moved the tag; those of [`Store::put_blob`] and [`Store::replace_manifest`].
    pub fn put(
        store: &dyn Store,
        files: &Files,
        tag: &Tag,
        before: Option<Sha256Digest>,
    ) -> Result<Descriptor, RegistryError> {
        // Before anything is sent in vain.
        if store.standing(tag)? != before {
            return Err(RegistryError::Conflict { place: tag.to_string() });
        }
        let mut repeated = Configuration::default();
        let mut length = 0;
        for (name, bytes) in files {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            // Escaped, a text is at most six times as long.
            let fits = bytes.len() <= REPEATED && length + 6 * bytes.len() <= CONFIGURATION;
            if fits && name.kind() == FileKind::Metadata && !name.is_root() {
                length += 6 * bytes.len();
                repeated.files.insert(name.as_str().to_owned(), text.to_owned());
            }
        }
        let configuration = lacre_json::to_vec(&repeated);
        let config = Descriptor::of(FILES_ARTIFACT_TYPE, &configuration);
        let mut layers = Vec::with_capacity(files.len());
        for (name, bytes) in files {
            let media_type = match name.kind() {
                FileKind::Metadata => TUF_METADATA_TYPE,
                FileKind::Target => TUF_TARGET_TYPE,
            };
            let mut layer = Descriptor::of(media_type, bytes);
            store.put_blob(&layer, &bytes.as_slice(), &NoProgress)?;
            layer.annotations.insert(FILE_NAME.to_owned(), name.as_str().to_owned());
            layers.push(layer);
        }
        store.put_blob(&config, &configuration.as_slice(), &NoProgress)?;
        let manifest = lacre_json::to_vec(&WrittenManifest {
            schema_version: 2,
            media_type: IMAGE_MANIFEST,
            artifact_type: FILES_ARTIFACT_TYPE,
            config: &config,
            layers: &layers,
            subject: None,
            annotations: before
                .map(|before| (PREVIOUS.to_owned(), format!("sha256:{before}")))
                .into_iter()
                .collect(),
        });
        store.replace_manifest(&manifest, tag, before)
    }

    /// What the configuration repeats. A set of another maker has another configuration, which repeats nothing.
    fn repeated(&self) -> Result<&BTreeMap<String, String>, RegistryError> {
        if let Some(repeated) = self.repeated.get() {
            return Ok(repeated);
        }
        let found = if self.config.media_type == FILES_ARTIFACT_TYPE {
            let bytes = self.store.small_blob(&self.config, CONFIGURATION as u64)?;
            let document = format!("sha256:{}", self.config.digest);
            let read: Configuration = lacre_json::from_slice(&bytes, Limits::new(CONFIGURATION, 4))
                .map_err(|source| RegistryError::Json { document, source })?;
            read.files
        } else {
            BTreeMap::new()
        };
        Ok(self.repeated.get_or_init(|| found))
    }
}

impl FileSet for ArtifactFiles<'_> {
    fn read(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some(layer) = self.layers.get(name) else { return Ok(None) };
        if layer.size > limit {
            return Err(RegistryError::TooLarge { document: name.to_string(), size: layer.size, limit });
        }
        if name.kind() == FileKind::Metadata
            && !name.is_root()
            && layer.size <= REPEATED as u64
            && let Some(text) = self.repeated()?.get(name.as_str())
            && layer.prove(text.as_bytes()).is_ok()
        {
            return Ok(Some(text.clone().into_bytes()));
        }
        self.store.small_blob(layer, limit).map(Some)
    }

    fn digest(&self, name: &FileName) -> Option<Sha256Digest> {
        self.layers.get(name).map(|layer| layer.digest)
    }

    fn fingerprint(&self) -> Option<Sha256Digest> {
        Some(self.manifest)
    }

    fn all(&self) -> Result<Files, RegistryError> {
        let mut budget = Budget::new();
        let mut files = Files::new();
        for name in self.layers.keys() {
            let limit = budget.next("the set of files")?;
            if let Some(bytes) = self.read(name, limit)? {
                budget.spend(bytes.len());
                files.insert(name.clone(), bytes);
            }
        }
        Ok(files)
    }
}

fn malformed(detail: impl Into<String>) -> RegistryError {
    RegistryError::FileSet { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    fn name(kind: FileKind, text: &str) -> FileName {
        FileName::parse(kind, text).unwrap()
    }

    fn files() -> Files {
        [
            (name(FileKind::Metadata, "1.root.json"), b"{\"root\":1}".to_vec()),
            (name(FileKind::Metadata, "timestamp.json"), b"{\"a\":\"\\u0001\"}".to_vec()),
            (name(FileKind::Target, "channels/a/x.b.json"), vec![0xFF; 70_000]),
        ]
        .into()
    }

    #[test]
    fn a_set_comes_back_as_it_was_and_says_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let store = Layout::create(&folder.path().join("store")).unwrap();
        let tag = Tag::parse("stable").unwrap();
        let put = ArtifactFiles::put(&store, &files(), &tag, None).unwrap();
        let set = ArtifactFiles::open(&store, &Target::Tag(tag)).unwrap();
        assert_eq!(set.fingerprint(), Some(put.digest));
        assert_eq!(set.all().unwrap(), files());
        assert_eq!(set.read(&name(FileKind::Metadata, "2.root.json"), 10).unwrap(), None);
        assert_eq!(set.read(&name(FileKind::Metadata, "timestamp.json"), 4).unwrap_err().code(), "E-LIMIT");
    }

    #[test]
    fn a_set_takes_the_place_of_the_one_that_was_read_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Layout::create(&folder.path().join("store")).unwrap();
        let tag = Tag::parse("stable").unwrap();
        let first = ArtifactFiles::put(&store, &files(), &tag, None).unwrap();
        let mut next = files();
        next.insert(name(FileKind::Metadata, "2.root.json"), vec![1]);
        for elsewhere in [None, Some(Sha256Digest::of(b"another"))] {
            let refused = ArtifactFiles::put(&store, &next, &tag, elsewhere).unwrap_err();
            assert_eq!(refused.code(), "E-CONFLICT");
            assert_eq!(store.replace_manifest(b"{}", &tag, elsewhere).unwrap_err().code(), "E-JSON");
        }
        let second = ArtifactFiles::put(&store, &next, &tag, Some(first.digest)).unwrap();
        let set = ArtifactFiles::open(&store, &Target::Tag(tag.clone())).unwrap();
        assert_eq!((set.fingerprint(), set.previous()), (Some(second.digest), Some(first.digest)));
        let before = ArtifactFiles::open(&store, &Target::Digest(first.digest)).unwrap();
        assert_eq!((before.all().unwrap(), before.previous()), (files(), None));
        let bytes = store.manifest(&second).unwrap();
        let refused = store.replace_manifest(&bytes, &tag, Some(first.digest)).unwrap_err();
        assert_eq!(refused.code(), "E-CONFLICT");
    }

    #[test]
    fn what_the_configuration_repeats_otherwise_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let store = Layout::create(&folder.path().join("store")).unwrap();
        let tag = Tag::parse("stable").unwrap();
        ArtifactFiles::put(&store, &files(), &tag, None).unwrap();
        let set = ArtifactFiles::open(&store, &Target::Tag(tag)).unwrap();
        let forged = [("timestamp.json".to_owned(), "{\"a\":\"\\u0002\"}".to_owned())].into();
        set.repeated.set(forged).unwrap();
        let read = set.read(&name(FileKind::Metadata, "timestamp.json"), 100).unwrap();
        assert_eq!(read, files().get(&name(FileKind::Metadata, "timestamp.json")).cloned());
    }

    #[test]
    fn another_artifact_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Layout::create(&folder.path().join("store")).unwrap();
        let tag = Tag::parse("stable").unwrap();
        let put = ArtifactFiles::put(&store, &files(), &tag, None).unwrap();
        let good = String::from_utf8(store.manifest(&put).unwrap()).unwrap();
        for (from, to) in [
            (TUF_TARGET_TYPE, "application/octet-stream"),
            ("channels/a/x.b.json", "../x.json"),
            ("timestamp.json", "1.root.json"),
            ("tuf.io/filename", "title"),
        ] {
            let put = store.put_manifest(IMAGE_MANIFEST, good.replace(from, to).as_bytes(), None).unwrap();
            let refused = ArtifactFiles::open(&store, &Target::Digest(put.digest)).err().unwrap();
            assert_eq!(refused.code(), "E-ARTIFACT", "{from}");
        }
    }
}
