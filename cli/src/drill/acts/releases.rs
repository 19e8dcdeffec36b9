//! Going back to an older release: where it is allowed, and where it is not.

use jiff::Timestamp;
use lacre_publish::channel::{Edit, VerifiedRepository, Withdrawal};
use lacre_release::{ReasonCode, Version};

use super::super::scratch::Scratch;
use super::super::{Act, Came, Ended, Stage};
use crate::error::CliError;

const ACCEPTED: Came = Came::Accepted;
/// How long going back is allowed, in hours: less than a timestamp lives.
const ALLOWED: i64 = 1;

pub(super) fn acts() -> Vec<Act> {
    let refused = Came::Refused;
    vec![
        Act::new("rollback", "to an older release that is not allowed", refused("E-ROLLBACK"), |stage| {
            let [_, older, _] = &stage.scratch.versions;
            asks(stage, &stage.scratch.live, older, stage.scratch.now)
        }),
        Act::new("rollback", "the publisher goes back", ACCEPTED, |stage| {
            let [_, older, _] = &stage.scratch.versions;
            asks(stage, &gone_back(stage.scratch)?, older, stage.scratch.now)
        }),
        Act::new("rollback", "the same, to stay with the newer one", refused("E-ROLLBACK"), |stage| {
            let [.., newest] = &stage.scratch.versions;
            asks(stage, &gone_back(stage.scratch)?, newest, stage.scratch.now)
        }),
        Act::new("rollback", "to one that is allowed for an hour", ACCEPTED, |stage| {
            let [_, older, _] = &stage.scratch.versions;
            asks(stage, &allowed(stage.scratch)?, older, stage.scratch.now)
        }),
        Act::new("rollback", "the same, after that hour", refused("E-ROLLBACK"), |stage| {
            let [_, older, _] = &stage.scratch.versions;
            asks(stage, &allowed(stage.scratch)?, older, stage.scratch.after(ALLOWED))
        }),
        Act::new("floor", "to one that is below the floor", refused("E-FLOOR"), |stage| {
            let [oldest, ..] = &stage.scratch.versions;
            Ok(explained(stage.scratch, asks(stage, &floored(stage.scratch)?, oldest, stage.scratch.now)?))
        }),
        Act::new("floor", "the publisher goes back below it", refused("E-EDIT-FLOOR"), |stage| {
            let [oldest, ..] = &stage.scratch.versions;
            let back = roll_back(oldest, stage.scratch.after(ALLOWED));
            Ok(explained(stage.scratch, Came::from(stage.scratch.edit(&floored(stage.scratch)?, &back))))
        }),
        Act::new("revoked", "to one that was allowed and is revoked", refused("E-REVOKED"), |stage| {
            let [_, older, _] = &stage.scratch.versions;
            let revoked = stage.scratch.edit(&allowed(stage.scratch)?, &revoke(older))?;
            asks(stage, &revoked, older, stage.scratch.now)
        }),
        Act::new("revoked", "the current release is revoked", refused("E-REVOKED"), |stage| {
            let [.., newest] = &stage.scratch.versions;
            let revoked = stage.scratch.edit(&stage.scratch.live, &revoke(newest))?;
            asks(stage, &revoked, newest, stage.scratch.now)
        }),
        Act::new("revoked", "the publisher promotes it again", refused("E-EDIT-STATUS"), |stage| {
            let [.., newest] = &stage.scratch.versions;
            let revoked = stage.scratch.edit(&stage.scratch.live, &revoke(newest))?;
            Ok(Came::from(stage.scratch.edit(&revoked, &Edit::Promote { version: newest.clone() })))
        }),
    ]
}

/// What a client that knows the copy says of a release, after it has read `next`.
fn asks(
    stage: &Stage<'_>,
    next: &VerifiedRepository,
    version: &Version,
    now: Timestamp,
) -> Result<Came, CliError> {
    let client = stage.client()?;
    let channel = client.follow(&stage.scratch.lay(next.repository())?, now)?;
    Ok(Came::from(client.asks(&channel, version)))
}

/// Where the channel has used up all counters, there is nothing below a floor that the newest release reaches.
fn explained(scratch: &Scratch, came: Came) -> Ended {
    let [oldest, _, newest] = &scratch.versions;
    let counter = |version| scratch.live.document().release(version).map(|release| release.counter);
    let note = (counter(oldest) == counter(newest))
        .then(|| "no counter is left above those of the channel: begin a new epoch".to_owned());
    Ended { came, note }
}

fn gone_back(scratch: &Scratch) -> Result<VerifiedRepository, CliError> {
    let [_, older, _] = &scratch.versions;
    scratch.edit(&scratch.live, &roll_back(older, scratch.after(ALLOWED)))
}

/// The newest release is current again, and the one before it still allowed.
fn allowed(scratch: &Scratch) -> Result<VerifiedRepository, CliError> {
    let [.., newest] = &scratch.versions;
    scratch.edit(&gone_back(scratch)?, &Edit::Promote { version: newest.clone() })
}

/// The floor is at the newest release.
fn floored(scratch: &Scratch) -> Result<VerifiedRepository, CliError> {
    let [.., newest] = &scratch.versions;
    let counter = scratch.live.document().release(newest).map_or(0, |release| release.counter);
    scratch.edit(&scratch.live, &Edit::Floor { counter })
}

fn roll_back(version: &Version, until: Timestamp) -> Edit {
    Edit::Rollback { version: version.clone(), until, reason: "a drill".to_owned() }
}

fn revoke(version: &Version) -> Edit {
    Edit::Withdraw {
        version: version.clone(),
        withdrawal: Withdrawal::Revoke,
        code: ReasonCode::Backdoor,
        text: "a drill".to_owned(),
    }
}
