//! Which release may run: six rules, asked in this order, each with its own code.
//!
//! 1. The document is fresh (`E-CHANNEL-EXPIRED`). That it is authentic and no replay was proven before it came here.
//! 2. What is asked for is listed (`E-RELEASE-UNKNOWN`).
//! 3. It is neither revoked nor quarantined (`E-REVOKED`, `E-QUARANTINED`): that beats a pin, an allowance and a floor.
//! 4. Its counter reaches the signed, the local and the policy's floor (`E-FLOOR`).
//! 5. It is current, or its share of the instances includes this one, or rolling back to it is allowed (`E-ROLLBACK`).
//! 6. The attestations that the policy demands are among those that the release came with, and are here
//!    (`E-ATTESTATION-MISSING`).
//!
//! The walk of the data: a [`Request`] (`request`) names one or more releases of the document; each passes the rules here;
//! `canary` draws the share; what passes is a [`Permit`], which nothing else makes; what does not is a [`Refusal`].

mod canary;
mod refusal;
mod request;

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{ChannelDocument, Position, ReasonCode, ReleaseError};
use crate::{Contents, Release, Status, Version};

pub use refusal::{FloorKind, Refusal};
pub use request::{Floors, Request, Wanted};

/// That a release may run, and why: only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    release: Release,
    standing: Standing,
    floors: Floors,
    signed_floor: u64,
    position: Position,
}

/// What a release may run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the current release.
    Current,
    /// It is being rolled out, and this instance is in its share.
    Canary,
    /// Rolling back to it is allowed.
    RollbackTarget {
        /// From this moment on it is not.
        until: Timestamp,
    },
}

impl Permit {
    /// The release: its version, counter, manifest and contents.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// What it may run as.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether someone should replace it soon.
    pub fn is_deprecated(&self) -> bool {
        self.release.status == Status::Deprecated
    }

    /// The floor that it was held against: the highest of the three.
    pub fn floor(&self) -> u64 {
        self.floors.highest(self.signed_floor)
    }

    /// The floor that the document says.
    pub fn signed_floor(&self) -> u64 {
        self.signed_floor
    }

    /// The document that permits it.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// Asks the six rules. `document` is authentic, and not older than what was seen before.
///
/// When what is asked for is listed more than once (the same contents under two versions), one that may run is enough.
pub fn decide(document: &ChannelDocument, request: &Request<'_>) -> Result<Permit, ReleaseError> {
    if request.now >= document.expires {
        return Err(Refusal::Expired { expired: document.expires, now: request.now }.into());
    }
    let candidates = candidates(document, request)?;
    let blocked = Blocked::new(document);
    let mut refused = None;
    for release in candidates {
        match judge(document, request, &blocked, release) {
            Ok(permit) => return Ok(permit),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    Err(refused.unwrap_or_else(|| Refusal::Unknown { wanted: request.wanted.to_string() }).into())
}

/// What is asked for, the newest first.
fn candidates<'d>(document: &'d ChannelDocument, request: &Request<'_>) -> Result<Vec<&'d Release>, Refusal> {
    let that: &dyn Fn(&Release) -> bool = match &request.wanted {
        Wanted::Current => {
            let version = current(document, request.instance).ok_or(Refusal::NoCurrent)?;
            &move |release| release.version == *version
        }
        Wanted::Version(version) => &move |release| release.version == *version,
        Wanted::Manifest(sha256) => &move |release| release.manifest.sha256 == *sha256,
        Wanted::Contents(contents) => &move |release| release.model_digests == *contents,
    };
    Ok(document.releases.iter().rev().filter(|release| that(release)).collect())
}

/// What runs on this instance when nobody asks for a version: a canary that was stopped is none any more.
fn current<'d>(document: &'d ChannelDocument, instance: Option<&str>) -> Option<&'d Version> {
    let drawn = |rollout: &&crate::Rollout| instance.is_some_and(|instance| canary::draws(rollout, instance));
    let runs =
        |version: &&Version| document.release(version).is_some_and(|release| !release.status.is_blocked());
    let canary = document.rollout.as_ref().filter(drawn).map(|rollout| &rollout.version).filter(runs);
    canary.or(document.current.as_ref())
}

/// What may not run, by its bytes: they are no better under another version.
struct Blocked<'d> {
    manifests: HashMap<&'d lacre_hash::Sha256Digest, &'d Release>,
    contents: HashMap<&'d Contents, &'d Release>,
}

impl<'d> Blocked<'d> {
    fn new(document: &'d ChannelDocument) -> Self {
        let blocked = || document.releases.iter().filter(|release| release.status.is_blocked());
        // A key in other hands says nothing about the bytes: the same model, signed by another key, is the way out.
        let key = |release: &&Release| {
            release.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::KeyCompromise)
        };
        Self {
            manifests: blocked().map(|release| (&release.manifest.sha256, release)).collect(),
            contents: blocked()
                .filter(|release| !key(release))
                .map(|release| (&release.model_digests, release))
                .collect(),
        }
    }

    fn find(&self, release: &'d Release) -> Option<&'d Release> {
        let own = Some(release).filter(|release| release.status.is_blocked());
        own.or_else(|| self.manifests.get(&release.manifest.sha256).copied())
            .or_else(|| self.contents.get(&release.model_digests).copied())
    }
}

fn judge<'d>(
    document: &'d ChannelDocument,
    request: &Request<'_>,
    blocked: &Blocked<'d>,
    release: &'d Release,
) -> Result<Permit, Refusal> {
    let version = || release.version.clone();
    if let Some(found) = blocked.find(release) {
        let reason = found.reason.clone();
        let listed_as = found.version.clone();
        return Err(match found.status {
            Status::Quarantined => Refusal::Quarantined { version: version(), listed_as, reason },
            _ => Refusal::Revoked { version: version(), listed_as, reason },
        });
    }
    let signed = document.floor.counter;
    if let Some((kind, floor)) = request.floors.above(signed, release.counter) {
        return Err(Refusal::Floor { version: version(), counter: release.counter, kind, floor });
    }
    let standing = standing(document, request, release)?;
    for predicate in request.required {
        let here = |listed: &&crate::AttestationRef| {
            listed.predicate_type == *predicate && request.presented.contains(listed)
        };
        if !release.attestations.iter().any(|listed| here(&listed)) {
            return Err(Refusal::Attestation { version: version(), predicate_type: (*predicate).to_owned() });
        }
    }
    Ok(Permit {
        release: release.clone(),
        standing,
        floors: request.floors,
        signed_floor: signed,
        position: document.position(),
    })
}

fn standing(
    document: &ChannelDocument,
    request: &Request<'_>,
    release: &Release,
) -> Result<Standing, Refusal> {
    if document.current.as_ref() == Some(&release.version) {
        return Ok(Standing::Current);
    }
    let share = document.rollout.as_ref().filter(|rollout| rollout.version == release.version);
    if let (Some(rollout), Some(instance)) = (share, request.instance)
        && canary::draws(rollout, instance)
    {
        return Ok(Standing::Canary);
    }
    let target = document.rollback_targets.iter().find(|target| target.version == release.version);
    match target {
        Some(target) if request.now < target.until => Ok(Standing::RollbackTarget { until: target.until }),
        other => Err(Refusal::Rollback {
            version: release.version.clone(),
            ended: other.map(|target| target.until),
        }),
    }
}

impl Status {
    /// Whether it may not run.
    pub(crate) fn is_blocked(self) -> bool {
        matches!(self, Self::Quarantined | Self::Revoked)
    }
}
