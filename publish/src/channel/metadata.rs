//! The files of TUF 1.0 as this crate writes them. It reads back only what it could have written: what it does not know it
//! would lose in an edit.

use std::collections::BTreeMap;

use jiff::Timestamp as Time;
use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use lacre_release::{ChannelDocument, ChannelId, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ChannelProblem;
use super::key::{KeyId, TufKey};
use super::roles::{Lifetimes, Role, RoleKeys};
use crate::PublishError;

const SPEC_VERSION: &str = "1.0.31";
/// The longest file of metadata, which is also what clients read of a root: one with all the keys that it can have has 80
/// KiB.
pub(super) const LIMIT: usize = 512 << 10;
const DEPTH: usize = 12;

/// A file of metadata: what is signed, and the signatures in the order of their keys, one of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope<T> {
    pub(super) signatures: Vec<Signature>,
    pub(super) signed: T,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    pub(super) keyid: KeyId,
    /// In hexadecimal digits.
    pub(super) sig: String,
}

impl<T: Body> Envelope<T> {
    pub(super) fn new(signed: T) -> Self {
        Self { signatures: Vec::new(), signed }
    }

    /// Reads a file that is called `file`.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self, PublishError> {
        let read: Self = lacre_json::from_slice(bytes, Limits::new(LIMIT, DEPTH))
            .map_err(|error| metadata(file, error.to_string()))?;
        let (kind, spec) = read.signed.kind();
        if kind != T::TYPE || spec != SPEC_VERSION {
            return Err(metadata(file, format!("is {kind:?} of TUF {spec:?}")));
        }
        if !read.signatures.is_sorted_by(|one, next| one.keyid < next.keyid) {
            return Err(metadata(file, "has its signatures twice or in another order".to_owned()));
        }
        // Its hash is written into other files.
        if read.to_bytes() != bytes {
            return Err(metadata(file, "is not written as this program writes it".to_owned()));
        }
        Ok(read)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        lacre_json::to_vec(self)
    }
}

pub(super) fn metadata(file: &str, reason: String) -> PublishError {
    ChannelProblem::Metadata { file: file.to_owned(), reason }.into()
}

/// What one of the files says.
pub(super) trait Body: Serialize + DeserializeOwned {
    const TYPE: &'static str;

    /// Its type and the version of the specification.
    fn kind(&self) -> (&str, &str);
    fn version(&self) -> u64;
    fn expires(&self) -> Time;
}

macro_rules! body {
    ($name:ident, $kind:literal) => {
        impl Body for $name {
            const TYPE: &'static str = $kind;

            fn kind(&self) -> (&str, &str) {
                (&self.kind, &self.spec_version)
            }

            fn version(&self) -> u64 {
                self.version
            }

            fn expires(&self) -> Time {
                self.expires
            }
        }
    };
}

body!(Root, "root");
body!(Targets, "targets");
body!(Snapshot, "snapshot");
body!(Timestamp, "timestamp");

/// Which keys of a list have a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ring {
    keyids: Vec<KeyId>,
    threshold: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rings {
    root: Ring,
    snapshot: Ring,
    targets: Ring,
    timestamp: Ring,
}

/// `N.root.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    #[serde(rename = "_type")]
    kind: String,
    consistent_snapshot: bool,
    expires: Time,
    keys: BTreeMap<KeyId, TufKey>,
    roles: Rings,
    spec_version: String,
    version: u64,
    #[serde(rename = "x-lacre-epoch")]
    epoch: u64,
    #[serde(rename = "x-lacre-lifetimes")]
    lifetimes: Lifetimes,
}

/// What a root says, without its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RootFacts {
    pub(super) version: u64,
    pub(super) expires: Time,
    pub(super) epoch: u64,
    pub(super) lifetimes: Lifetimes,
    pub(super) root: RoleKeys,
    pub(super) targets: RoleKeys,
    pub(super) snapshot: RoleKeys,
    pub(super) timestamp: RoleKeys,
}

impl Root {
    pub(super) fn new(facts: &RootFacts) -> Self {
        let mut keys = BTreeMap::new();
        let mut ring = |role: &RoleKeys| {
            keys.extend(role.keys.clone());
            Ring { keyids: role.key_ids().collect(), threshold: role.threshold }
        };
        let roles = Rings {
            root: ring(&facts.root),
            snapshot: ring(&facts.snapshot),
            targets: ring(&facts.targets),
            timestamp: ring(&facts.timestamp),
        };
        Self {
            kind: Self::TYPE.to_owned(),
            consistent_snapshot: true,
            expires: facts.expires,
            keys,
            roles,
            spec_version: SPEC_VERSION.to_owned(),
            version: facts.version,
            epoch: facts.epoch,
            lifetimes: facts.lifetimes,
        }
    }

    /// What it says, if [`Root::new`] would write the same.
    pub(super) fn facts(&self) -> Result<RootFacts, PublishError> {
        let keys = |role: Role, ring: &Ring| role_keys(role, &self.keys, &ring.keyids, ring.threshold);
        let facts = RootFacts {
            version: self.version,
            expires: self.expires,
            epoch: self.epoch,
            lifetimes: self.lifetimes,
            root: keys(Role::Root, &self.roles.root)?,
            targets: keys(Role::Targets, &self.roles.targets)?,
            snapshot: keys(Role::Snapshot, &self.roles.snapshot)?,
            timestamp: keys(Role::Timestamp, &self.roles.timestamp)?,
        };
        facts.lifetimes.check()?;
        if facts.epoch == 0 || Self::new(&facts) != *self {
            return Err(metadata("root.json", "is not as this program writes it".to_owned()));
        }
        Ok(facts)
    }
}

fn role_keys(
    role: Role,
    keys: &BTreeMap<KeyId, TufKey>,
    ids: &[KeyId],
    threshold: u32,
) -> Result<RoleKeys, PublishError> {
    let mut found = BTreeMap::new();
    for id in ids {
        // A key that stands under two names would count as two approvers.
        let key = keys.get(id).filter(|key| key.public().is_some() && key.id().is_ok_and(|real| real == *id));
        let Some(key) = key else {
            return Err(metadata(
                role.as_str(),
                format!("has the key {id}, which is not there under its own name"),
            ));
        };
        found.insert(*id, key.clone());
    }
    RoleKeys::of(role, found, threshold)
}

/// `N.targets.json` and the role of the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Targets {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegations: Option<Delegations>,
    expires: Time,
    spec_version: String,
    #[serde(rename = "targets")]
    listed: BTreeMap<String, Target>,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delegations {
    keys: BTreeMap<KeyId, TufKey>,
    roles: Vec<Delegated>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delegated {
    keyids: Vec<KeyId>,
    name: String,
    paths: Vec<String>,
    terminating: bool,
    threshold: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    custom: Custom,
    pub(super) hashes: Hashes,
    length: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    lacre: Summary,
}

/// The document in short: a list of channels needs no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    current: Option<Version>,
    epoch: u64,
    floor: u64,
    sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hashes {
    pub(super) sha256: Sha256Digest,
}

impl Targets {
    /// The file that hands the channel to `keys`.
    pub(super) fn delegating(id: &ChannelId, version: u64, expires: Time, keys: &RoleKeys) -> Self {
        let role = Delegated {
            keyids: keys.key_ids().collect(),
            name: id.role(),
            paths: vec![id.target()],
            terminating: true,
            threshold: keys.threshold,
        };
        Self {
            kind: Self::TYPE.to_owned(),
            delegations: Some(Delegations { keys: keys.keys.clone(), roles: vec![role] }),
            expires,
            spec_version: SPEC_VERSION.to_owned(),
            listed: BTreeMap::new(),
            version,
        }
    }

    /// The channel's keys, if it is what [`Targets::delegating`] writes.
    pub(super) fn channel_keys(&self, id: &ChannelId) -> Result<RoleKeys, PublishError> {
        let odd = || metadata("targets.json", format!("does not hand {id} to one role, and nothing else"));
        let delegations = self.delegations.as_ref().ok_or_else(odd)?;
        let [role] = delegations.roles.as_slice() else { return Err(odd()) };
        let keys = role_keys(Role::Channel, &delegations.keys, &role.keyids, role.threshold)?;
        if Self::delegating(id, self.version, self.expires, &keys) == *self { Ok(keys) } else { Err(odd()) }
    }

    /// The file by which the channel's role vouches for a document.
    pub(super) fn vouching(version: u64, document: &ChannelDocument) -> Self {
        let bytes = document.to_bytes();
        let summary = Summary {
            current: document.current.clone(),
            epoch: document.epoch,
            floor: document.floor.counter,
            sequence: document.sequence,
        };
        let target = Target {
            custom: Custom { lacre: summary },
            hashes: Hashes { sha256: Sha256Digest::of(&bytes) },
            length: bytes.len() as u64,
        };
        Self {
            kind: Self::TYPE.to_owned(),
            delegations: None,
            expires: document.expires,
            spec_version: SPEC_VERSION.to_owned(),
            listed: [(document.id().target(), target)].into(),
            version,
        }
    }

    /// The documents that it names.
    pub(super) fn documents(&self) -> impl Iterator<Item = Sha256Digest> + '_ {
        self.listed.values().map(|target| target.hashes.sha256)
    }
}

/// A file that another one pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    hashes: Hashes,
    length: u64,
    pub(super) version: u64,
}

impl Pin {
    pub(super) fn of<T: Body>(file: &Envelope<T>) -> Self {
        let bytes = file.to_bytes();
        Self {
            hashes: Hashes { sha256: Sha256Digest::of(&bytes) },
            length: bytes.len() as u64,
            version: file.signed.version(),
        }
    }
}

macro_rules! pins {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            #[serde(rename = "_type")]
            kind: String,
            expires: Time,
            pub(super) meta: BTreeMap<String, Pin>,
            spec_version: String,
            version: u64,
        }

        impl $name {
            pub(super) fn new<const N: usize>(version: u64, expires: Time, pins: [(String, Pin); N]) -> Self {
                Self {
                    kind: Self::TYPE.to_owned(),
                    expires,
                    meta: pins.into(),
                    spec_version: SPEC_VERSION.to_owned(),
                    version,
                }
            }
        }
    };
}

pins! {
    /// `N.snapshot.json`.
    Snapshot
}

pins! {
    /// `timestamp.json`.
    Timestamp
}
