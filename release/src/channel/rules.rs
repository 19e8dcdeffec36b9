//! What every channel document keeps, whoever wrote it.

use std::collections::HashSet;

use jiff::Timestamp;

use super::document::SCHEMA;
use super::{ChannelDocument, ChannelId, Release, Status, Version};
use crate::ReleaseError;

/// Most releases of a channel.
const MOST_RELEASES: usize = 20_000;
/// Most attestations of a release.
const MOST_ATTESTATIONS: usize = 64;
/// Most rollback targets.
const MOST_TARGETS: usize = 1000;
/// Longest text, in bytes.
const LONGEST_TEXT: usize = 500;
/// Longest seed, in bytes.
const LONGEST_SEED: usize = 64;
/// Longest half of a media type, in bytes (RFC 6838, section 4.2).
const LONGEST_TOKEN: usize = 127;

/// Which rule a channel document breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentFault {
    /// A number counts from 1.
    #[error("{member} is 0")]
    Zero {
        /// The member.
        member: &'static str,
    },
    /// It expires before it was issued.
    #[error("it expires no later than it was issued")]
    Lifetime,
    /// A time has a fraction of a second.
    #[error("{member} has a fraction of a second")]
    Fraction {
        /// The member.
        member: &'static str,
    },
    /// A list is too long.
    #[error("{member} has {found} entries, more than {limit}")]
    TooMany {
        /// The member.
        member: &'static str,
        /// Its length.
        found: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A version stands twice in a list.
    #[error("{member} lists version {version} twice")]
    Twice {
        /// The member.
        member: &'static str,
        /// The version.
        version: Version,
    },
    /// The releases are not in the order of their counters.
    #[error("version {version} stands behind a release of a higher counter")]
    Unordered {
        /// The first that is out of order.
        version: Version,
    },
    /// A version is named that is no release.
    #[error("{member} names version {version}, which is not listed")]
    NotListed {
        /// The member.
        member: &'static str,
        /// The version.
        version: Version,
    },
    /// A release that is not active says no reason.
    #[error("version {version} is not active and says no reason")]
    NoReason {
        /// The version.
        version: Version,
    },
    /// A release that is active has a reason against it.
    #[error("version {version} is active and has a reason against it")]
    NeedlessReason {
        /// The version.
        version: Version,
    },
    /// A text is empty, too long, or holds what a terminal obeys.
    #[error("{member} is empty, longer than {LONGEST_TEXT} bytes, or has control characters")]
    Text {
        /// The member.
        member: &'static str,
    },
    /// A media type is none.
    #[error("the manifest of version {version} has no media type")]
    MediaType {
        /// The version.
        version: Version,
    },
    /// The share of a rollout is not 1 to 99 percent, or its seed is none.
    #[error(
        "the rollout has no share of 1 to 99 percent, or no seed of 1 to {LONGEST_SEED} letters and digits"
    )]
    Rollout,
    /// It is another channel's than was asked for.
    #[error("it is of {found}, not of {wanted}")]
    OtherChannel {
        /// Its channel.
        found: ChannelId,
        /// The channel that was asked for.
        wanted: ChannelId,
    },
    /// Other bytes say the same: which of them were signed would be open.
    #[error("its bytes are not in canonical form")]
    NotCanonical,
}

impl ChannelDocument {
    /// Whether it keeps its own rules. A current release that is revoked is allowed: a revocation must not wait for a
    /// successor, and [`crate::decide()`] refuses it.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if self.schema_version != SCHEMA {
            return Err(ReleaseError::Schema { found: self.schema_version });
        }
        Ok(self.check_members()?)
    }

    fn check_members(&self) -> Result<(), DocumentFault> {
        counted(self.epoch, "epoch")?;
        counted(self.sequence, "sequence")?;
        whole(self.issued, "issued")?;
        whole(self.expires, "expires")?;
        if self.expires <= self.issued {
            return Err(DocumentFault::Lifetime);
        }
        let listed = self.check_releases()?;
        let named = |version: &Version, member| {
            let found = listed.get(version).map(|_| ());
            found.ok_or_else(|| DocumentFault::NotListed { member, version: version.clone() })
        };
        if let Some(current) = &self.current {
            named(current, "current")?;
        }
        at_most(self.rollback_targets.len(), MOST_TARGETS, "rollbackTargets")?;
        let mut targets = HashSet::with_capacity(self.rollback_targets.len());
        for target in &self.rollback_targets {
            named(&target.version, "rollbackTargets")?;
            whole(target.until, "until")?;
            plain(&target.reason, "reason")?;
            once(&mut targets, &target.version, "rollbackTargets")?;
        }
        if let Some(rollout) = &self.rollout {
            named(&rollout.version, "rollout")?;
            let seed = 1..=LONGEST_SEED;
            let good = seed.contains(&rollout.seed.len())
                && rollout.seed.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !good || !(1..=99).contains(&rollout.percent) {
                return Err(DocumentFault::Rollout);
            }
        }
        Ok(())
    }

    fn check_releases(&self) -> Result<HashSet<&Version>, DocumentFault> {
        at_most(self.releases.len(), MOST_RELEASES, "releases")?;
        let mut listed = HashSet::with_capacity(self.releases.len());
        let mut highest = 0;
        for release in &self.releases {
            check_release(release)?;
            once(&mut listed, &release.version, "releases")?;
            if release.counter < highest {
                return Err(DocumentFault::Unordered { version: release.version.clone() });
            }
            highest = release.counter;
        }
        Ok(listed)
    }
}

fn check_release(release: &Release) -> Result<(), DocumentFault> {
    let version = || release.version.clone();
    counted(release.counter, "counter")?;
    if !is_media_type(&release.manifest.media_type) {
        return Err(DocumentFault::MediaType { version: version() });
    }
    release.manifest.repository.as_deref().map_or(Ok(()), |text| plain(text, "repository"))?;
    at_most(release.attestations.len(), MOST_ATTESTATIONS, "attestations")?;
    for attestation in &release.attestations {
        plain(&attestation.predicate_type, "predicateType")?;
    }
    match (release.status, &release.reason) {
        (Status::Active, None) => Ok(()),
        (Status::Active, Some(_)) => Err(DocumentFault::NeedlessReason { version: version() }),
        (_, None) => Err(DocumentFault::NoReason { version: version() }),
        (_, Some(reason)) => whole(reason.at, "at").and_then(|()| plain(&reason.text, "text")),
    }
}

fn counted(number: u64, member: &'static str) -> Result<(), DocumentFault> {
    if number == 0 { Err(DocumentFault::Zero { member }) } else { Ok(()) }
}

fn whole(time: Timestamp, member: &'static str) -> Result<(), DocumentFault> {
    if time.subsec_nanosecond() == 0 { Ok(()) } else { Err(DocumentFault::Fraction { member }) }
}

fn at_most(found: usize, limit: usize, member: &'static str) -> Result<(), DocumentFault> {
    if found > limit { Err(DocumentFault::TooMany { member, found, limit }) } else { Ok(()) }
}

fn once<'d>(
    before: &mut HashSet<&'d Version>,
    version: &'d Version,
    member: &'static str,
) -> Result<(), DocumentFault> {
    if before.insert(version) {
        Ok(())
    } else {
        Err(DocumentFault::Twice { member, version: version.clone() })
    }
}

fn plain(text: &str, member: &'static str) -> Result<(), DocumentFault> {
    let good = (1..=LONGEST_TEXT).contains(&text.len()) && !text.contains(is_command);
    if good { Ok(()) } else { Err(DocumentFault::Text { member }) }
}

/// Control characters, and what turns or breaks a line (Unicode TR #9, section 2; category Cc).
fn is_command(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `type/subtype` of restricted names (RFC 6838, section 4.2).
fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        (1..=LONGEST_TOKEN).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}
