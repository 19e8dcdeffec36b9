//! The binary, run as a user runs it: exit codes, error codes, streams and what lies on disk afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bench;
mod diff;
mod drift;
mod inspect;
mod interrupt;
mod key;
mod output;
mod sign;
mod store;
mod verify;
