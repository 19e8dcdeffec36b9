//! What is copied of a channel: whose it is, what it says, and how many keys its roles have.

use lacre_publish::channel::{PerRole, Role};
use lacre_release::{Channel, ChannelDocument, ChannelId};

use crate::error::CliError;

/// What the copy is made after.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(super) id: ChannelId,
    pub(super) document: Option<ChannelDocument>,
    pub(super) roles: PerRole<Holding>,
}

/// The keys that a role has, by names that mean nothing but which of them are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holding {
    /// How many of them have to sign.
    pub(super) threshold: usize,
    pub(super) keys: Vec<String>,
}

impl Shape {
    /// That of a channel.
    ///
    /// # Errors
    /// `E-USAGE` when another role than its own speaks for it, as none does that Lacre began.
    pub(crate) fn of(channel: &Channel) -> Result<Self, CliError> {
        let document = channel.document();
        let id = document.id();
        let own = id.role();
        let holding = |role: Role| {
            let name = if role == Role::Channel { &own } else { role.as_str() };
            let found = channel.roles().find(|status| status.role == name);
            let missing = || CliError::usage(format!("the channel has no role {name}: it cannot be copied"));
            let status = found.ok_or_else(missing)?;
            Ok::<_, CliError>(Holding { threshold: status.threshold, keys: status.keys.clone() })
        };
        let roles = PerRole {
            root: holding(Role::Root)?,
            targets: holding(Role::Targets)?,
            channel: holding(Role::Channel)?,
            snapshot: holding(Role::Snapshot)?,
            timestamp: holding(Role::Timestamp)?,
        };
        Ok(Self { id, document: Some(document.clone()), roles })
    }

    /// One that has nothing to wish for: two of three keys for root, one for each other role, no releases.
    pub(crate) fn own() -> Result<Self, CliError> {
        Ok(Self { id: "drill/model@stable".parse()?, document: None, roles: Holding::of_each((2, 3)) })
    }

    /// How many of how many keys have to sign for a role.
    pub(crate) fn quorum(&self, role: Role) -> (usize, usize) {
        let holding = self.roles.get(role);
        (holding.threshold, holding.keys.len())
    }
}

impl Holding {
    /// `root` gives threshold and number of root's keys; each other role has one of its own.
    pub(super) fn of_each((threshold, keys): (usize, usize)) -> PerRole<Self> {
        let one = |role: Role| Self { threshold: 1, keys: vec![role.to_string()] };
        PerRole {
            root: Self { threshold, keys: (1..=keys).map(|number| format!("root-{number}")).collect() },
            targets: one(Role::Targets),
            channel: one(Role::Channel),
            snapshot: one(Role::Snapshot),
            timestamp: one(Role::Timestamp),
        }
    }
}
