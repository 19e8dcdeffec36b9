//! Channels from the publisher's side: edits, thresholds, rotations, new epochs, and other programs that read them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod advisories;
mod carrier;
mod client;
mod crew;
mod drafts;
mod editing;
mod emergencies;
mod epochs;
mod first;
mod memory;
mod random;
mod readers;
mod rotating;
mod signing;
mod thief;
