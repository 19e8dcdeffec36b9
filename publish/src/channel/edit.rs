//! Edits of the document: from one that holds to the next one that holds.

use jiff::{SignedDuration, Timestamp};
use lacre_hash::Sha256Digest;
use lacre_release::{
    AttestationRef, ChannelDocument, ChannelId, Contents, Floor, ManifestRef, Reason, ReasonCode, Release,
    RollbackTarget, Rollout, Status, Version,
};

use super::ChannelProblem;
use super::draft::whole;
use crate::PublishError;

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// Adds a release.
    Publish(Publication),
    /// Makes a listed release current. Its counter must not be below that of the current one: going back is a rollback.
    Promote {
        /// Which.
        version: Version,
    },
    /// Makes another listed release current, whatever its counter, as long as the floor lets it run. It is also allowed by
    /// its name until a date, so that whoever went back to it may stay there when a newer release becomes current.
    Rollback {
        /// Which.
        version: Version,
        /// Until when it is allowed by its name.
        until: Timestamp,
        /// Why, at most 500 bytes.
        reason: String,
    },
    /// Takes a release out of use. If it was current, none is.
    Withdraw {
        /// Which.
        version: Version,
        /// How.
        withdrawal: Withdrawal,
        /// What kind of reason there is.
        code: ReasonCode,
        /// The reason, at most 500 bytes.
        text: String,
    },
    /// Ends a quarantine: the release may run again.
    Reinstate {
        /// Which.
        version: Version,
    },
    /// Raises the floor, at most to the counter of the current release.
    Floor {
        /// The lowest counter that may run from now on.
        counter: u64,
    },
    /// Says the same again, for longer.
    Renew,
}

/// A release to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its version.
    pub version: Version,
    /// Its security counter; by default the highest one so far.
    pub counter: Option<u64>,
    /// Its manifest.
    pub manifest: ManifestRef,
    /// Its contents.
    pub model_digests: Contents,
    /// Attestations that come with it.
    pub attestations: Vec<AttestationRef>,
    /// Who runs it at first.
    pub launch: Launch,
}

/// Who runs a new release at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// Everybody: it becomes current.
    Current,
    /// A share of the instances, 1 to 99 of 100.
    Canary(u8),
    /// Nobody before it is promoted.
    Hold,
}

/// How a release is taken out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// While it is being examined.
    Quarantine,
    /// For good.
    Revoke,
}

/// Makes the next document: one sequence on, issued `now`, believed for `lifetime` seconds.
pub(super) fn apply(
    before: &ChannelDocument,
    edit: &Edit,
    now: Timestamp,
    lifetime: u64,
) -> Result<ChannelDocument, PublishError> {
    let mut next = before.clone();
    next.sequence = before.sequence.checked_add(1).ok_or(ChannelProblem::Spent { what: "sequence" })?;
    next.issued = now;
    next.expires = after(now, lifetime)?;
    // What nobody may use any more only makes the document longer.
    next.rollback_targets.retain(|target| target.until > now);
    match edit {
        Edit::Publish(publication) => publish(&mut next, publication)?,
        Edit::Promote { version } => promote(&mut next, version)?,
        Edit::Rollback { version, until, reason } => roll_back(&mut next, version, *until, reason)?,
        Edit::Withdraw { version, withdrawal, code, text } => {
            withdraw(&mut next, version, *withdrawal, Reason { code: *code, text: text.clone(), at: now })?;
        }
        Edit::Reinstate { version } => reinstate(&mut next, version)?,
        Edit::Floor { counter } => raise_floor(&mut next, *counter)?,
        Edit::Renew => {}
    }
    next.check()?;
    Ok(next)
}

/// The document that a channel begins with.
pub(super) fn first(id: &ChannelId, now: Timestamp, lifetime: u64) -> Result<ChannelDocument, PublishError> {
    Ok(ChannelDocument {
        schema_version: 1,
        epoch: 1,
        model: id.model.clone(),
        channel: id.channel.clone(),
        sequence: 1,
        issued: now,
        expires: after(now, lifetime)?,
        current: None,
        releases: Vec::new(),
        floor: Floor { counter: 0 },
        rollback_targets: Vec::new(),
        rollout: None,
    })
}

/// `seconds` after `now`.
pub(super) fn after(now: Timestamp, seconds: u64) -> Result<Timestamp, PublishError> {
    let lasts = i64::try_from(seconds).map(SignedDuration::from_secs).ok();
    let end = lasts.and_then(|lasts| now.checked_add(lasts).ok());
    Ok(end.ok_or(ChannelProblem::Spent { what: "time" })?)
}

fn publish(next: &mut ChannelDocument, new: &Publication) -> Result<(), PublishError> {
    if next.release(&new.version).is_some() {
        return Err(ChannelProblem::Listed { version: new.version.clone() }.into());
    }
    let highest = next.releases.iter().map(|release| release.counter).max().unwrap_or(1);
    let counter = new.counter.unwrap_or(highest.max(next.floor.counter));
    let release = Release {
        version: new.version.clone(),
        counter,
        manifest: new.manifest.clone(),
        model_digests: new.model_digests,
        attestations: new.attestations.clone(),
        status: Status::Active,
        reason: None,
    };
    above_floor(next, &release)?;
    // Behind those with the same counter: so releases stand in the order in which they came.
    let place = next.releases.partition_point(|other| other.counter <= counter);
    next.releases.insert(place, release);
    match new.launch {
        Launch::Current => promote(next, &new.version),
        Launch::Hold => Ok(()),
        Launch::Canary(percent) => {
            if !(1..=99).contains(&percent) {
                let reason = "a canary is 1 to 99 of 100 instances";
                return Err(
                    ChannelProblem::Value { what: "canary", value: percent.to_string(), reason }.into()
                );
            }
            next.rollout =
                Some(Rollout { version: new.version.clone(), percent, seed: seed(next, &new.version) });
            Ok(())
        }
    }
}

/// Another one for every rollout: else the same instances were the first ones every time.
fn seed(next: &ChannelDocument, version: &Version) -> String {
    let text = format!("{} {} {} {version}", next.id(), next.epoch, next.sequence);
    Sha256Digest::of(text.as_bytes()).to_string().chars().take(32).collect()
}

fn promote(next: &mut ChannelDocument, version: &Version) -> Result<(), PublishError> {
    let release = runnable(next, version)?;
    if next.current.as_ref() == Some(version) {
        return Err(ChannelProblem::Nothing { reason: "the release is current" }.into());
    }
    let current = next.current.as_ref().and_then(|current| next.release(current));
    if current.is_some_and(|current| current.counter > release.counter) {
        return Err(ChannelProblem::Order { version: version.clone() }.into());
    }
    next.current = Some(version.clone());
    next.rollout = None;
    Ok(())
}

fn roll_back(
    next: &mut ChannelDocument,
    version: &Version,
    until: Timestamp,
    reason: &str,
) -> Result<(), PublishError> {
    let until = whole(until);
    runnable(next, version)?;
    if next.current.as_ref() == Some(version) {
        return Err(ChannelProblem::Nothing { reason: "the release is current" }.into());
    }
    if until <= next.issued {
        let reason = "the allowance would be over before it begins";
        return Err(ChannelProblem::Value { what: "until", value: until.to_string(), reason }.into());
    }
    check_text(reason)?;
    next.current = Some(version.clone());
    next.rollout = None;
    next.rollback_targets.retain(|target| target.version != *version);
    let target = RollbackTarget { version: version.clone(), until, reason: reason.to_owned() };
    next.rollback_targets.push(target);
    Ok(())
}

fn withdraw(
    next: &mut ChannelDocument,
    version: &Version,
    withdrawal: Withdrawal,
    reason: Reason,
) -> Result<(), PublishError> {
    check_text(&reason.text)?;
    let release = listed_mut(next, version)?;
    let status = match withdrawal {
        Withdrawal::Quarantine => Status::Quarantined,
        Withdrawal::Revoke => Status::Revoked,
    };
    // A revocation is never weakened, and its reason never rewritten.
    if release.status == Status::Revoked || release.status == status {
        return Err(ChannelProblem::Status { version: version.clone(), status: release.status }.into());
    }
    release.status = status;
    release.reason = Some(reason);
    next.rollback_targets.retain(|target| target.version != *version);
    if next.rollout.as_ref().is_some_and(|rollout| rollout.version == *version) {
        next.rollout = None;
    }
    if next.current.as_ref() == Some(version) {
        next.current = None;
    }
    Ok(())
}

fn reinstate(next: &mut ChannelDocument, version: &Version) -> Result<(), PublishError> {
    let release = listed_mut(next, version)?;
    if release.status != Status::Quarantined {
        return Err(ChannelProblem::Status { version: version.clone(), status: release.status }.into());
    }
    release.status = Status::Active;
    release.reason = None;
    Ok(())
}

fn raise_floor(next: &mut ChannelDocument, counter: u64) -> Result<(), PublishError> {
    let floor = next.floor.counter;
    let refused = |reason| Err(ChannelProblem::Floor { counter, floor, reason }.into());
    if counter == floor {
        return Err(ChannelProblem::Nothing { reason: "that is the floor" }.into());
    }
    if counter < floor {
        return refused("within an epoch the floor only rises");
    }
    let current = next.current.as_ref().and_then(|current| next.release(current));
    // Also what keeps a slip of the finger from using up all the numbers that there are.
    if current.is_none_or(|current| current.counter < counter) {
        return refused("the floor would shut out the current release, or there is none");
    }
    next.floor.counter = counter;
    shut_out(next);
    Ok(())
}

/// Takes back what the floor forbids anyway.
fn shut_out(next: &mut ChannelDocument) {
    let floor = next.floor.counter;
    let below = |releases: &[Release], version: &Version| {
        releases.iter().any(|release| release.version == *version && release.counter < floor)
    };
    next.rollback_targets.retain(|target| !below(&next.releases, &target.version));
    if next.rollout.as_ref().is_some_and(|rollout| below(&next.releases, &rollout.version)) {
        next.rollout = None;
    }
}

fn listed_mut<'a>(next: &'a mut ChannelDocument, version: &Version) -> Result<&'a mut Release, PublishError> {
    let found = next.releases.iter_mut().find(|release| release.version == *version);
    Ok(found.ok_or_else(|| ChannelProblem::Unlisted { version: version.clone() })?)
}

fn runnable<'a>(document: &'a ChannelDocument, version: &Version) -> Result<&'a Release, PublishError> {
    let Some(release) = document.release(version) else {
        return Err(ChannelProblem::Unlisted { version: version.clone() }.into());
    };
    if !matches!(release.status, Status::Active | Status::Deprecated) {
        return Err(ChannelProblem::Status { version: version.clone(), status: release.status }.into());
    }
    above_floor(document, release)?;
    Ok(release)
}

fn above_floor(document: &ChannelDocument, release: &Release) -> Result<(), PublishError> {
    let (counter, floor) = (release.counter, document.floor.counter);
    if counter < floor {
        let reason = "the release may not run";
        return Err(ChannelProblem::Floor { counter, floor, reason }.into());
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), PublishError> {
    let reason = if text.trim().is_empty() {
        "there has to be one"
    } else if text.len() > 500 {
        "it has more than 500 bytes"
    } else if text.chars().any(char::is_control) {
        "it has control characters"
    } else {
        return Ok(());
    };
    let value = text.chars().take(64).collect::<String>().escape_debug().to_string();
    Err(ChannelProblem::Value { what: "reason", value, reason }.into())
}
