//! Which version may run.
//!
//! This crate is given bytes and a clock: it fetches nothing and holds no keys.

mod channel;
mod error;
mod tuf;

pub use channel::{
    AttestationRef, ChannelDocument, ChannelId, ChannelName, Contents, Floor, ManifestRef, ModelName, Reason,
    ReasonCode, Release, RollbackTarget, Rollout, Status, Version,
};
pub use error::{CODES, ReleaseError};
pub use tuf::{Kept, ProvenTarget, Refresh, RoleStatus, TufTarget, Wanted, WantedKind, canonical_json};
