//! The document's types. Its bytes are read strictly and written canonically: equal documents have equal bytes.

use jiff::Timestamp;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

use super::{ChannelId, ChannelName, ModelName, Version};
use crate::ReleaseError;

/// The only schema there is.
const SCHEMA: u32 = 1;

/// What a channel says: which releases there are, which one is current, and what may not run any more.
///
/// As JSON: members in camel case, unknown members refused, times in UTC with seconds (`2026-11-23T10:00:00Z`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelDocument {
    /// The schema, 1.
    pub schema_version: u32,
    /// The epoch, as the root names it (`x-lacre-epoch`), from 1. Only the threshold of the root raises it; within an epoch
    /// sequence and floor only rise.
    pub epoch: u64,
    /// The model.
    pub model: ModelName,
    /// The channel.
    pub channel: ChannelName,
    /// Rises by one with every edit, from 1.
    pub sequence: u64,
    /// When this edit was made.
    pub issued: Timestamp,
    /// After this it is not believed any more.
    pub expires: Timestamp,
    /// The release that runs unless someone asks for another; `null` before the first one is promoted.
    pub current: Option<Version>,
    /// All releases, in order of their counters; each version once.
    pub releases: Vec<Release>,
    /// Nothing below it loads.
    pub floor: Floor,
    /// Older releases that may run for a time.
    pub rollback_targets: Vec<RollbackTarget>,
    /// The release that a share of the instances runs already.
    pub rollout: Option<Rollout>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Its security counter: raised when running an older release would be dangerous. Not unique.
    pub counter: u64,
    /// Its manifest in an OCI store.
    pub manifest: ManifestRef,
    /// Its contents.
    pub model_digests: Contents,
    /// Attestations that the release came with.
    pub attestations: Vec<AttestationRef>,
    /// Whether it may run.
    pub status: Status,
    /// Why it may not, or why it should not.
    pub reason: Option<Reason>,
}

/// An OCI manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManifestRef {
    /// Its media type.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Both digests of a model: neither is believed without the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Contents {
    /// The root digest of the OMS statement, which does not bind names.
    pub sha256: Sha256Digest,
    /// The model identity, which does: 64 hexadecimal digits.
    pub lacre: Blake3Digest,
}

/// An attestation about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AttestationRef {
    /// The type of its predicate, a URI.
    pub predicate_type: String,
    /// SHA-256 of the bundle's bytes.
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

/// Why a release is not active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Reason {
    /// What kind of reason.
    pub code: ReasonCode,
    /// In words, at most 500 bytes, no control characters.
    pub text: String,
    /// When it was said.
    pub at: Timestamp,
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
    /// Its version.
    pub version: Version,
    /// Until when.
    pub until: Timestamp,
    /// Why, at most 500 bytes, no control characters.
    pub reason: String,
}

/// A release that a share of the instances runs before it is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rollout {
    /// Its version.
    pub version: Version,
    /// The share, 1 to 99.
    pub percent: u8,
    /// What the share is drawn with: another seed draws other instances.
    pub seed: String,
}

impl ChannelDocument {
    /// The longest document, 8 MiB: about 10 000 releases.
    pub const LIMIT: usize = 8 << 20;

    /// Reads a document. What it returns has been checked against its own rules ([`ChannelDocument::check`]).
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let document: Self =
            lacre_json::from_slice(bytes, Limits::new(Self::LIMIT, 8)).map_err(ReleaseError::Document)?;
        document.check()?;
        Ok(document)
    }

    /// Its bytes: compact JSON, keys in code-point order.
    pub fn to_bytes(&self) -> Vec<u8> {
        lacre_json::to_vec(self)
    }

    /// Whose document it is.
    pub fn id(&self) -> ChannelId {
        ChannelId { model: self.model.clone(), channel: self.channel.clone() }
    }

    /// The release of a version.
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// Whether it keeps its own rules.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if self.schema_version != SCHEMA {
            return Err(ReleaseError::Schema { found: self.schema_version });
        }
        Ok(())
    }
}
