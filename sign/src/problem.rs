//! What goes wrong with a signer that is not a file: a token, an agent, a service, a program.

use std::io;
use std::time::Duration;

use lacre_manifest::escape;

/// Most things that an error lists.
const LISTED: usize = 20;

/// Why a signer outside of this process gave no signature.
///
/// What comes from the other side (labels, comments, texts) stands in the messages in escaped form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerProblem {
    /// What was named is not there (`E-NOT-FOUND`).
    #[error("there is no {what}{}", listed(there))]
    Absent {
        /// What was looked for.
        what: String,
        /// What is there instead.
        there: Vec<String>,
    },

    /// More than one is meant by what was named (`E-KEY`): which one signs must not be left to chance.
    #[error("{what} matches more than one{}", listed(there))]
    Ambiguous {
        /// What was looked for.
        what: String,
        /// What matches.
        there: Vec<String>,
    },

    /// The token does not know this PIN (`E-PASSPHRASE`).
    #[error("the PIN is wrong{note}")]
    PinWrong {
        /// What the token says of further tries; empty if it says nothing.
        note: &'static str,
    },

    /// Too many wrong PINs were given, now or before (`E-PIN-LOCKED`). No PIN was tried after that was known.
    #[error("the token has locked its PIN after too many wrong ones")]
    PinLocked,

    /// The token wants a PIN, and none was given (`E-PASSPHRASE`).
    #[error("the token wants a PIN and none was given")]
    PinMissing,

    /// A kind of key that Lacre does not sign with (`E-UNSUPPORTED`).
    #[error("{found} is not supported")]
    Unsupported {
        /// What was found there.
        found: String,
    },

    /// The key is there and cannot be used (`E-KEY`).
    #[error("the key is not usable: {detail}")]
    Key {
        /// Why not.
        detail: String,
    },

    /// A file that belongs to it cannot be read (`E-NOT-FOUND`, `E-UNREADABLE`).
    #[error("cannot read {path}")]
    Unreadable {
        /// The file, escaped.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },

    /// The other side said no, broke off, or could not be reached (`E-SIGNER`).
    #[error("{detail}")]
    Failed {
        /// What it said, or what happened.
        detail: String,
    },

    /// The other side did not answer in time (`E-SIGNER`). A program was ended, with all that it had started.
    #[error("no answer within {} s", limit.as_secs_f64())]
    TimedOut {
        /// How long was waited.
        limit: Duration,
    },

    /// The other side answered something that is no answer (`E-SIGNER`).
    #[error("the answer makes no sense: {detail}")]
    Answer {
        /// What is wrong with it.
        detail: String,
    },

    /// More bytes than may pass in this direction (`E-LIMIT`).
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How many bytes are accepted.
        limit: usize,
    },

    /// Whoever waits has given up (`E-INTERRUPTED`).
    #[error("interrupted")]
    Interrupted,
}

impl SignerProblem {
    /// The stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "E-NOT-FOUND",
            Self::Ambiguous { .. } | Self::Key { .. } => "E-KEY",
            Self::PinWrong { .. } | Self::PinMissing => "E-PASSPHRASE",
            Self::PinLocked => "E-PIN-LOCKED",
            Self::Unsupported { .. } => "E-UNSUPPORTED",
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => "E-NOT-FOUND",
            Self::Unreadable { .. } => "E-UNREADABLE",
            Self::Failed { .. } | Self::TimedOut { .. } | Self::Answer { .. } => "E-SIGNER",
            Self::TooLong { .. } => "E-LIMIT",
            Self::Interrupted => "E-INTERRUPTED",
        }
    }

    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self::Failed { detail: detail.into() }
    }

    pub(crate) fn answer(detail: impl Into<String>) -> Self {
        Self::Answer { detail: detail.into() }
    }
}

/// A text of the other side, as it may be shown: one line of at most 300 characters.
pub(crate) fn told(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown = escape(&text.trim().chars().take(LONGEST).collect::<String>());
    if text.trim().chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn listed(there: &[String]) -> String {
    match there {
        [] => String::new(),
        few if few.len() <= LISTED => format!("; there: {}", few.join(", ")),
        many => format!("; there: {} and {} more", many[..LISTED].join(", "), many.len() - LISTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_says_is_harmless_and_short() {
        assert_eq!(told("  a\u{1b}[2Jb\nc \n"), r"a\u{1b}[2Jb\nc");
        assert_eq!(told(&"x".repeat(10_000)).chars().count(), 301);
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let there: Vec<String> = (0..25).map(|number| format!("k{number}")).collect();
        let text = SignerProblem::Absent { what: "key".to_owned(), there }.to_string();
        assert!(text.ends_with("k19 and 5 more"), "{text}");
        assert_eq!(
            SignerProblem::Absent { what: "key".to_owned(), there: Vec::new() }.to_string(),
            "there is no key"
        );
    }
}
