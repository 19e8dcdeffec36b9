//! The bytes that TUF signatures cover.

use serde_json::Value;
use sigstore_tuf::canonical_json::to_canonical_bytes;

use crate::ReleaseError;

/// Writes `value` in the canonical form that signatures of TUF metadata cover: the members of objects in the order of
/// their names, no white space, only `"` and `\` escaped. A number that is no integer has no such form.
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, ReleaseError> {
    to_canonical_bytes(value).map_err(|_| ReleaseError::TufMetadata {
        file: "the text to be signed".to_owned(),
        reason: "has a number that is no integer".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a broken check must fail its test")]
mod tests {
    use serde_json::json;

    use super::canonical_json;

    #[test]
    fn the_form_is_that_of_securesystemslib() {
        // What securesystemslib 1.4.0 writes of the same value.
        let value = json!({ "b": "a\n\"\\é", "a": [1, -2, null, true, { "z": {}, "Z": [] }] });
        let bytes = canonical_json(&value).unwrap();
        assert_eq!(bytes, "{\"a\":[1,-2,null,true,{\"Z\":[],\"z\":{}}],\"b\":\"a\n\\\"\\\\é\"}".as_bytes());
        assert_eq!(canonical_json(&json!({ "a": 0.5 })).unwrap_err().code(), "E-TUF-METADATA");
    }
}
