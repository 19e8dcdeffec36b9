//! The client of The Update Framework against a repository that does what it should, and what it should not.
//!
//! `conformance` reproduces tuf-conformance 2.4.0, which is no package: a module for each of its files, a test for each
//! of its classes, named as there. A test that stands for several of them has all their names.
//!
//! | class there | test here |
//! |---|---|
//! | **`test_basic`** | |
//! | `test_basic_refresh_requests` | the same, and `test_basic_refresh_without_consistent_snapshot` |
//! | `test_basic_refresh_trusted_data`, `test_metadata_bytes_match` | one test |
//! | `test_implicit_refresh` | the same |
//! | `test_invalid_initial_root`, `test_unsigned_initial_root` | one test |
//! | `test_unsigned_metadata` | the same, 4 roles |
//! | `test_url_and_metadata_version_mismatch` | the same, 3 roles |
//! | `test_timestamp_content_changes` | the same, and `a_timestamp_of_nobody_is_no_equivocation` |
//! | `test_basic_metadata_hash_support` | `…_and_hash_mismatches` |
//! | `test_targets_hash_mismatch`, `test_snapshot_hash_mismatch` | `…_and_hash_mismatches`, of lengths too |
//! | `test_custom_fields`, `test_deprecated_keyid_hash_algorithms` | one test |
//! | `test_snapshot_404`, `test_targets_404`, `test_timestamp_404` | one test |
//! | `test_incorrect_metadata_type` | the same |
//! | `test_faketime` | the same; the clock is an argument |
//! | **`test_expiration`** | |
//! | `test_root_expired` | the same |
//! | `test_timestamp_expired`, `test_snapshot_expired`, `test_targets_expired` | one; `test_delegated_expired` |
//! | `test_expired_local_root` | the same |
//! | `test_expired_local_timestamp` | the same, and `an_expired_local_timestamp_still_…` |
//! | **`test_file_download`** | |
//! | `test_client_downloads_expected_file` | the same |
//! | `test_client_downloads_expected_file_in_sub_dir` | the same |
//! | `test_repository_substitutes_target_file` | the same |
//! | `test_multiple_changes_to_target` | the same |
//! | `test_download_with_hash_algorithms` | `…_and_with_unknown_hash_algorithm`, 7 sets of digests |
//! | `test_download_with_unknown_hash_algorithm` | `…_and_with_unknown_hash_algorithm` |
//! | `test_artifact_cache` | the same |
//! | **`test_keys`** | |
//! | `test_snapshot_does_not_meet_threshold` | the same |
//! | `test_snapshot_has_too_few_keys` | the same |
//! | `test_duplicate_keys`, `test_duplicate_sig_keyids` | the same; more in `attacks` |
//! | `test_keytype_and_scheme` | the same, 4 schemes, and `keys_of_other_schemes_count_for_nothing` |
//! | `test_invalid_sig_in_valid_metadata` | the same |
//! | **`test_quoting_issues`** | |
//! | `test_unusual_role_name` | the same, 7 names |
//! | **`test_repository_simulator`** | |
//! | `test_repo_initialzation_unittest`, `test_update_timestamp` | the same, of the simulator in `lacre-testkit` |
//! | `test_basic_metadata_hash_support_unittest` | the same |
//! | **`test_rollback`** | |
//! | `test_new_timestamp_version_rollback` | the same |
//! | `test_snapshot_rollback`, `test_targets_rollback` | the same, 2 each; `test_delegated_rollback` |
//! | `test_targets_role_removal` | the same |
//! | `test_targets_fast_forward_recovery` | the same |
//! | `test_new_snapshot_fast_forward_recovery` | the same |
//! | `test_new_timestamp_fast_forward_recovery` | the same |
//! | **`test_static_repositories`** | |
//! | `test_static_repository[tuf-on-ci-0.11]` | `…_tuf_on_ci`: what is peculiar to it, by the simulator |
//! | `test_static_repository[sigstore-root-signing]` | `…_sigstore_root_signing`: likewise |
//! | **`test_updater_delegation_graphs`** | |
//! | `test_graph_traversal` | the same, 13 graphs |
//! | `test_targetfile_search` | the same, 9 paths |
//! | `test_cached_role_is_verified_against_current_delegator` | the same |
//! | `test_delegation_not_in_snapshot` | the same |
//! | **`test_updater_key_rotations`** | |
//! | `test_root_rotation` | the same, 15 sequences of roots |
//! | `test_non_root_rotations` | the same, 10 versions, each of 3 roles |
//!
//! `attacks` has what the suite does not ask, `python` what python-tuf writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod attacks;
mod client;
mod conformance;
mod python;
