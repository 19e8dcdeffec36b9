//! What may be edited: a state of the channel that its roles signed, and that is not older than what is known.

use std::fmt;

use jiff::Timestamp as Time;
use lacre_hash::Sha256Digest;
use lacre_release::{ChannelDocument, ChannelId};
use serde::{Deserialize, Serialize};
use sigstore_tuf::TrustedMetadataSet;

use super::ChannelProblem;
use super::metadata::{Body, Envelope, Pin, Root, RootFacts, Snapshot, Targets, Timestamp, metadata};
use super::repository::{FileName, Repository};
use super::roles::{Role, RoleKeys};
use crate::PublishError;

/// What was last published with these keys; kept beside them. Whoever holds the files of a channel could else show an old
/// state to its operator, and the next edit would be built on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// The version of the root.
    pub root: u64,
    /// The epoch of the document.
    pub epoch: u64,
    /// The sequence of the document.
    pub sequence: u64,
    /// SHA-256 of the document's bytes.
    pub document: Sha256Digest,
}

impl fmt::Display for Last {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "root {}, epoch {}, sequence {}", self.root, self.epoch, self.sequence)
    }
}

/// The files of a channel whose whole chain was verified, from a root that the operator trusts to the document. Expiry does
/// not count here: renewing what has expired is one of the edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRepository {
    repository: Repository,
    anchor: Vec<u8>,
    pub(super) root: Envelope<Root>,
    pub(super) facts: RootFacts,
    pub(super) targets: Envelope<Targets>,
    pub(super) channel_keys: RoleKeys,
    pub(super) channel: Envelope<Targets>,
    pub(super) snapshot: Envelope<Snapshot>,
    pub(super) timestamp: Envelope<Timestamp>,
    document: ChannelDocument,
}

impl VerifiedRepository {
    /// Verifies `repository` from `anchor`, a root that the operator trusts, onwards.
    ///
    /// Refused are chains that do not hold or that this program would write otherwise (`E-CHANNEL-METADATA`), and, against
    /// `last`, older states (`E-REPLAY`) and other documents in the same place (`E-EQUIVOCATION`).
    pub fn open(repository: Repository, anchor: &[u8], last: Option<&Last>) -> Result<Self, PublishError> {
        let id = repository.id().clone();
        let read = Chain::verify(&repository, anchor)?;
        let facts = read.root.signed.facts()?;
        let channel_keys = read.targets.signed.channel_keys(&id)?;
        let file = id.target();
        let Some(digest) = read.channel.signed.documents().next() else {
            return Err(metadata(&id.role(), "names no document".to_owned()));
        };
        let Some(bytes) = repository.get(FileName::Document(digest)) else {
            return Err(metadata(&file, "is not there".to_owned()));
        };
        let document = ChannelDocument::parse(bytes)?;
        let reason = if document.id() != id {
            Some("belongs to another channel")
        } else if document.to_bytes() != bytes || Sha256Digest::of(bytes) != digest {
            Some("has other bytes than those that were signed")
        } else if document.epoch != facts.epoch {
            Some("has another epoch than the root")
        } else if Targets::vouching(read.channel.signed.version(), &document) != read.channel.signed {
            Some("is not what the channel's role says of it")
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(metadata(&file, reason.to_owned()));
        }
        let Chain { root, targets, channel, snapshot, timestamp } = read;
        let anchor = anchor.to_vec();
        let verified = Self {
            repository,
            anchor,
            root,
            facts,
            targets,
            channel_keys,
            channel,
            snapshot,
            timestamp,
            document,
        };
        verified.follows(last)?;
        Ok(verified)
    }

    /// Whose channel it is.
    pub fn id(&self) -> &ChannelId {
        self.repository.id()
    }

    /// What the channel says.
    pub fn document(&self) -> &ChannelDocument {
        &self.document
    }

    /// The files.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The newest root, which clients can begin with.
    pub fn root_bytes(&self) -> Vec<u8> {
        self.root.to_bytes()
    }

    /// The keys of a role.
    pub fn keys(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.facts.root,
            Role::Targets => &self.facts.targets,
            Role::Channel => &self.channel_keys,
            Role::Snapshot => &self.facts.snapshot,
            Role::Timestamp => &self.facts.timestamp,
        }
    }

    /// Until when what a role signed is believed.
    pub fn expires(&self, role: Role) -> Time {
        match role {
            Role::Root => self.facts.expires,
            Role::Targets => self.targets.signed.expires(),
            Role::Channel => self.channel.signed.expires(),
            Role::Snapshot => self.snapshot.signed.expires(),
            Role::Timestamp => self.timestamp.signed.expires(),
        }
    }

    /// What is to be kept beside the keys once this is what is published.
    pub fn last(&self) -> Last {
        Last {
            root: self.facts.version,
            epoch: self.document.epoch,
            sequence: self.document.sequence,
            document: Sha256Digest::of(&self.document.to_bytes()),
        }
    }

    pub(super) fn anchor(&self) -> &[u8] {
        &self.anchor
    }

    fn follows(&self, last: Option<&Last>) -> Result<(), PublishError> {
        let Some(last) = last else { return Ok(()) };
        let found = self.last();
        let position = |last: &Last| (last.epoch, last.sequence);
        if found.root < last.root || position(&found) < position(last) {
            return Err(ChannelProblem::Replay { found: found.to_string(), known: last.to_string() }.into());
        }
        if position(&found) == position(last) && found.document != last.document {
            return Err(ChannelProblem::Equivocation { epoch: last.epoch, sequence: last.sequence }.into());
        }
        Ok(())
    }
}

/// The metadata on the way from a root to the document.
struct Chain {
    root: Envelope<Root>,
    targets: Envelope<Targets>,
    channel: Envelope<Targets>,
    snapshot: Envelope<Snapshot>,
    timestamp: Envelope<Timestamp>,
}

impl Chain {
    fn verify(repository: &Repository, anchor: &[u8]) -> Result<Self, PublishError> {
        let id = repository.id();
        // At the beginning of time nothing has expired.
        let now = Time::MIN;
        let refused = |name: FileName| {
            let file = name.text(id);
            move |error: sigstore_tuf::Error| metadata(&file, error.to_string())
        };
        let file = |name: FileName| {
            repository.get(name).ok_or_else(|| metadata(&name.text(id), "is not there".to_owned()))
        };
        let mut root = Envelope::<Root>::parse("the trusted root", anchor)?;
        let mut set = TrustedMetadataSet::from_root(anchor)
            .map_err(|error| metadata("the trusted root", error.to_string()))?;
        while let Some(bytes) =
            root.signed.version().checked_add(1).and_then(|next| repository.get(FileName::Root(next)))
        {
            // Before it can speak for the next one: a key under two names must not count twice.
            root.signed.facts()?;
            let name = FileName::Root(root.signed.version() + 1);
            set.update_root(bytes).map_err(refused(name))?;
            root = Envelope::parse(&name.text(id), bytes)?;
        }
        root.signed.facts()?;

        let name = FileName::Timestamp;
        let bytes = file(name)?;
        set.update_timestamp(bytes, now).map_err(refused(name))?;
        let timestamp = Envelope::<Timestamp>::parse(&name.text(id), bytes)?;
        let name = FileName::Snapshot(pinned(&timestamp.signed.meta, "snapshot.json")?);
        let bytes = file(name)?;
        set.update_snapshot(bytes, now).map_err(refused(name))?;
        let snapshot = Envelope::<Snapshot>::parse(&name.text(id), bytes)?;
        let name = FileName::Targets(pinned(&snapshot.signed.meta, "targets.json")?);
        let bytes = file(name)?;
        set.update_targets(bytes, now).map_err(refused(name))?;
        let targets = Envelope::<Targets>::parse(&name.text(id), bytes)?;
        targets.signed.channel_keys(id)?;
        let name = FileName::Channel(pinned(&snapshot.signed.meta, &format!("{}.json", id.role()))?);
        let bytes = file(name)?;
        set.update_delegated_targets(bytes, &id.role(), "targets", now).map_err(refused(name))?;
        let channel = Envelope::<Targets>::parse(&name.text(id), bytes)?;
        Ok(Self { root, targets, channel, snapshot, timestamp })
    }
}

fn pinned(pins: &std::collections::BTreeMap<String, Pin>, name: &str) -> Result<u64, PublishError> {
    let pin = pins.get(name).ok_or_else(|| metadata(name, "is not listed".to_owned()))?;
    Ok(pin.version)
}
