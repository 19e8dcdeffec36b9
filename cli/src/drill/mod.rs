//! A rehearsal of what attackers and accidents do to a channel, on a copy that nobody uses.
//!
//! ```text
//! a channel as a client sees it ─► Shape ─┐ (same keys per role, same releases)
//! or none: one of its own ────────────────┴─► Scratch: throw-away keys, a temporary folder, a publisher
//!                                                │
//!          acts (attempt, what must come of it) ─┼─► files as an attacker would have them
//!                                                └─► a Client: the one that every other verb uses ─► Row: pass or FAIL
//! ```
//!
//! Publisher and client are the real ones. Time is an argument to both, so that nobody waits for anything to expire. An act that
//! could not even be set up has failed, whatever code stopped it. That each act *can* fail is tested with clients that are
//! wrong: one that believes everything, and one that believes nothing.

mod acts;
mod client;
mod crew;
mod scratch;
mod shape;
mod thief;

use jiff::Timestamp;

use crate::error::CliError;
use crate::interrupt;

pub(crate) use shape::Shape;

use client::{Begin, Client};
use scratch::Scratch;

/// What came of an attempt, or must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Accepted,
    /// Refused, with this code.
    Refused(&'static str),
}

impl Came {
    /// `accepted`, or the code.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(code) => code,
        }
    }
}

impl<T> From<Result<T, CliError>> for Came {
    fn from(outcome: Result<T, CliError>) -> Self {
        outcome.map_or_else(|error| Self::Refused(error.code()), |_| Self::Accepted)
    }
}

/// What came of one act.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) attempt: String,
    pub(crate) expected: Came,
    pub(crate) came: Came,
    pub(crate) passed: bool,
    pub(crate) note: Option<String>,
}

/// Something to be tried.
struct Act {
    name: &'static str,
    attempt: String,
    expected: Came,
    play: Play,
}

type Play = Box<dyn Fn(&Stage<'_>) -> Result<Ended, CliError>>;

/// How an act ended.
#[derive(Debug)]
struct Ended {
    came: Came,
    note: Option<String>,
}

impl From<Came> for Ended {
    fn from(came: Came) -> Self {
        Self { came, note: None }
    }
}

impl Act {
    fn new<T: Into<Ended>>(
        name: &'static str,
        attempt: impl Into<String>,
        expected: Came,
        play: impl Fn(&Stage<'_>) -> Result<T, CliError> + 'static,
    ) -> Self {
        let play: Play = Box::new(move |stage| play(stage).map(Into::into));
        Self { name, attempt: attempt.into(), expected, play }
    }

    fn run(self, stage: &Stage<'_>) -> Result<Row, CliError> {
        let Self { name, attempt, expected, play } = self;
        let (came, note, is_played) = match play(stage) {
            Ok(ended) => (ended.came, ended.note, true),
            Err(CliError::Interrupted) => return Err(CliError::Interrupted),
            Err(error) => {
                (Came::Refused(error.code()), Some(format!("it could not be rehearsed: {error}")), false)
            }
        };
        let passed = is_played && came == expected;
        let fault = || "neither the channel nor its keys are to blame: please report it".to_owned();
        let note = if passed { note } else { note.or_else(|| Some(fault())) };
        Ok(Row { name, attempt, expected, came, passed, note })
    }
}

/// Where acts are played.
struct Stage<'a> {
    scratch: &'a Scratch,
    begin: Begin,
}

impl Stage<'_> {
    /// A client that trusts the copy and has read it.
    fn client(&self) -> Result<Box<dyn Client>, CliError> {
        (self.begin)(self.scratch, &self.scratch.base)
    }
}

/// Rehearses everything at the time `now`. Nothing of it stays on the disk.
pub(crate) fn run(shape: &Shape, now: Timestamp) -> Result<Vec<Row>, CliError> {
    let scratch = Scratch::build(shape, now)?;
    let stage = Stage { scratch: &scratch, begin: client::begin };
    let rows = rehearse(acts::all(&scratch), &stage)?;
    scratch.remove()?;
    Ok(rows)
}

fn rehearse(acts: Vec<Act>, stage: &Stage<'_>) -> Result<Vec<Row>, CliError> {
    let mut rows = Vec::new();
    for act in acts {
        interrupt::check()?;
        rows.push(act.run(stage)?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
