//! The public cases of model-signing-conformance, and models signed by the one program and verified by others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod case;
mod signing;
mod verifying;
