//! What the public suite checks.

mod test_basic;
mod test_expiration;
mod test_file_download;
pub(crate) mod test_keys;
mod test_quoting_issues;
mod test_repository_simulator;
mod test_rollback;
mod test_static_repositories;
mod test_updater_delegation_graphs;
mod test_updater_key_rotations;
