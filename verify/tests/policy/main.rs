//! Policies against models: which rule decides, what it demands, and what becomes of the model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod attestations;
mod content;
mod gate;
mod loading;
mod modes;
mod scene;
mod scopes;
