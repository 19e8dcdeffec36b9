//! The one form that signatures cover.

use lacre_release::canonical_json;
use serde::Serialize;

use super::metadata::metadata;
use crate::PublishError;

/// The canonical form of securesystemslib: members in order, no white space, only `"` and `\` escaped.
pub(super) fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, PublishError> {
    let value =
        serde_json::to_value(value).map_err(|error| metadata("a text to be signed", error.to_string()))?;
    Ok(canonical_json(&value)?)
}
