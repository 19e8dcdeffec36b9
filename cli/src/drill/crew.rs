//! Keys that are made for the copy and never leave memory. Keys that are one in the channel are one here.

use std::collections::BTreeMap;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_publish::channel::{KeyId, PerRole, Role, RoleKeys};
use lacre_sign::{FileKey, Signer};

use super::shape::Holding;
use crate::error::CliError;

/// Who holds the keys of all roles.
#[derive(Debug)]
pub(super) struct Crew {
    roles: PerRole<Holding>,
    keys: BTreeMap<String, FileKey>,
}

impl Crew {
    pub(super) fn new(roles: &PerRole<Holding>) -> Result<Self, CliError> {
        let mut keys = BTreeMap::new();
        for name in Role::ALL.into_iter().flat_map(|role| &roles.get(role).keys) {
            if !keys.contains_key(name) {
                keys.insert(name.clone(), new_key()?);
            }
        }
        Ok(Self { roles: roles.clone(), keys })
    }

    /// Every role with its keys.
    pub(super) fn per_role(&self) -> Result<PerRole<RoleKeys>, CliError> {
        Ok(PerRole {
            root: self.role_keys(Role::Root)?,
            targets: self.role_keys(Role::Targets)?,
            channel: self.role_keys(Role::Channel)?,
            snapshot: self.role_keys(Role::Snapshot)?,
            timestamp: self.role_keys(Role::Timestamp)?,
        })
    }

    pub(super) fn role_keys(&self, role: Role) -> Result<RoleKeys, CliError> {
        self.assembled(role, |_, key| key)
    }

    /// The keys of a role, with `new` in the place of the one that is called `lost`.
    pub(super) fn role_keys_with<'a>(
        &'a self,
        role: Role,
        lost: &str,
        new: &'a FileKey,
    ) -> Result<RoleKeys, CliError> {
        self.assembled(role, |name, key| if name == lost { new } else { key })
    }

    fn assembled<'a>(
        &'a self,
        role: Role,
        choose: impl Fn(&str, &'a FileKey) -> &'a FileKey,
    ) -> Result<RoleKeys, CliError> {
        let Holding { threshold, keys } = self.roles.get(role);
        let public: Vec<PublicKey> = keys
            .iter()
            .filter_map(|name| Some(choose(name, self.keys.get(name)?).public_key().clone()))
            .collect();
        Ok(RoleKeys::new(role, &public, u32::try_from(*threshold).unwrap_or(u32::MAX))?)
    }

    /// All keys.
    pub(super) fn signers(&self) -> Vec<&dyn Signer> {
        self.keys.values().map(|key| key as &dyn Signer).collect()
    }

    /// All but the one that is called `lost`.
    pub(super) fn signers_without(&self, lost: &str) -> Vec<&dyn Signer> {
        self.keys.iter().filter(|(name, _)| *name != lost).map(|(_, key)| key as &dyn Signer).collect()
    }

    /// The key that metadata names so.
    pub(super) fn by_id(&self, id: &str) -> Option<&FileKey> {
        self.keys.values().find(|key| KeyId::of(key.public_key()).is_ok_and(|own| own.to_string() == id))
    }

    /// The roles that the key of this name has.
    pub(super) fn roles_of(&self, name: &str) -> Vec<Role> {
        Role::ALL
            .into_iter()
            .filter(|role| self.roles.get(*role).keys.iter().any(|key| key == name))
            .collect()
    }

    /// Names of keys of a role, one for each set of roles that its keys have: to lose one or the other is the same.
    pub(super) fn unlike(&self, role: Role) -> Vec<&str> {
        let mut unlike: BTreeMap<Vec<Role>, &str> = BTreeMap::new();
        for name in &self.roles.get(role).keys {
            unlike.entry(self.roles_of(name)).or_insert(name);
        }
        unlike.into_values().collect()
    }

    /// How many of how many keys have to sign for a role.
    pub(super) fn quorum(&self, role: Role) -> (usize, usize) {
        let holding = self.roles.get(role);
        (holding.threshold, holding.keys.len())
    }
}

pub(super) fn new_key() -> Result<FileKey, CliError> {
    Ok(FileKey::generate(KeyAlgorithm::Ed25519)?)
}
