//! Recording: whatever can fail because of the command line fails before the work.

use std::num::NonZeroU64;
use std::time::SystemTime;

use lacre_verify::decision::{Appended, Decision, DecisionLog, Event, EventForm, Rotation};

use super::args::DecisionArgs;
use super::facts::Facts;
use super::summary::SummaryHand;
use crate::error::CliError;
use crate::events::Destination;
use crate::session::Session;

/// Whether standard output can carry events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdout {
    /// The verb has nothing on it that a program reads.
    Free,
    /// It carries JSON of its own.
    Taken,
}

/// What was asked for, opened.
pub(crate) struct Recorder<'s> {
    log: Option<DecisionLog>,
    events: Option<(EventForm, Vec<Destination>)>,
    summary: Option<SummaryHand<'s>>,
    session: &'s Session,
}

impl DecisionArgs {
    /// Opens what a decision will be recorded with. With `--dry-run` nothing is written, and nothing is opened.
    pub(crate) fn open<'s>(&'s self, stdout: Stdout, session: &'s Session) -> Result<Recorder<'s>, CliError> {
        let events = self.events.map(|form| {
            let to =
                if self.events_to.is_empty() { vec![Destination::Stdout] } else { self.events_to.clone() };
            (EventForm::from(form), to)
        });
        for to in events.iter().flat_map(|(_, to)| to) {
            if *to == Destination::Stdout && (stdout == Stdout::Taken || session.globals.json) {
                return Err(CliError::usage(
                    "events and JSON cannot both have stdout: say --events-to WHERE",
                ));
            }
            if to.is_remote() && session.globals.offline {
                return Err(CliError::usage(format!(
                    "{to} needs the network, and --offline opens no socket"
                )));
            }
        }
        if session.globals.dry_run {
            return Ok(Recorder { log: None, events: None, summary: None, session });
        }
        let summary = self.open_summary(session)?;
        let rotation = self.decision_log_rotate.and_then(|bytes| NonZeroU64::new(bytes as u64));
        let rotation = rotation.map_or(Rotation::Never, Rotation::AtBytes);
        let open = |path| DecisionLog::open(path, rotation, SystemTime::now()).map_err(CliError::Trust);
        let log = self.decision_log.as_deref().map(open).transpose()?;
        Ok(Recorder { log, events, summary, session })
    }
}

impl Recorder<'_> {
    /// For what is decided about a program that runs: the summary says what was proven before, and stays as it is.
    pub(crate) fn without_summary(self) -> Self {
        Self { summary: None, ..self }
    }

    /// Whether events are on standard output, so that nothing else may be.
    pub(crate) fn has_stdout(&self) -> bool {
        self.events.as_ref().is_some_and(|(_, to)| to.contains(&Destination::Stdout))
    }

    /// Records what came of it, and gives it on. What was allowed and cannot be recorded becomes the failure to record it; what
    /// was denied stays what it is.
    pub(crate) fn conclude<T>(&self, outcome: Result<T, CliError>, facts: Facts) -> Result<T, CliError> {
        let decision = facts.decision(outcome.as_ref().err(), SystemTime::now());
        match (self.record(&decision), outcome) {
            (Ok(()), outcome) => outcome,
            (Err(unrecorded), Ok(_)) => Err(unrecorded),
            (Err(unrecorded), Err(error)) => {
                self.session.warn(format!("the decision is not recorded: {unrecorded}"));
                Err(error)
            }
        }
    }

    /// Records that what is known of is allowed, before it happens.
    pub(crate) fn allowed(&self, facts: Facts) -> Result<(), CliError> {
        self.record(&facts.decision(None, SystemTime::now()))
    }

    /// Records a decision: first in the log, because that is what others are held against.
    pub(crate) fn record(&self, decision: &Decision) -> Result<(), CliError> {
        let logged: Option<Appended> =
            self.log.as_ref().map(|log| log.append(decision)).transpose().map_err(CliError::Trust)?;
        // One that fails does not keep the others from being told.
        let summary = self.summary.as_ref().map_or(Ok(()), |hand| hand.write(decision));
        let mut outcome = Ok(());
        if let Some((form, to)) = &self.events {
            let event = Event::new(decision, *form, logged);
            for destination in to {
                outcome = outcome.and(destination.send(&event, self.session));
            }
        }
        summary.and(outcome)
    }
}
