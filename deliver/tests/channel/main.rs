//! Clients of a channel: over every carrier, with a state, with one that may only be read, and with none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod carrying;
mod following;
mod publisher;
mod racing;
mod releases;
mod stateless;
