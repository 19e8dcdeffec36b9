//! Which of two documents of a channel is the newer one.
//!
//! Documents are ordered by epoch, then by sequence. Only the threshold of the root begins an epoch, so it alone recovers
//! from a stolen key that has spent the highest sequence or the highest floor.

use std::fmt;

use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::{ChannelDocument, ReleaseError};

/// Where a document stands among those of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    // The order of the fields is the order of the documents.
    /// The epoch, from 1.
    pub epoch: u64,
    /// The sequence within the epoch, from 1.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sequence {} of epoch {}", self.sequence, self.epoch)
    }
}

/// What is remembered of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its floor.
    pub floor: u64,
    /// Where it stands.
    pub position: Position,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

impl Seen {
    /// What is to be remembered of `document`, whose canonical bytes are hashed.
    pub fn of(document: &ChannelDocument) -> Self {
        Self {
            floor: document.floor.counter,
            position: document.position(),
            sha256: Sha256Digest::of(&document.to_bytes()),
        }
    }
}

/// How an offered document that may be believed stands to the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It is the same.
    Unchanged,
    /// It is newer.
    Newer,
}

/// Why an offered document is not believed after the stored one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderFault {
    /// It is older.
    #[error("{offered} is offered after {stored} was seen")]
    Replay {
        /// The position of what is offered.
        offered: Position,
        /// The position of what was seen.
        stored: Position,
    },
    /// It claims the same place with other contents: two documents were signed for it.
    #[error("two documents claim {position}: {stored} was seen, {offered} is offered")]
    Equivocation {
        /// Their place.
        position: Position,
        /// The digest of what is offered.
        offered: Sha256Digest,
        /// The digest of what was seen.
        stored: Sha256Digest,
    },
    /// It belongs to another epoch than the root, which alone begins one.
    #[error("{offered} is offered, but the root {}", where_is(*root))]
    Epoch {
        /// The position of what is offered.
        offered: Position,
        /// The epoch of the root, if it names one.
        root: Option<u64>,
    },
    /// It lowers the floor within its epoch.
    #[error("the floor falls from {stored} to {offered} within an epoch")]
    FloorLowered {
        /// The floor of what is offered.
        offered: u64,
        /// The floor of what was seen.
        stored: u64,
    },
}

impl OrderFault {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "E-REPLAY",
            Self::Equivocation { .. } => "E-EQUIVOCATION",
            Self::Epoch { .. } => "E-CHANNEL-EPOCH",
            Self::FloorLowered { .. } => "E-FLOOR-LOWERED",
        }
    }
}

fn where_is(root: Option<u64>) -> String {
    root.map_or_else(|| "names no epoch".to_owned(), |epoch| format!("is in epoch {epoch}"))
}

/// Compares what is offered with what was seen. Both are authentic.
pub fn compare_documents(stored: &Seen, offered: &Seen) -> Result<Advance, ReleaseError> {
    let position = offered.position;
    if position < stored.position {
        return Err(OrderFault::Replay { offered: position, stored: stored.position }.into());
    }
    if position == stored.position {
        if offered.sha256 == stored.sha256 {
            return Ok(Advance::Unchanged);
        }
        let (offered, stored) = (offered.sha256, stored.sha256);
        return Err(OrderFault::Equivocation { position, offered, stored }.into());
    }
    if position.epoch == stored.position.epoch && offered.floor < stored.floor {
        return Err(OrderFault::FloorLowered { offered: offered.floor, stored: stored.floor }.into());
    }
    Ok(Advance::Newer)
}
