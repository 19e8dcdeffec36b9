//! What roles do together: beginning a channel, editing it, renewing it, giving keys to others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lacre_release::{ChannelDocument, Floor, Release, Status, Version};
use lacre_sign::Signer;

use super::draft::{Draft, Parts, Refresh, Step, is_due, successor, whole};
use super::edit::{after, apply, first};
use super::metadata::{Body as _, RootFacts, Targets};
use super::roles::{Lifetimes, Plan, Role, RoleKeys};
use super::verified::VerifiedRepository;
use super::{ChannelProblem, Edit};
use crate::PublishError;

/// New keys for roles, and what only the root can change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The roles that get other keys or thresholds. The keys that a role has already may be given again: its file is then
    /// renewed. With nothing in it, a rotation renews the root.
    pub keys: BTreeMap<Role, RoleKeys>,
    /// How long files are believed from now on.
    pub lifetimes: Option<Lifetimes>,
    /// Begins a new epoch.
    pub restart: Option<Restart>,
}

/// The first document of a new epoch. Sequence and floor of the old epoch do not count any more, so it takes the threshold
/// of the root and new keys of snapshot and timestamp. Allowances to roll back end with the old epoch: a thief may have
/// given them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The floor, which may be lower than before.
    pub floor: u64,
    /// The releases that are listed.
    pub releases: Vec<Release>,
    /// The current one.
    pub current: Option<Version>,
}

impl Restart {
    /// Takes over what `document` lists: the one that holds, or an older one if a thief wrote that.
    pub fn keeping(document: &ChannelDocument, floor: u64) -> Self {
        let runs = |version: &Version| {
            document.release(version).is_some_and(|release| {
                matches!(release.status, Status::Active | Status::Deprecated) && release.counter >= floor
            })
        };
        let current = document.current.clone().filter(runs);
        Self { floor, releases: document.releases.clone(), current }
    }
}

/// Begins a channel: epoch 1, a document without releases.
pub fn init(plan: &Plan, signers: &[&dyn Signer], now: Timestamp) -> Result<Draft, PublishError> {
    let now = whole(now);
    plan.lifetimes.check()?;
    let keys = &plan.keys;
    let facts = RootFacts {
        version: 1,
        expires: after(now, plan.lifetimes.root)?,
        epoch: 1,
        lifetimes: plan.lifetimes,
        root: keys.root.clone(),
        targets: keys.targets.clone(),
        snapshot: keys.snapshot.clone(),
        timestamp: keys.timestamp.clone(),
    };
    let targets = Targets::delegating(&plan.id, 1, after(now, plan.lifetimes.targets)?, &keys.channel);
    let document = first(&plan.id, now, plan.lifetimes.channel)?;
    let mut draft = Draft::new(Parts {
        live: None,
        id: plan.id.clone(),
        root: Some(facts),
        targets: Some(targets),
        channel: Some((Targets::vouching(1, &document), document)),
        refresh: Refresh::Nothing,
    })?;
    draft.sign(signers, now)?;
    Ok(draft)
}

/// Edits the document. The draft has to be signed by the channel's role, then online.
pub fn edit(live: &VerifiedRepository, edit: &Edit, now: Timestamp) -> Result<Draft, PublishError> {
    let document = apply(live.document(), edit, whole(now), live.facts.lifetimes.channel)?;
    let version = successor(live.channel.signed.version(), Step::Within, "version of the channel's role")?;
    Draft::new(Parts {
        live: Some(live.clone()),
        id: live.id().clone(),
        root: None,
        targets: None,
        channel: Some((Targets::vouching(version, &document), document)),
        refresh: Refresh::Nothing,
    })
}

/// Renews the timestamp, and the snapshot if half of its life is over. Takes the online keys alone.
pub fn refresh(live: &VerifiedRepository, now: Timestamp) -> Result<Draft, PublishError> {
    let due = is_due(live.expires(Role::Snapshot), live.facts.lifetimes.snapshot, now);
    Draft::new(Parts {
        live: Some(live.clone()),
        id: live.id().clone(),
        root: None,
        targets: None,
        channel: None,
        refresh: if due { Refresh::Snapshot } else { Refresh::Timestamp },
    })
}

/// Gives roles other keys. What has to be signed follows from them:
///
/// | new keys of | signed |
/// | --- | --- |
/// | root, snapshot, timestamp | the root, by the keys of root before and after |
/// | targets | the root, and the delegation by the new keys |
/// | channel | the delegation, and the document as it is by the new keys |
pub fn rotate(live: &VerifiedRepository, rotation: &Rotation, now: Timestamp) -> Result<Draft, PublishError> {
    let now = whole(now);
    let new = |role: Role| rotation.keys.get(&role);
    let facts = root(live, rotation, now)?;
    let (step, lifetimes) = match &facts {
        Some(facts) if facts.epoch != live.facts.epoch => (Step::Anew, facts.lifetimes),
        Some(facts) => (Step::Within, facts.lifetimes),
        None => (Step::Within, live.facts.lifetimes),
    };
    let targets = if new(Role::Targets).is_some() || new(Role::Channel).is_some() {
        let version = successor(live.targets.signed.version(), step, "version of targets")?;
        let keys = new(Role::Channel).unwrap_or(&live.channel_keys);
        Some(Targets::delegating(live.id(), version, after(now, lifetimes.targets)?, keys))
    } else {
        None
    };
    let document = match (&rotation.restart, &facts) {
        (Some(restart), Some(facts)) => Some(begin(live, restart, facts, now)?),
        _ => new(Role::Channel).map(|_| live.document().clone()),
    };
    let version = || successor(live.channel.signed.version(), step, "version of the channel's role");
    let channel = match document {
        Some(document) => Some((Targets::vouching(version()?, &document), document)),
        None => None,
    };
    Draft::new(Parts {
        live: Some(live.clone()),
        id: live.id().clone(),
        root: facts,
        targets,
        channel,
        refresh: Refresh::Nothing,
    })
}

/// The next root, if a rotation needs one.
fn root(
    live: &VerifiedRepository,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<Option<RootFacts>, PublishError> {
    let only_channel = rotation.keys.keys().eq([&Role::Channel]);
    if only_channel && rotation.lifetimes.is_none() && rotation.restart.is_none() {
        return Ok(None);
    }
    let lifetimes = rotation.lifetimes.unwrap_or(live.facts.lifetimes);
    lifetimes.check()?;
    let epoch = match rotation.restart {
        Some(_) => successor(live.facts.epoch, Step::Within, "epoch")?,
        None => live.facts.epoch,
    };
    let keys = |role: Role| rotation.keys.get(&role).unwrap_or(live.keys(role)).clone();
    Ok(Some(RootFacts {
        version: successor(live.facts.version, Step::Within, "version of the root")?,
        expires: after(now, lifetimes.root)?,
        epoch,
        lifetimes,
        root: keys(Role::Root),
        targets: keys(Role::Targets),
        snapshot: keys(Role::Snapshot),
        timestamp: keys(Role::Timestamp),
    }))
}

/// The first document of an epoch.
fn begin(
    live: &VerifiedRepository,
    restart: &Restart,
    facts: &RootFacts,
    now: Timestamp,
) -> Result<ChannelDocument, PublishError> {
    let mut document = first(live.id(), now, facts.lifetimes.channel)?;
    document.epoch = facts.epoch;
    document.floor = Floor { counter: restart.floor };
    document.releases.clone_from(&restart.releases);
    document.releases.sort_by_key(|release| release.counter);
    if let Some(version) = &restart.current {
        let Some(release) = document.release(version) else {
            return Err(ChannelProblem::Unlisted { version: version.clone() }.into());
        };
        if !matches!(release.status, Status::Active | Status::Deprecated) {
            return Err(ChannelProblem::Status { version: version.clone(), status: release.status }.into());
        }
        if release.counter < restart.floor {
            let (counter, floor, reason) =
                (release.counter, restart.floor, "the current release may not run");
            return Err(ChannelProblem::Floor { counter, floor, reason }.into());
        }
        document.current = Some(version.clone());
    }
    Ok(document)
}
