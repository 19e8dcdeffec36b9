//! Which files of a model are wanted, where not all of them are.

use lacre_manifest::{EntryPath, escape};
use regex::{Regex, RegexBuilder};

use crate::DeliverError;

/// The longest pattern, in bytes.
const LONGEST: usize = 1024;
/// Patterns that are looked at.
const MOST: usize = 100;
/// Bytes that one pattern may take when it is made ready.
const READY: usize = 1 << 20;

/// A pattern of signed names.
///
/// `*` stands for any characters within one part of a name, `?` for one, `[a-z]` and `[!a-z]` for one of these and for
/// one of all others; `**`, as a whole part, for any number of parts. Everything else stands for itself. A pattern is
/// about the whole name, and matching takes time in proportion to its length.
///
/// ```
/// use lacre_deliver::FilePattern;
/// use lacre_manifest::EntryPath;
///
/// let pattern: FilePattern = "**/*.safetensors".parse()?;
/// assert!(pattern.matches(&EntryPath::parse("model.safetensors")?));
/// assert!(pattern.matches(&EntryPath::parse("unet/a.safetensors")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FilePattern {
    text: String,
    ready: Regex,
}

impl FilePattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a name is meant.
    pub fn matches(&self, name: &EntryPath) -> bool {
        self.ready.is_match(name.as_str())
    }
}

impl std::str::FromStr for FilePattern {
    type Err = DeliverError;

    /// Reads a pattern.
    ///
    /// # Errors
    /// `E-USAGE`, with the byte where it goes wrong.
    fn from_str(text: &str) -> Result<Self, DeliverError> {
        let refused = |(position, expected)| {
            let text = escape(&text.chars().take(LONGEST).collect::<String>());
            DeliverError::Pattern { text, position, expected }
        };
        let expression = expression(text).map_err(refused)?;
        let ready = RegexBuilder::new(&expression).size_limit(READY).build();
        let ready = ready.map_err(|_| refused((0, "a pattern with fewer signs in it")))?;
        Ok(Self { text: text.to_owned(), ready })
    }
}

/// Where a text goes wrong, and what should stand there.
type Fault = (usize, &'static str);

/// The same as a regular expression. What stands for itself is written by number, so no character means anything there.
fn expression(text: &str) -> Result<String, Fault> {
    if text.len() > LONGEST {
        return Err((LONGEST, "the end of the pattern, after at most 1024 bytes"));
    }
    let mut expression = String::from(r"\A");
    let mut at = 0;
    let mut parts = text.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "" if text.is_empty() => return Err((0, "a pattern of file names")),
            "" => {
                return Err((at, "a part of a name: signed names have no / at an end, and no two in a row"));
            }
            "**" if is_last => expression.push_str(".+"),
            "**" => expression.push_str("(?:.+/)?"),
            part => {
                self::part(part, &mut expression).map_err(|(offset, expected)| (at + offset, expected))?;
                if !is_last {
                    expression.push('/');
                }
            }
        }
        at += part.len() + 1;
    }
    expression.push_str(r"\z");
    Ok(format!("(?s){expression}"))
}

/// One part of a pattern.
fn part(text: &str, into: &mut String) -> Result<(), Fault> {
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '*' if text[at + 1..].starts_with('*') => {
                return Err((at, "** as a whole part of the pattern, between slashes"));
            }
            '*' => into.push_str("[^/]*"),
            '?' => into.push_str("[^/]"),
            '[' => {
                let inside = &text[at + 1..];
                let negated = inside.starts_with('!');
                let first = usize::from(negated);
                // A ] that comes first is one of the set.
                let end = inside.char_indices().skip(first + 1).find(|(_, sign)| *sign == ']');
                let Some((end, _)) = end else { return Err((at, "a ] behind the [")) };
                into.push_str(if negated { "[^/" } else { "[" });
                set(&inside[first..end], into).map_err(|(offset, why)| (at + 1 + first + offset, why))?;
                // A / in a range would lead from one part of a name into the next.
                into.push_str(if negated { "]" } else { "&&[^/]]" });
                while signs.as_str().len() > inside.len() - end - 1 {
                    signs.next();
                }
            }
            '\\' => return Err((at, "no \\: no signed name holds one, and [*] stands for a *")),
            sign => number(sign, into),
        }
    }
    Ok(())
}

/// What stands between brackets: characters, and ranges of them.
fn set(text: &str, into: &mut String) -> Result<(), Fault> {
    let signs: Vec<(usize, char)> = text.char_indices().collect();
    let mut rest = signs.as_slice();
    while let [(at, from), after @ ..] = rest {
        rest = after;
        number(*from, into);
        if let [(_, '-'), (_, to), after @ ..] = rest {
            if from > to {
                return Err((*at, "a range that rises"));
            }
            into.push('-');
            number(*to, into);
            rest = after;
        }
    }
    Ok(())
}

fn number(sign: char, into: &mut String) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    let _ = write!(into, "\\u{{{:x}}}", u32::from(sign));
}

/// The files of a model that are wanted: those that one of the patterns means.
#[derive(Debug, Clone)]
pub struct Selection(Vec<FilePattern>);

impl Selection {
    /// Takes the patterns.
    ///
    /// # Errors
    /// `E-USAGE` for none of them; `E-LIMIT` for more than a hundred.
    pub fn new(patterns: Vec<FilePattern>) -> Result<Self, DeliverError> {
        match patterns.len() {
            0 => Err(DeliverError::Pattern { text: String::new(), position: 0, expected: "a pattern" }),
            found if found > MOST => Err(DeliverError::TooManyPatterns { found, limit: MOST }),
            _ => Ok(Self(patterns)),
        }
    }

    /// The patterns.
    pub fn patterns(&self) -> &[FilePattern] {
        &self.0
    }

    /// Whether a file is wanted.
    pub fn wants(&self, name: &EntryPath) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// The pattern that means none of these files, if there is one: it was meant to.
    pub(crate) fn idle(&self, names: &[&EntryPath]) -> Option<&str> {
        let idle = |pattern: &&FilePattern| !names.iter().any(|name| pattern.matches(name));
        self.0.iter().find(idle).map(FilePattern::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<FilePattern>().unwrap().matches(&EntryPath::parse(name).unwrap())
    }

    #[test]
    fn signs_mean_what_they_say() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("a.b", &["a.b"], &["aab", "x/a.b", "a.b/c"]),
            ("*.bin", &["x.bin", ".bin", "a b\n.bin"], &["d/x.bin", "x.binx"]),
            ("**/*.bin", &["x.bin", "d/x.bin", "d/e/x.bin"], &["x.bin/y"]),
            ("d/**", &["d/x", "d/e/f"], &["d", "e/d/x"]),
            ("d/**/x", &["d/x", "d/e/x", "d/e/f/x"], &["x", "dx", "d/ex"]),
            ("**", &["x", "d/x"], &[]),
            ("**/d/**", &["d/x", "a/d/x"], &["d", "ad/x"]),
            ("a?c", &["abc", "aéc", "a模c"], &["a/c", "ac", "abbc"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "-x"]),
            ("[!a-c]x", &["dx", "éx"], &["ax", "x"]),
            ("a[!b]c", &["a.c"], &["a/c"]),
            ("a[+-9]c", &["a.c", "a5c"], &["a/c"]),
            ("[]x]", &["]", "x"], &["["]),
            ("[!]]", &["x"], &["]"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[*]", &["*"], &["x"]),
            ("[é-ü]", &["ö"], &["o"]),
            ("[^&~]", &["^", "&", "~"], &["x"]),
            ("a{b,c}$(.+)|", &["a{b,c}$(.+)|"], &["ab"]),
        ];
        for (pattern, good, bad) in cases {
            for name in *good {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in *bad {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_shown_at_its_place() {
        let long = "a".repeat(1025);
        let cases = [
            ("", 0),
            ("/a", 0),
            ("a/", 2),
            ("a//b", 2),
            ("a**", 1),
            ("d/**b", 2),
            ("d/***", 2),
            ("a[b", 1),
            ("é[b", 2),
            ("[]", 0),
            ("[!]", 0),
            ("a/[z-a]", 3),
            ("[!z-a]", 2),
            (r"a\b", 1),
            (long.as_str(), 1024),
        ];
        for (text, wanted) in cases {
            let error = text.parse::<FilePattern>().unwrap_err();
            assert_eq!(error.code(), "E-USAGE", "{text}");
            let DeliverError::Pattern { position, .. } = error else { panic!("{error:?}") };
            assert_eq!(position, wanted, "{text}");
        }
    }

    /// A matcher that tries every way would not come back from this.
    #[test]
    fn many_stars_cost_little() {
        let pattern = format!("{}b", "*a".repeat(400));
        assert!(!matches(&pattern, &"a".repeat(255)));
        let deep = "a/".repeat(100);
        assert!(!matches(&format!("{}b", "**/".repeat(300)), &format!("{deep}a")));
    }

    #[test]
    fn a_pattern_that_means_nothing_is_found() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let selection = Selection::new(patterns(&["a*", "b"])).unwrap();
        let [a, b, c] = ["ax", "b", "c"].map(|name| EntryPath::parse(name).unwrap());
        assert_eq!(selection.idle(&[&a, &b]), None);
        assert_eq!(selection.idle(&[&a, &c]), Some("b"));
        assert_eq!(Selection::new(Vec::new()).unwrap_err().code(), "E-USAGE");
        assert_eq!(Selection::new(patterns(&["a"; 101])).unwrap_err().code(), "E-LIMIT");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text: String, name: String) {
            let parsed = text.parse::<FilePattern>();
            if let (Ok(pattern), Ok(name)) = (parsed, EntryPath::parse(&name)) {
                let _ = pattern.matches(&name);
            }
        }

        #[test]
        fn a_name_is_a_pattern_of_itself(name in "[a-z.{}()+$^|#-]{1,8}(/[a-z. &~]{1,8}){0,3}") {
            if let Ok(name) = EntryPath::parse(&name) {
                proptest::prop_assert!(name.as_str().parse::<FilePattern>().unwrap().matches(&name));
            }
        }
    }
}
