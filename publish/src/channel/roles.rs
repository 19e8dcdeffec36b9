//! Who may sign what, how many of them it takes, and for how long it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use lacre_attest::PublicKey;
use lacre_release::ChannelId;
use serde::{Deserialize, Serialize};

use super::ChannelProblem;
use super::key::{KeyId, TufKey};
use crate::PublishError;

/// Keys of one role: so many signatures fit into the 16 KiB that clients read of a timestamp.
const MOST_KEYS: usize = 32;
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// A role in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says which keys have the other four roles. Kept offline.
    Root,
    /// Says which keys speak for the channel. Kept offline.
    Targets,
    /// Says which releases there are: the approvers of a release. In TUF a delegated role.
    Channel,
    /// Says which files belong together. Online.
    Snapshot,
    /// Says that this is the newest state. Online.
    Timestamp,
}

impl Role {
    /// All of them, in the order in which they sign.
    pub const ALL: [Self; 5] = [Self::Root, Self::Targets, Self::Channel, Self::Snapshot, Self::Timestamp];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Channel => "channel",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = PublishError;

    fn from_str(text: &str) -> Result<Self, PublishError> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| thresholds(text).into())
    }
}

/// Something for each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerRole<T> {
    /// For root.
    pub root: T,
    /// For targets.
    pub targets: T,
    /// For the channel's own role.
    pub channel: T,
    /// For snapshot.
    pub snapshot: T,
    /// For timestamp.
    pub timestamp: T,
}

impl<T> PerRole<T> {
    /// What there is for `role`.
    pub fn get(&self, role: Role) -> &T {
        match role {
            Role::Root => &self.root,
            Role::Targets => &self.targets,
            Role::Channel => &self.channel,
            Role::Snapshot => &self.snapshot,
            Role::Timestamp => &self.timestamp,
        }
    }

    fn get_mut(&mut self, role: Role) -> &mut T {
        match role {
            Role::Root => &mut self.root,
            Role::Targets => &mut self.targets,
            Role::Channel => &mut self.channel,
            Role::Snapshot => &mut self.snapshot,
            Role::Timestamp => &mut self.timestamp,
        }
    }
}

/// How many keys a role is to have, and how many of them have to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// So many have to sign.
    pub threshold: u32,
    /// So many there are.
    pub keys: u32,
}

impl PerRole<Quorum> {
    /// One key for every role.
    pub const SINGLE: Self = {
        let one = Quorum { threshold: 1, keys: 1 };
        Self { root: one, targets: one, channel: one, snapshot: one, timestamp: one }
    };
}

impl FromStr for PerRole<Quorum> {
    type Err = PublishError;

    /// Reads `root=2/3,targets=2/3`. A role that is not named has one key; the channel's own role, if it is not named, has
    /// as many as targets: the same people approve.
    fn from_str(text: &str) -> Result<Self, PublishError> {
        let bad = || thresholds(text);
        let mut named: BTreeMap<Role, Quorum> = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (role, quorum) = part.split_once('=').ok_or_else(bad)?;
            let (threshold, keys) = quorum.split_once('/').ok_or_else(bad)?;
            let quorum = Quorum {
                threshold: threshold.parse().map_err(|_| bad())?,
                keys: keys.parse().map_err(|_| bad())?,
            };
            let possible = (1..=quorum.keys).contains(&quorum.threshold) && quorum.keys as usize <= MOST_KEYS;
            let role = role.parse().map_err(|_| bad())?;
            if !possible || named.insert(role, quorum).is_some() {
                return Err(bad().into());
            }
        }
        let mut quorums = Self::SINGLE;
        if let Some(targets) = named.get(&Role::Targets) {
            quorums.channel = *targets;
        }
        for (role, quorum) in named {
            *quorums.get_mut(role) = quorum;
        }
        Ok(quorums)
    }
}

fn thresholds(text: &str) -> ChannelProblem {
    ChannelProblem::Thresholds { text: text.chars().take(64).collect() }
}

/// The keys of a role and how many of them have to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    pub(super) keys: BTreeMap<KeyId, TufKey>,
    pub(super) threshold: u32,
}

impl RoleKeys {
    /// `threshold` of `keys` have to sign. Refused are no keys, a key twice, a threshold of 0 or above their number
    /// (`E-ROLE-THRESHOLD`), and keys on P-521 (`E-ROLE-ALGORITHM`).
    pub fn new(role: Role, keys: &[PublicKey], threshold: u32) -> Result<Self, PublishError> {
        let mut named = BTreeMap::new();
        for key in keys {
            let key = TufKey::new(key)?;
            named.insert(key.id()?, key);
        }
        if named.len() != keys.len() {
            return Err(quorum(role, "a key stands there twice".to_owned()).into());
        }
        Self::of(role, named, threshold)
    }

    /// The same of keys that have their names already.
    pub(super) fn of(
        role: Role,
        keys: BTreeMap<KeyId, TufKey>,
        threshold: u32,
    ) -> Result<Self, PublishError> {
        let count = keys.len();
        if count > MOST_KEYS || threshold == 0 || threshold as usize > count {
            return Err(quorum(role, format!("{threshold} of {count} keys cannot sign it")).into());
        }
        Ok(Self { keys, threshold })
    }

    /// The names of its keys.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys.keys().copied()
    }

    /// How many of them have to sign.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }
}

fn quorum(role: Role, reason: String) -> ChannelProblem {
    ChannelProblem::Quorum { role, reason }
}

/// How long what a role signs is believed, in seconds. The root carries it (`x-lacre-lifetimes`), so that whoever renews
/// a file needs no configuration.
///
/// By default root and targets hold a year: they lie offline, and bringing them out is the risk. The channel's document
/// holds 90 days: an attacker who can keep clients from new documents can hide a revocation no longer. Snapshot holds 7
/// days and timestamp one: a client that is cut off knows it the next day, and the machine that renews them may fail for
/// some hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    /// Of the root.
    pub root: u64,
    /// Of the delegation.
    pub targets: u64,
    /// Of the channel document and the role that vouches for it.
    pub channel: u64,
    /// Of the snapshot.
    pub snapshot: u64,
    /// Of the timestamp.
    pub timestamp: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { root: 365 * DAY, targets: 365 * DAY, channel: 90 * DAY, snapshot: 7 * DAY, timestamp: DAY }
    }
}

impl Lifetimes {
    /// Of `role`, in seconds.
    pub fn get(&self, role: Role) -> u64 {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Channel => self.channel,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }

    pub(super) fn check(&self) -> Result<(), PublishError> {
        for role in Role::ALL {
            let seconds = self.get(role);
            if !(MINUTE..=3653 * DAY).contains(&seconds) {
                return Err(ChannelProblem::Lifetime { role, seconds }.into());
            }
        }
        Ok(())
    }
}

/// What a channel begins with.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose channel it is.
    pub id: ChannelId,
    /// The keys of every role.
    pub keys: PerRole<RoleKeys>,
    /// How long what they sign is believed.
    pub lifetimes: Lifetimes,
}

#[cfg(test)]
mod tests {
    use lacre_attest::KeyAlgorithm;
    use lacre_sign::FileKey;

    use super::{Lifetimes, PerRole, Quorum, Role, RoleKeys};

    #[test]
    fn thresholds_are_read() {
        let quorums: PerRole<Quorum> = "root=2/3,targets=3/5".parse().unwrap();
        assert_eq!(quorums.root, Quorum { threshold: 2, keys: 3 });
        assert_eq!(quorums.channel, Quorum { threshold: 3, keys: 5 });
        assert_eq!(quorums.timestamp, Quorum { threshold: 1, keys: 1 });
        let quorums: PerRole<Quorum> = "channel=1/2,targets=2/3".parse().unwrap();
        assert_eq!(quorums.channel, Quorum { threshold: 1, keys: 2 });
        assert_eq!("".parse::<PerRole<Quorum>>().unwrap(), PerRole::SINGLE);
    }

    #[test]
    fn thresholds_that_nobody_could_reach_are_none() {
        for bad in [
            "root=0/1",
            "root=3/2",
            "root=2",
            "roots=1/1",
            "root=1/1,root=1/1",
            "root=-1/2",
            "root=1/33",
            "root",
        ] {
            let error = bad.parse::<PerRole<Quorum>>().unwrap_err();
            assert_eq!(error.code(), "E-ROLE-THRESHOLD", "{bad}");
        }
    }

    #[test]
    fn a_role_has_distinct_keys_that_can_reach_its_threshold() {
        let key = || FileKey::generate(KeyAlgorithm::Ed25519).unwrap().public_key().clone();
        let (one, two) = (key(), key());
        assert!(RoleKeys::new(Role::Root, &[one.clone(), two.clone()], 2).is_ok());
        for (keys, threshold) in
            [(vec![one.clone(), one.clone()], 1), (vec![], 0), (vec![one.clone()], 0), (vec![one, two], 3)]
        {
            let error = RoleKeys::new(Role::Root, &keys, threshold).unwrap_err();
            assert_eq!(error.code(), "E-ROLE-THRESHOLD");
        }
    }

    #[test]
    fn a_lifetime_is_one() {
        assert!(Lifetimes::default().check().is_ok());
        for timestamp in [0, 59, u64::MAX] {
            let error = Lifetimes { timestamp, ..Lifetimes::default() }.check().unwrap_err();
            assert_eq!(error.code(), "E-LIFETIME");
        }
    }
}
