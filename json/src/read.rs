//! Strict reading: one pass that refuses what is ambiguous, then the typed pass.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::JsonError;

/// Bounds on a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Deepest nesting of arrays and objects, in levels. At most 127 take effect.
    pub depth: usize,
}

impl Limits {
    /// Bounds of `bytes` bytes and `depth` levels.
    pub const fn new(bytes: usize, depth: usize) -> Self {
        Self { bytes, depth }
    }
}

/// Checks that `text` is exactly one JSON value, in UTF-8, within `limits`, with no key twice in any object, and
/// nothing but white space around it. Returns the text.
pub fn check(text: &[u8], limits: Limits) -> Result<&str, JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError::TooLarge { size: text.len(), limit: limits.bytes });
    }
    let text =
        std::str::from_utf8(text).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    let refusal = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let outcome = Strict { depth: 0, limit: limits.depth, refusal: &refusal }
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match outcome {
        Ok(()) => Ok(text),
        Err(error) => Err(match refusal.into_inner() {
            Some(Refusal::Deep) => JsonError::TooDeep { limit: limits.depth },
            Some(Refusal::Many) => JsonError::TooManyMembers { limit: MAX_MEMBERS },
            Some(Refusal::Twice(key)) => {
                JsonError::DuplicateKey { key, line: error.line(), column: error.column() }
            }
            None => from_serde(&error, limits.depth),
        }),
    }
}

/// Reads `text` into a `T` after [`check`] has accepted it.
pub fn from_slice<'a, T: Deserialize<'a>>(text: &'a [u8], limits: Limits) -> Result<T, JsonError> {
    let text = check(text, limits)?;
    serde_json::from_str(text).map_err(|error| from_serde(&error, limits.depth))
}

fn from_serde(error: &serde_json::Error, depth: usize) -> JsonError {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    let message = full.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&full);
    if message == "recursion limit exceeded" {
        return JsonError::TooDeep { limit: depth };
    }
    let message = presentable(message);
    match error.classify() {
        serde_json::error::Category::Data => JsonError::Shape { line, column, message },
        _ => JsonError::Syntax { line, column, message },
    }
}

/// Most characters of a message.
const LONGEST_MESSAGE: usize = 300;

/// A message that may quote the text: no longer than a person reads, and without what would move a terminal's cursor.
fn presentable(message: &str) -> String {
    let mut safe = String::new();
    for character in message.chars().take(LONGEST_MESSAGE) {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    if message.chars().nth(LONGEST_MESSAGE).is_some() {
        safe.push('…');
    }
    safe
}

/// Most members of one object.
const MAX_MEMBERS: usize = 1 << 20;

enum Refusal {
    Deep,
    Many,
    Twice(String),
}

/// Walks a value and keeps nothing of it but the keys of the objects that are open.
#[derive(Clone, Copy)]
struct Strict<'r> {
    depth: usize,
    limit: usize,
    refusal: &'r RefCell<Option<Refusal>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.limit {
            self.refusal.replace(Some(Refusal::Deep));
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        // A keyed hash stands for each key: a text of a million keys must not cost a million strings. Two keys of one
        // hash, which nobody can aim at, would be refused as one key that stands twice.
        let hasher = RandomState::new();
        let mut keys = HashSet::new();
        while let Some(key) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if !keys.insert(hasher.hash_one(key.as_ref())) {
                self.refusal.replace(Some(Refusal::Twice(key.chars().take(64).collect())));
                return Err(A::Error::custom("duplicate key"));
            }
            if keys.len() > MAX_MEMBERS {
                self.refusal.replace(Some(Refusal::Many));
                return Err(A::Error::custom("too many members"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits::new(4096, 4);

    fn code(text: &str) -> &'static str {
        check(text.as_bytes(), LIMITS).map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn accepts_ordinary_json() {
        for text in ["0", " [1, 2.5, -3, null, true, \"x\"]\n", r#"{"a":{"b":[{}]},"c":{"b":1}}"#] {
            assert_eq!(code(text), "ok", "{text}");
        }
    }

    #[test]
    fn refuses_a_key_that_stands_twice_at_any_depth_and_through_escapes() {
        for text in
            [r#"{"a":1,"a":2}"#, r#"[{"x":{"a":1,"b":2,"a":1}}]"#, r#"{"a":1,"\u0061":2}"#, r#"{"":1,"":1}"#]
        {
            assert_eq!(code(text), "E-DUPLICATE-KEY", "{text}");
        }
    }

    #[test]
    fn says_which_key_and_where() {
        let error = check(b"{\n \"sig\":1,\n \"sig\":2}", LIMITS).unwrap_err();
        assert!(
            matches!(error, JsonError::DuplicateKey { ref key, line: 3, .. } if key == "sig"),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_quoted_is_safe_for_a_terminal_and_short() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let refused = |name: &str| {
            let text = format!("{{\"{name}\":1}}");
            from_slice::<Nothing>(text.as_bytes(), LIMITS).unwrap_err().to_string()
        };
        let hostile = refused("a\u{7f}\\u001b[2Jb");
        assert!(hostile.contains("a\\u{7f}\\u{1b}[2Jb"), "{hostile}");
        let long = refused(&"x".repeat(2000));
        assert!(long.chars().count() < 350 && long.contains('…'), "{long}");
    }

    #[test]
    fn refuses_what_is_not_one_value() {
        for text in ["", "{", "{} {}", "[1,]", "{}x", "\u{feff}{}", "{'a':1}", "NaN", "\"\\ud800\"", "01"] {
            assert_eq!(code(text), "E-JSON", "{text}");
        }
        assert_eq!(check(b"\"\xff\"", LIMITS).unwrap_err(), JsonError::NotUtf8 { offset: 1 });
    }

    #[test]
    fn limits_are_exact() {
        assert_eq!(code("[[[[]]]]"), "ok");
        assert_eq!(code("[[[[[]]]]]"), "E-LIMIT");
        assert_eq!(code(&format!("\"{}\"", "x".repeat(4094))), "ok");
        assert_eq!(code(&format!("\"{}\"", "x".repeat(4095))), "E-LIMIT");
    }

    #[test]
    fn a_million_open_brackets_do_not_exhaust_the_stack() {
        let text = "[".repeat(1_000_000);
        let error = check(text.as_bytes(), Limits::new(2_000_000, 10_000)).unwrap_err();
        assert_eq!(error.code(), "E-LIMIT");
    }

    #[test]
    fn an_object_has_a_bounded_number_of_members() {
        let object = |members: usize| {
            let members: Vec<String> = (0..members).map(|key| format!("\"{key}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        let limits = Limits::new(1 << 30, 4);
        assert!(check(object(MAX_MEMBERS).as_bytes(), limits).is_ok());
        let error = check(object(MAX_MEMBERS + 1).as_bytes(), limits).unwrap_err();
        assert_eq!(error, JsonError::TooManyMembers { limit: MAX_MEMBERS });
        assert_eq!(error.code(), "E-LIMIT");
    }

    #[test]
    fn shape_errors_say_where() {
        let error = from_slice::<Vec<u8>>(b"[1,\n \"x\"]", LIMITS).unwrap_err();
        assert!(matches!(error, JsonError::Shape { line: 2, .. }), "{error:?}");
    }
}
