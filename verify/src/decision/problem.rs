//! What is wrong with a decision log.

use std::io;

use lacre_attest::LogId;
use lacre_manifest::escape;

/// What is wrong with a decision log, or with writing to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogProblem {
    /// A line does not continue the one before it: something was changed, taken out, put in or moved.
    #[error("line {line} does not continue the log: {detail}")]
    Chain {
        /// Which line of the file, from 1.
        line: u64,
        /// What does not fit.
        detail: String,
    },
    /// A line is no line of a decision log.
    #[error("line {line} is no line of a decision log: {detail}")]
    Line {
        /// Which line of the file, from 1; 0 where only the end of the file was looked at.
        line: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// A file of a rotated log is not there.
    #[error("{what}")]
    Missing {
        /// Which, and what wants it.
        what: String,
    },
    /// It is another log than the checkpoint is about.
    #[error("this is the log {found}, and the checkpoint is about the log {expected}")]
    Other {
        /// The log that is there.
        found: LogId,
        /// The log that was signed.
        expected: LogId,
    },
    /// It cannot be read.
    #[error("it cannot be read")]
    Read {
        /// The cause.
        source: io::Error,
    },
    /// A line is not the one that was there when the checkpoint was signed.
    #[error("line {lines} of the whole log is not the line that was there when the checkpoint was signed")]
    Rewritten {
        /// Which line, over all files, from 1.
        lines: u64,
    },
    /// It ends within a line: whoever wrote it was interrupted, or somebody cut it off.
    #[error("it ends within a line, {bytes} bytes behind the last whole one")]
    Torn {
        /// Bytes of the last line that are there.
        bytes: u64,
    },
    /// It has fewer lines than a checkpoint says, or none.
    #[error("it has {found} lines, and had at least {expected}")]
    Truncated {
        /// How many lines there are, over all files.
        found: u64,
        /// How many there were.
        expected: u64,
    },
    /// It cannot be written: a decision that is not recorded is none.
    #[error("it cannot be written ({doing})")]
    Write {
        /// What was tried.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl LogProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chain { .. } => "E-LOG-CHAIN",
            Self::Line { .. } => "E-LOG-LINE",
            Self::Missing { .. } => "E-LOG-MISSING",
            Self::Other { .. } => "E-LOG-OTHER",
            Self::Read { source } if source.kind() == io::ErrorKind::NotFound => "E-NOT-FOUND",
            Self::Read { .. } => "E-UNREADABLE",
            Self::Rewritten { .. } => "E-LOG-REWRITTEN",
            Self::Torn { .. } => "E-LOG-TORN",
            Self::Truncated { .. } => "E-LOG-TRUNCATED",
            Self::Write { .. } => "E-LOG-WRITE",
        }
    }

    pub(super) fn read(source: io::Error) -> Self {
        Self::Read { source }
    }

    pub(super) fn write(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { doing, source }
    }

    /// The text of a detail may quote the log.
    pub(super) fn line(line: u64, detail: &str) -> Self {
        Self::Line { line, detail: escape(detail) }
    }
}
