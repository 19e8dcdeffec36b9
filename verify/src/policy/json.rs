//! A policy in JSON: read into the same tree that TOML is read into, with the same places, so that one set of types and one
//! set of messages serves both.

use std::borrow::Cow;

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Members whose texts are moments: TOML has a type for them, JSON has not.
const MOMENTS: [&str; 3] = ["until", "valid-from", "valid-until"];
/// How deep a policy nests, with room to spare.
pub(super) const DEPTH: usize = 16;

/// Why a text is no policy in JSON, and the byte where.
pub(super) struct JsonFault {
    pub(super) at: Option<usize>,
    pub(super) detail: String,
}

/// Reads an object.
pub(super) fn table(text: &str, limit: usize) -> Result<DeTable<'_>, JsonFault> {
    let limits = lacre_json::Limits::new(limit, DEPTH);
    lacre_json::check(text.as_bytes(), limits)
        .map_err(|error| JsonFault { at: None, detail: error.to_string() })?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| fault(text, text, &error))?;
    match value(text, raw.get(), "")?.into_inner() {
        DeValue::Table(table) => Ok(table),
        _ => Err(JsonFault { at: Some(0), detail: "a policy is an object".to_owned() }),
    }
}

/// One value, which stands in `whole`, as the member `name`.
fn value<'t>(whole: &'t str, text: &'t str, name: &str) -> Result<Spanned<DeValue<'t>>, JsonFault> {
    let start = offset(whole, text);
    let failed = |error: serde_json::Error| fault(whole, text, &error);
    let parsed = match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(failed)?;
            let mut table = DeTable::new();
            for (key, raw) in members {
                let held = value(whole, raw.get(), &key)?;
                let span = held.span();
                table.insert(Spanned::new(span, key), held);
            }
            DeValue::Table(table)
        }
        Some(b'[') => {
            let Elements(elements) = serde_json::from_str(text).map_err(failed)?;
            let mut array = toml::de::DeArray::new();
            for raw in elements {
                array.push(value(whole, raw.get(), "")?);
            }
            DeValue::Array(array)
        }
        Some(b'"') => {
            let said: String = serde_json::from_str(text).map_err(failed)?;
            match said.parse() {
                Ok(moment) if MOMENTS.contains(&name) => DeValue::Datetime(moment),
                _ => DeValue::String(Cow::Owned(said)),
            }
        }
        Some(b'n') => {
            return Err(JsonFault {
                at: Some(start),
                detail: "null says nothing: leave the member out".to_owned(),
            });
        }
        // Numbers and truth are written alike in both.
        _ => DeValue::parse(text)
            .map_err(|_| JsonFault {
                at: Some(start),
                detail: format!("the number {text} is none of a policy"),
            })?
            .into_inner(),
    };
    Ok(Spanned::new(start..start + text.len(), parsed))
}

/// Where `part` begins in `whole`, which it is a part of.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

fn fault(whole: &str, part: &str, error: &serde_json::Error) -> JsonFault {
    JsonFault { at: Some(offset(whole, part)), detail: error.to_string() }
}

struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de: 't, 't> serde::Deserialize<'de> for Members<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Members)
    }
}

struct Elements<'t>(Vec<&'t RawValue>);

impl<'de: 't, 't> serde::Deserialize<'de> for Elements<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<&'de RawValue>::deserialize(deserializer).map(Elements)
    }
}
