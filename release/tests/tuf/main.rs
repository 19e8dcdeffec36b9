//! The client of The Update Framework against a repository that does what it should, and what it should not.
//!
//! `conformance` has a module for each file of the public suite (tuf-conformance 2.4.0), whose tests are named as there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod attacks;
mod client;
mod conformance;
