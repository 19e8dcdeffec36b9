//! Registries: what they do well, what they do badly, and what they do on purpose.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod basics;
mod bench;
mod downloads;
mod fallback;
mod manners;
#[path = "../models/mod.rs"]
mod models;
mod peers;
mod referrers;
mod resumption;
mod tls;
mod uploads;
