//! The document's types. Its bytes are read strictly and written canonically: equal documents have equal bytes.

use std::fmt;

use jiff::Timestamp;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_json::{JsonError, Limits};
use serde::{Deserialize, Serialize};

use super::{ChannelId, ChannelName, DocumentFault, ModelName, Version, hex};
use crate::{Position, ReleaseError};

/// The only schema there is.
pub(super) const SCHEMA: u32 = 1;
/// About as long as a release is in bytes, without attestations.
const RELEASE: usize = 512;

/// What a channel says: which releases there are, which one is current, and what may not run any more.
///
/// As JSON: members in camel case, unknown members refused, times in UTC with whole seconds (`2026-11-23T10:00:00Z`).
/// The fields of this type and of those within stand in the order of their names, which is the canonical order: the
/// bytes are written in one pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelDocument {
    /// The channel.
    pub channel: ChannelName,
    /// The release that runs unless someone asks for another; `null` before the first one is promoted.
    pub current: Option<Version>,
    /// The epoch, as the root names it (`x-lacre-epoch`), from 1. Only the threshold of the root raises it; within an epoch
    /// sequence and floor only rise.
    pub epoch: u64,
    /// From this moment on it is not believed any more.
    pub expires: Timestamp,
    /// Nothing below it loads.
    pub floor: Floor,
    /// When this edit was made.
    pub issued: Timestamp,
    /// The model.
    pub model: ModelName,
    /// All releases, in order of their counters; each version once.
    pub releases: Vec<Release>,
    /// Older releases that may run for a time.
    pub rollback_targets: Vec<RollbackTarget>,
    /// The release that a share of the instances runs already.
    pub rollout: Option<Rollout>,
    /// The schema, 1.
    pub schema_version: u32,
    /// Rises by one with every edit, from 1.
    pub sequence: u64,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// Attestations that the release came with, at most 64.
    pub attestations: Vec<AttestationRef>,
    /// Its security counter: raised when running an older release would be dangerous. Not unique; from 1.
    pub counter: u64,
    /// Its manifest in an OCI store.
    pub manifest: ManifestRef,
    /// Its contents.
    pub model_digests: Contents,
    /// Why it may not run, or why it should not; nothing for one that is active.
    pub reason: Option<Reason>,
    /// Whether it may run.
    pub status: Status,
    /// Its version.
    pub version: Version,
}

/// An OCI manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManifestRef {
    /// Its media type.
    pub media_type: String,
    /// The repository that it is in, `HOST/PATH`, when that is not where the channel is. It says where to look; what is
    /// found there is proven by its digest.
    pub repository: Option<String>,
    /// SHA-256 of its bytes.
    #[serde(serialize_with = "hex::serialize")]
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Both digests of a model: neither is believed without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Contents {
    /// The model identity, which binds the names of the files: 64 hexadecimal digits.
    #[serde(serialize_with = "hex::serialize")]
    pub lacre: Blake3Digest,
    /// The root digest of the OMS statement, which does not.
    #[serde(serialize_with = "hex::serialize")]
    pub sha256: Sha256Digest,
}

/// An attestation about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AttestationRef {
    /// The type of its predicate, a URI.
    pub predicate_type: String,
    /// SHA-256 of the bundle's bytes.
    #[serde(serialize_with = "hex::serialize")]
    pub sha256: Sha256Digest,
}

/// Whether a release may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    Active,
    /// It may, and someone should replace it.
    Deprecated,
    /// It may not while it is being examined.
    Quarantined,
    /// It may not, for good.
    Revoked,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Quarantined => "quarantined",
            Self::Revoked => "revoked",
        })
    }
}

/// Why a release is not active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Reason {
    /// When it was said.
    pub at: Timestamp,
    /// What kind of reason.
    pub code: ReasonCode,
    /// In words: 1 to 500 bytes, no control characters.
    pub text: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The model does what its maker did not intend.
    Backdoor,
    /// The licence of the model or of its data forbids its use.
    License,
    /// It is worse than what was there before.
    Regression,
    /// A key that signed it is in other hands.
    KeyCompromise,
    /// A vulnerability with a number.
    Cve,
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Backdoor => "backdoor",
            Self::License => "license",
            Self::Regression => "regression",
            Self::KeyCompromise => "key-compromise",
            Self::Cve => "cve",
        })
    }
}

/// The lowest counter that may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Floor {
    /// Releases below it do not run.
    pub counter: u64,
}

/// An older release that may run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RollbackTarget {
    /// Why: 1 to 500 bytes, no control characters.
    pub reason: String,
    /// From this moment on it may not.
    pub until: Timestamp,
    /// Its version.
    pub version: Version,
}

/// A release that a share of the instances runs before it is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rollout {
    /// The share, 1 to 99.
    pub percent: u8,
    /// What the share is drawn with, 1 to 64 ASCII letters and digits: another seed draws other instances.
    pub seed: String,
    /// Its version.
    pub version: Version,
}

/// Only the schema, of a document whose other members this version may not know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    schema_version: u32,
}

impl ChannelDocument {
    /// The longest document, 8 MiB: about 10 000 releases.
    pub const LIMIT: usize = 8 << 20;

    /// Reads a document. What it returns has been checked against its own rules ([`ChannelDocument::check`]), and its
    /// bytes are the only ones that say it: those of [`ChannelDocument::to_bytes`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let limits = Limits::new(Self::LIMIT, 8);
        let document: Self =
            lacre_json::from_slice(bytes, limits).map_err(|error| Self::unreadable(bytes, error))?;
        document.check()?;
        if document.to_bytes() == bytes { Ok(document) } else { Err(DocumentFault::NotCanonical.into()) }
    }

    /// Its bytes: compact JSON, keys in code-point order.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Not through `lacre_json::to_vec`, which sorts: here the fields are sorted, and ten thousand releases are many.
        let mut bytes = Vec::with_capacity(RELEASE * (self.releases.len() + 2));
        match serde_json::to_writer(&mut bytes, self) {
            Ok(()) => bytes,
            Err(_) => b"null".to_vec(),
        }
    }

    /// Whose document it is.
    pub fn id(&self) -> ChannelId {
        ChannelId { model: self.model.clone(), channel: self.channel.clone() }
    }

    /// Where it stands among the documents of its channel.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, sequence: self.sequence }
    }

    /// The release of a version.
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// A document of another schema is refused for its schema, not for the first member that is new in it.
    fn unreadable(bytes: &[u8], error: JsonError) -> ReleaseError {
        match (&error, serde_json::from_slice::<Probe>(bytes)) {
            (JsonError::Shape { .. }, Ok(Probe { schema_version })) if schema_version != SCHEMA => {
                ReleaseError::Schema { found: schema_version }
            }
            _ => ReleaseError::Document(error),
        }
    }
}
