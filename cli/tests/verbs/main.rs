//! The binary, run as a user runs it: exit codes, error codes, streams and what lies on disk afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these are tests; what was skipped is said on standard error"
)]

mod advisories;
mod attest;
mod bench;
mod certified;
mod claimant;
mod decisions;
mod diff;
mod drift;
mod encrypted;
mod events;
mod formats;
mod inspect;
mod interrupt;
mod key;
mod key_import;
mod key_show;
mod login;
mod output;
mod parts;
mod policy;
mod programs;
mod registries;
mod remote;
mod reports;
mod reuse;
mod several;
mod sharing;
mod sign;
mod signers;
mod store;
mod strict;
mod summaries;
mod tree;
mod trust;
mod trust_update;
mod verify;
