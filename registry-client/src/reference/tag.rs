//! Tags (distribution specification 1.1, "Pulling manifests").

use std::fmt;
use std::str::FromStr;

use crate::RegistryError;

/// A tag: 1 to 128 characters `[a-zA-Z0-9._-]`, the first none of `.` and `-` (distribution specification 1.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Reads a tag.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).map_err(|(position, expected)| RegistryError::Reference {
            text: text.chars().take(512).collect(),
            position,
            expected,
        })
    }

    /// The same, with the position and what should stand there.
    pub(super) fn read(text: &str) -> Result<Self, (usize, &'static str)> {
        match Self::fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(fault),
        }
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(text: &str) -> Option<(usize, &'static str)> {
        const LONGEST: usize = 128;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.bytes().next() {
            None => return Some((0, "a tag")),
            Some(first) if !word(first) => {
                return Some((0, "a tag, which starts with a letter, a digit or _"));
            }
            Some(_) => {}
        }
        if let Some(offset) = text.bytes().position(|byte| !word(byte) && !matches!(byte, b'.' | b'-')) {
            return Some((offset, "letters, digits, _, . and - in a tag"));
        }
        (text.len() > LONGEST).then_some((LONGEST, "the end of the tag, after at most 128 characters"))
    }
}

impl FromStr for Tag {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
