//! Until when which role's word counts, and whose word that is.

use jiff::Timestamp;
use sigstore_tuf::RoleKeys;

use super::refresh::Refresh;

/// What a status shows of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleStatus {
    /// Its name.
    pub role: String,
    /// The version that is trusted.
    pub version: u64,
    /// When that expires.
    pub expires: Timestamp,
    /// How many of its keys must sign.
    pub threshold: usize,
    /// The ids of its keys.
    pub keys: Vec<String>,
}

impl RoleStatus {
    fn new(role: &str, version: u64, expires: Timestamp, keys: &RoleKeys) -> Self {
        Self { role: role.to_owned(), version, expires, threshold: keys.threshold, keys: keys.keyids.clone() }
    }
}

impl Refresh {
    /// The roles that the role `targets` delegates to, each with the paths that it may name.
    pub(crate) fn delegated(&self) -> impl Iterator<Item = (&str, &[String])> {
        let delegations = self.trusted().targets("targets").and_then(|targets| targets.delegations.as_ref());
        let roles = delegations.into_iter().flat_map(|delegations| &delegations.roles);
        roles.map(|role| (role.name.as_str(), role.paths.as_deref().unwrap_or_default()))
    }

    /// What is trusted now: the root, and of the other roles those that were reached; of delegations those that the
    /// role `targets` made itself and a search looked into.
    pub fn expirations(&self) -> Vec<RoleStatus> {
        let trusted = self.trusted();
        let root = trusted.root();
        let mut found = Vec::new();
        let mut top = |role: &str, held: Option<(u64, Timestamp)>| {
            if let (Some((version, expires)), Some(keys)) = (held, root.role(role)) {
                found.push(RoleStatus::new(role, version, expires, keys));
            }
        };
        top("root", Some((root.version, root.expires)));
        top("timestamp", trusted.timestamp().map(|role| (role.version, role.expires)));
        top("snapshot", trusted.snapshot().map(|role| (role.version, role.expires)));
        let targets = trusted.targets("targets");
        top("targets", targets.map(|role| (role.version, role.expires)));
        for role in
            targets.and_then(|targets| targets.delegations.as_ref()).iter().flat_map(|named| &named.roles)
        {
            if let Some(held) = trusted.targets(&role.name) {
                found.push(RoleStatus::new(&role.name, held.version, held.expires, &role.role_keys()));
            }
        }
        found
    }
}
