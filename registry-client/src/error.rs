//! Why a reference, a store or an artifact was refused.

use std::io;
use std::path::PathBuf;

use lacre_encrypt::EncryptError;
use lacre_hash::Sha256Digest;
use lacre_json::JsonError;
use lacre_manifest::{ManifestError, PathError, escape};

use crate::auth::AuthProblem;
use crate::tar::ArchiveFault;
use crate::transport::RemoteFault;

/// Every code that [`RegistryError::code`] can return.
pub const CODES: &[&str] = &[
    "E-AGE-HEADER",
    "E-AGE-KEY",
    "E-ARCHIVE",
    "E-ARCHIVE-MEMBER",
    "E-ARTIFACT",
    "E-AUTH",
    "E-AUTH-REALM",
    "E-BLOB-DIGEST",
    "E-BLOB-MISSING",
    "E-CHALLENGE",
    "E-CIPHERTEXT",
    "E-CONFLICT",
    "E-CREDENTIAL-HELPER",
    "E-CREDENTIALS",
    "E-DENIED",
    "E-DUPLICATE-KEY",
    "E-DUPLICATE-NAME",
    "E-ENCRYPTED",
    "E-INTERRUPTED",
    "E-JSON",
    "E-LAYOUT",
    "E-LIMIT",
    "E-NAME-COLLISION",
    "E-NETWORK",
    "E-NOT-FOUND",
    "E-NOT-RECIPIENT",
    "E-OUTPUT",
    "E-PACKED",
    "E-PATH",
    "E-REDIRECT",
    "E-REFERENCE",
    "E-REFERENCE-NOT-FOUND",
    "E-REGISTRY",
    "E-SERVICE",
    "E-TLS-FILE",
    "E-UNREADABLE",
    "E-UNSUPPORTED",
    "E-USAGE",
];

/// Why a reference, a store or an artifact was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The tag stands at entries of the index that are different manifests.
    #[error("the index gives the tag {tag} to {manifests} different manifests")]
    AmbiguousTag {
        /// The tag.
        tag: String,
        /// How many manifests carry it.
        manifests: usize,
    },
    /// A layer that should be an archive of files is refused.
    #[error("the archive sha256:{digest}: {fault}")]
    Archive {
        /// The layer.
        digest: Sha256Digest,
        /// What is wrong with it.
        #[source]
        fault: ArchiveFault,
    },
    /// A name is none of a file in a set.
    #[error("{name:?} is no name of a file in a set")]
    FileName {
        /// The name, cut to 64 characters.
        name: String,
    },
    /// The artifact is none that holds a set of files.
    #[error("not the files of a channel: {detail}")]
    FileSet {
        /// What is wrong with it.
        detail: String,
    },
    /// The manifest is not a model artifact that is understood.
    #[error("not a model artifact: {fault}")]
    Artifact {
        /// What is wrong with it.
        fault: ArtifactFault,
    },
    /// A registry's demand for authentication could not be met.
    #[error("{}: {problem}", escape(.registry))]
    Auth {
        /// The registry, `HOST` or `HOST:PORT`.
        registry: String,
        /// Why.
        problem: AuthProblem,
    },
    /// A token service is named by something else than its host and port.
    #[error("\"{}\" names no token service: wanted is HOST or HOST:PORT", escape(.text))]
    AuthRealm {
        /// The text, cut to 256 characters.
        text: String,
    },
    /// The bytes of a blob do not have its digest.
    #[error("blob sha256:{expected} holds other bytes (sha256:{actual})")]
    BlobDigest {
        /// The digest of the descriptor.
        expected: Sha256Digest,
        /// The digest of the bytes.
        actual: Sha256Digest,
    },
    /// The content of a blob was not what it had been when its digest was made.
    #[error("the content of blob sha256:{digest} was changed: its BLAKE3 digest is another one now")]
    BlobChanged {
        /// The digest of the descriptor.
        digest: Sha256Digest,
    },
    /// What stands in a blob's place is not a regular file.
    #[error("blob sha256:{digest} is a {kind}, not a regular file")]
    BlobKind {
        /// The blob.
        digest: Sha256Digest,
        /// What was found.
        kind: &'static str,
    },
    /// The store does not hold the blob.
    #[error("blob sha256:{digest} is missing")]
    BlobMissing {
        /// The blob.
        digest: Sha256Digest,
    },
    /// A blob ends before its descriptor's size.
    #[error("blob sha256:{digest} ends before its {expected} bytes")]
    BlobShort {
        /// The blob.
        digest: Sha256Digest,
        /// Size of the descriptor, in bytes.
        expected: u64,
    },
    /// A blob is not of its descriptor's size.
    #[error("blob sha256:{digest} is not of {expected} bytes ({actual} found)")]
    BlobSize {
        /// The blob.
        digest: Sha256Digest,
        /// Size of the descriptor, in bytes.
        expected: u64,
        /// Bytes found; reading ends at one byte too many.
        actual: u64,
    },
    /// The content given for a blob cannot be opened or read.
    #[error("cannot read the content of blob sha256:{digest}")]
    Content {
        /// The blob.
        digest: Sha256Digest,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody else wrote to the same place meanwhile.
    #[error("{place} was written to by somebody else meanwhile")]
    Conflict {
        /// The tag or the folder.
        place: String,
    },
    /// The store lists no manifest of that digest.
    #[error("no manifest sha256:{digest} here")]
    DigestNotFound {
        /// The digest.
        digest: Sha256Digest,
    },
    /// The artifact is encrypted, and nobody who could open it was asked.
    #[error("sha256:{digest} is encrypted")]
    Encrypted {
        /// Digest of its manifest.
        digest: Sha256Digest,
    },
    /// A layer could not be decrypted, or a blob not encrypted.
    #[error("sha256:{digest}: {source}")]
    Encryption {
        /// The encrypted layer, or the blob.
        digest: Sha256Digest,
        /// Why.
        source: EncryptError,
    },
    /// An entry of `index.json` is malformed.
    #[error("index.json, entry {entry}: {detail}")]
    IndexEntry {
        /// Position in `manifests`, from 0.
        entry: usize,
        /// What is wrong.
        detail: String,
    },
    /// The caller cancelled the work.
    #[error("interrupted")]
    Interrupted,
    /// A JSON document is refused.
    #[error("{document}: {source}")]
    Json {
        /// Which document.
        document: String,
        /// Why.
        source: JsonError,
    },
    /// The folder is not an OCI image layout.
    #[error("{}: not an OCI image layout: {detail}", escape(&.path.to_string_lossy()))]
    NotALayout {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The repository has no such tag, or is none.
    #[error("no tag {tag} in {repository}, or no such repository")]
    NotInRepository {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
    },
    /// The layout folder does not exist.
    #[error("{}: no such folder", escape(&.path.to_string_lossy()))]
    NotFound {
        /// The folder.
        path: PathBuf,
    },
    /// The reference names no tag, and the store does not hold exactly one model.
    #[error("{}", not_one(*.found, .tags))]
    NotOne {
        /// How many models were found.
        found: usize,
        /// Tags that lead to a model.
        tags: Vec<String>,
    },
    /// Others kept rewriting the list of referrers.
    #[error("the list of the referrers of sha256:{subject} was overwritten by others {rounds} times")]
    Overtaken {
        /// The manifest that is referred to.
        subject: Sha256Digest,
        /// How often it was tried.
        rounds: u32,
    },
    /// The paths of an artifact's layers are refused.
    #[error("layer {layer}: {source}")]
    Path {
        /// Position in `layers`, from 0.
        layer: usize,
        /// Why.
        source: PathError,
    },
    /// The files of an artifact do not stand beside each other.
    #[error(transparent)]
    Files {
        /// Why.
        source: ManifestError,
    },
    /// The list of a manifest's referrers is malformed.
    #[error("the list of the referrers of sha256:{subject}: {detail}")]
    ListedReferrer {
        /// The manifest that is referred to.
        subject: Sha256Digest,
        /// What is wrong.
        detail: String,
    },
    /// A file of the store cannot be read.
    #[error("cannot read {}", escape(&.path.to_string_lossy()))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A reference or tag is malformed.
    #[error("reference \"{}\", at byte {position}: expected {expected}", escape(.text))]
    Reference {
        /// The whole text.
        text: String,
        /// Offset of the first wrong byte.
        position: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A referrer's manifest is malformed.
    #[error("referrer sha256:{digest}: {detail}")]
    Referrer {
        /// The referrer's manifest.
        digest: Sha256Digest,
        /// What is wrong.
        detail: String,
    },
    /// Something went wrong with a registry.
    #[error("{registry}: {fault}")]
    Remote {
        /// The registry.
        registry: String,
        /// What went wrong.
        fault: RemoteFault,
    },
    /// A stream broke.
    #[error("cannot read a stream")]
    Stream {
        /// The system's reason.
        source: io::Error,
    },
    /// The store holds no such tag.
    #[error("no tag {tag} here{}", listed(.tags))]
    TagNotFound {
        /// The tag.
        tag: String,
        /// The tags that exist.
        tags: Vec<String>,
    },
    /// Too many things to look at.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The model has more files than one manifest can list.
    #[error(
        "{files} files need a manifest of {size} bytes; the limit of {limit} bytes fits {fit} of these files"
    )]
    TooManyFiles {
        /// Files of the model.
        files: usize,
        /// How many of them, in order, fit.
        fit: usize,
        /// Size of the manifest, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A document is larger than what is read or written.
    #[error("{document}: {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Which document.
        document: String,
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A format, version or media type that this version does not handle.
    #[error("{what} {found:?} is not supported")]
    Unsupported {
        /// What kind of thing.
        what: &'static str,
        /// What was found.
        found: String,
    },
    /// A file of the store cannot be written.
    #[error("cannot write {}", escape(&.path.to_string_lossy()))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// What is wrong with an artifact's manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactFault {
    /// The artifact is of another type.
    #[error("its artifact type is {found:?}")]
    ArtifactType {
        /// The type found; empty when there is none.
        found: String,
    },
    /// The configuration does not list the layers' digests in order.
    #[error("its configuration lists other layers than its manifest")]
    ConfigLayers,
    /// The configuration is of another type.
    #[error("its configuration is of type {found:?}")]
    ConfigType {
        /// The type found.
        found: String,
    },
    /// A descriptor cannot be understood.
    #[error("{blob}: {detail}")]
    Descriptor {
        /// Which one.
        blob: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A layer carries its bytes inside the manifest.
    #[error("layer {layer} embeds its content in the manifest")]
    Embedded {
        /// Position in `layers`, from 0.
        layer: usize,
    },
    /// What is in which layer of an encrypted artifact does not fit together.
    #[error("{detail}")]
    EncryptedIndex {
        /// What is wrong with it.
        detail: String,
    },
    /// A layer may be fetched from somewhere else.
    #[error("layer {layer} names URLs outside the registry")]
    External {
        /// Position in `layers`, from 0.
        layer: usize,
    },
    /// A layer's type is none of the format's.
    #[error("layer {layer} is of type {found:?}, which is none of the format's layers")]
    LayerType {
        /// Position in `layers`, from 0.
        layer: usize,
        /// The type found.
        found: String,
    },
    /// The manifest is of another media type.
    #[error("its media type is {found:?}")]
    MediaType {
        /// The type found.
        found: String,
    },
    /// The registry says one media type, and the manifest another.
    #[error("its media type is {stated:?}, and the registry calls it {header:?}")]
    MediaTypesDiffer {
        /// What the registry says.
        header: String,
        /// What the manifest says.
        stated: String,
    },
    /// The artifact has no layer.
    #[error("it has no layers")]
    NoLayers,
    /// The artifact is not encrypted.
    #[error("it is not encrypted: its artifact type is {found:?}")]
    NotEncrypted {
        /// The type found; empty when there is none.
        found: String,
    },
    /// The files lie in archives, so nothing but the signature says which they are.
    #[error("its files lie in {layers} archives: their names and digests do not stand in its manifest")]
    Packed {
        /// How many archives.
        layers: usize,
    },
    /// A layer says no path.
    #[error("layer {layer} names no file")]
    PathMissing {
        /// Position in `layers`, from 0.
        layer: usize,
    },
    /// A layer says two paths.
    #[error("layer {layer} names two files, {filepath:?} and {title:?}")]
    PathsDiffer {
        /// Position in `layers`, from 0.
        layer: usize,
        /// `org.cncf.model.filepath`.
        filepath: String,
        /// `org.opencontainers.image.title`.
        title: String,
    },
    /// It is attached to something else, so it is no model.
    #[error("it refers to another manifest")]
    Refers,
    /// The model's signature stands among its files.
    #[error("model.sig is among its files; a signature travels as a referrer")]
    SignatureAsFile,
    /// A name is an order in an image.
    #[error("{path} would delete something where the image is unpacked: names that begin with .wh. do")]
    Whiteout {
        /// The file.
        path: String,
    },
    /// The SHA-256 digest of a file is not known.
    #[error("the SHA-256 digest of {path} is not known")]
    DigestUnknown {
        /// The file.
        path: String,
    },
    /// The size of a file is not known.
    #[error("the size of {path} is not known")]
    SizeUnknown {
        /// The file.
        path: String,
    },
}

impl RegistryError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archive { fault, .. } => fault.code(),
            // It is a model; only what its manifest does not tell was asked for.
            Self::Artifact { fault: ArtifactFault::Packed { .. } } => "E-PACKED",
            Self::Artifact { .. } | Self::FileName { .. } | Self::FileSet { .. } | Self::Referrer { .. } => {
                "E-ARTIFACT"
            }
            Self::Auth { problem, .. } => problem.code(),
            Self::AuthRealm { .. } => "E-USAGE",
            Self::BlobChanged { .. }
            | Self::BlobDigest { .. }
            | Self::BlobShort { .. }
            | Self::BlobSize { .. } => "E-BLOB-DIGEST",
            Self::BlobMissing { .. } => "E-BLOB-MISSING",
            Self::Conflict { .. } => "E-CONFLICT",
            Self::Content { .. } | Self::Read { .. } | Self::Stream { .. } => "E-UNREADABLE",
            Self::DigestNotFound { .. }
            | Self::NotInRepository { .. }
            | Self::TagNotFound { .. }
            | Self::NotOne { found: 0, .. } => "E-REFERENCE-NOT-FOUND",
            Self::Encrypted { .. } => "E-ENCRYPTED",
            Self::Encryption { source, .. } => source.code(),
            Self::NotOne { .. } | Self::Reference { .. } => "E-REFERENCE",
            Self::AmbiguousTag { .. }
            | Self::BlobKind { .. }
            | Self::IndexEntry { .. }
            | Self::NotALayout { .. } => "E-LAYOUT",
            Self::Interrupted => "E-INTERRUPTED",
            Self::ListedReferrer { .. } | Self::Overtaken { .. } => "E-REGISTRY",
            Self::Json { source, .. } => source.code(),
            Self::NotFound { .. } => "E-NOT-FOUND",
            Self::Path { .. } => "E-PATH",
            Self::Files { source } => source.code(),
            Self::Remote { fault, .. } => fault.code(),
            Self::TooMany { .. } | Self::TooManyFiles { .. } | Self::TooLarge { .. } => "E-LIMIT",
            Self::Unsupported { .. } => "E-UNSUPPORTED",
            Self::Write { .. } => "E-OUTPUT",
        }
    }

    /// Whether a connection was lost, or nothing came: another attempt may go better.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Remote { fault: RemoteFault::Lost { .. } | RemoteFault::TimedOut { .. }, .. })
    }
}

impl From<ArtifactFault> for RegistryError {
    fn from(fault: ArtifactFault) -> Self {
        Self::Artifact { fault }
    }
}

fn listed(tags: &[String]) -> String {
    /// More than these are not worth a reader's time in a message.
    const SHOWN: usize = 20;
    if tags.is_empty() {
        return "; it has no tags".to_owned();
    }
    let shown: Vec<_> = tags.iter().take(SHOWN).map(|tag| escape(tag)).collect();
    let more = if tags.len() > SHOWN { ", …" } else { "" };
    format!("; its tags are {}{more}", shown.join(", "))
}

fn not_one(found: usize, tags: &[String]) -> String {
    match found {
        0 => format!("no model here{}", listed(tags)),
        found => format!("{found} models here, and the reference names none of them{}", listed(tags)),
    }
}
