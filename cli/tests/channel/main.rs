//! Channels as processes. Publishers: where a channel lies, who signs, what is refused, and what happens when edits are
//! broken off or meet. Clients: what may run, what is remembered, and what is set aside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod approvers;
#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../verbs/bench.rs"]
mod bench;
mod candidates;
mod clients;
mod desk;
mod drill;
mod enforcing;
mod keys;
mod log;
mod meeting;
mod online;
mod policies;
mod refused;
mod reports;
mod rotating;
mod story;
