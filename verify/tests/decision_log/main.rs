//! Logs of decisions: appended to, rotated, broken, repaired, and held against checkpoints that lie elsewhere.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod checkpoints;
mod desk;
mod events;
mod mutations;
mod racing;
mod rotating;
mod seeds;
mod torn;
