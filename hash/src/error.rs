//! Why hashing stopped.

use std::io;

use crate::Blake3Digest;

/// Every code that [`HashError::code`] can return.
pub const CODES: &[&str] =
    &["E-CHUNKS", "E-HEX", "E-INPUT-CHANGED", "E-INTERRUPTED", "E-OUTPUT", "E-UNREADABLE"];

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
    /// A chunk list gives another digest than the one it is for.
    #[error("the chunk list is of a file with the BLAKE3 digest {found}, not {wanted}")]
    ChunkRoot {
        /// The digest that it gives.
        found: Blake3Digest,
        /// The digest that it is for.
        wanted: Blake3Digest,
    },
    /// A chunk list has another number of groups than a file of that size.
    #[error("the chunk list has {found} groups, a file of that size has {wanted}")]
    Chunks {
        /// The groups in the list.
        found: u64,
        /// The groups of the file.
        wanted: u64,
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
            Self::ChunkRoot { .. } | Self::Chunks { .. } => "E-CHUNKS",
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
            Self::ChunkRoot { .. } | Self::Chunks { .. } | Self::Hex { .. } | Self::Interrupted => None,
        }
    }
}
