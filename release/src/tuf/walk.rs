//! The search through delegations: pre-order, depth first, every role at most once.

use std::collections::BTreeSet;

use sigstore_tuf::Targets;

use crate::ReleaseError;

use super::name::plain;
use super::refusal;

/// Most roles that one search looks into.
const ROLES: usize = 64;

/// The roles from `targets` to one of its delegations, or to one of theirs.
#[derive(Debug, Clone)]
pub(super) struct Chain(Vec<String>);

impl Chain {
    pub(super) fn role(&self) -> &str {
        self.0.last().map_or("targets", String::as_str)
    }

    /// Who lets the role speak. None: the root.
    pub(super) fn delegator(&self) -> Option<&str> {
        self.0.len().checked_sub(2).and_then(|place| self.0.get(place)).map(String::as_str)
    }

    pub(super) fn into_roles(self) -> Vec<String> {
        self.0
    }
}

/// A search for one target.
#[derive(Debug)]
pub(super) struct Walk {
    path: String,
    /// Where to look; the next one is the last.
    open: Vec<Chain>,
    seen: BTreeSet<String>,
}

impl Walk {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), open: vec![Chain(vec!["targets".to_owned()])], seen: BTreeSet::new() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The next role to look into. None: all were.
    pub(super) fn next(&mut self) -> Result<Option<Chain>, ReleaseError> {
        while let Some(chain) = self.open.pop() {
            if self.seen.contains(chain.role()) {
                continue;
            }
            if self.seen.len() >= ROLES {
                return Err(ReleaseError::TufLimit {
                    what: "roles of one search".to_owned(),
                    limit: ROLES as u64,
                });
            }
            self.seen.insert(chain.role().to_owned());
            return Ok(Some(chain));
        }
        Ok(None)
    }

    /// Goes on with the delegations of a role that does not name the target itself.
    pub(super) fn descend(&mut self, chain: &Chain, targets: &Targets) -> Result<(), ReleaseError> {
        let mut found = Vec::new();
        for role in targets.delegations.iter().flat_map(|delegations| &delegations.roles) {
            if !role.matches_path(&self.path).map_err(|error| refusal::of(chain.role(), &error))? {
                continue;
            }
            if found.len() >= ROLES {
                return Err(ReleaseError::TufLimit { what: plain(chain.role()), limit: ROLES as u64 });
            }
            found.push(Chain(chain.0.iter().chain(std::iter::once(&role.name)).cloned().collect()));
            if role.terminating {
                self.open.clear();
                break;
            }
        }
        self.open.extend(found.into_iter().rev());
        Ok(())
    }
}
