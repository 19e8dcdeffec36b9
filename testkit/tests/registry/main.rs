//! The registry of the tests, tested: by the rules of the OCI distribution specification 1.1, by the clients that people
//! use, and each of its rules and faults by what a client sees of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod access;
mod client;
mod conformance;
mod faults;
mod images;
mod peers;
mod rules;
mod secured;
