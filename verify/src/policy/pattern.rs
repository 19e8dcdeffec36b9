//! Patterns of repositories and of signed names: what a rule of a policy is about.

use std::fmt;

/// The longest pattern, in bytes.
const LONGEST: usize = 512;

/// A pattern: parts between `/`. `*` stands for any characters within one part; `**`, as a whole part, for any number of
/// parts, none included. Everything else stands for itself. A pattern is about the whole text.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`.
    Any,
    /// Characters, and `*` between them.
    One(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Star,
    Sign(char),
}

impl Pattern {
    /// Reads a pattern; else why nothing can ever match it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing");
        }
        if text.len() > LONGEST {
            return Err("a pattern has at most 512 bytes");
        }
        let parts = text.split('/').map(part).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is about `text`.
    pub fn matches(&self, text: &str) -> bool {
        let parts: Vec<Part> =
            text.split('/').map(|part| Part::One(part.chars().map(Piece::Sign).collect())).collect();
        covers(&self.parts, &parts, part_covers)
    }

    /// Whether it is about everything that `other` is about. The answer may be no where it is yes in some roundabout way;
    /// never the other way round.
    pub(super) fn covers(&self, other: &Self) -> bool {
        covers(&self.parts, &other.parts, part_covers)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:?})", self.text)
    }
}

fn part(text: &str) -> Result<Part, &'static str> {
    match text {
        "" => Err("a pattern has no / at an end, and no two in a row: no name has"),
        "." | ".." => Err("no name has the part . or .."),
        "**" => Ok(Part::Any),
        _ if text.contains("**") => Err("** stands for whole parts: between slashes"),
        _ if text.chars().any(char::is_control) => Err("no name has control characters"),
        _ => Ok(Part::One(
            text.chars().map(|sign| if sign == '*' { Piece::Star } else { Piece::Sign(sign) }).collect(),
        )),
    }
}

/// What both levels have in common: a sequence of items, one of which stands for any number of others.
trait Item: PartialEq {
    const WILD: Self;
}

impl Item for Part {
    const WILD: Self = Self::Any;
}

impl Item for Piece {
    const WILD: Self = Self::Star;
}

/// Whether `pattern` stands for all that `other` stands for, where `one` compares single items. A wildcard in `other` is only
/// stood for by one in `pattern`. Time and memory: the product of the lengths.
fn covers<T: Item>(pattern: &[T], other: &[T], one: impl Fn(&T, &T) -> bool) -> bool {
    // `reached[i]`: the first `i` items of the pattern stand for what was seen of the other.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    spread(pattern, &mut reached);
    for seen in other {
        let mut next = vec![false; pattern.len() + 1];
        for (at, item) in pattern.iter().enumerate() {
            if !reached[at] {
                continue;
            }
            if *item == T::WILD {
                next[at] = true;
            } else if *seen != T::WILD && one(item, seen) {
                next[at + 1] = true;
            }
        }
        spread(pattern, &mut next);
        reached = next;
        if !reached.contains(&true) {
            return false;
        }
    }
    reached[pattern.len()]
}

/// A wildcard may stand for nothing.
fn spread<T: Item>(pattern: &[T], reached: &mut [bool]) {
    for (at, item) in pattern.iter().enumerate() {
        if reached[at] && *item == T::WILD {
            reached[at + 1] = true;
        }
    }
}

fn part_covers(pattern: &Part, other: &Part) -> bool {
    match (pattern, other) {
        (Part::One(pattern), Part::One(other)) => covers(pattern, other, |one, other| one == other),
        (Part::Any, _) => true,
        (Part::One(_), Part::Any) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_star_stays_within_a_part_and_two_do_not() {
        for (text, good, bad) in [
            ("org/*", &["org/a", "org/a.b"][..], &["org", "org/a/b", "other/a"][..]),
            ("org/**", &["org", "org/a", "org/a/b"], &["organ", "other/org"]),
            ("**/llm", &["llm", "a/llm", "a/b/llm"], &["llm/a", "allm"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a", "z", "ab/z"]),
            ("*-chat", &["x-chat", "-chat"], &["x-chat2", "a/x-chat"]),
            ("a*b*c", &["abc", "axxbyyc", "abbcc"], &["ab", "acb"]),
            ("**", &["a", "a/b"], &[]),
        ] {
            for name in good {
                assert!(pattern(text).matches(name), "{text} {name}");
            }
            for name in bad {
                assert!(!pattern(text).matches(name), "{text} {name}");
            }
        }
    }

    #[test]
    fn what_nothing_can_match_is_no_pattern() {
        for text in ["", "/a", "a/", "a//b", "a/../b", ".", "a**", "a/b**c", "a\u{7}"] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
        assert!(Pattern::parse(&"a".repeat(513)).is_err());
    }

    #[test]
    fn one_pattern_covers_another() {
        for (wide, narrow) in [
            ("**", "a/*"),
            ("a/**", "a/b/*"),
            ("a/*", "a/b*"),
            ("a*", "ab*c"),
            ("**/*", "a/b"),
            ("a/**", "a/**/b"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
            assert!(!pattern(narrow).covers(&pattern(wide)), "{narrow} {wide}");
        }
    }

    proptest! {
        /// Whatever the narrower one matches, the wider one matches, too.
        #[test]
        fn covering_is_sound(
            wide in "[ab*]{1,4}(/[ab*]{1,3}|/\\*\\*){0,3}",
            narrow in "[ab*]{1,4}(/[ab*]{1,3}|/\\*\\*){0,3}",
            names in prop::collection::vec("[ab]{1,4}(/[ab]{1,3}){0,3}", 40),
        ) {
            if let (Ok(wide), Ok(narrow)) = (Pattern::parse(&wide), Pattern::parse(&narrow))
                && wide.covers(&narrow)
            {
                for name in names {
                    prop_assert!(!narrow.matches(&name) || wide.matches(&name), "{wide:?} {narrow:?} {name}");
                }
            }
        }

        /// A regular expression says the same.
        #[test]
        fn matching_is_as_written(text in "([ab*]{1,3}|\\*\\*)(/[ab*]{1,3}|/\\*\\*){0,3}", name in "[ab]{1,3}(/[ab]{1,3}){0,3}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                // Every part ends with a slash on both sides, so that any number of parts may be none.
                let expression: String = text.split('/').map(|part| match part {
                    "**" => "(?:[^/]+/)*".to_owned(),
                    part => format!("{}/", part.replace('*', "[^/]*")),
                }).collect();
                let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&format!("{name}/"));
                prop_assert_eq!(pattern.matches(&name), expected);
            }
        }
    }
}
