//! Why a channel was not believed, or a release may not run.

use lacre_json::JsonError;

/// Every code that [`ReleaseError::code`] can return of its own; those of [`JsonError`] pass through.
pub const CODES: &[&str] = &["E-CHANNEL-DOCUMENT", "E-CHANNEL-NAME", "E-TUF-METADATA"];

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
    /// A file of TUF metadata is not of its shape.
    #[error("{file}: {reason}")]
    TufMetadata {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ReleaseError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Name { .. } => "E-CHANNEL-NAME",
            Self::Schema { .. } => "E-CHANNEL-DOCUMENT",
            Self::TufMetadata { .. } => "E-TUF-METADATA",
        }
    }
}
