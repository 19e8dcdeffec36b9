//! What is remembered, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::format::{KeptFile, Stored};
use super::{ExportedState, StateError};
use crate::{
    Advance, ChannelDocument, ChannelId, Permit, Position, ReleaseError, Seen, Version, compare_documents,
};

/// Longest file that is kept, in bytes.
pub(super) const LONGEST_FILE: usize = ChannelDocument::LIMIT;
/// Most files that are kept.
const MOST_FILES: usize = 64;
/// Longest name of one, in bytes: a role's, with `.json`.
const LONGEST_NAME: usize = 300;
/// How far a clock may fall behind the highest time seen: what a correction of a drifting clock takes.
const DRIFT: SignedDuration = SignedDuration::from_mins(5);

/// In seconds.
const DAY: i64 = 24 * 60 * 60;

/// What a client remembers of a channel. It changes only forwards.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    id: ChannelId,
    anchor: Sha256Digest,
    files: BTreeMap<String, Kept>,
    seen: Option<Seen>,
    accepted: Option<Accepted>,
    local_floor: LocalFloor,
    last_seen: Timestamp,
}

/// A file, which is never changed: a copy of a record has the same. What is large is hashed once.
#[derive(Clone)]
struct Kept {
    bytes: Arc<Vec<u8>>,
    sha256: Sha256Digest,
}

/// The same digest is the same file.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for Kept {}

/// The release that was last permitted and taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The floor of the document that permitted it.
    pub floor: u64,
    /// SHA-256 of its OCI manifest.
    pub manifest: Sha256Digest,
    /// The document that permitted it.
    pub position: Position,
    /// Its version.
    pub version: Version,
}

/// The highest signed floor that was committed, in the epoch that it belongs to.
///
/// A floor of an older epoch counts for nothing: else a stolen key that signed the highest floor would stop a client
/// for good, and the root could not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalFloor {
    // The order of the fields is the order of the floors.
    /// The epoch; 0 before anything was committed.
    pub epoch: u64,
    /// The floor.
    pub counter: u64,
}

impl Record {
    /// A first use, at the time `now`, of the channel whose first root has the digest `anchor`.
    pub fn new(id: ChannelId, anchor: Sha256Digest, now: Timestamp) -> Self {
        Self {
            id,
            anchor,
            files: BTreeMap::new(),
            seen: None,
            accepted: None,
            local_floor: LocalFloor::default(),
            last_seen: whole(now),
        }
    }

    /// Whose channel it is.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// SHA-256 of the root that was trusted first.
    pub fn anchor(&self) -> &Sha256Digest {
        &self.anchor
    }

    /// The newest document that was seen. What is kept may be older, after a merge: then it is no longer believed.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// The release that was last accepted.
    pub fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// The highest time seen.
    pub fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// The floor that was committed, and its epoch.
    pub fn committed(&self) -> LocalFloor {
        self.local_floor
    }

    /// The floor that holds here for documents of `epoch`.
    pub fn local_floor(&self, epoch: u64) -> u64 {
        if self.local_floor.epoch == epoch { self.local_floor.counter } else { 0 }
    }

    /// The files that are kept, byte for byte, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, kept)| (name.as_str(), kept.bytes.as_slice()))
    }

    /// Whether the same files are kept as in `other`.
    pub(crate) fn keeps_what(&self, other: &Self) -> bool {
        self.files == other.files
    }

    /// A file that is kept and has this digest.
    pub(crate) fn by_digest(&self, sha256: &Sha256Digest) -> Option<&[u8]> {
        self.files.values().find(|kept| kept.sha256 == *sha256).map(|kept| kept.bytes.as_slice())
    }

    /// The same, to be held longer than the record.
    pub(super) fn shared(&self, sha256: &Sha256Digest) -> Option<Arc<Vec<u8>>> {
        self.files.values().find(|kept| kept.sha256 == *sha256).map(|kept| Arc::clone(&kept.bytes))
    }

    /// A file that is kept.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|kept| kept.bytes.as_slice())
    }

    /// Keeps a file, in the place of one of the same name: at most 64 of 8 MiB each. A name has 1 to 300 letters, digits,
    /// `.`, `_`, `-`, `~` and `+` (ASCII).
    pub fn keep_file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), ReleaseError> {
        let one_more = !self.files.contains_key(name) && self.files.len() >= MOST_FILES;
        if one_more || bytes.len() > LONGEST_FILE || !is_name(name) {
            let name = name.chars().take(64).collect();
            return Err(StateError::Unkept { name, size: bytes.len() }.into());
        }
        let kept = Kept { sha256: Sha256Digest::of(&bytes), bytes: Arc::new(bytes) };
        self.files.insert(name.to_owned(), kept);
        Ok(())
    }

    /// Keeps a file no longer.
    pub fn drop_file(&mut self, name: &str) {
        self.files.remove(name);
    }

    /// Remembers a document that is authentic, unless it must not be believed after what was seen
    /// ([`compare_documents`]).
    pub fn see(&mut self, offered: Seen) -> Result<Advance, ReleaseError> {
        let advance = match &self.seen {
            Some(stored) => compare_documents(stored, &offered)?,
            None => Advance::Newer,
        };
        self.seen = Some(offered);
        Ok(advance)
    }

    /// The time that decisions are made with: what the clock says, but never less than was seen. A clock that is up to
    /// 5 minutes behind that was corrected; one that is further behind was turned back, and nothing that expires can be
    /// believed.
    pub fn clock(&self, now: Timestamp) -> Result<Timestamp, ReleaseError> {
        if self.last_seen.duration_since(now) > DRIFT {
            return Err(StateError::Clock { now, last_seen: self.last_seen }.into());
        }
        Ok(now.max(self.last_seen))
    }

    /// Remembers that it is `now`, once something that has not expired at that time was believed: a clock that was set
    /// ahead by mistake then finds everything expired, and leaves no mark. Gives the time to decide with.
    pub fn see_time(&mut self, now: Timestamp) -> Result<Timestamp, ReleaseError> {
        let time = self.clock(now)?;
        self.last_seen = self.last_seen.max(whole(time));
        Ok(time)
    }

    /// Remembers a release that the newest document seen permits.
    pub fn accept(&mut self, permit: &Permit) -> Result<(), ReleaseError> {
        let position = permit.position();
        if self.seen.map(|seen| seen.position) != Some(position) {
            return Err(StateError::Unaccepted { position: Some(position) }.into());
        }
        let release = permit.release();
        self.accepted = Some(Accepted {
            floor: permit.signed_floor(),
            manifest: release.manifest.sha256,
            position,
            version: release.version.clone(),
        });
        Ok(())
    }

    /// The accepted release runs well: the floor of the document that permitted it holds here from now on, whatever
    /// later documents say within the epoch. It is never the release's own counter, which would forbid to roll back
    /// to a release that the channel still allows. Gives the local floor.
    pub fn commit(&mut self) -> Result<u64, ReleaseError> {
        let epoch = self.seen.map(|seen| seen.position.epoch);
        let Some(accepted) = self.accepted.as_ref().filter(|old| Some(old.position.epoch) == epoch) else {
            return Err(StateError::Unaccepted { position: self.seen.map(|seen| seen.position) }.into());
        };
        let floor = LocalFloor { epoch: accepted.position.epoch, counter: accepted.floor };
        self.local_floor = self.local_floor.max(floor);
        Ok(self.local_floor.counter)
    }

    /// What another machine can merge.
    pub fn export(&self) -> ExportedState {
        ExportedState::new(&self.id, self.anchor, self.seen, self.local_floor, self.last_seen)
    }

    /// Takes the higher of each: position, floor, time. Files stay as they are; if they are older than what is merged,
    /// they are a replay, and a refresh brings newer ones. Nothing changes when it fails.
    pub fn merge(&mut self, other: &ExportedState) -> Result<(), ReleaseError> {
        if other.id() != self.id || other.anchor() != self.anchor {
            let found = format!("{} (anchor {})", other.id(), other.anchor());
            return Err(StateError::Other { found, wanted: self.id.clone() }.into());
        }
        let seen = match (self.seen, other.seen()) {
            (Some(ours), Some(theirs)) if theirs.position < ours.position => {
                compare_documents(&theirs, &ours)?;
                Some(ours)
            }
            (Some(ours), Some(theirs)) => {
                compare_documents(&ours, &theirs)?;
                Some(theirs)
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.seen = seen;
        self.local_floor = self.local_floor.max(other.local_floor());
        self.last_seen = self.last_seen.max(other.last_seen());
        Ok(())
    }

    /// Whether it forgets nothing of `old`. What this type offers cannot; a record may still be put in another's place.
    pub(super) fn check_after(&self, old: &Self) -> Result<(), ReleaseError> {
        let forgets = |what| Err(StateError::Backwards { what }.into());
        if (&self.id, self.anchor) != (&old.id, old.anchor) {
            return forgets("whose state it is");
        }
        match (&old.seen, &self.seen) {
            (Some(_), None) => return forgets("the newest document"),
            (Some(before), Some(now)) if compare_documents(before, now).is_err() => {
                return forgets("the newest document");
            }
            _ => {}
        }
        if self.local_floor < old.local_floor {
            return forgets("the local floor");
        }
        if self.last_seen < old.last_seen {
            return forgets("the highest time");
        }
        Ok(())
    }

    /// Whether a counter must tell it from `old`: always, unless it was made on the same day and differs in the time alone.
    pub(super) fn counts_after(&self, old: &Self) -> bool {
        let day = |record: &Self| record.last_seen.as_second().div_euclid(DAY);
        let mut same = self.clone();
        if day(self) == day(old) {
            same.last_seen = old.last_seen;
        }
        same != *old
    }

    pub(super) fn stored(&self) -> Stored {
        let kept = |kept: &Kept| KeptFile { sha256: kept.sha256, size: kept.bytes.len() as u64 };
        Stored {
            accepted: self.accepted.clone(),
            anchor: self.anchor,
            channel: self.id.channel.clone(),
            counter: None,
            document: self.seen,
            files: self.files.iter().map(|(name, file)| (name.clone(), kept(file))).collect(),
            last_seen: self.last_seen,
            local_floor: self.local_floor,
            model: self.id.model.clone(),
            schema_version: Stored::SCHEMA,
        }
    }

    /// A record as it was stored, with its files, which were proven; nothing if it says what cannot be.
    pub(super) fn restore(stored: Stored, files: BTreeMap<String, Arc<Vec<u8>>>) -> Option<Self> {
        let id = stored.id();
        let proven = |(name, bytes): (String, Arc<Vec<u8>>)| {
            let sha256 = stored.files.get(&name)?.sha256;
            Some((name, Kept { bytes, sha256 }))
        };
        let files = files.into_iter().map(proven).collect::<Option<BTreeMap<_, _>>>()?;
        let Stored { accepted, anchor, document, last_seen, local_floor, .. } = stored;
        let newest = document.map(|seen| seen.position);
        let possible = files.len() <= MOST_FILES
            && files.keys().all(|name| is_name(name))
            && last_seen == whole(last_seen)
            && accepted.as_ref().is_none_or(|accepted| Some(accepted.position) <= newest);
        possible.then_some(Self { id, anchor, files, seen: document, accepted, local_floor, last_seen })
    }
}

/// Without the bytes of its files.
impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Record").field(&self.stored()).finish()
    }
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~+".contains(&byte))
}

/// Without its fraction of a second.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
