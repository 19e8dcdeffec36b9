//! Why a release may not run.

use std::fmt;

use jiff::Timestamp;

use crate::{Reason, Version};

/// Why a release may not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Rule 1: the document is past its date.
    #[error("the channel document expired at {expired}; it is {now}")]
    Expired {
        /// When it expired.
        expired: Timestamp,
        /// What the time is.
        now: Timestamp,
    },
    /// Rule 2: it is not listed.
    #[error("{wanted} is not a release of this channel")]
    Unknown {
        /// What was asked for.
        wanted: String,
    },
    /// Rule 2: no release is current yet.
    #[error("the channel has no current release")]
    NoCurrent,
    /// Rule 3: it was revoked.
    #[error("version {version} is revoked{}", because(version, listed_as, reason.as_ref()))]
    Revoked {
        /// Its version.
        version: Version,
        /// The version whose bytes these are, and which was revoked: mostly the same.
        listed_as: Version,
        /// Why.
        reason: Option<Reason>,
    },
    /// Rule 3: it is in quarantine.
    #[error("version {version} is quarantined{}", because(version, listed_as, reason.as_ref()))]
    Quarantined {
        /// Its version.
        version: Version,
        /// The version whose bytes these are, and which is in quarantine: mostly the same.
        listed_as: Version,
        /// Why.
        reason: Option<Reason>,
    },
    /// Rule 4: its counter is below a floor.
    #[error("version {version} has counter {counter}, below the {kind} floor of {floor}")]
    Floor {
        /// Its version.
        version: Version,
        /// Its counter.
        counter: u64,
        /// Whose floor.
        kind: FloorKind,
        /// The floor.
        floor: u64,
    },
    /// Rule 5: it is neither current nor allowed.
    #[error("version {version} is not current{}", allowance(ended.as_ref()))]
    Rollback {
        /// Its version.
        version: Version,
        /// When rolling back to it ceased to be allowed, if it ever was.
        ended: Option<Timestamp>,
    },
    /// Rule 6: an attestation that the policy demands is missing.
    #[error("version {version} lacks an attestation of type {predicate_type:?}")]
    Attestation {
        /// Its version.
        version: Version,
        /// The type of its predicate.
        predicate_type: String,
    },
}

/// Whose floor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorKind {
    /// The channel document's.
    Signed,
    /// The one this client has committed to.
    Local,
    /// The policy's.
    Policy,
}

impl fmt::Display for FloorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signed => "signed",
            Self::Local => "local",
            Self::Policy => "policy's",
        })
    }
}

impl Refusal {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "E-CHANNEL-EXPIRED",
            Self::Unknown { .. } | Self::NoCurrent => "E-RELEASE-UNKNOWN",
            Self::Revoked { .. } => "E-REVOKED",
            Self::Quarantined { .. } => "E-QUARANTINED",
            Self::Floor { .. } => "E-FLOOR",
            Self::Rollback { .. } => "E-ROLLBACK",
            Self::Attestation { .. } => "E-ATTESTATION-MISSING",
        }
    }
}

fn because(version: &Version, listed_as: &Version, reason: Option<&Reason>) -> String {
    let same = if version == listed_as { String::new() } else { format!(" (its bytes are {listed_as})") };
    reason.map_or_else(|| same.clone(), |reason| format!("{same}: {} ({})", reason.text, reason.code))
}

fn allowance(ended: Option<&Timestamp>) -> String {
    match ended {
        Some(ended) => format!("; rolling back to it was allowed until {ended}"),
        None => ", and rolling back to it is not allowed".to_owned(),
    }
}
