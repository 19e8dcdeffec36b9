//! What is wrong with an archive.

use std::io;

use lacre_manifest::{PathError, escape};

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveFault {
    /// A header's checksum is another one.
    #[error("the header at byte {at} has another checksum")]
    Checksum {
        /// Where the header stands in the unpacked archive.
        at: u64,
    },
    /// What should be compressed cannot be unpacked.
    #[error("it cannot be unpacked: {detail}")]
    Compressed {
        /// Why.
        detail: String,
    },
    /// An extended header is malformed, or says what only some programs understand.
    #[error("the extended header at byte {at}: {detail}")]
    Extension {
        /// Where its header stands in the unpacked archive.
        at: u64,
        /// What is wrong.
        detail: &'static str,
    },
    /// A header is malformed.
    #[error("the header at byte {at}: {detail}")]
    Header {
        /// Where the header stands in the unpacked archive.
        at: u64,
        /// What is wrong.
        detail: &'static str,
    },
    /// A member is neither a regular file nor a folder.
    #[error("{} is a {kind}", escape(.name))]
    Kind {
        /// Its name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A member lies outside of the folder of the model.
    #[error("{} does not lie in {beneath}/", escape(.name))]
    Outside {
        /// Its name.
        name: String,
        /// The folder.
        beneath: &'static str,
    },
    /// More headers, names and padding than so many files need.
    #[error("more than {limit} bytes are neither content nor needed")]
    Overhead {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The name of a member is refused.
    #[error(transparent)]
    Path(PathError),
    /// The source of the bytes failed.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// Something follows the archive's end.
    #[error("bytes follow the archive's end")]
    Trailing,
    /// It ends too early.
    #[error("it ends too early")]
    Truncated,
}

impl ArchiveFault {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Checksum { .. }
            | Self::Compressed { .. }
            | Self::Extension { .. }
            | Self::Header { .. }
            | Self::Trailing
            | Self::Truncated => "E-ARCHIVE",
            Self::Kind { .. } => "E-ARCHIVE-MEMBER",
            Self::Outside { .. } | Self::Path(_) => "E-PATH",
            Self::Overhead { .. } => "E-LIMIT",
            Self::Read(_) => "E-UNREADABLE",
        }
    }
}
