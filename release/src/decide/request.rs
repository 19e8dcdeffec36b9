//! What is asked.

use std::fmt;

use jiff::Timestamp;
use lacre_hash::Sha256Digest;

use super::FloorKind;
use crate::{AttestationRef, Contents, Version};

/// What is asked of a channel.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Which release.
    pub wanted: Wanted,
    /// The id of this instance, for canaries; without one it is in no share.
    pub instance: Option<&'a str>,
    /// The time, as [`crate::Record::clock`] has judged it.
    pub now: Timestamp,
    /// The floors of this client.
    pub floors: Floors,
    /// Predicate types that the policy demands.
    pub required: &'a [&'a str],
    /// Attestations that are here and were verified.
    pub presented: &'a [AttestationRef],
}

/// Which release is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that runs on this instance.
    Current,
    /// The one of this version.
    Version(Version),
    /// The one whose OCI manifest has this digest.
    Manifest(Sha256Digest),
    /// The one of these contents: both digests.
    Contents(Contents),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => write!(formatter, "the current release"),
            Self::Version(version) => write!(formatter, "version {version}"),
            Self::Manifest(sha256) => write!(formatter, "the manifest sha256:{sha256}"),
            Self::Contents(contents) => write!(formatter, "the model {}", contents.lacre),
        }
    }
}

/// Below which counters nothing runs here, whatever the document's own floor is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floors {
    /// What this client has committed to ([`crate::Record::local_floor`]); 0 without a state.
    pub local: u64,
    /// What its policy says.
    pub policy: Option<u64>,
}

impl Floors {
    /// The highest of all three.
    pub(super) fn highest(self, signed: u64) -> u64 {
        signed.max(self.local).max(self.policy.unwrap_or(0))
    }

    /// The highest floor, and whose it is, if it is above `counter`.
    pub(super) fn above(self, signed: u64, counter: u64) -> Option<(FloorKind, u64)> {
        let highest = self.highest(signed);
        let kind = if highest == signed {
            FloorKind::Signed
        } else if highest == self.local {
            FloorKind::Local
        } else {
            FloorKind::Policy
        };
        (counter < highest).then_some((kind, highest))
    }
}
