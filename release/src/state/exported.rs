//! What one machine can tell another of a channel's state.

use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

use super::format::LONGEST_STATE;
use super::{LocalFloor, StateError, Tear};
use crate::{ChannelId, ChannelName, ModelName, ReleaseError, Seen};

/// The only schema there is.
const SCHEMA: u64 = 1;

/// A state without its files: what was seen, the local floor, the time. Whoever carries it signs it; it proves nothing
/// by itself.
///
/// Files do not travel: metadata comes from the channel, newer and proven anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExportedState {
    anchor: Sha256Digest,
    channel: ChannelName,
    document: Option<Seen>,
    last_seen: Timestamp,
    local_floor: LocalFloor,
    model: ModelName,
    schema_version: u64,
}

impl ExportedState {
    pub(super) fn new(
        id: &ChannelId,
        anchor: Sha256Digest,
        document: Option<Seen>,
        local_floor: LocalFloor,
        last_seen: Timestamp,
    ) -> Self {
        let ChannelId { model, channel } = id.clone();
        Self { anchor, channel, document, last_seen, local_floor, model, schema_version: SCHEMA }
    }

    /// Reads what [`ExportedState::to_bytes`] wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let torn =
            |tear| StateError::Torn { folder: "-".into(), name: "the exported state".to_owned(), tear };
        let limits = Limits::new(LONGEST_STATE, 8);
        let state: Self = lacre_json::from_slice(bytes, limits).map_err(|error| torn(Tear::Json(error)))?;
        if state.schema_version != SCHEMA {
            return Err(StateError::Schema { folder: "-".into(), found: state.schema_version }.into());
        }
        // A state with a fraction of a second is read by nobody: merged, it would make the one that it is merged into such.
        let is_whole = state.last_seen.subsec_nanosecond() == 0;
        if is_whole && state.to_bytes() == bytes { Ok(state) } else { Err(torn(Tear::Nonsense).into()) }
    }

    /// Its bytes: canonical JSON, to be signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        lacre_json::to_vec(self)
    }

    /// Whose channel it is.
    pub fn id(&self) -> ChannelId {
        ChannelId { model: self.model.clone(), channel: self.channel.clone() }
    }

    /// SHA-256 of the root that was trusted first.
    pub fn anchor(&self) -> Sha256Digest {
        self.anchor
    }

    /// The newest document that was seen.
    pub fn seen(&self) -> Option<Seen> {
        self.document
    }

    /// The local floor.
    pub fn local_floor(&self) -> LocalFloor {
        self.local_floor
    }

    /// The highest time seen.
    pub fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}
