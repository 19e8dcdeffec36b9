//! The channel document: one model's releases on one channel, and which of them may run.

mod document;
mod name;

pub use document::{
    AttestationRef, ChannelDocument, Contents, Floor, ManifestRef, Reason, ReasonCode, Release,
    RollbackTarget, Rollout, Status,
};
pub use name::{ChannelId, ChannelName, ModelName, Version};
