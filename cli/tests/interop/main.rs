//! Lacre against the implementations that others verify with: `model_signing` and `cosign`, in both directions.
//!
//! They are looked for in the folder that `LACRE_PEERS` names (`cargo xtask peers` gets them). What is missing is
//! skipped, loudly, unless `LACRE_REQUIRE_PEERS=1`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bench;
mod cosign;
mod foreign_digests;
mod from_model_signing;
mod keyless;
mod managed;
mod to_model_signing;
mod travelling;
