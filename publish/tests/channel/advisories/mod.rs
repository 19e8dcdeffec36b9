//! How other update frameworks have failed (`docs/ADVISORIES.md`): the same attacks on channels.

mod answers;
mod keys;
mod versions;

use lacre_publish::channel::{Repository, Role, RoleKeys, VerifiedRepository};
use lacre_sign::FileKey;

use crate::client::{Client, outcome};
use crate::crew::{code, now};

/// What becomes of it at a client that has seen nothing, and at the operator.
fn believed(live: &VerifiedRepository, files: &Repository) -> (&'static str, &'static str) {
    let operator = VerifiedRepository::open(files.clone(), &live.root_bytes(), None);
    (outcome(Client::new(live, now()).read(files, now())), code(operator))
}

fn key_id(key: &FileKey) -> String {
    RoleKeys::new(Role::Root, &[key.public_key().clone()], 1).unwrap().key_ids().next().unwrap().to_string()
}

/// A second name for the one key of a role.
const ALIAS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
