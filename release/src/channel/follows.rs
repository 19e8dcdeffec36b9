//! What a publisher may change from one document to the next.

use std::collections::HashMap;

use super::{ChannelDocument, ChannelId, Release, Status, Version};
use crate::{OrderFault, ReleaseError};

/// Why an edit may not follow the document before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditFault {
    /// The document is another channel's.
    #[error("it is of {found}, not of {wanted}")]
    OtherChannel {
        /// The channel of the edit.
        found: ChannelId,
        /// The channel of the document before it.
        wanted: ChannelId,
    },
    /// Sequences leave no gap.
    #[error("its sequence is {found}; the one before it has {before}")]
    Sequence {
        /// The sequence of the edit.
        found: u64,
        /// The sequence of the document before it.
        before: u64,
    },
    /// A release that was listed is gone.
    #[error("version {version} is gone")]
    Gone {
        /// The version.
        version: Version,
    },
    /// A version stands for something else than before.
    #[error("version {version} is another release than before")]
    Changed {
        /// The version.
        version: Version,
    },
    /// A revocation was taken back.
    #[error("version {version} was revoked for good")]
    Unrevoked {
        /// The version.
        version: Version,
    },
}

impl ChannelDocument {
    /// Whether a publisher may put it in the place of `previous`.
    ///
    /// Within an epoch the sequence rises by one and the floor does not fall; a release stays listed with its counter, its
    /// manifest, its contents and at least its attestations; what is revoked stays revoked. A new epoch, which takes the
    /// threshold of the root, may change everything but the channel.
    pub fn follows(&self, previous: &Self) -> Result<(), ReleaseError> {
        if self.id() != previous.id() {
            return Err(EditFault::OtherChannel { found: self.id(), wanted: previous.id() }.into());
        }
        if self.epoch > previous.epoch {
            return Ok(());
        }
        let (found, before) = (self.sequence, previous.sequence);
        if self.position() < previous.position() {
            return Err(OrderFault::Replay { offered: self.position(), stored: previous.position() }.into());
        }
        if before.checked_add(1) != Some(found) {
            return Err(EditFault::Sequence { found, before }.into());
        }
        if self.floor.counter < previous.floor.counter {
            let (offered, stored) = (self.floor.counter, previous.floor.counter);
            return Err(OrderFault::FloorLowered { offered, stored }.into());
        }
        let listed: HashMap<&Version, &Release> =
            self.releases.iter().map(|release| (&release.version, release)).collect();
        for old in &previous.releases {
            let version = || old.version.clone();
            let new = listed.get(&old.version).ok_or_else(|| EditFault::Gone { version: version() })?;
            if !is_same(old, new) {
                return Err(EditFault::Changed { version: version() }.into());
            }
            if old.status == Status::Revoked && new.status != Status::Revoked {
                return Err(EditFault::Unrevoked { version: version() }.into());
            }
        }
        Ok(())
    }
}

fn is_same(old: &Release, new: &Release) -> bool {
    old.counter == new.counter
        && old.manifest == new.manifest
        && old.model_digests == new.model_digests
        && old.attestations.iter().all(|attestation| new.attestations.contains(attestation))
}
