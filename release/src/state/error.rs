//! Why the state of a channel cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lacre_json::JsonError;

use super::CounterError;
use crate::{ChannelId, Position};

/// Why the state of a channel cannot be used, or not so. [`StateError::way_out`] says what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is none.
    #[error("no state of the channel in {}", folder.display())]
    Missing {
        /// Where it should be.
        folder: PathBuf,
    },
    /// There is one already.
    #[error("the channel is trusted already: {} holds its state", folder.display())]
    Exists {
        /// Where.
        folder: PathBuf,
    },
    /// It is damaged.
    #[error("the channel's state is damaged: {name} in {} {tear}", folder.display())]
    Torn {
        /// Where it is.
        folder: PathBuf,
        /// The file.
        name: String,
        /// How.
        tear: Tear,
    },
    /// A newer version wrote it.
    #[error("the state in {} has schema {found}; this version reads schema 1", folder.display())]
    Schema {
        /// Where it is.
        folder: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// It is another channel's, or the same channel's under another anchor.
    #[error("the state is of {found}, anchored elsewhere than {wanted}")]
    Other {
        /// Whose it is.
        found: String,
        /// Whose was wanted.
        wanted: ChannelId,
    },
    /// It cannot be written.
    #[error("the state in {} cannot be written", folder.display())]
    ReadOnly {
        /// Where it is.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The operating system failed.
    #[error("cannot {action} the state in {}", folder.display())]
    Io {
        /// Where it is.
        folder: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A change would forget something.
    #[error("a change of the state takes back {what}")]
    Backwards {
        /// What.
        what: &'static str,
    },
    /// A file is too large to be kept, has no good name, or there are too many.
    #[error("{name:?} cannot be kept: its name, its size of {size} bytes, or one file too many")]
    Unkept {
        /// Its name, cut to 64 characters.
        name: String,
        /// Its size in bytes.
        size: usize,
    },
    /// The clock was set back further than clocks drift.
    #[error("it is {now} by the clock, but it was {last_seen} before")]
    Clock {
        /// What the clock says.
        now: Timestamp,
        /// The highest time seen.
        last_seen: Timestamp,
    },
    /// The counter that it is bound to does not vouch for it, or nothing is known of a counter on one side.
    #[error("the state in {}: {fault}", folder.display())]
    Counter {
        /// Where it is.
        folder: PathBuf,
        /// Why.
        fault: CounterError,
    },
    /// A release is to be accepted from a document that is not the newest one seen, or committed before one was.
    #[error("no release was accepted from {}", position.map_or_else(|| "any document".to_owned(), |at| at.to_string()))]
    Unaccepted {
        /// The document.
        position: Option<Position>,
    },
}

/// How a file of the state is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Tear {
    /// It is not there.
    #[error("is missing")]
    Absent,
    /// It is larger than the state can be.
    #[error("is too large")]
    TooLarge,
    /// Something else than a file has its name.
    #[error("is no regular file")]
    NoFile,
    /// It is no strict JSON of its shape.
    #[error("cannot be read: {0}")]
    Json(JsonError),
    /// Its checksum is wrong.
    #[error("has a wrong checksum")]
    Checksum,
    /// A member makes no sense.
    #[error("says what cannot be")]
    Nonsense,
    /// Its bytes are not those that were kept.
    #[error("has other bytes than were kept")]
    OtherBytes,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WayOut {
    /// Trust the channel once (`channel trust`), or name the folder where that was done.
    Trust,
    /// Use the state that is there; to begin anew, move its folder away first.
    KeepOrMove,
    /// Move the folder away, trust the channel again, and import a state that was exported (`channel state import`).
    TrustAgainAndImport,
    /// Use the version that wrote it.
    Upgrade,
    /// Name another folder.
    OtherFolder,
    /// Make the folder writable, or only read.
    MakeWritable,
    /// Set the clock.
    SetClock,
    /// Pull a release first.
    AcceptFirst,
    /// Name the device of the counter that the state is bound to, or name none for a state that is bound to none.
    NameCounter,
    /// Nothing a user did: what failed is named.
    Report,
}

impl StateError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "E-STATE-MISSING",
            Self::Exists { .. } => "E-STATE-EXISTS",
            Self::Torn { .. } => "E-STATE-TORN",
            Self::Schema { .. } => "E-STATE-SCHEMA",
            Self::Other { .. } => "E-STATE-OTHER",
            Self::ReadOnly { .. } => "E-STATE-READ-ONLY",
            Self::Io { .. } | Self::Unkept { .. } => "E-STATE-IO",
            Self::Backwards { .. } => "E-STATE-BACKWARDS",
            Self::Clock { .. } => "E-CLOCK",
            Self::Counter { fault, .. } => fault.code(),
            Self::Unaccepted { .. } => "E-COMMIT",
        }
    }

    /// What helps.
    pub fn way_out(&self) -> WayOut {
        match self {
            Self::Missing { .. } => WayOut::Trust,
            Self::Exists { .. } => WayOut::KeepOrMove,
            Self::Torn { .. }
            | Self::Counter {
                fault: CounterError::RolledBack { .. } | CounterError::Behind { .. } | CounterError::Seal,
                ..
            } => WayOut::TrustAgainAndImport,
            Self::Counter { .. } => WayOut::NameCounter,
            Self::Schema { .. } => WayOut::Upgrade,
            Self::Other { .. } => WayOut::OtherFolder,
            Self::ReadOnly { .. } => WayOut::MakeWritable,
            Self::Io { .. } | Self::Unkept { .. } | Self::Backwards { .. } => WayOut::Report,
            Self::Clock { .. } => WayOut::SetClock,
            Self::Unaccepted { .. } => WayOut::AcceptFirst,
        }
    }

    /// A failure to write: where nobody may write is told apart.
    pub(super) fn written(folder: &Path, action: &'static str, source: io::Error) -> Self {
        let folder = folder.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { folder, source }
            }
            _ => Self::Io { folder, action, source },
        }
    }

    /// A failure to read a file that must be there.
    pub(super) fn read(folder: &Path, name: &str, source: io::Error) -> Self {
        let (folder, torn) = (folder.to_owned(), name.to_owned());
        match source.kind() {
            io::ErrorKind::NotFound => Self::Torn { folder, name: torn, tear: Tear::Absent },
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => {
                Self::Torn { folder, name: torn, tear: Tear::NoFile }
            }
            _ => Self::Io { folder, action: "read", source },
        }
    }
}
