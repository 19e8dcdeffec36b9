//! Words of a command line that a user may paste into a shell (POSIX `sh`), and that say the same on a terminal.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

/// A word that means exactly `text`, if a shell can say it.
pub(crate) fn word(text: &str) -> Option<String> {
    of_bytes(text.as_bytes())
}

/// The same for a word of a command line, as it came.
pub(crate) fn os_word(text: &OsStr) -> Option<String> {
    of_bytes(text.as_encoded_bytes())
}

/// The same for a path, which no option can be taken for.
pub(crate) fn path(path: &Path) -> Option<String> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.starts_with(b"-") { of_bytes(&[b"./", bytes].concat()) } else { of_bytes(bytes) }
}

/// An option with its value, which no option can be taken for either.
pub(crate) fn option(name: &str, value: impl AsRef<OsStr>) -> Option<String> {
    let bytes = value.as_ref().as_encoded_bytes();
    let between = if bytes.starts_with(b"-") { '=' } else { ' ' };
    Some(format!("{name}{between}{}", of_bytes(bytes)?))
}

fn of_bytes(bytes: &[u8]) -> Option<String> {
    match str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_hidden) => Some(quoted(text)),
        _ => printed(bytes),
    }
}

fn is_hidden(character: char) -> bool {
    character != '\\' && lacre_manifest::escape(character.encode_utf8(&mut [0; 4])).starts_with('\\')
}

/// A word for people to read, where nobody pastes what a terminal does not show.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// What a terminal would not show as it is, `printf` says. No word can hold NUL, and `$(…)` drops line feeds at its end.
fn printed(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0) || bytes.ends_with(b"\n") {
        return None;
    }
    let mut format = String::with_capacity(bytes.len() * 2);
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => format.push_str("%%"),
            b'\\' => format.push_str(r"\\"),
            b'\'' => format.push_str(r"'\''"),
            // `printf` has options of its own.
            b'-' if place == 0 => format.push_str(r"\055"),
            // Between these quotes an interactive shell looks for its history.
            b'!' => format.push_str(r"\041"),
            b' '..=b'~' => format.push(char::from(*byte)),
            // Writing to a string cannot fail.
            other => drop(write!(format, "\\{other:03o}")),
        }
    }
    Some(format!("\"$(printf '{format}')\""))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn words_are_quoted_when_they_must() {
        assert_eq!(word("oci:store:v1").unwrap(), "oci:store:v1");
        assert_eq!(word("it's $HOME").unwrap(), r"'it'\''s $HOME'");
        assert_eq!(word("").unwrap(), "''");
        assert_eq!(word("a\u{202e}b").unwrap(), r#""$(printf 'a\342\200\256b')""#);
        assert_eq!(path(Path::new("-x")).unwrap(), "./-x");
        assert_eq!(option("--identity", "-x").unwrap(), "--identity=-x");
        assert_eq!(option("--identity", "x y").unwrap(), "--identity 'x y'");
        assert_eq!(word("a\n"), None);
        assert_eq!(word("a\0b"), None);
    }

    /// What `sh` makes of it is the text, and nothing else happens.
    #[test]
    fn a_shell_reads_what_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let said: &[&[u8]] = &[
            b"plain",
            b"two words",
            b"it's",
            b"'\"`$(touch pwned)${HOME}`touch pwned`\\",
            b"; touch pwned #",
            b"a\nb",
            b"\nb",
            b"-n",
            b"--help",
            b"-n\x1b[2J%s%%\\033'\"$(touch pwned)`\x07\x7f\t\r9",
            b"\x1b12",
            "\u{202e}x\u{2066}\u{200b}'".as_bytes(),
            b"\xff\xfe not text '",
            "日本語 é".as_bytes(),
            b"!x ~ * ? [a] {a,b} & | < > ^",
            b" ",
        ];
        for bytes in said {
            let text = OsStr::from_bytes(bytes);
            let word = of_bytes(bytes).unwrap();
            assert!(!word.chars().any(is_hidden), "{word}");
            let script = format!("printf '%s|' {word} {}", option("--flag", text).unwrap());
            let output =
                Command::new("sh").arg("-c").arg(script).current_dir(folder.path()).output().unwrap();
            let between: &[u8] = if bytes.starts_with(b"-") { b"=" } else { b"|" };
            let wanted = [bytes, &b"|--flag"[..], between, bytes, b"|"].concat();
            assert_eq!(output.stdout, wanted, "{word}");
            assert!(output.stderr.is_empty(), "{output:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was run");
    }
}
