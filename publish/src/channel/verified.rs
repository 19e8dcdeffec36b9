//! What may be edited: a state of the channel that its roles signed, and that is not older than what is known.

use std::fmt;

use jiff::Timestamp as Time;
use lacre_hash::Sha256Digest;
use lacre_release::{ChannelDocument, ChannelId, Kept, Refresh};
use serde::{Deserialize, Serialize};

use super::ChannelProblem;
use super::metadata::{Body, Envelope, Root, RootFacts, Snapshot, Targets, Timestamp, metadata};
use super::repository::{FileName, Repository};
use super::roles::{Lifetimes, Role, RoleKeys};
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
    /// Refused are chains that do not hold (the codes of [`Refresh`], `E-TUF-SIGNATURE` and others) or that this program
    /// would write otherwise (`E-CHANNEL-METADATA`), and, against
    /// `last`, older states (`E-REPLAY`) and other documents in the same place (`E-EQUIVOCATION`).
    pub fn open(repository: Repository, anchor: &[u8], last: Option<&Last>) -> Result<Self, PublishError> {
        let id = repository.id().clone();
        let read = Chain::verify(&repository, anchor)?;
        let facts = read.root.signed.facts()?;
        let channel_keys = read.targets.signed.channel_keys(&id)?;
        let Chain { root, targets, channel, snapshot, timestamp, document } = read;
        if Targets::vouching(channel.signed.version(), &document) != channel.signed {
            return Err(metadata(&id.target(), "is not what the channel's role says of it".to_owned()));
        }
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

    /// How long what roles sign from now on is believed.
    pub fn lifetimes(&self) -> Lifetimes {
        self.facts.lifetimes
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

/// The metadata on the way from a root to the document, and the document.
struct Chain {
    root: Envelope<Root>,
    targets: Envelope<Targets>,
    channel: Envelope<Targets>,
    snapshot: Envelope<Snapshot>,
    timestamp: Envelope<Timestamp>,
    document: ChannelDocument,
}

impl Chain {
    /// Walks it as a client does, for whom nothing has ever expired.
    fn verify(repository: &Repository, anchor: &[u8]) -> Result<Self, PublishError> {
        let id = repository.id();
        let mut refresh = Refresh::start_with_expired_danger(Kept::anchor(anchor.to_vec()))?;
        let walk = |refresh: &mut Refresh| {
            while let Some(wanted) = refresh.wanted() {
                let name = FileName::parse(id, &wanted.name).ok();
                refresh.give(name.and_then(|name| repository.get(name)).map(<[u8]>::to_vec))?;
            }
            Ok::<_, PublishError>(())
        };
        walk(&mut refresh)?;
        refresh.seek(&id.target())?;
        walk(&mut refresh)?;
        let missing = |role: &str| metadata(role, "is not there".to_owned());
        let document = refresh.document(id)?;
        let kept = refresh.kept();
        let role = |name: &str| kept.roles.get(name).ok_or_else(|| missing(name));
        let timestamp = kept.timestamp.as_ref().ok_or_else(|| missing("timestamp"))?;
        let snapshot = kept.snapshot.as_ref().ok_or_else(|| missing("snapshot"))?;
        Ok(Self {
            root: Envelope::parse("root.json", &kept.root)?,
            targets: Envelope::parse("targets.json", role("targets")?)?,
            channel: Envelope::parse(&id.role(), role(&id.role())?)?,
            snapshot: Envelope::parse("snapshot.json", snapshot)?,
            timestamp: Envelope::parse("timestamp.json", timestamp)?,
            document,
        })
    }
}
