//! The members of a JSON object, taken out one by one: what is left over at the end is unknown, and refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::AttestError;
use lacre_manifest::escape;
use serde_json::{Map, Value};

use crate::VerifyError;

/// Longer texts are not even decoded where a hash is wanted, in bytes.
pub(super) const HASH_LIMIT: usize = 1024;

/// An object of the protobuf JSON mapping, read without its leniencies: unknown members, numbers where 64-bit integers
/// are texts, the URL alphabet of base64.
pub(super) struct Members {
    /// Where it stands, for messages.
    place: String,
    members: Map<String, Value>,
}

impl Members {
    /// Reads the text of an object. Keys that stand twice were refused when the bundle was read.
    pub(super) fn parse(place: String, text: &str) -> Result<Self, VerifyError> {
        match serde_json::from_str(text) {
            Ok(value) => Self::of(place, value),
            Err(error) => Err(malformed(format!("{place}: {error}"))),
        }
    }

    fn of(place: String, value: Value) -> Result<Self, VerifyError> {
        match value {
            Value::Object(members) => Ok(Self { place, members }),
            _ => Err(malformed(format!("{place} is not an object"))),
        }
    }

    /// A member that may be absent, or `null`, which means the same in the protobuf JSON mapping.
    fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn error(&self, name: &str, wrong: &str) -> VerifyError {
        malformed(format!("{}.{name} {wrong}", self.place))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, VerifyError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(name, "is not a text")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, VerifyError> {
        let place = format!("{}.{name}", self.place);
        self.value(name).map(|value| Self::of(place, value)).transpose()
    }

    /// At most `limit` texts.
    pub(super) fn texts(&mut self, name: &'static str, limit: usize) -> Result<Vec<String>, VerifyError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(self.error(name, "is not an array")) };
        within(name, items.len(), limit)?;
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(self.error(name, "does not hold texts only")),
            })
            .collect()
    }

    /// A `int64` that is not negative: a text of decimal digits in the one form that a number has. Absent means 0.
    pub(super) fn integer(&mut self, name: &str) -> Result<u64, VerifyError> {
        let Some(text) = self.text(name)? else { return Ok(0) };
        let canonical =
            text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
        number
            .filter(|_| canonical)
            .ok_or_else(|| self.error(name, "is not a text of a number from 0 to 2^63 - 1"))
    }

    /// Bytes, of which there may be at most `limit`.
    pub(super) fn bytes(&mut self, name: &'static str, limit: usize) -> Result<Option<Vec<u8>>, VerifyError> {
        self.text(name)?.map(|text| self.decode(name, &text, limit)).transpose()
    }

    /// Bytes of one length.
    pub(super) fn array<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], VerifyError> {
        let bytes = self.bytes(name, HASH_LIMIT)?.ok_or_else(|| self.error(name, "is missing"))?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.error(name, &format!("has not {N} bytes")))
    }

    pub(super) fn decode(
        &self,
        name: &'static str,
        text: &str,
        limit: usize,
    ) -> Result<Vec<u8>, VerifyError> {
        // Base64 of n bytes has at least n / 3 * 4 characters: refuse by length before decoding.
        within(name, text.len() / 4 * 3, limit.saturating_add(2))?;
        let bytes = STANDARD.decode(text).map_err(|error| {
            self.error(name, &format!("is not padded base64 of the standard alphabet: {error}"))
        })?;
        within(name, bytes.len(), limit)?;
        Ok(bytes)
    }

    /// Nothing else may stand here.
    pub(super) fn end(self) -> Result<(), VerifyError> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => {
                let short: String = name.chars().take(64).collect();
                Err(malformed(format!("{} has an unknown member {}", self.place, escape(&short))))
            }
        }
    }
}

pub(super) fn malformed(detail: impl Into<String>) -> VerifyError {
    VerifyError::Claim(AttestError::Bundle { detail: detail.into() })
}

pub(super) fn within(what: &'static str, size: usize, limit: usize) -> Result<(), VerifyError> {
    if size > limit { Err(VerifyError::Claim(AttestError::Limit { what, size, limit })) } else { Ok(()) }
}
