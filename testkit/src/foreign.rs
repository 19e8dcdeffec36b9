//! Models as other tools pack them, written from their sources: manifests with the members, types and annotations that
//! they write, in an image layout that is written by hand.
//!
//! | | where the facts are from |
//! |---|---|
//! | ORAS | `oras-project/oras-go` `content/file`, and what `oras push` wrote here |
//! | KitOps | `kitops-ml/kitops` `pkg/lib/filesystem/{local-storage,tar}.go`, `docs` (no `mediaType` in the manifest) |
//! | Docker | `docker/model-runner` `pkg/distribution/{types/config.go,internal/bundle/unpack.go}` |
//! | Ollama | `ollama/ollama` `manifest` |
//! | image | OCI image specification 1.1 |

use std::fs;
use std::path::Path;

use lacre_hash::Sha256Digest;
use serde_json::{Value, json};

use crate::archive::gzip;
use crate::registry::Registry;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// An artifact in the making.
#[derive(Debug, Clone)]
pub struct Foreign {
    manifest: Value,
    media_type: &'static str,
    blobs: Vec<Vec<u8>>,
}

impl Foreign {
    /// What `oras push` makes, without layers yet.
    pub fn oras() -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI,
            "artifactType": "application/vnd.unknown.artifact.v1",
            "annotations": { "org.opencontainers.image.created": "2026-11-23T03:01:18Z" },
        });
        let mut artifact = Self::new(manifest, OCI).config("application/vnd.oci.empty.v1+json", b"{}");
        artifact.manifest["config"]["data"] = "e30=".into();
        artifact
    }

    /// What `kit pack` makes.
    pub fn kitops() -> Self {
        let kitfile = br#"{"manifestVersion":"1.0.0","package":{"name":"mini","version":"1.0.0"},"model":{"path":"model.safetensors"}}"#;
        Self::new(json!({ "schemaVersion": 2 }), OCI)
            .config("application/vnd.kitops.modelkit.config.v1+json", kitfile)
    }

    /// What `docker model package` makes.
    pub fn docker() -> Self {
        let config =
            br#"{"config":{"format":"gguf"},"descriptor":{},"rootfs":{"type":"rootfs","diff_ids":[]}}"#;
        Self::new(json!({ "schemaVersion": 2, "mediaType": OCI }), OCI)
            .config("application/vnd.docker.ai.model.config.v0.1+json", config)
    }

    /// What `ollama push` makes.
    pub fn ollama() -> Self {
        let config = br#"{"model_format":"gguf","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
        Self::new(json!({ "schemaVersion": 2, "mediaType": DOCKER }), DOCKER)
            .config("application/vnd.docker.container.image.v1+json", config)
    }

    /// A container image.
    pub fn image() -> Self {
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        Self::new(json!({ "schemaVersion": 2, "mediaType": OCI }), OCI)
            .config("application/vnd.oci.image.config.v1+json", config)
    }

    /// A `ModelPack` artifact. Nothing reads its configuration here.
    pub fn model_pack() -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI,
            "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        });
        Self::new(manifest, OCI).config("application/vnd.cncf.model.config.v1+json", b"{}")
    }

    fn new(mut manifest: Value, media_type: &'static str) -> Self {
        manifest["layers"] = json!([]);
        Self { manifest, media_type, blobs: Vec::new() }
    }

    fn config(mut self, media_type: &str, bytes: &[u8]) -> Self {
        self.manifest["config"] = self.blob(media_type, bytes);
        self
    }

    /// A layer of this type.
    pub fn layer(self, media_type: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.annotated(media_type, bytes, &[])
    }

    /// A layer of this type with annotations.
    pub fn annotated(
        mut self,
        media_type: &str,
        bytes: impl AsRef<[u8]>,
        annotations: &[(&str, &str)],
    ) -> Self {
        let mut layer = self.blob(media_type, bytes.as_ref());
        for (key, value) in annotations {
            layer["annotations"][key] = (*value).into();
        }
        self.manifest["layers"].as_array_mut().unwrap().push(layer);
        self
    }

    /// A file as ORAS pushes it.
    pub fn titled(self, title: &str, bytes: impl AsRef<[u8]>) -> Self {
        let annotations = [("org.opencontainers.image.title", title)];
        self.annotated("application/vnd.oci.image.layer.v1.tar", bytes, &annotations)
    }

    /// A folder as ORAS pushes it, given as the archive of it.
    pub fn titled_folder(self, title: &str, archive: impl AsRef<[u8]>) -> Self {
        let digest = format!("sha256:{}", sha256(archive.as_ref()));
        let annotations = [
            ("io.deis.oras.content.digest", digest.as_str()),
            ("io.deis.oras.content.unpack", "true"),
            ("org.opencontainers.image.title", title),
        ];
        self.annotated("application/vnd.oci.image.layer.v1.tar+gzip", gzip(archive), &annotations)
    }

    /// Changes the manifest.
    pub fn edit(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.manifest);
        self
    }

    /// The bytes of the manifest.
    pub fn manifest(&self) -> Vec<u8> {
        self.manifest.to_string().into_bytes()
    }

    /// Makes an image layout in `folder` that holds this artifact as `v1`.
    pub fn write(&self, folder: &Path) {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let manifest = self.manifest();
        for blob in self.blobs.iter().chain([&manifest]) {
            fs::write(blobs.join(sha256(blob)), blob).unwrap();
        }
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let listed = json!({
            "mediaType": self.media_type,
            "digest": format!("sha256:{}", sha256(&manifest)),
            "size": manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": "v1" },
        });
        let index = json!({ "schemaVersion": 2, "manifests": [listed] });
        fs::write(folder.join("index.json"), index.to_string()).unwrap();
    }

    /// Puts this artifact into a registry, as `v1`.
    pub fn put(&self, registry: &Registry, repository: &str) {
        for blob in &self.blobs {
            registry.put_blob(repository, blob);
        }
        let digest = registry.put_manifest(repository, self.media_type, &self.manifest());
        registry.tag(repository, "v1", &digest);
    }

    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        self.blobs.push(bytes.to_vec());
        json!({ "mediaType": media_type, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_string()
}
