//! The decision of a pull: recorded before the model appears, because what is not recorded is not allowed.

use std::io;

use lacre_deliver::DeliverError;
use lacre_verify::Report;
use lacre_verify::decision::Action;

use super::pull::PullArgs;
use crate::decision::{Facts, Recorder, Stdout};
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;
use crate::text;

/// A decision that is being made.
pub(super) struct Recording<'s> {
    recorder: Recorder<'s>,
    /// What is known of it.
    pub(super) facts: Facts,
    state: State,
}

enum State {
    Open,
    Allowed,
    /// Why it could not be recorded.
    Unrecorded(CliError),
}

impl<'s> Recording<'s> {
    /// Opens what the decision will be recorded with.
    pub(super) fn open(args: &'s PullArgs, session: &'s Session) -> Result<Self, CliError> {
        let recorder = args.decision.open(Stdout::Free, session)?;
        let facts = Facts::new(Action::Pull, text::safe(&args.reference));
        Ok(Self { recorder, facts, state: State::Open })
    }

    /// Every byte is there and proven: records that the model may appear.
    pub(super) fn allow(&mut self, report: &Report, into: &str) -> Result<(), DeliverError> {
        self.facts.report(report);
        match self.recorder.allowed(self.facts.clone()) {
            Ok(()) => {
                self.state = State::Allowed;
                Ok(())
            }
            Err(error) => {
                let source = io::Error::other(error.to_string());
                self.state = State::Unrecorded(error);
                Err(DeliverError::Output { path: into.to_owned(), source })
            }
        }
    }

    /// Records what came of it, if that is not what is recorded already.
    pub(super) fn conclude(self, outcome: Result<Done, CliError>) -> Result<Done, CliError> {
        let mut done = match (outcome, self.state) {
            (Ok(done), State::Allowed) => done,
            (Err(_), State::Unrecorded(error)) => return Err(error),
            // Only asked, and nothing done; or refused.
            (outcome, _) => self.recorder.conclude(outcome, self.facts)?,
        };
        if self.recorder.has_stdout() {
            done.data = Some(Vec::new());
        }
        Ok(done)
    }
}
