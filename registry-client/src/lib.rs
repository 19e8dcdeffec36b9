//! Where it is kept: OCI registries, and image layouts behind the same interface; model artifacts, referrers, and both in
//! encrypted artifacts.
//!
//! ```text
//! Reference ─► Store (Layout, Remote) ─► Descriptor ─► manifest ─► ModelArtifact: one raw layer = one file
//!                                             │                      └─► PackedLayer: an archive of several
//!                                             └─► referrers ─► SignatureReferrer ─► bundle
//! ```
//!
//! This crate moves bytes and proves digests; it does not know what a signature means. Small documents come proven or
//! not at all; large blobs come with their size guarded, and the caller proves them while it takes them
//! ([`Store::blob`]). Every JSON text is read with limits of 4 MiB and 32 levels.
//!
//! The wire types are the crate's own, small and strict, instead of those of crate `oci-spec`, which takes objects
//! with duplicate keys and would have each caller look for `urls` and `data` anew.
//!
//! Specifications: OCI image specification 1.1 (`image-layout.md`, `manifest.md`, `descriptor.md`), OCI distribution
//! specification 1.1, CNCF `ModelPack`.
//!
//! ```
//! use lacre_hash::{NoProgress, Sha256Digest};
//! use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
//! use lacre_registry_client::{
//!     Descriptor, IMAGE_MANIFEST, Layout, ModelArtifact, Store, Tag, Target, build,
//! };
//!
//! let folder = tempfile::tempdir()?;
//! let store = Layout::create(&folder.path().join("store"))?;
//!
//! let weights = b"weights".as_slice();
//! let model = Manifest::new(vec![Entry {
//!     path: EntryPath::parse("model.safetensors")?,
//!     size: Some(7),
//!     digests: Digests::Sha256 { sha256: Sha256Digest::of(weights), blake3: None },
//! }])?;
//! let built = build(&model, "org/mini", Some("1.0.0"))?;
//! store.put_blob(&built.artifact.layers[0].descriptor, &weights, &NoProgress)?;
//! store.put_blob(&built.artifact.config, &built.config, &NoProgress)?;
//! store.put_manifest(IMAGE_MANIFEST, &built.manifest, Some(&Tag::parse("v1")?))?;
//!
//! let found: Descriptor = store.resolve(&Target::Only)?;
//! let artifact = ModelArtifact::parse(&store.manifest(&found)?)?;
//! assert_eq!(artifact.layers[0].path.as_str(), "model.safetensors");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod auth;
mod chunks;
mod descriptor;
mod encrypted;
mod error;
mod files;
mod formats;
mod image;
mod layout;
mod modelpack;
mod reference;
mod referrers;
mod remote;
mod store;
mod tar;
mod transport;

pub use auth::{AuthProblem, AuthRealm, Credentials};
pub use chunks::{CHUNKS_ARTIFACT_TYPE, ChunksReferrer, attach_chunks};
pub use descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST};
pub use encrypted::{ENCRYPTED_ARTIFACT_TYPE, ENCRYPTED_LAYER_TYPE, EncryptedArtifact, Revealed, Sealing};
pub use error::{ArtifactFault, CODES, RegistryError};
pub use files::{
    ArtifactFiles, FILES_ARTIFACT_TYPE, FileKind, FileName, FileSet, Files, FolderFiles, TUF_METADATA_TYPE,
    TUF_TARGET_TYPE, WebFiles,
};
pub use formats::{
    ArtifactFormat, IMAGE_CONFIG_TYPE, LayerSource, PackedLayer, Plan, PlannedPack, WrittenFormat, plan,
};
pub use image::Outline;
pub use layout::{Freed, Layout, MAX_CANDIDATE_BYTES, MAX_CANDIDATES};
pub use modelpack::{
    BuiltArtifact, LayerKind, MODEL_ARTIFACT_TYPE, MODEL_CONFIG_TYPE, ModelArtifact, ModelConfig, ModelLayer,
    build,
};
pub use reference::{Reference, RegistryName, Repository, Tag, Target};
pub use referrers::{
    BUNDLE_ARTIFACT_TYPE, BuiltReferrer, EMPTY_CONFIG_BYTES, SignatureReferrer, attach_signature,
    build_signature_referrer,
};
pub use remote::Remote;
pub use store::{BlobContent, BlobReader, Content, Discovered, Discovery, Presence, Put, Store};
pub use tar::{ArchiveFault, ArchiveReader, Compression, Pack, PackContent, Packable, Packed, Resized, Skip};
pub use transport::{RegistryOptions, RemoteFault, Retry};

/// Readers that stand behind the network, for the fuzz targets.
#[doc(hidden)]
pub mod readers_of_untrusted_bytes {
    pub use crate::auth::{fuzz_challenges, fuzz_docker_config};
    pub use crate::encrypted::fuzz_index;
    pub use crate::remote::fuzz_answer;
}
