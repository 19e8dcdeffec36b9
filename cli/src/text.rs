//! What text may reach a terminal, and how sizes and paths are written.

use std::fmt::Write as _;
use std::path::Path;

/// Makes text harmless for a terminal: control, direction and invisible characters become `\u{…}`.
///
/// A backslash stays single, unlike in [`lacre_manifest::escape`]: most texts come from the crates below, which
/// have escaped the names in them already.
pub(crate) fn safe(text: &str) -> String {
    // Nearly all texts are harmless as they are, and there may be ten thousand of them.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let pieces: Vec<_> = text.split('\\').map(lacre_manifest::escape).collect();
    pieces.join("\\")
}

/// A line of `text`, and one that points at the byte `position` of it. Of a long text only what stands around it is shown.
pub(crate) fn pointed(text: &str, position: usize) -> impl Iterator<Item = String> + use<> {
    /// Characters that are shown before and behind the place.
    const AROUND: usize = 30;
    let position = (0..=position.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, behind) = text.split_at(position);
    let skipped = before.chars().count().saturating_sub(AROUND);
    let shown: String = before.chars().skip(skipped).collect();
    let before = format!("{}{}", if skipped > 0 { "…" } else { "" }, safe(&shown));
    let rest: String = behind.chars().take(AROUND).collect();
    let more = if rest.len() < behind.len() { "…" } else { "" };
    let under: String = before.chars().map(|c| if is_wide(c) { "  " } else { " " }).collect();
    [format!("{before}{}{more}", safe(&rest)), format!("{under}^")].into_iter()
}

/// Whether a terminal gives a character two columns: those of East Asian scripts, and pictures.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
}

/// The same for JSON text, where `\u` escapes keep the meaning.
pub(crate) fn safe_json(text: &str) -> String {
    lacre_manifest::escape_json(text)
}

/// A word of a command line, safe for a terminal.
pub(crate) fn os(word: &std::ffi::OsStr) -> String {
    path(Path::new(word))
}

/// A path as text: bytes that are not UTF-8 become `\xNN`.
pub(crate) fn path(path: &Path) -> String {
    let mut out = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A number of bytes for people, in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// A number of things, with its noun in the right form.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A moment as RFC 3339 writes it, in whole seconds of UTC.
pub(crate) fn time(moment: std::time::SystemTime) -> String {
    jiff::Timestamp::try_from(moment).map_or_else(
        |_| "a time out of reach".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// How long ago something was.
pub(crate) fn count_days(days: u64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_line_passes() {
        assert_eq!(safe("a\u{1b}[2Jb\u{202e}gpj.exe\u{9b}0m\n"), r"a\u{1b}[2Jb\u{202e}gpj.exe\u{9b}0m\n");
        assert_eq!(safe("Ünïcödé 模型 🦀"), "Ünïcödé 模型 🦀");
    }

    #[test]
    fn escaping_twice_is_escaping_once() {
        let once = safe("x\u{7f}\\y");
        assert_eq!(safe(&once), once);
    }

    #[test]
    fn a_place_in_a_text_is_pointed_at() {
        let lines = |text: &str, position| pointed(text, position).collect::<Vec<_>>();
        assert_eq!(lines("ghcr.io/Org/m", 8), ["ghcr.io/Org/m", "        ^"]);
        assert_eq!(lines("", 0), ["", "^"]);
        assert_eq!(lines("ab", 9), ["ab", "  ^"], "behind the end");
        assert_eq!(lines("é/x", 3), ["é/x", "  ^"], "bytes are not columns");
        assert_eq!(lines("é/x", 1), ["é/x", "^"], "inside of a character");
        assert_eq!(lines("模/x", 4), ["模/x", "   ^"]);
        assert_eq!(lines("a\u{1b}[2Jb", 5), ["a\\u{1b}[2Jb", "          ^"]);
        let long = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        assert_eq!(
            lines(&long, 500),
            [format!("…{}!{}…", "a".repeat(30), "b".repeat(29)), format!("{}^", " ".repeat(31))]
        );
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = serde_json::to_string("\u{202e}\u{7f}\u{e0041}é").unwrap();
        let safe = safe_json(&text);
        assert!(!safe.contains(['\u{202e}', '\u{7f}', '\u{e0041}']), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), "\u{202e}\u{7f}\u{e0041}é");
    }

    #[test]
    fn bytes_that_are_not_text_are_shown() {
        assert_eq!(path(Path::new(OsStr::from_bytes(b"a\xffb"))), "a\\xffb");
    }
}
