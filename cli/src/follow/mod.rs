//! How a client of a channel follows it: where what it remembers is, and what it is asked.
//!
//! ```text
//! CH ─► ChannelPlace ─┐
//! --state, or --stateless with its demands ─► Follower ─ refresh ─► Channel ─ permit ─► Permit
//! ```

mod args;
mod counter;
mod follower;
mod states;
mod wanted;
mod words;

pub(crate) use args::{DemandArgs, FollowArgs};
pub(crate) use counter::CounterArgs;
pub(crate) use follower::{Follower, signed};
pub(crate) use states::{States, key, read_root};
pub(crate) use wanted::wanted;
pub(crate) use words::{permit_facts, permit_json, permit_row};
