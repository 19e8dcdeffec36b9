//! `state.json`: canonical JSON under its own checksum.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::counter::Bound;
use super::{Accepted, LocalFloor, StateError, Tear};
use crate::{ChannelId, ChannelName, ModelName, ReleaseError, Seen};

/// The only schema there is.
const SCHEMA: u64 = 1;
/// Longest `state.json`, in bytes.
pub(super) const LONGEST_STATE: usize = 1 << 20;
const CHECKSUM: &str = "checksum";
const SCHEMA_MEMBER: &str = "schemaVersion";

/// The members of `state.json`, without the checksum. Every later schema keeps those two, so that damage is told from age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Stored {
    pub(super) accepted: Option<Accepted>,
    pub(super) anchor: Sha256Digest,
    pub(super) channel: ChannelName,
    /// Only in a state that is bound to a counter: others stay readable by versions that know of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counter: Option<Bound>,
    pub(super) document: Option<Seen>,
    pub(super) files: BTreeMap<String, KeptFile>,
    pub(super) last_seen: Timestamp,
    pub(super) local_floor: LocalFloor,
    pub(super) model: ModelName,
    pub(super) schema_version: u64,
}

/// A file that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptFile {
    pub(super) sha256: Sha256Digest,
    pub(super) size: u64,
}

impl Stored {
    pub(super) const SCHEMA: u64 = SCHEMA;

    pub(super) fn id(&self) -> ChannelId {
        ChannelId { model: self.model.clone(), channel: self.channel.clone() }
    }

    /// The bytes: canonical JSON, with the SHA-256 of the same without `checksum` as `checksum`.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let checksum = Sha256Digest::of(&lacre_json::to_vec(self));
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.insert(CHECKSUM.to_owned(), checksum.to_string().into());
        }
        lacre_json::to_vec(&value)
    }

    /// Reads the bytes: only those that [`Stored::to_bytes`] writes.
    pub(super) fn parse(bytes: &[u8], folder: &Path, name: &str) -> Result<Self, ReleaseError> {
        let torn = |tear: Tear| StateError::Torn { folder: folder.to_owned(), name: name.to_owned(), tear };
        let limits = Limits::new(LONGEST_STATE, 8);
        let mut value: Value =
            lacre_json::from_slice(bytes, limits).map_err(|error| torn(Tear::Json(error)))?;
        let members = value.as_object_mut().ok_or_else(|| torn(Tear::Nonsense))?;
        let said = members.remove(CHECKSUM);
        let found = Sha256Digest::of(&lacre_json::to_vec(members)).to_string();
        if said.as_ref().and_then(Value::as_str) != Some(found.as_str()) {
            return Err(torn(Tear::Checksum).into());
        }
        match members.get(SCHEMA_MEMBER).and_then(Value::as_u64) {
            Some(SCHEMA) => {}
            Some(newer) => return Err(StateError::Schema { folder: folder.to_owned(), found: newer }.into()),
            None => return Err(torn(Tear::Nonsense).into()),
        }
        let stored: Self = serde_json::from_value(value).map_err(|_| torn(Tear::Nonsense))?;
        // White space and other spellings pass the checksum, which is of the canonical form.
        if stored.to_bytes() == bytes { Ok(stored) } else { Err(torn(Tear::Checksum).into()) }
    }
}
