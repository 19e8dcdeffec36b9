//! A channel from its publisher's side, as processes: where it lies, who signs, what is refused, and what happens when edits
//! are broken off or meet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod approvers;
#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../verbs/bench.rs"]
mod bench;
mod candidates;
mod desk;
mod drill;
mod keys;
mod log;
mod meeting;
mod online;
mod refused;
mod rotating;
mod story;
