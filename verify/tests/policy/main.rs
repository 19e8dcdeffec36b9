//! Policies against models: which rule decides, what it demands, and what becomes of the model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod attestations;
mod content;
mod gate;
mod handbook;
mod loading;
mod modes;
mod mutation;
mod presets;
mod releases;
mod scene;
mod scopes;
mod signers;
mod witnesses;
