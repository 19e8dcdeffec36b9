//! A draft as a file, to be carried from approver to approver.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use lacre_release::{ChannelDocument, ChannelId};
use serde::{Deserialize, Serialize};

use super::super::canonical::canonical;
use super::super::metadata::{Body, Envelope};
use super::super::roles::{Role, RoleKeys};
use super::super::verified::VerifiedRepository;
use super::super::{ChannelProblem, FileName};
use super::{Draft, Refresh};
use crate::PublishError;

const SCHEMA: u32 = 1;
/// A document with every character escaped, and the metadata.
const LIMIT: usize = 2 * ChannelDocument::LIMIT + (8 << 20);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    schema_version: u32,
    channel: String,
    /// What it was made on.
    base: Option<Base>,
    refresh: Refresh,
    /// The files, by their names in the repository.
    files: BTreeMap<String, String>,
}

/// What a draft is made on, by the SHA-256 of what was signed. Snapshot and timestamp are not in it: they are renewed every
/// day, and a draft may wait for its approvers longer than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    root: Sha256Digest,
    targets: Sha256Digest,
    channel: Sha256Digest,
}

impl Base {
    fn of(live: &VerifiedRepository) -> Result<Self, PublishError> {
        Ok(Self {
            root: Sha256Digest::of(&canonical(&live.root.signed)?),
            targets: Sha256Digest::of(&canonical(&live.targets.signed)?),
            channel: Sha256Digest::of(&canonical(&live.channel.signed)?),
        })
    }
}

impl Draft {
    /// The draft as a file: JSON that holds the new files as text, signatures included.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PublishError> {
        let mut files = BTreeMap::new();
        let mut put = |name: FileName, bytes: Vec<u8>| {
            // Metadata and documents are JSON, which is text.
            files.insert(name.text(&self.id), String::from_utf8_lossy(&bytes).into_owned());
        };
        if let Some(root) = &self.root {
            put(FileName::Root(root.signed.version()), root.to_bytes());
        }
        if let Some(targets) = &self.targets {
            put(FileName::Targets(targets.signed.version()), targets.to_bytes());
        }
        if let Some(channel) = &self.channel {
            put(FileName::Channel(channel.signed.version()), channel.to_bytes());
            let bytes = self.document.to_bytes();
            put(FileName::Document(Sha256Digest::of(&bytes)), bytes);
        }
        if let Some(snapshot) = &self.snapshot {
            put(FileName::Snapshot(snapshot.signed.version()), snapshot.to_bytes());
        }
        if let Some(timestamp) = &self.timestamp {
            put(FileName::Timestamp, timestamp.to_bytes());
        }
        let base = self.live.as_ref().map(Base::of).transpose()?;
        let channel = self.id.to_string();
        Ok(lacre_json::to_vec(&Wire { schema_version: SCHEMA, channel, base, refresh: self.refresh, files }))
    }

    /// Reads a draft for what is published now (`None`: nothing yet).
    ///
    /// Refused are drafts that were made on something else (`E-DRAFT-STALE`), that say what no edit could have said
    /// (`E-DRAFT`), and that carry a signature that does not hold (`E-CHANNEL-METADATA`) or whose key has no role
    /// (`E-ROLE-KEY`).
    pub fn parse(bytes: &[u8], live: Option<VerifiedRepository>) -> Result<Self, PublishError> {
        let wire: Wire =
            lacre_json::from_slice(bytes, Limits::new(LIMIT, 4)).map_err(|error| bad(error.to_string()))?;
        if wire.schema_version != SCHEMA {
            return Err(bad(format!("schema {} is not known", wire.schema_version)));
        }
        let id: ChannelId = wire.channel.parse()?;
        if live.as_ref().is_some_and(|live| *live.id() != id) {
            return Err(bad(format!("it is about {id}")));
        }
        if live.as_ref().map(Base::of).transpose()? != wire.base {
            return Err(ChannelProblem::Stale { reason: "something else was published meanwhile" }.into());
        }
        let mut files = Files::read(&id, wire.files)?;
        let root = files.metadata(|name| matches!(name, FileName::Root(_)), FileName::Root)?;
        let targets = files.metadata(|name| matches!(name, FileName::Targets(_)), FileName::Targets)?;
        let channel = files.metadata(|name| matches!(name, FileName::Channel(_)), FileName::Channel)?;
        let snapshot = files.metadata(|name| matches!(name, FileName::Snapshot(_)), FileName::Snapshot)?;
        let timestamp = files.metadata(|name| *name == FileName::Timestamp, |_| FileName::Timestamp)?;
        let document = files.document()?;
        if let Some(name) = files.files.keys().next() {
            return Err(bad(format!("it has two files like {}", name.text(&id))));
        }
        let channel = match (channel, document) {
            (Some(channel), Some(document)) => Some((channel, document)),
            (None, None) => None,
            _ => return Err(bad("a document and the file that vouches for it come together".to_owned())),
        };
        let mut draft = Self::assemble(live, id, root, targets, channel, wire.refresh)?;
        draft.check_offline_signatures()?;
        draft.take_online(snapshot, timestamp)?;
        Ok(draft)
    }

    /// The same draft on what is published now; snapshot and timestamp may have been renewed meanwhile.
    pub fn onto(&self, live: VerifiedRepository) -> Result<Self, PublishError> {
        Self::parse(&self.to_bytes()?, Some(live))
    }

    fn check_offline_signatures(&self) -> Result<(), PublishError> {
        if let Some(root) = &self.root {
            let authorities = self.root_authorities();
            root.check_signatures("the draft's root", &authorities.iter().collect::<Vec<_>>())?;
        }
        if let Some(targets) = &self.targets {
            targets.check_signatures("the draft's targets", &[&self.facts.targets])?;
        }
        if let Some(channel) = &self.channel {
            channel.check_signatures("the draft's channel role", &[&self.channel_keys])?;
        }
        Ok(())
    }

    /// Takes snapshot and timestamp over if they are still what would be made; else they are made again.
    fn take_online(
        &mut self,
        snapshot: Option<Envelope<super::Snapshot>>,
        timestamp: Option<Envelope<super::Timestamp>>,
    ) -> Result<(), PublishError> {
        if !self.offline_lacks().is_empty() {
            return Ok(());
        }
        if self.needs() == Refresh::Snapshot {
            let Some(file) = snapshot else { return Ok(()) };
            let version = self.next(|live| live.snapshot.signed.version(), "snapshot's version")?;
            let same = self.snapshot_file(version, file.signed.expires())? == file.signed;
            if !same || !complete(&file, Role::Snapshot, &self.facts.snapshot)? {
                return Ok(());
            }
            self.snapshot = Some(file);
        }
        let Some(file) = timestamp.filter(|_| self.needs() != Refresh::Nothing) else { return Ok(()) };
        let version = self.next(|live| live.timestamp.signed.version(), "timestamp's version")?;
        let same = self.timestamp_file(version, file.signed.expires())? == file.signed;
        if same && complete(&file, Role::Timestamp, &self.facts.timestamp)? {
            self.timestamp = Some(file);
        }
        Ok(())
    }
}

fn complete<T: Body>(file: &Envelope<T>, role: Role, keys: &RoleKeys) -> Result<bool, PublishError> {
    file.check_signatures(role.as_str(), &[keys])?;
    Ok(file.lacks(role, &[keys]).is_empty())
}

/// The files of a draft that were not taken yet.
struct Files<'a> {
    id: &'a ChannelId,
    files: BTreeMap<FileName, Vec<u8>>,
}

impl<'a> Files<'a> {
    fn read(id: &'a ChannelId, texts: BTreeMap<String, String>) -> Result<Self, PublishError> {
        let named =
            texts.into_iter().map(|(name, text)| Ok((FileName::parse(id, &name)?, text.into_bytes())));
        Ok(Self { id, files: named.collect::<Result<_, PublishError>>()? })
    }

    /// Takes the first file of a kind, which has to be called by its version.
    fn metadata<T: Body>(
        &mut self,
        kind: impl Fn(&FileName) -> bool,
        name_of: impl Fn(u64) -> FileName,
    ) -> Result<Option<Envelope<T>>, PublishError> {
        let Some(name) = self.files.keys().copied().find(|name| kind(name)) else { return Ok(None) };
        let bytes = self.files.remove(&name).unwrap_or_default();
        let file = Envelope::<T>::parse(&name.text(self.id), &bytes)?;
        if name_of(file.signed.version()) != name {
            return Err(bad(format!("{} has another version", name.text(self.id))));
        }
        Ok(Some(file))
    }

    fn document(&mut self) -> Result<Option<ChannelDocument>, PublishError> {
        let Some(name) = self.files.keys().copied().find(FileName::is_target) else { return Ok(None) };
        let bytes = self.files.remove(&name).unwrap_or_default();
        let document = ChannelDocument::parse(&bytes)?;
        // What is signed is the hash of these bytes, and that is their name.
        if document.to_bytes() != bytes || name != FileName::Document(Sha256Digest::of(&bytes)) {
            return Err(bad(format!("{} has other bytes", name.text(self.id))));
        }
        Ok(Some(document))
    }
}

fn bad(reason: String) -> PublishError {
    ChannelProblem::Draft { reason }.into()
}
