//! Lacre against the implementations that others sign and verify with: `model_signing`, `cosign`, sigstore-python and
//! sigstore-go, in both directions.
//!
//! What a [`pairing`] finds out stands in `docs/INTEROP.md`.
//!
//! They are looked for in the folder that `LACRE_PEERS` names (`cargo xtask peers` gets them). What is missing is
//! skipped, loudly, unless `LACRE_REQUIRE_PEERS=1`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bench;
mod certificates;
mod cosign;
mod decisions;
mod foreign_digests;
mod from_model_signing;
mod keyless;
mod keys;
mod managed;
mod manifests;
mod pairing;
mod services;
mod to_model_signing;
mod tokens;
mod travelling;
