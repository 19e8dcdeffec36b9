//! Text that may stand in a report.

use std::fmt;

use crate::text;

/// The most characters of one text. What is longer is cut, and says so: a name of megabytes must not hide the verdict.
const LONGEST: usize = 4096;

/// A text of any origin without a control, direction or invisible character, and with an end.
///
/// It is harmless where plain text is shown, and nothing more: each format escapes what means something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// The one way into a report, the same as into a terminal: [`text::safe`].
    pub(crate) fn of(text: &str) -> Self {
        let more = text.chars().skip(LONGEST).count();
        if more == 0 {
            return Self(text::safe(text));
        }
        let kept: String = text.chars().take(LONGEST).collect();
        Self(format!("{}… ({more} more characters)", text::safe(&kept)))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_and_says_so() {
        let long = Shown::of(&"é".repeat(LONGEST + 7));
        assert_eq!(long.as_str(), format!("{}… (7 more characters)", "é".repeat(LONGEST)));
        assert_eq!(Shown::of(&"é".repeat(LONGEST)).as_str(), "é".repeat(LONGEST));
    }

    #[test]
    fn nothing_hidden_is_left() {
        assert_eq!(Shown::of("a\u{202e}b\u{1b}[2J\n\u{ffff}").as_str(), r"a\u{202e}b\u{1b}[2J\n\u{ffff}");
    }
}
