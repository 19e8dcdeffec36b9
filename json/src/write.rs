//! Deterministic writing.

use serde::Serialize;

/// Writes `value` as compact JSON whose object keys stand in code-point order, so that equal values give equal
/// bytes. White space is not used; text is UTF-8 and only what RFC 8259 demands is escaped.
///
/// A value that JSON cannot hold (a map with keys that are not text, a float that is not a number) becomes `null`:
/// no type of Lacre holds one, and a signature over `null` is refused by every reader.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // `serde_json::Value` keeps objects in a `BTreeMap`: sorting comes with the type.
    serde_json::to_value(value)
        .and_then(|value| serde_json::to_vec(&value))
        .unwrap_or_else(|_| b"null".to_vec())
}

#[cfg(test)]
mod tests {
    use super::to_vec;

    #[test]
    fn sorts_keys_by_code_point_at_every_depth() {
        #[derive(serde::Serialize)]
        struct Outer {
            z: u8,
            a: std::collections::HashMap<&'static str, u8>,
        }
        let value = Outer { z: 1, a: [("é", 3), ("Z", 1), ("a", 2)].into() };
        assert_eq!(to_vec(&value), r#"{"a":{"Z":1,"a":2,"é":3},"z":1}"#.as_bytes());
    }
}
