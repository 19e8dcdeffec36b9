//! Why a channel was not believed, or a release may not run.

use jiff::{SignedDuration, Timestamp};
use lacre_json::JsonError;

use crate::{DocumentFault, EditFault, OrderFault, Refusal, StateError};

/// Every code that [`ReleaseError::code`] can return of its own; those of [`JsonError`] pass through.
///
/// What they mean for a gate: 6 for `E-CHANNEL-EXPIRED`, `E-CHANNEL-STALE`, `E-CLOCK`, `E-QUARANTINED` and `E-REVOKED`; 7 for
/// `E-CHANNEL-EPOCH`, `E-EQUIVOCATION`, `E-FLOOR`, `E-FLOOR-LOWERED`, `E-REPLAY`, `E-ROLLBACK` and `E-STATE-BACKWARDS`; 8 for
/// `E-ATTESTATION-MISSING`; 13 for a document or a state that cannot be read.
pub const CODES: &[&str] = &[
    "E-ATTESTATION-MISSING",
    "E-CHANNEL-DOCUMENT",
    "E-CHANNEL-EDIT",
    "E-CHANNEL-EPOCH",
    "E-CHANNEL-EXPIRED",
    "E-CHANNEL-NAME",
    "E-CHANNEL-STALE",
    "E-CLOCK",
    "E-COMMIT",
    "E-EQUIVOCATION",
    "E-FLOOR",
    "E-FLOOR-LOWERED",
    "E-QUARANTINED",
    "E-RELEASE-UNKNOWN",
    "E-REPLAY",
    "E-REVOKED",
    "E-ROLLBACK",
    "E-STATE-BACKWARDS",
    "E-STATE-COUNTER",
    "E-STATE-EXISTS",
    "E-STATE-IO",
    "E-STATE-MISSING",
    "E-STATE-OTHER",
    "E-STATE-READ-ONLY",
    "E-STATE-SCHEMA",
    "E-STATE-TORN",
    "E-TUF-EXPIRED",
    "E-TUF-KEYS",
    "E-TUF-METADATA",
    "E-TUF-MISMATCH",
    "E-TUF-MISSING",
    "E-TUF-ORDER",
    "E-TUF-SIGNATURE",
];

/// Why a channel was not believed, or a release may not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The channel document is no strict JSON of its shape.
    #[error("the channel document: {0}")]
    Document(#[source] JsonError),
    /// A name is none.
    #[error("{text:?} is no {what}")]
    Name {
        /// What was wanted.
        what: &'static str,
        /// What was there, cut to 64 characters.
        text: String,
    },
    /// The document has a schema that this version does not know.
    #[error("the channel document has schema {found}; this version reads schema 1")]
    Schema {
        /// The schema it names.
        found: u32,
    },
    /// The channel document breaks its own rules.
    #[error("the channel document: {0}")]
    Rule(#[from] DocumentFault),
    /// The document may not follow the one before it.
    #[error("the edit of the channel document: {0}")]
    Edit(#[from] EditFault),
    /// The document is not believed after what was seen.
    #[error(transparent)]
    Order(#[from] OrderFault),
    /// The release may not run.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state of the channel cannot be used, or not so.
    #[error(transparent)]
    State(#[from] StateError),
    /// The timestamp has not expired, but is older than a client without memory believes.
    #[error("the timestamp was signed at {signed}, more than {max_age:#} ago")]
    TooOld {
        /// When it was signed.
        signed: Timestamp,
        /// How old it may be.
        max_age: SignedDuration,
    },
    /// A role signed two things as one version.
    #[error("{role} was signed twice as the same version, with other contents")]
    TufEquivocation {
        /// Which role.
        role: String,
    },
    /// TUF metadata has expired.
    #[error("{role} expired at {expires}")]
    TufExpired {
        /// Whose.
        role: String,
        /// When.
        expires: Timestamp,
    },
    /// TUF metadata is no strict JSON.
    #[error("{file}: {source}")]
    TufJson {
        /// Which file.
        file: String,
        /// What is wrong with it.
        source: JsonError,
    },
    /// What TUF metadata says of a role's keys, or who signed it, counts a key twice or nobody.
    #[error("{role}: {reason}")]
    TufKeys {
        /// The role, or the file.
        role: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// There is more of something than anybody needs.
    #[error("{what}: more than {limit}")]
    TufLimit {
        /// Of what.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A file of TUF metadata is not of its shape.
    #[error("{file}: {reason}")]
    TufMetadata {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not the one that the signed metadata names: another length, digest or version.
    #[error("{file} is not the one that is named: {reason}")]
    TufMismatch {
        /// Which file.
        file: String,
        /// How it differs.
        reason: String,
    },
    /// A file that must be there is not, or no role names the target.
    #[error("{file} is not there")]
    TufMissing {
        /// Which file.
        file: String,
    },
    /// A refresh was asked for what it cannot give yet.
    #[error("{what}")]
    TufOrder {
        /// What must come first.
        what: &'static str,
    },
    /// An older version than is known already.
    #[error("{file} is version {found}, but version {trusted} is known")]
    TufReplay {
        /// Which file.
        file: String,
        /// The version that is known.
        trusted: u64,
        /// The version that was offered.
        found: u64,
    },
    /// Too few of a role's keys signed.
    #[error("{role} is signed by {found} of the {threshold} keys that are needed")]
    TufSignature {
        /// The role, or the file.
        role: String,
        /// How many of its keys signed.
        found: usize,
        /// How many must.
        threshold: usize,
    },
}

impl ReleaseError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Name { .. } => "E-CHANNEL-NAME",
            Self::Rule(_) | Self::Schema { .. } => "E-CHANNEL-DOCUMENT",
            Self::Edit(_) => "E-CHANNEL-EDIT",
            Self::Order(fault) => fault.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::State(error) => error.code(),
            Self::TooOld { .. } => "E-CHANNEL-STALE",
            Self::TufEquivocation { .. } => "E-EQUIVOCATION",
            Self::TufExpired { .. } => "E-TUF-EXPIRED",
            Self::TufJson { source, .. } => source.code(),
            Self::TufKeys { .. } => "E-TUF-KEYS",
            Self::TufLimit { .. } => "E-LIMIT",
            Self::TufMetadata { .. } => "E-TUF-METADATA",
            Self::TufMismatch { .. } => "E-TUF-MISMATCH",
            Self::TufMissing { .. } => "E-TUF-MISSING",
            Self::TufOrder { .. } => "E-TUF-ORDER",
            Self::TufReplay { .. } => "E-REPLAY",
            Self::TufSignature { .. } => "E-TUF-SIGNATURE",
        }
    }
}
