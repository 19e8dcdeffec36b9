//! How JSON texts become types: what serde alone would let through is refused here.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A `T` that was written as a JSON object. Alone, serde fills a struct from an array as well, member by member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// An array of which at most `N` items are kept. The rest is only counted, so that a long array costs no memory before
/// its length is refused.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<T, const N: usize> {
    pub(crate) kept: Vec<T>,
    pub(crate) count: usize,
}

impl<T, const N: usize> Default for Bounded<T, N> {
    fn default() -> Self {
        Self { kept: Vec::new(), count: 0 }
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Bounded<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
            type Value = Bounded<T, N>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bounded<T, N>, A::Error> {
                let mut bounded = Bounded::default();
                while bounded.count < N {
                    match items.next_element()? {
                        Some(item) => bounded.kept.push(item),
                        None => return Ok(bounded),
                    }
                    bounded.count += 1;
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    bounded.count += 1;
                }
                Ok(bounded)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// A member that, if it is there at all, holds a `T` and not `null`. For `#[serde(default, deserialize_with)]`.
pub(crate) fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whether a member is there, whatever it holds. For `#[serde(default)]`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// JSON that is kept as it stands: nothing of it is lost when it is written, and reading it is left to who knows its
/// type.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl Verbatim {
    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn from_json(text: Vec<u8>) -> Option<Self> {
        RawValue::from_string(String::from_utf8(text).ok()?).ok().map(Self)
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Verbatim {}

impl From<&RawValue> for Verbatim {
    fn from(value: &RawValue) -> Self {
        Self(value.to_owned())
    }
}

/// Decodes base64 of the standard alphabet, padded, with no line breaks and no stray bits (RFC 4648, section 4): bytes
/// have one text only.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("not padded base64 of the standard alphabet: {error}"))
}

/// Bytes that are written as [`decode_base64`] reads, with no copy of the whole text between: a payload can have
/// hundreds of megabytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Writes a value whose members stand in order, into memory that is asked for once.
pub(crate) fn to_json<T: Serialize>(value: &T, length: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(length);
    // Writing to memory cannot fail, and no written type has a key that is not a text.
    match serde_json::to_writer(&mut json, value) {
        Ok(()) => json,
        Err(_) => Vec::new(),
    }
}

/// Encodes as [`decode_base64`] reads.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Pair {
        #[serde(default, deserialize_with = "not_null")]
        a: Option<u8>,
        #[serde(default)]
        b: Present,
    }

    #[test]
    fn an_object_is_not_filled_from_an_array() {
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok(), "what the wrapper is for");
        assert!(serde_json::from_str::<Object<Pair>>("[1,2]").is_err());
        let Object(pair) = serde_json::from_str::<Object<Pair>>(r#"{"a":1,"b":null}"#).unwrap();
        assert_eq!((pair.a, pair.b.0), (Some(1), true));
        let Object(pair) = serde_json::from_str::<Object<Pair>>("{}").unwrap();
        assert_eq!((pair.a, pair.b.0), (None, false));
    }

    #[test]
    fn null_is_not_an_absent_member() {
        assert!(serde_json::from_str::<Object<Pair>>(r#"{"a":null}"#).is_err());
    }

    #[test]
    fn a_long_array_is_counted_but_not_kept() {
        let items: Bounded<u8, 2> = serde_json::from_str("[1,2,3,4]").unwrap();
        assert_eq!((items.kept, items.count), (vec![1, 2], 4));
        let items: Bounded<u8, 2> = serde_json::from_str("[1]").unwrap();
        assert_eq!((items.kept, items.count), (vec![1], 1));
        assert!(serde_json::from_str::<Bounded<u8, 2>>(r#"{"0":1}"#).is_err());
    }

    #[test]
    fn base64_has_one_form() {
        // RFC 4648, section 10.
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(decode_base64(text).unwrap(), bytes.as_bytes());
            assert_eq!(encode_base64(bytes.as_bytes()), text);
        }
        for text in ["Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm9v====", "-_-_", "Zg==Zg==", "Z"] {
            assert!(decode_base64(text).is_err(), "{text:?}");
        }
    }
}
