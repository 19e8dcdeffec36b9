//! `lacre exec`: what the program finds, what becomes of signals and exit codes, what is refused, and what is watched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../verbs/bench.rs"]
mod bench;
#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../channel/desk.rs"]
mod desk;
mod ends;
mod files;
mod refused;
mod running;
mod watched;
