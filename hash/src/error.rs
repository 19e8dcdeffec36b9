//! Why hashing stopped.

use std::io;

/// Every code that [`HashError::code`] can return.
pub const CODES: &[&str] = &["E-HEX", "E-INPUT-CHANGED", "E-INTERRUPTED", "E-OUTPUT", "E-UNREADABLE"];

/// Why a digest could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// A file changed its size or its modification time while it was read.
    #[error("{name} changed while it was read: {detail}")]
    Changed {
        /// Which of the sources.
        index: usize,
        /// Its name, safe for a terminal.
        name: String,
        /// What changed.
        detail: String,
    },
    /// A text is not a digest in lower-case hexadecimal.
    #[error("not a digest: {found:?} (want {want} lower-case hexadecimal digits)")]
    Hex {
        /// The text, cut to 80 characters.
        found: String,
        /// The number of digits wanted.
        want: usize,
    },
    /// The work was cancelled through [`Progress::cancelled`](crate::Progress::cancelled).
    #[error("interrupted")]
    Interrupted,
    /// The bytes were read, but could not be kept ([`Source::keep`](crate::Source::keep)).
    #[error("cannot store {name}")]
    Keep {
        /// Which of the sources.
        index: usize,
        /// Its name, safe for a terminal.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// A source could not be opened or read.
    #[error("cannot read {name}")]
    Read {
        /// Which of the sources.
        index: usize,
        /// Its name, safe for a terminal.
        name: String,
        /// The cause.
        source: io::Error,
    },
}

impl HashError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "E-INPUT-CHANGED",
            Self::Hex { .. } => "E-HEX",
            Self::Interrupted => "E-INTERRUPTED",
            Self::Keep { .. } => "E-OUTPUT",
            Self::Read { .. } => "E-UNREADABLE",
        }
    }

    /// Which of the sources of [`Engine::run`](crate::Engine::run) failed.
    pub fn index(&self) -> Option<usize> {
        match self {
            Self::Changed { index, .. } | Self::Keep { index, .. } | Self::Read { index, .. } => Some(*index),
            Self::Hex { .. } | Self::Interrupted => None,
        }
    }
}
