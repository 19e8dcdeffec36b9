//! Why a policy does not load, and where.

use std::fmt;
use std::ops::Range;

use crate::VerifyError;

/// Why a policy does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The path of the policy, safe for a terminal.
    pub path: String,
    /// What is wrong, safe for a terminal.
    pub detail: String,
    /// Where, if that can be told.
    pub spot: Option<Spot>,
}

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of the text.
    pub bytes: Range<usize>,
    /// The text. Not safe for a terminal.
    pub text: String,
}

impl Spot {
    pub(crate) fn new(text: &str, bytes: Range<usize>) -> Self {
        let before = text.get(..bytes.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            bytes,
            text: text.to_owned(),
        }
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spot {
            Some(spot) => write!(
                formatter,
                "{}, line {}, column {}: {}",
                self.path, spot.line, spot.column, self.detail
            ),
            None => write!(formatter, "{}: {}", self.path, self.detail),
        }
    }
}

impl From<PolicyFault> for VerifyError {
    fn from(fault: PolicyFault) -> Self {
        Self::PolicyFile(Box::new(fault))
    }
}
