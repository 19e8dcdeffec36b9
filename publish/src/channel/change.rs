//! What an edit changed, told from the documents before and after it.

use std::fmt;

use jiff::Timestamp;
use lacre_release::{ChannelDocument, Status, Version};

/// One difference between two documents of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The channel began.
    Began,
    /// A new epoch began.
    Epoch {
        /// Its number.
        epoch: u64,
    },
    /// A release was added.
    Published {
        /// Its version.
        version: Version,
        /// Its counter.
        counter: u64,
    },
    /// A release is not listed any more.
    Dropped {
        /// Its version.
        version: Version,
    },
    /// Another release is current, or none.
    Current {
        /// It.
        version: Option<Version>,
    },
    /// The status of a release changed.
    Status {
        /// The release.
        version: Version,
        /// What it was.
        before: Status,
        /// What it is.
        after: Status,
        /// Why.
        reason: Option<String>,
    },
    /// An older release may run again for a time.
    Allowed {
        /// It.
        version: Version,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// An older release may not run any more.
    Disallowed {
        /// It.
        version: Version,
    },
    /// A share of the instances runs a release before it is current.
    Canary {
        /// It.
        version: Version,
        /// So many of 100.
        percent: u8,
    },
    /// No share does any more.
    CanaryEnded {
        /// It.
        version: Version,
    },
    /// The floor moved.
    Floor {
        /// Where it was.
        before: u64,
        /// Where it is.
        after: u64,
    },
    /// The same was said for longer.
    Renewed {
        /// Until when.
        until: Timestamp,
    },
}

impl Change {
    /// All differences from `before`, or from nothing, to `after`.
    pub fn between(before: Option<&ChannelDocument>, after: &ChannelDocument) -> Vec<Self> {
        let Some(before) = before else { return vec![Self::Began] };
        let mut changes = Vec::new();
        if before.epoch != after.epoch {
            changes.push(Self::Epoch { epoch: after.epoch });
        }
        for release in &after.releases {
            let version = release.version.clone();
            match before.release(&version) {
                None => changes.push(Self::Published { version, counter: release.counter }),
                Some(old) if old.status != release.status => changes.push(Self::Status {
                    version,
                    before: old.status,
                    after: release.status,
                    reason: release.reason.as_ref().map(|reason| format!("{}: {}", reason.code, reason.text)),
                }),
                Some(_) => {}
            }
        }
        let gone = before.releases.iter().filter(|release| after.release(&release.version).is_none());
        changes.extend(gone.map(|release| Self::Dropped { version: release.version.clone() }));
        if before.floor != after.floor {
            changes.push(Self::Floor { before: before.floor.counter, after: after.floor.counter });
        }
        if before.current != after.current {
            changes.push(Self::Current { version: after.current.clone() });
        }
        let new = after.rollback_targets.iter().filter(|target| !before.rollback_targets.contains(target));
        changes.extend(new.map(|target| Self::Allowed {
            version: target.version.clone(),
            until: target.until,
            reason: target.reason.clone(),
        }));
        let ended = before
            .rollback_targets
            .iter()
            .filter(|old| after.rollback_targets.iter().all(|new| new.version != old.version));
        changes.extend(ended.map(|target| Self::Disallowed { version: target.version.clone() }));
        let share = |document: &ChannelDocument| {
            document.rollout.as_ref().map(|rollout| (rollout.version.clone(), rollout.percent))
        };
        match (share(before), share(after)) {
            (old, Some((version, percent))) if old != Some((version.clone(), percent)) => {
                changes.push(Self::Canary { version, percent });
            }
            (Some((version, _)), None) if after.current.as_ref() != Some(&version) => {
                changes.push(Self::CanaryEnded { version });
            }
            _ => {}
        }
        if changes.is_empty() && before.expires != after.expires {
            changes.push(Self::Renewed { until: after.expires });
        }
        changes
    }

    /// What kind of change it is, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Epoch { .. } => "epoch",
            Self::Published { .. } => "published",
            Self::Dropped { .. } => "dropped",
            Self::Current { .. } => "current",
            Self::Status { .. } => "status",
            Self::Allowed { .. } => "allowed",
            Self::Disallowed { .. } => "disallowed",
            Self::Canary { .. } => "canary",
            Self::CanaryEnded { .. } => "canary-ended",
            Self::Floor { .. } => "floor",
            Self::Renewed { .. } => "renewed",
        }
    }

    /// The release that it is about.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Began | Self::Epoch { .. } | Self::Floor { .. } | Self::Renewed { .. } => None,
            Self::Current { version } => version.as_ref(),
            Self::Published { version, .. }
            | Self::Dropped { version }
            | Self::Status { version, .. }
            | Self::Allowed { version, .. }
            | Self::Disallowed { version }
            | Self::Canary { version, .. }
            | Self::CanaryEnded { version } => Some(version),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began => out.write_str("the channel begins"),
            Self::Epoch { epoch } => write!(out, "epoch {epoch} begins"),
            Self::Published { version, counter } => write!(out, "{version} is new, counter {counter}"),
            Self::Dropped { version } => write!(out, "{version} is not listed any more"),
            Self::Current { version: Some(version) } => write!(out, "{version} is current"),
            Self::Current { version: None } => out.write_str("nothing is current"),
            Self::Status { version, before, after, reason } => {
                write!(out, "{version} was {before} and is {after}")?;
                reason.iter().try_for_each(|reason| write!(out, " ({reason})"))
            }
            Self::Allowed { version, until, reason } => {
                write!(out, "{version} may run until {until} ({reason})")
            }
            Self::Disallowed { version } => write!(out, "{version} is no rollback target any more"),
            Self::Canary { version, percent } => write!(out, "{percent} of 100 instances run {version}"),
            Self::CanaryEnded { version } => write!(out, "the canary of {version} is over"),
            Self::Floor { before, after } => write!(out, "the floor moves from {before} to {after}"),
            Self::Renewed { until } => write!(out, "the document holds until {until}"),
        }
    }
}
