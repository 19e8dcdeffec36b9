//! The one place where `sigstore_tuf` decides what is trusted, and what it is made to decide more strictly.
//!
//! It counts key ids; here only distinct keys of known schemes are handed to it ([`key::counted`]). It forgets the
//! versions of a snapshot that the next timestamp does not name; here they stay ([`Trusted::floors`]). It takes what
//! expires in this very instant for fresh; here `now` is an instant later.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use sigstore_tuf::metadata::Timestamp as TimestampRole;
use sigstore_tuf::{Error, MetaFile, Metadata, RoleKeys, Root, Snapshot, Targets, TrustedMetadataSet};

use crate::ReleaseError;

use super::key;
use super::name::{file_of, plain};
use super::precheck::{Payload, read};
use super::refusal;

/// Whether what has expired is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// At this time.
    At(Timestamp),
    /// Nothing has expired.
    Ignored,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is trusted now.
    New,
    /// The version is known. The same is signed, or, in an `Equivocation`, something else.
    Known,
    /// The version is known, and something else was signed as this version.
    Equivocation,
}

/// What is trusted so far.
#[derive(Debug)]
pub(super) struct Trusted {
    set: TrustedMetadataSet,
    edge: Timestamp,
    /// The lowest version that each file of the snapshot may have. A file that has one cannot vanish.
    floors: BTreeMap<String, u64>,
}

impl Trusted {
    /// Trusts a root, which must have signed itself.
    pub(super) fn start(root: &[u8], expiry: Expiry) -> Result<Self, ReleaseError> {
        let metadata = read::<Root>(root, "root.json")?;
        signed_by_root(&metadata, metadata.signed(), "root")?;
        let set = TrustedMetadataSet::from_root(root).map_err(|error| refusal::of("root", &error))?;
        let edge = match expiry {
            Expiry::At(now) => now.checked_add(1.nanosecond()).unwrap_or(Timestamp::MAX),
            Expiry::Ignored => Timestamp::MIN,
        };
        Ok(Self { set, edge, floors: BTreeMap::new() })
    }

    pub(super) fn root(&self) -> &Root {
        self.set.root()
    }

    pub(super) fn timestamp(&self) -> Option<&TimestampRole> {
        self.set.timestamp()
    }

    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.set.snapshot()
    }

    pub(super) fn targets(&self, role: &str) -> Option<&Targets> {
        self.set.targets_role(role)
    }

    /// What the timestamp says of the snapshot.
    pub(super) fn snapshot_pin(&self) -> Option<&MetaFile> {
        self.set.timestamp().and_then(TimestampRole::snapshot_meta)
    }

    /// What the snapshot says of a role.
    pub(super) fn pin(&self, role: &str) -> Option<&MetaFile> {
        self.set.snapshot().and_then(|snapshot| snapshot.meta.get(&format!("{role}.json")))
    }

    /// Takes the next root.
    pub(super) fn next_root(&mut self, bytes: &[u8]) -> Result<(), ReleaseError> {
        let metadata = read::<Root>(bytes, "root.json")?;
        signed_by_root(&metadata, self.set.root(), "root")?;
        signed_by_root(&metadata, metadata.signed(), "root")?;
        self.set.update_root(bytes).map_err(|error| refusal::of("root", &error))
    }

    /// Whether the root is still valid.
    pub(super) fn check_root(&self) -> Result<(), ReleaseError> {
        self.set.check_root_expired(self.edge).map_err(|error| refusal::of("root", &error))
    }

    /// Whether the timestamp is still valid.
    pub(super) fn check_timestamp(&self) -> Result<(), ReleaseError> {
        self.set.check_timestamp_expired(self.edge).map_err(|error| refusal::of("timestamp", &error))
    }

    /// Takes kept files of an earlier time as the lowest versions that count from now on, expired or not. The answer is
    /// no if the root does not let their keys speak any more: then they say nothing.
    pub(super) fn remember(
        &mut self,
        timestamp: Option<&[u8]>,
        snapshot: Option<&[u8]>,
    ) -> Result<bool, ReleaseError> {
        let snapshot = snapshot
            .map(|bytes| Ok::<_, ReleaseError>((bytes, read::<Snapshot>(bytes, "snapshot.json")?)))
            .transpose()?;
        if let Some((_, snapshot)) = &snapshot
            && signed_by_root(snapshot, self.set.root(), "snapshot").is_err()
        {
            return Ok(false);
        }
        if let Some(bytes) = timestamp {
            let metadata = read::<TimestampRole>(bytes, "timestamp.json")?;
            if signed_by_root(&metadata, self.set.root(), "timestamp").is_err() {
                return Ok(false);
            }
            self.set
                .update_timestamp(bytes, Timestamp::MIN)
                .map_err(|error| refusal::of("timestamp", &error))?;
        }
        if let Some((bytes, snapshot)) = snapshot {
            self.floors = versions(snapshot.signed());
            // A timestamp that was taken without its snapshot names another one: then this one sets floors only.
            let _ = self.set.update_snapshot(bytes, Timestamp::MIN);
        }
        Ok(true)
    }

    /// Takes a timestamp.
    pub(super) fn next_timestamp(
        &mut self,
        bytes: &[u8],
        kept: Option<&[u8]>,
    ) -> Result<Taken, ReleaseError> {
        let metadata = read::<TimestampRole>(bytes, "timestamp.json")?;
        signed_by_root(&metadata, self.set.root(), "timestamp")?;
        match self.set.update_timestamp(bytes, self.edge) {
            Ok(()) => Ok(Taken::New),
            Err(Error::EqualVersion { .. }) => Ok(compare(&metadata, kept)),
            Err(error) => Err(refusal::of("timestamp", &error)),
        }
    }

    /// Takes the snapshot that the timestamp names.
    pub(super) fn next_snapshot(&mut self, bytes: &[u8], kept: Option<&[u8]>) -> Result<Taken, ReleaseError> {
        let metadata = read::<Snapshot>(bytes, "snapshot.json")?;
        signed_by_root(&metadata, self.set.root(), "snapshot")?;
        let named = versions(metadata.signed());
        for (file, floor) in &self.floors {
            match named.get(file) {
                Some(version) if version >= floor => {}
                Some(version) => {
                    return Err(ReleaseError::TufReplay {
                        file: plain(file),
                        trusted: *floor,
                        found: *version,
                    });
                }
                None => {
                    let reason = format!("{file} is not named any more");
                    return Err(ReleaseError::TufMismatch {
                        file: "snapshot.json".to_owned(),
                        reason: plain(&reason),
                    });
                }
            }
        }
        self.set.update_snapshot(bytes, self.edge).map_err(|error| refusal::of("snapshot", &error))?;
        self.floors = named;
        Ok(compare(&metadata, kept))
    }

    /// Whether the trusted snapshot is the one that the timestamp names, and still valid.
    pub(super) fn has_snapshot(&self, kept: Option<&[u8]>) -> bool {
        let (Some(snapshot), Some(pin), Some(bytes)) = (self.set.snapshot(), self.snapshot_pin(), kept)
        else {
            return false;
        };
        snapshot.version == pin.version
            && super::target::matches(bytes, pin.length, pin.hashes.as_ref()).is_ok()
            && self.set.check_snapshot_expired(self.edge).is_ok()
    }

    /// Takes the targets of a role that `delegator` lets speak: the root for the role `targets`, else a role that is
    /// trusted already. What another delegator said of the role does not count.
    pub(super) fn next_targets(
        &mut self,
        bytes: &[u8],
        role: &str,
        delegator: Option<&str>,
        kept: Option<&[u8]>,
    ) -> Result<Taken, ReleaseError> {
        let metadata = read::<Targets>(bytes, &file_of(role, None))?;
        let taken = if let Some(delegator) = delegator {
            let refused = || ReleaseError::TufOrder { what: "who delegates comes before the role" };
            let delegations = self
                .set
                .targets_role(delegator)
                .and_then(|by| by.delegations.as_ref())
                .ok_or_else(refused)?;
            let keys =
                delegations.roles.iter().find(|found| found.name == role).ok_or_else(refused)?.role_keys();
            signed_by(&metadata, &delegations.keys, &keys, role)?;
            self.set.update_delegated_targets(bytes, role, delegator, self.edge)
        } else {
            signed_by_root(&metadata, self.set.root(), role)?;
            self.set.update_targets(bytes, self.edge)
        };
        taken.map_err(|error| refusal::of(role, &error))?;
        Ok(compare(&metadata, kept))
    }
}

/// Checks kept bytes of a role without believing them.
pub(super) fn check_kept(role: &str, bytes: &[u8]) -> Result<(), ReleaseError> {
    match role {
        "timestamp" => read::<TimestampRole>(bytes, "timestamp.json").map(|_| ()),
        "snapshot" => read::<Snapshot>(bytes, "snapshot.json").map(|_| ()),
        _ => read::<Targets>(bytes, &file_of(role, None)).map(|_| ()),
    }
}

fn versions(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    snapshot.meta.iter().map(|(file, pin)| (file.clone(), pin.version)).collect()
}

/// How `new` differs from the kept file of the same role.
fn compare<T: Payload>(new: &Metadata<T>, kept: Option<&[u8]>) -> Taken {
    let Some(kept) = kept.and_then(|bytes| Metadata::<T>::from_slice(bytes).ok()) else { return Taken::New };
    if kept.signed().version() != new.signed().version() {
        Taken::New
    } else if kept.signed_canonical() == new.signed_canonical() {
        Taken::Known
    } else {
        Taken::Equivocation
    }
}

fn signed_by_root<T: Payload>(metadata: &Metadata<T>, root: &Root, role: &str) -> Result<(), ReleaseError> {
    match root.role(role) {
        Some(keys) => signed_by(metadata, &root.keys, keys, role),
        None => Err(ReleaseError::TufMetadata {
            file: "root.json".to_owned(),
            reason: format!("it does not name the role {role}"),
        }),
    }
}

fn signed_by<T: Payload>(
    metadata: &Metadata<T>,
    keys: &BTreeMap<String, sigstore_tuf::Key>,
    role: &RoleKeys,
    name: &str,
) -> Result<(), ReleaseError> {
    metadata
        .verify_threshold(&key::counted(keys, role), role, name)
        .map_err(|error| refusal::of(name, &error))
}
