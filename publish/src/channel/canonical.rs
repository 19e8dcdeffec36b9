//! The one form that signatures cover.

use serde::Serialize;
use sigstore_tuf::canonical_json::to_canonical_bytes;

use super::ChannelProblem;
use crate::PublishError;

/// The canonical form of securesystemslib: members in order, no white space, only `"` and `\` escaped.
pub(super) fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, PublishError> {
    let unwritable =
        |reason: String| ChannelProblem::Metadata { file: "a text to be signed".to_owned(), reason };
    let value = serde_json::to_value(value).map_err(|error| unwritable(error.to_string()))?;
    Ok(to_canonical_bytes(&value).map_err(|error| unwritable(error.to_string()))?)
}
