//! Which version may run.
//!
//! This crate is given bytes and a clock: it fetches nothing and holds no keys.
//!
//! The walk of the data: a [`ChannelRefresh`] (`client`) names the files that it needs, and proves what it is given (`tuf`);
//! bytes become a [`ChannelDocument`] (`channel`), which is compared with what was seen of its channel before (`ordering`);
//! [`decide()`] asks its six rules of a [`Request`] (`decide`); what was seen, accepted and committed is remembered in a
//! [`StateStore`] (`state`).

mod channel;
mod client;
mod decide;
mod error;
mod ordering;
mod state;
mod tuf;

pub use channel::{
    AttestationRef, ChannelDocument, ChannelId, ChannelName, Contents, DocumentFault, EditFault, Floor,
    ManifestRef, ModelName, Reason, ReasonCode, Release, RollbackTarget, Rollout, Status, Version,
};
pub use client::{Ask, Channel, ChannelRefresh, Freshness, Refreshed};
pub use decide::{FloorKind, Floors, Permit, Refusal, Request, Standing, Wanted, decide};
pub use error::{CODES, ReleaseError};
pub use ordering::{Advance, OrderFault, Position, Seen, compare_documents};
#[cfg(feature = "tpm")]
pub use state::TpmCounter;
pub use state::{
    Accepted, CounterError, ExportedState, LocalFloor, MonotonicCounter, Record, StateError, StateStore,
    Tear, WayOut,
};
pub use tuf::{Kept, ProvenTarget, Refresh, RoleStatus, TufTarget, WantedFile, WantedKind, canonical_json};
