//! What an edit does beside what was asked for.

use jiff::{SignedDuration, Timestamp};
use lacre_release::{ChannelDocument, Status};

use super::{Role, Warning};

const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is different after an edit that its maker may not have meant.
pub(super) fn of_documents(
    before: &ChannelDocument,
    after: &ChannelDocument,
    now: Timestamp,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    match &before.current {
        Some(version) if after.current.is_none() => {
            warnings.push(Warning::CurrentWithdrawn { version: version.clone() });
        }
        _ if after.current.is_none() && !after.releases.is_empty() => warnings.push(Warning::NothingCurrent),
        _ => {}
    }
    if after.floor.counter < before.floor.counter {
        warnings.push(Warning::FloorLowered { from: before.floor.counter, to: after.floor.counter });
    }
    let shut_out: Vec<_> = after
        .releases
        .iter()
        .filter(|release| matches!(release.status, Status::Active | Status::Deprecated))
        .filter(|release| (before.floor.counter..after.floor.counter).contains(&release.counter))
        .map(|release| release.version.clone())
        .collect();
    if !shut_out.is_empty() {
        warnings.push(Warning::ShutOut { versions: shut_out });
    }
    for target in &before.rollback_targets {
        let stays = after.rollback_targets.iter().any(|other| other.version == target.version);
        if !stays && target.until > now {
            let (version, until) = (target.version.clone(), target.until);
            warnings.push(Warning::AllowanceEnded { version, until });
        }
    }
    if let Some(rollout) = &before.rollout {
        let stays = after.rollout.as_ref().is_some_and(|other| other.version == rollout.version);
        if !stays && after.current.as_ref() != Some(&rollout.version) {
            warnings.push(Warning::CanaryEnded { version: rollout.version.clone() });
        }
    }
    warnings
}

/// Whether a file that stays has to be renewed.
pub(super) fn of_expiry(role: Role, at: Timestamp, now: Timestamp) -> Option<Warning> {
    if at <= now {
        Some(Warning::Expired { role, at })
    } else if at.duration_since(now) < SOON {
        Some(Warning::ExpiresSoon { role, at })
    } else {
        None
    }
}
