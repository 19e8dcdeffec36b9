//! Keys that nobody has any more, or somebody else has: others must be able to put new ones in their place.

use lacre_publish::channel::{self, Draft, Edit, Restart, Role, RoleKeys, Rotation, VerifiedRepository};
use lacre_sign::Signer;

use super::super::scratch::Scratch;
use super::super::{Act, Came, Ended, Stage, crew};
use crate::error::CliError;

pub(super) fn acts(scratch: &Scratch) -> Vec<Act> {
    let act = |role: Role| {
        let (threshold, keys) = scratch.crew.quorum(role);
        let attempt = format!("{role} loses a key ({threshold} of {keys} must sign)");
        Act::new("lost key", attempt, Came::Accepted, move |stage| lose(stage, role))
    };
    let mut acts: Vec<Act> = Role::ALL.into_iter().map(act).collect();
    acts.push(Act::new("new epoch", "root leaves stolen keys behind", Came::Accepted, |stage| {
        let scratch = stage.scratch;
        let [.., current] = &scratch.versions;
        let client = stage.client()?;
        let channel = client.follow(&scratch.lay(new_epoch(scratch)?.repository())?, scratch.now)?;
        Ok(Came::from(client.asks(&channel, current)))
    }));
    acts.push(Act::new(
        "new epoch",
        "the stolen keys go on without it",
        Came::Refused("E-TUF-SIGNATURE"),
        |stage| {
            let scratch = stage.scratch;
            let client = stage.client()?;
            client.follow(&scratch.lay(new_epoch(scratch)?.repository())?, scratch.now)?;
            let thief = scratch.edit(&scratch.live, &Edit::Renew)?;
            Ok(Came::from(client.follow(&scratch.lay(thief.repository())?, scratch.now)))
        },
    ));
    acts
}

/// The same releases, under new keys of all roles that are not root and targets.
fn new_epoch(scratch: &Scratch) -> Result<VerifiedRepository, CliError> {
    let Scratch { crew, live, now, .. } = scratch;
    let document = live.document();
    let restart = Restart::keeping(document, document.floor.counter);
    let mut rotation = Rotation { restart: Some(restart), ..Rotation::default() };
    let mut new = Vec::new();
    for role in [Role::Channel, Role::Snapshot, Role::Timestamp] {
        let key = crew::new_key()?;
        rotation.keys.insert(role, RoleKeys::new(role, &[key.public_key().clone()], 1)?);
        new.push(key);
    }
    let mut draft = channel::rotate(live, &rotation, *now)?;
    let mut signers = crew.signers();
    signers.extend(new.iter().map(|key| key as &dyn Signer));
    draft.sign(&signers, *now)?;
    Ok(draft.finish()?)
}

/// Loses one key of the role after the other, where they are not alike; the worst counts.
fn lose(stage: &Stage<'_>, role: Role) -> Result<Ended, CliError> {
    let mut worst = Ended::from(Came::Accepted);
    for lost in stage.scratch.crew.unlike(role) {
        let ended = lose_one(stage, role, lost)?;
        if ended.came != Came::Accepted {
            return Ok(ended);
        }
        worst.note = worst.note.or(ended.note);
    }
    Ok(worst)
}

fn lose_one(stage: &Stage<'_>, role: Role, lost: &str) -> Result<Ended, CliError> {
    let Scratch { crew, live, now, .. } = stage.scratch;
    let rest = crew.signers_without(lost);
    // Asked before the key is replaced: until then the role has to do without it.
    let signs_on = signs(renewal(stage.scratch, role)?, &rest, stage.scratch)?;
    let new = crew::new_key()?;
    let mut rotation = Rotation::default();
    for role in crew.roles_of(lost) {
        rotation.keys.insert(role, crew.role_keys_with(role, lost, &new)?);
    }
    let mut draft = channel::rotate(live, &rotation, *now)?;
    let mut signers = rest;
    signers.push(&new);
    draft.sign(&signers, *now)?;
    let next = match draft.finish() {
        Ok(next) => next,
        Err(error) => {
            let lacking = draft.pending().and_then(|pending| pending.lacks.first().map(|lack| lack.role));
            let note = lacking.map(|role| {
                format!("{role} cannot replace it: have spare keys of {role}, 2 of 3 for example")
            });
            return Ok(Ended { came: Came::Refused(error.code()), note });
        }
    };
    let client = stage.client()?;
    let came = Came::from(client.follow(&stage.scratch.lay(next.repository())?, *now));
    let by = if crew.roles_of(lost) == [Role::Channel] { Role::Targets } else { Role::Root };
    let note = (came == Came::Accepted && !signs_on)
        .then(|| format!("{role} cannot sign until {by} has replaced it; a spare key would"));
    Ok(Ended { came, note })
}

/// What the role signs in everyday life.
fn renewal(scratch: &Scratch, role: Role) -> Result<Draft, CliError> {
    let Scratch { crew, live, now, .. } = scratch;
    Ok(match role {
        Role::Root => channel::rotate(live, &Rotation::default(), *now)?,
        Role::Targets => {
            let keys = [(role, crew.role_keys(role)?)].into();
            channel::rotate(live, &Rotation { keys, ..Rotation::default() }, *now)?
        }
        Role::Channel | Role::Snapshot => channel::edit(live, &Edit::Renew, *now)?,
        Role::Timestamp => channel::refresh(live, *now)?,
    })
}

fn signs(mut draft: Draft, signers: &[&dyn Signer], scratch: &Scratch) -> Result<bool, CliError> {
    draft.sign(signers, scratch.now)?;
    Ok(draft.pending().is_none())
}
