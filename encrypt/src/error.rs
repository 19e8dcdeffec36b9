//! Why something was not encrypted, or not opened.

use std::io;

/// Every code that [`EncryptError::code`] can return.
pub const CODES: &[&str] =
    &["E-AGE-HEADER", "E-AGE-KEY", "E-CIPHERTEXT", "E-LIMIT", "E-NOT-RECIPIENT", "E-OUTPUT", "E-UNREADABLE"];

/// Why something was not encrypted, or not opened. No message shows a part of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// A text is no recipient, or no identity, that is taken.
    #[error("{}{refusal}", .line.map_or(String::new(), |line| format!("line {line}: ")))]
    Key {
        /// Its line, from 1, in a file.
        line: Option<usize>,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// A file has no line with a key.
    #[error("there is no {what} in it")]
    NoKey {
        /// What was looked for.
        what: &'static str,
    },
    /// More of something than is read.
    #[error("more than {limit} {what}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The beginning of a file is not that of an age file for X25519 recipients.
    #[error("not an age file for X25519 recipients: {detail}")]
    Header {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// None of the identities opens the file.
    #[error("it is encrypted for others: none of the {identities} identities opens it")]
    NotRecipient {
        /// How many were tried.
        identities: usize,
    },
    /// The file was changed, or made by somebody who did not know its key.
    #[error("the encrypted bytes were changed")]
    Forged,
    /// The encrypted bytes could not be read.
    #[error("cannot read encrypted bytes")]
    Input(#[source] io::Error),
    /// The encrypted bytes could not be written.
    #[error("cannot write encrypted bytes")]
    Output(#[source] io::Error),
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The checksum or the alphabet is wrong.
    #[error("not a key: it was cut off, or mistyped")]
    Malformed,
    /// A recipient of another kind.
    #[error("not an X25519 recipient (age1…): keys of plugins, SSH and other kinds are not taken")]
    OtherRecipient,
    /// An identity of another kind.
    #[error("not an X25519 identity (AGE-SECRET-KEY-1…): keys of plugins, SSH and other kinds are not taken")]
    OtherIdentity,
    /// A recipient where an identity is wanted.
    #[error("a recipient (age1…), not an identity (AGE-SECRET-KEY-1…)")]
    Public,
    /// An identity where a recipient is wanted.
    #[error("an identity (AGE-SECRET-KEY-1…), which is secret; a recipient is age1…")]
    Secret,
    /// The whole file is encrypted.
    #[error("the identities are encrypted themselves: decrypt them first (age -d)")]
    Encrypted,
    /// A point that gives the same secret with every key.
    #[error("a recipient that everybody could read for")]
    LowOrder,
}

impl EncryptError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key { .. } | Self::NoKey { .. } => "E-AGE-KEY",
            Self::Limit { .. } => "E-LIMIT",
            Self::Header { .. } => "E-AGE-HEADER",
            Self::NotRecipient { .. } => "E-NOT-RECIPIENT",
            Self::Forged => "E-CIPHERTEXT",
            Self::Input(_) => "E-UNREADABLE",
            Self::Output(_) => "E-OUTPUT",
        }
    }
}
