//! Why a folder could not be read, or a list of entries is no manifest.

use std::io;

use lacre_hash::HashError;

use crate::path::{PathError, escape};
use crate::walk::ForeignKind;

/// Every code that [`ManifestError::code`] can return.
pub const CODES: &[&str] = &[
    "E-DUPLICATE-NAME",
    "E-HEX",
    "E-INPUT-CHANGED",
    "E-INPUT-EMPTY",
    "E-INPUT-MODE",
    "E-INPUT-NAME",
    "E-INPUT-TYPE",
    "E-INTERRUPTED",
    "E-LIMIT",
    "E-NAME-COLLISION",
    "E-NOT-FOUND",
    "E-OUTPUT",
    "E-PATH",
    "E-UNREADABLE",
];

/// Why a folder could not be read, or a list of entries is no manifest. Names in it are safe for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Two names that some file system takes for one (equal after case folding and normalisation, or a file where
    /// another name wants a folder).
    #[error("{first} and {second} are one file on some systems")]
    Collision {
        /// One of the names.
        first: String,
        /// The other one.
        second: String,
    },
    /// The same name twice.
    #[error("{name} is listed twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// There is no file to speak of.
    #[error("{name} holds no files")]
    Empty {
        /// What was looked at.
        name: String,
    },
    /// Something that is no regular file, or a file whose name cannot be signed.
    #[error("{name} {kind}")]
    Foreign {
        /// Its name.
        name: String,
        /// What it is.
        kind: ForeignKind,
    },
    /// A file could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A folder is said to be empty, and something lies in it, at least where case or normal form are ignored.
    #[error("{folder} is listed as an empty folder, and {inside} lies in it (on some systems)")]
    NotEmpty {
        /// The folder.
        folder: String,
        /// What lies in it.
        inside: String,
    },
    /// A file is said to be executable, and is none of the files.
    #[error("{name} is listed as executable, and is none of the files")]
    NotListed {
        /// The file.
        name: String,
    },
    /// A file has a bit in its mode that is never signed.
    #[error("{name} has a set-user-id, set-group-id or sticky bit")]
    SpecialMode {
        /// The file.
        name: String,
    },
    /// More than the limit.
    #[error("{what}: more than {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// There is nothing at a path.
    #[error("{name} does not exist")]
    NotFound {
        /// The path.
        name: String,
    },
    /// A folder was said to be a snapshot in a Hugging Face cache and is not.
    #[error("{name} is not a snapshot in a Hugging Face cache (…/models--…/snapshots/…)")]
    NotHfCache {
        /// The folder.
        name: String,
    },
    /// A name is not a path inside a model.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file or folder could not be read.
    #[error("cannot read {name}")]
    Unreadable {
        /// The file or folder.
        name: String,
        /// The cause.
        source: io::Error,
    },
}

impl ManifestError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Collision { .. } | Self::NotEmpty { .. } => "E-NAME-COLLISION",
            Self::Duplicate { .. } => "E-DUPLICATE-NAME",
            Self::Empty { .. } => "E-INPUT-EMPTY",
            Self::Foreign { kind, .. } if kind.is_about_the_name() => "E-INPUT-NAME",
            Self::Foreign { .. } | Self::NotHfCache { .. } => "E-INPUT-TYPE",
            Self::Hash(error) => error.code(),
            Self::Limit { .. } => "E-LIMIT",
            Self::NotFound { .. } | Self::NotListed { .. } => "E-NOT-FOUND",
            Self::Path(error) => error.code(),
            Self::SpecialMode { .. } => "E-INPUT-MODE",
            Self::Unreadable { .. } => "E-UNREADABLE",
        }
    }

    /// A failure to read something of this name, which is not escaped yet.
    pub(crate) fn reading(name: &str, error: impl Into<io::Error>) -> Self {
        Self::reading_escaped(&escape(name), error)
    }

    pub(crate) fn reading_escaped(name: &str, error: impl Into<io::Error>) -> Self {
        let (name, source) = (name.to_owned(), error.into());
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { name },
            _ => Self::Unreadable { name, source },
        }
    }
}
