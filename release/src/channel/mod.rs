//! The channel document: one model's releases on one channel, and which of them may run.
//!
//! The walk of the data: bytes that TUF has proven become a [`ChannelDocument`] (`document`) once they keep its rules
//! (`rules`); whoever publishes an edit proves that it may follow what was there (`follows`).

mod document;
mod follows;
mod hex;
mod name;
mod rules;

pub use document::{
    AttestationRef, ChannelDocument, Contents, Floor, ManifestRef, Reason, ReasonCode, Release,
    RollbackTarget, Rollout, Status,
};
pub use follows::EditFault;
pub use name::{ChannelId, ChannelName, ModelName, Version};
pub use rules::DocumentFault;
