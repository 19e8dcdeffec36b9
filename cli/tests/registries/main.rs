//! `lacre` and registries, as processes: killed at any moment, many at once, with other people's clients on the same
//! artifacts, and against registries that are out of order or lie.
//!
//! What is only there with a peer is skipped without it, loudly, unless `LACRE_REQUIRE_PEERS=1`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bad;
#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../verbs/bench.rs"]
mod bench;
mod clients;
mod kills;
mod proxies;
mod relay;
mod secured;
mod transfers;
mod writers;
