//! Why a channel was not believed, or a release may not run.

use lacre_json::JsonError;

use crate::{DocumentFault, EditFault, OrderFault, Refusal, StateError};

/// Every code that [`ReleaseError::code`] can return of its own; those of [`JsonError`] pass through.
///
/// What they mean for a gate: 6 for `E-CHANNEL-EXPIRED`, `E-CLOCK`, `E-QUARANTINED` and `E-REVOKED`; 7 for
/// `E-EQUIVOCATION`, `E-FLOOR`, `E-FLOOR-LOWERED`, `E-REPLAY`, `E-ROLLBACK` and `E-STATE-BACKWARDS`; 8 for
/// `E-ATTESTATION-MISSING`; 13 for a document or a state that cannot be read.
pub const CODES: &[&str] = &[
    "E-ATTESTATION-MISSING",
    "E-CHANNEL-DOCUMENT",
    "E-CHANNEL-EDIT",
    "E-CHANNEL-EXPIRED",
    "E-CHANNEL-NAME",
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
    "E-STATE-EXISTS",
    "E-STATE-IO",
    "E-STATE-MISSING",
    "E-STATE-OTHER",
    "E-STATE-READ-ONLY",
    "E-STATE-SCHEMA",
    "E-STATE-TORN",
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
        }
    }
}
