//! The public vectors of sigstore-conformance, and what becomes of good bundles that are changed in one place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod cases;
mod classes;
mod edit;
mod made;
mod signing;
mod vectors;
