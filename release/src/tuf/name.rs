//! Names of roles, files and targets. None of them leaves its folder.

use crate::ReleaseError;

/// Longest name of a role, in bytes.
const ROLE: usize = 256;
/// Longest path of a target, in bytes.
const TARGET: usize = 1024;
/// Longest part of a message that quotes a text of somebody else, in characters.
const QUOTED: usize = 200;

/// The roles that a root names, which no delegation may be called.
pub(super) const TOP: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// Writes `name` so that it is one part of a path or of an address: all but ASCII letters, digits and `_.-~` as `%XX`.
pub(super) fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            quoted.push('%');
            for half in [byte >> 4, byte & 15] {
                quoted.extend(char::from_digit(u32::from(half), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    quoted
}

/// Reads what [`quote`] wrote.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut parts = quoted.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    String::from_utf8(bytes).ok().filter(|name| quote(name) == quoted)
}

/// The name of the file of a role, with its version if `version` is given.
pub(super) fn file_of(role: &str, version: Option<u64>) -> String {
    let role = quote(role);
    version.map_or_else(|| format!("{role}.json"), |version| format!("{version}.{role}.json"))
}

/// Whether a delegation may have this name. None has that of a role of the root, nor one that a folder which does not tell
/// cases apart would take for it.
pub(super) fn is_delegated_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= ROLE && !TOP.iter().any(|top| top.eq_ignore_ascii_case(name))
}

/// Checks the path of a target: parts between `/` that stay in their folder on every system.
pub(super) fn target_path(path: &str) -> Result<&str, ReleaseError> {
    let good = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.ends_with([' ', '.'])
            && !part.contains(|character: char| character.is_control() || "\\:*?\"<>|".contains(character))
            && !is_device(part)
    };
    if path.len() > TARGET || !path.split('/').all(good) {
        return Err(ReleaseError::Name { what: "path of a target", text: path.chars().take(64).collect() });
    }
    Ok(path)
}

/// Whether Windows would open a device instead of a file.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = |stem: &str| {
        stem.strip_prefix("COM")
            .or_else(|| stem.strip_prefix("LPT"))
            .is_some_and(|rest| rest.chars().count() == 1)
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered(&stem)
}

/// A text of somebody else for a message: cut, and without what would move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars().take(QUOTED) {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a broken check must fail its test")]
mod tests {
    use super::{file_of, is_delegated_name, plain, quote, target_path, unquote};

    #[test]
    fn names_are_quoted_as_python_does() {
        // urllib.parse.quote(name, "") of Python 3.11.
        for (name, quoted) in [
            ("a-Z_0.9~", "a-Z_0.9~"),
            ("../up", "..%2Fup"),
            ("?#%", "%3F%23%25"),
            ("é\u{0}\\", "%C3%A9%00%5C"),
            ("a b", "a%20b"),
        ] {
            assert_eq!(quote(name), quoted);
            assert_eq!(unquote(quoted).as_deref(), Some(name));
        }
        for other in ["%2f", "%", "%2", "%zz", "a b", "%C3", "%41", "%+1"] {
            assert_eq!(unquote(other), None, "{other}");
        }
        assert_eq!(file_of("/x", Some(3)), "3.%2Fx.json");
        assert_eq!(file_of("..", None), "...json");
    }

    #[test]
    fn a_delegation_has_no_name_of_a_top_role() {
        assert!(is_delegated_name("../x"));
        for name in ["", "root", "timestamp", "snapshot", "targets", "Root", &"x".repeat(257)] {
            assert!(!is_delegated_name(name), "{name}");
        }
    }

    #[test]
    fn paths_of_targets_stay_in_their_folder() {
        for path in ["a", "channels/org/name/stable.json", "two words", "a..b", "COM10", "conduct"] {
            assert_eq!(target_path(path).unwrap(), path);
        }
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a\\b",
            "C:a",
            "a\u{0}",
            "a\nb",
            "NUL",
            "x/con.txt",
            "lpt1",
            "a.",
            "a ",
            "a*",
        ] {
            assert_eq!(target_path(path).unwrap_err().code(), "E-CHANNEL-NAME", "{path:?}");
        }
        assert!(target_path(&"a".repeat(1025)).is_err());
    }

    #[test]
    fn what_is_quoted_moves_no_cursor() {
        assert_eq!(plain("a\u{1b}[2Jé"), "a\\u{1b}[2Jé");
        assert_eq!(plain(&"x".repeat(300)).len(), 200);
    }
}
