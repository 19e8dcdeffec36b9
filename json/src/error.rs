//! Why a text was refused.

/// Every code that [`JsonError::code`] can return.
pub const CODES: &[&str] = &["E-DUPLICATE-KEY", "E-JSON", "E-LIMIT"];

/// Why a JSON text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// An object names the same key twice (compared after unescaping).
    #[error("the key {key:?} stands twice in one object (line {line}, column {column})")]
    DuplicateKey {
        /// The key, unescaped, cut to 64 characters.
        key: String,
        /// Line of the second occurrence, from 1.
        line: usize,
        /// Column of the second occurrence, from 1.
        column: usize,
    },
    /// The text is not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
    },
    /// The text is JSON, but not of the shape that is wanted.
    #[error("{message} (line {line}, column {column})")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, without position; safe for a terminal, at most 301 characters and escapes.
        message: String,
    },
    /// The text is not JSON.
    #[error("{message} (line {line}, column {column})")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, without position; safe for a terminal, at most 301 characters and escapes.
        message: String,
    },
    /// Arrays and objects are nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// The text is longer than the limit.
    #[error("{size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Length of the text in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// An object has more members than the limit.
    #[error("an object of more than {limit} members")]
    TooManyMembers {
        /// The limit.
        limit: usize,
    },
}

impl JsonError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateKey { .. } => "E-DUPLICATE-KEY",
            Self::NotUtf8 { .. } | Self::Shape { .. } | Self::Syntax { .. } => "E-JSON",
            Self::TooDeep { .. } | Self::TooLarge { .. } | Self::TooManyMembers { .. } => "E-LIMIT",
        }
    }
}
