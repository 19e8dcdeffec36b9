//! Names of files inside a model, parsed once and safe from then on.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name in bytes (`PATH_MAX` of Linux, its final NUL included).
const MAX_BYTES: usize = 4095;
/// Longest component in bytes (`NAME_MAX` of Linux).
const MAX_COMPONENT: usize = 255;

/// Where a file lies in a model: a relative path of one or more components, separated by `/`, byte for byte as on
/// disk (never normalised). Compared in code-point order, as OMS v1.0 (section 5.2.1) wants resources sorted.
///
/// A value cannot be empty, absolute, or hold an empty, `.` or `..` component, a NUL or a backslash: joined to a
/// folder it stays in that folder on every system. It may hold control characters; [`Display`](fmt::Display)
/// escapes them.
///
/// ```
/// use lacre_manifest::EntryPath;
///
/// assert!(EntryPath::parse("onnx/model.onnx").is_ok());
/// assert_eq!(EntryPath::parse("../secret").unwrap_err().code(), "E-PATH");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(Box<str>);

/// Why a text is not an [`EntryPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a path inside a model: {reason}", escape(.path))]
pub struct PathError {
    path: String,
    reason: &'static str,
}

impl PathError {
    /// The stable code: `E-PATH`.
    pub fn code(&self) -> &'static str {
        "E-PATH"
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl EntryPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        match Self::fault(text) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(PathError { path: text.chars().take(200).collect(), reason }),
        }
    }

    fn fault(text: &str) -> Option<&'static str> {
        if text.is_empty() {
            return Some("it is empty");
        }
        if text.len() > MAX_BYTES {
            return Some("it is longer than 4095 bytes");
        }
        if text.starts_with('/') {
            return Some("it is absolute");
        }
        if text.contains('\0') {
            return Some("it holds a NUL");
        }
        if text.contains('\\') {
            return Some("it holds a backslash, which some systems take for a separator");
        }
        text.split('/').find_map(|component| match component {
            "" => Some("it holds an empty component"),
            "." | ".." => Some("it holds a `.` or `..` component"),
            long if long.len() > MAX_COMPONENT => Some("a component is longer than 255 bytes"),
            _ => None,
        })
    }

    /// The path as it is, not escaped: for opening files and for signed texts, not for terminals.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components, outermost first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Its last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// Whether this path is `other`, or lies in the folder `other`.
    pub fn is_or_is_under(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&escape(&self.0))
    }
}

impl AsRef<str> for EntryPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for EntryPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl Serialize for EntryPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EntryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Makes a text safe for a terminal: control characters, characters that turn the direction of writing, and
/// invisible ones become `\u{…}`; a backslash is doubled, so that the result can be read back without doubt.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            hidden if is_hidden(hidden) => safe.extend(hidden.escape_unicode()),
            plain => safe.push(plain),
        }
    }
    safe
}

/// As [`escape`], for a name that need not be UTF-8: other bytes become `\xNN`.
pub fn escape_os(name: &OsStr) -> String {
    let mut safe = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        safe.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            safe.push_str("\\x");
            safe.extend(
                [byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])),
            );
        }
    }
    safe
}

/// Makes a JSON text safe for a terminal and keeps its meaning: the same characters can only stand inside of its strings,
/// and become `\uXXXX` there.
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Control, bidirectional, zero-width, private and tag characters (Unicode TR #36, section 2; TR #39), and those that are
/// none (Unicode, section 23.7), of which XML 1.0 forbids two.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_shows_what_it_hides() {
        let text = serde_json::to_string("a\u{202e}\u{7f}\u{e0041}é\u{9b}").unwrap();
        let safe = escape_json(&text);
        assert_eq!(safe, r#""a\u202e\u007f\udb40\udc41é\u009b""#);
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), "a\u{202e}\u{7f}\u{e0041}é\u{9b}");
    }

    #[test]
    fn refuses_what_could_leave_the_folder_or_mean_two_things() {
        let long = "x".repeat(256);
        let very_long = vec!["y"; 2049].join("/");
        for text in [
            "",
            "/",
            "/etc/passwd",
            ".",
            "..",
            "a/..",
            "../a",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            &long,
            &very_long,
        ] {
            assert_eq!(EntryPath::parse(text).unwrap_err().code(), "E-PATH", "{text:?}");
        }
    }

    #[test]
    fn accepts_every_other_name_byte_for_byte() {
        for text in [
            "a",
            ".git",
            "..a",
            "a..",
            "...",
            "a b",
            "模型.bin",
            "e\u{301}",
            "\u{e9}",
            "a\nb",
            "C:",
            "-rf",
            "*",
        ] {
            assert_eq!(EntryPath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn under_goes_by_components() {
        let path = |text| EntryPath::parse(text).unwrap();
        assert!(path("a/b").is_or_is_under(&path("a")));
        assert!(path("a").is_or_is_under(&path("a")));
        assert!(!path("ab").is_or_is_under(&path("a")));
        assert!(!path("a").is_or_is_under(&path("a/b")));
    }

    #[test]
    fn shows_nothing_that_moves_a_terminal() {
        let hostile = "a\u{1b}[2J\u{202e}txt\u{200b}\r\n\u{9b}1m\\";
        let shown = EntryPath::parse(&hostile.replace('\\', "")).unwrap().to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}txt\\u{200b}\\r\\n\\u{9b}1m");
        assert_eq!(escape_os(OsStr::from_bytes(b"a\xff\n")), "a\\xff\\n");
        assert_eq!(escape("\u{fffe}\u{ffff}\u{1ffff}\u{fdd0}"), "\\u{fffe}\\u{ffff}\\u{1ffff}\\u{fdd0}");
    }

    proptest::proptest! {
        #[test]
        fn a_parsed_path_has_only_plain_components(text in "[a./\\\\]{0,12}") {
            if let Ok(path) = EntryPath::parse(&text) {
                proptest::prop_assert!(path.components().all(|part| !matches!(part, "" | "." | "..") && !part.contains('\\')));
                proptest::prop_assert_eq!(path.components().collect::<Vec<_>>().join("/"), text);
            }
        }
    }
}
