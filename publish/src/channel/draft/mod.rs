//! What is about to be published, while its roles sign it.
//!
//! ```text
//!            root        by the keys before and after      offline
//!            targets     by targets                        offline
//!            channel     by the approvers                  where they are
//!               │ all that are in the draft have their thresholds
//!               ▼
//!            snapshot    pins targets and channel           online, in one go
//!            timestamp   pins snapshot                      online, in one go
//! ```
//!
//! Approvers sign one after the other, in any order, each on the draft that the one before left. Snapshot and timestamp
//! are made last, because they have the hashes of signed files in them; their keys are together on one machine.

mod check;
mod signatures;
mod wire;

use jiff::{SignedDuration, Timestamp as Time};
use lacre_hash::Sha256Digest;
use lacre_release::{ChannelDocument, ChannelId};
use lacre_sign::Signer;

pub use signatures::{Lack, Pending};

use super::key::KeyId;
use super::metadata::{Body as _, Envelope, Pin, Root, RootFacts, Snapshot, Targets, Timestamp};
use super::roles::{Role, RoleKeys};
use super::verified::VerifiedRepository;
use super::{ChannelProblem, FileName, Repository, Warning, edit, warn};
use crate::PublishError;

/// Versions of snapshot, targets and channel that stay for clients that are in the middle of a refresh.
const KEPT: u64 = 3;
/// Above this a number was burned, not counted to: programs that hold numbers as floats lose them there.
const BURNED: u64 = 1 << 53;

/// What is about to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it was made on; `None` for the first one.
    live: Option<VerifiedRepository>,
    id: ChannelId,
    /// The root that will hold.
    facts: RootFacts,
    /// The keys of the channel's role that will hold.
    channel_keys: RoleKeys,
    /// The document that will hold.
    document: ChannelDocument,
    root: Option<Envelope<Root>>,
    targets: Option<Envelope<Targets>>,
    channel: Option<Envelope<Targets>>,
    refresh: Refresh,
    snapshot: Option<Envelope<Snapshot>>,
    timestamp: Option<Envelope<Timestamp>>,
}

/// What is renewed although nothing in it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Refresh {
    Nothing,
    Timestamp,
    Snapshot,
}

/// What a draft is made of.
pub(super) struct Parts {
    pub(super) live: Option<VerifiedRepository>,
    pub(super) id: ChannelId,
    pub(super) root: Option<RootFacts>,
    pub(super) targets: Option<Targets>,
    pub(super) channel: Option<(Targets, ChannelDocument)>,
    pub(super) refresh: Refresh,
}

impl Draft {
    pub(super) fn new(parts: Parts) -> Result<Self, PublishError> {
        let root = parts.root.as_ref().map(|facts| Envelope::new(Root::new(facts)));
        let (channel, document) = match parts.channel {
            Some((channel, document)) => (Some(Envelope::new(channel)), Some(document)),
            None => (None, None),
        };
        let targets = parts.targets.map(Envelope::new);
        Self::assemble(parts.live, parts.id, root, targets, channel.zip(document), parts.refresh)
    }

    /// Puts the files together with what stays, and checks that they follow from it.
    fn assemble(
        live: Option<VerifiedRepository>,
        id: ChannelId,
        root: Option<Envelope<Root>>,
        targets: Option<Envelope<Targets>>,
        channel: Option<(Envelope<Targets>, ChannelDocument)>,
        refresh: Refresh,
    ) -> Result<Self, PublishError> {
        let base = live.as_ref();
        let incomplete =
            || ChannelProblem::Draft { reason: "a channel begins with all of its files".to_owned() };
        let facts = match &root {
            Some(root) => root.signed.facts()?,
            None => base.map(|live| live.facts.clone()).ok_or_else(incomplete)?,
        };
        let channel_keys = match &targets {
            Some(targets) => targets.signed.channel_keys(&id)?,
            None => base.map(|live| live.channel_keys.clone()).ok_or_else(incomplete)?,
        };
        let (channel, document) = match channel {
            Some((channel, document)) => (Some(channel), document),
            None => (None, base.map(|live| live.document().clone()).ok_or_else(incomplete)?),
        };
        let draft = Self {
            live,
            id,
            facts,
            channel_keys,
            document,
            root,
            targets,
            channel,
            refresh,
            snapshot: None,
            timestamp: None,
        };
        draft.check()?;
        Ok(draft)
    }

    /// Signs whatever the keys of `signers` can bring nearer to its threshold, and counts the signatures that it made.
    ///
    /// Signing twice adds nothing. Refused are signers whose key has no role in the channel (`E-ROLE-KEY`), and drafts with
    /// files that expired while they waited (`E-DRAFT-STALE`).
    pub fn sign(&mut self, signers: &[&dyn Signer], now: Time) -> Result<usize, PublishError> {
        let now = whole(now);
        let mut named = Vec::with_capacity(signers.len());
        for signer in signers {
            let key = KeyId::of(signer.public_key())?;
            if !self.authorities().any(|keys| keys.keys.contains_key(&key)) {
                return Err(ChannelProblem::Stranger { key }.into());
            }
            named.push((key, *signer));
        }
        if self.staged_expiries().any(|expires| expires <= now) {
            return Err(ChannelProblem::Stale { reason: "it expired while it waited for signatures" }.into());
        }
        let mut made = 0;
        let roots = self.root_authorities();
        for (key, signer) in &named {
            if let Some(root) = &mut self.root {
                made += usize::from(root.sign(&roots.iter().collect::<Vec<_>>(), *key, *signer)?);
            }
            if let Some(targets) = &mut self.targets {
                made += usize::from(targets.sign(&[&self.facts.targets], *key, *signer)?);
            }
            if let Some(channel) = &mut self.channel {
                made += usize::from(channel.sign(&[&self.channel_keys], *key, *signer)?);
            }
        }
        if self.offline_lacks().is_empty() {
            made += self.sign_online(&named, now)?;
        }
        Ok(made)
    }

    /// What is missing; `None` if it can be published.
    pub fn pending(&self) -> Option<Pending> {
        let mut lacks = self.offline_lacks();
        let online = [
            (
                Role::Snapshot,
                &self.facts.snapshot,
                self.needs() == Refresh::Snapshot && self.snapshot.is_none(),
            ),
            (
                Role::Timestamp,
                &self.facts.timestamp,
                self.needs() != Refresh::Nothing && self.timestamp.is_none(),
            ),
        ];
        for (role, keys, _) in online.into_iter().filter(|(_, _, missing)| *missing) {
            lacks.push(Lack { role, needed: keys.threshold(), of: keys.key_ids().collect() });
        }
        if lacks.is_empty() { None } else { Some(Pending { lacks }) }
    }

    /// The files to be published, verified as a client would; `E-DRAFT-PENDING` if signatures are missing.
    pub fn finish(&self) -> Result<VerifiedRepository, PublishError> {
        if let Some(pending) = self.pending() {
            return Err(ChannelProblem::Pending(pending).into());
        }
        let mut files = match &self.live {
            Some(live) => live.repository().clone(),
            None => Repository::new(self.id.clone()),
        };
        if let Some(root) = &self.root {
            files.insert(FileName::Root(root.signed.version()), root.to_bytes())?;
        }
        if let Some(targets) = &self.targets {
            files.insert(FileName::Targets(targets.signed.version()), targets.to_bytes())?;
        }
        if let Some(channel) = &self.channel {
            files.insert(FileName::Channel(channel.signed.version()), channel.to_bytes())?;
            let bytes = self.document.to_bytes();
            files.insert(FileName::Document(Sha256Digest::of(&bytes)), bytes)?;
        }
        if let Some(snapshot) = &self.snapshot {
            files.insert(FileName::Snapshot(snapshot.signed.version()), snapshot.to_bytes())?;
        }
        if let Some(timestamp) = &self.timestamp {
            files.insert(FileName::Timestamp, timestamp.to_bytes())?;
        }
        let anchor = match (&self.live, &self.root) {
            (Some(live), _) => live.anchor().to_vec(),
            (None, Some(root)) => root.to_bytes(),
            (None, None) => Vec::new(),
        };
        let last = self.live.as_ref().map(VerifiedRepository::last);
        let next = VerifiedRepository::open(files.clone(), &anchor, last.as_ref())?;
        self.prune(&mut files, &next);
        VerifiedRepository::open(files, &anchor, last.as_ref())
    }

    /// The roles that have something to sign in it, beside snapshot and timestamp.
    pub fn staged(&self) -> Vec<Role> {
        let staged = [
            (Role::Root, self.root.is_some()),
            (Role::Targets, self.targets.is_some()),
            (Role::Channel, self.channel.is_some()),
        ];
        staged.into_iter().filter_map(|(role, is)| is.then_some(role)).collect()
    }

    /// What the channel will say.
    pub fn document(&self) -> &ChannelDocument {
        &self.document
    }

    /// What it was made on; `None` for the first one. The carrier must replace exactly this.
    pub fn live(&self) -> Option<&VerifiedRepository> {
        self.live.as_ref()
    }

    /// What publishing it does that its maker may not have meant.
    pub fn warnings(&self, now: Time) -> Vec<Warning> {
        let Some(live) = &self.live else { return Vec::new() };
        let mut warnings = match &self.channel {
            Some(_) => warn::of_documents(live.document(), &self.document, now),
            None => Vec::new(),
        };
        for role in [Role::Root, Role::Targets, Role::Channel] {
            if !self.staged().contains(&role) {
                warnings.extend(warn::of_expiry(role, live.expires(role), now));
            }
        }
        warnings
    }

    fn sign_online(&mut self, signers: &[(KeyId, &dyn Signer)], now: Time) -> Result<usize, PublishError> {
        let mut made = 0;
        if self.needs() == Refresh::Snapshot && self.snapshot.is_none() {
            let version = self.next(|live| live.snapshot.signed.version(), "snapshot's version")?;
            let expires = edit::after(now, self.facts.lifetimes.snapshot)?;
            let file = Envelope::new(self.snapshot_file(version, expires)?);
            self.snapshot = in_one_go(file, &self.facts.snapshot, signers, &mut made)?;
        }
        let waits = self.needs() == Refresh::Snapshot && self.snapshot.is_none();
        if self.needs() != Refresh::Nothing && self.timestamp.is_none() && !waits {
            let version = self.next(|live| live.timestamp.signed.version(), "timestamp's version")?;
            let expires = edit::after(now, self.facts.lifetimes.timestamp)?;
            let file = Envelope::new(self.timestamp_file(version, expires)?);
            self.timestamp = in_one_go(file, &self.facts.timestamp, signers, &mut made)?;
        }
        Ok(made)
    }

    fn snapshot_file(&self, version: u64, expires: Time) -> Result<Snapshot, PublishError> {
        let live = self.live.as_ref();
        let targets = self.targets.as_ref().or(live.map(|live| &live.targets));
        let channel = self.channel.as_ref().or(live.map(|live| &live.channel));
        let (Some(targets), Some(channel)) = (targets, channel) else { return Err(Self::gap()) };
        let pins = [
            ("targets.json".to_owned(), Pin::of(targets)),
            (format!("{}.json", self.id.role()), Pin::of(channel)),
        ];
        Ok(Snapshot::new(version, expires, pins))
    }

    fn timestamp_file(&self, version: u64, expires: Time) -> Result<Timestamp, PublishError> {
        let snapshot = self.snapshot.as_ref().or(self.live.as_ref().map(|live| &live.snapshot));
        let snapshot = snapshot.ok_or_else(Self::gap)?;
        Ok(Timestamp::new(version, expires, [("snapshot.json".to_owned(), Pin::of(snapshot))]))
    }

    fn gap() -> PublishError {
        ChannelProblem::Draft { reason: "it lacks a file that others name".to_owned() }.into()
    }

    /// What has to be made online.
    fn needs(&self) -> Refresh {
        let Some(live) = &self.live else { return Refresh::Snapshot };
        let changed = |role: fn(&RootFacts) -> &RoleKeys| role(&self.facts) != role(&live.facts);
        if self.targets.is_some() || self.channel.is_some() || changed(|facts| &facts.snapshot) {
            Refresh::Snapshot
        } else if changed(|facts| &facts.timestamp) {
            self.refresh.max(Refresh::Timestamp)
        } else {
            self.refresh
        }
    }

    /// The version that comes next for what `of` has now. In a new epoch clients begin anew, so that a number that was
    /// burned can be left behind.
    fn next(&self, of: impl Fn(&VerifiedRepository) -> u64, what: &'static str) -> Result<u64, PublishError> {
        let Some(live) = &self.live else { return Ok(1) };
        successor(of(live), Step::between(&live.facts, &self.facts), what)
    }

    fn root_authorities(&self) -> Vec<RoleKeys> {
        let before = self.live.as_ref().map(|live| live.facts.root.clone());
        before.into_iter().chain([self.facts.root.clone()]).collect()
    }

    /// The keys of all roles, as they are and as they will be.
    fn authorities(&self) -> impl Iterator<Item = &RoleKeys> {
        let facts = &self.facts;
        let after = [&facts.root, &facts.targets, &self.channel_keys, &facts.snapshot, &facts.timestamp];
        let before = self.live.iter().flat_map(|live| Role::ALL.map(|role| live.keys(role)));
        after.into_iter().chain(before)
    }

    fn offline_lacks(&self) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if let Some(root) = &self.root {
            let authorities = self.root_authorities();
            lacks.extend(root.lacks(Role::Root, &authorities.iter().collect::<Vec<_>>()));
        }
        if let Some(targets) = &self.targets {
            lacks.extend(targets.lacks(Role::Targets, &[&self.facts.targets]));
        }
        if let Some(channel) = &self.channel {
            lacks.extend(channel.lacks(Role::Channel, &[&self.channel_keys]));
        }
        lacks.dedup();
        lacks
    }

    fn staged_expiries(&self) -> impl Iterator<Item = Time> {
        let root = self.root.iter().map(|file| file.signed.expires());
        let targets = self.targets.iter().chain(&self.channel).map(|file| file.signed.expires());
        root.chain(targets)
    }

    /// Drops what no client needs any more. Roots stay: a client may come back after years.
    fn prune(&self, files: &mut Repository, next: &VerifiedRepository) {
        let live = self.live.as_ref();
        let stays = |version: u64, of: fn(&VerifiedRepository) -> u64| {
            let current = of(next);
            (current.saturating_sub(KEPT)..=current).contains(&version)
                || live.is_some_and(|live| of(live) == version)
        };
        let channel = |version| stays(version, |all| all.channel.signed.version());
        let mut named = Vec::new();
        for (name, bytes) in files.files() {
            let FileName::Channel(version) = name else { continue };
            if channel(version)
                && let Ok(file) = Envelope::<Targets>::parse("", bytes)
            {
                named.extend(file.signed.documents());
            }
        }
        files.retain(|name| match name {
            FileName::Root(_) | FileName::Timestamp => true,
            FileName::Snapshot(version) => stays(version, |all| all.snapshot.signed.version()),
            FileName::Targets(version) => stays(version, |all| all.targets.signed.version()),
            FileName::Channel(version) => channel(version),
            FileName::Document(digest) => named.contains(&digest),
        });
    }
}

/// The file with the signatures of its role, if enough of `signers` have the role.
fn in_one_go<T: super::metadata::Body>(
    mut file: Envelope<T>,
    keys: &RoleKeys,
    signers: &[(KeyId, &dyn Signer)],
    made: &mut usize,
) -> Result<Option<Envelope<T>>, PublishError> {
    // None is asked that would be asked in vain: a signer may be a person with a token.
    let at_hand: std::collections::BTreeSet<KeyId> =
        signers.iter().map(|(key, _)| *key).filter(|key| keys.keys.contains_key(key)).collect();
    if at_hand.len() < keys.threshold() as usize {
        return Ok(None);
    }
    for (key, signer) in signers {
        *made += usize::from(file.sign(&[keys], *key, *signer)?);
    }
    Ok(Some(file))
}

/// Whether the epoch stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Within,
    Anew,
}

impl Step {
    fn between(before: &RootFacts, after: &RootFacts) -> Self {
        if before.epoch == after.epoch { Self::Within } else { Self::Anew }
    }
}

/// The number behind `version`.
pub(super) fn successor(version: u64, step: Step, what: &'static str) -> Result<u64, PublishError> {
    if step == Step::Anew && version >= BURNED {
        return Ok(1);
    }
    Ok(version.checked_add(1).ok_or(ChannelProblem::Spent { what })?)
}

/// The same moment without parts of a second, which TUF does not write.
pub(super) fn whole(now: Time) -> Time {
    Time::from_second(now.as_second()).unwrap_or(now)
}

/// Whether a file that expires then is to be renewed: half of its life is over.
pub(super) fn is_due(expires: Time, lifetime: u64, now: Time) -> bool {
    let half = SignedDuration::from_secs(i64::try_from(lifetime / 2).unwrap_or(i64::MAX));
    expires.duration_since(now) <= half
}
