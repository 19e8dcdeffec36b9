//! A decision as others want to hear of it.

use super::append::Appended;
use super::record::Decision;
use super::{ocsf, otlp, syslog};
use crate::decision::SyslogSender;

/// In which words an event is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventForm {
    /// The record itself.
    Json,
    /// A Compliance Finding of the Open Cybersecurity Schema Framework, with the record in it.
    Ocsf,
}

/// An event: a decision, and where it stands in a log, if it does.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub(super) decision: &'a Decision,
    pub(super) logged: Option<Appended>,
    form: EventForm,
}

impl<'a> Event<'a> {
    /// The event of this decision.
    pub fn new(decision: &'a Decision, form: EventForm, logged: Option<Appended>) -> Self {
        Self { decision, logged, form }
    }

    /// One line of JSON, without a line feed; no character that a terminal obeys or does not show.
    pub fn json(&self) -> String {
        match self.form {
            EventForm::Json => self.decision.to_json(),
            EventForm::Ocsf => ocsf::finding(self),
        }
    }

    /// A message for a syslog receiver (RFC 5424), without a frame around it.
    pub fn syslog(&self, sender: &SyslogSender) -> Vec<u8> {
        syslog::message(self, sender)
    }

    /// The body of a request to a collector (OTLP 1.0 over HTTP, in JSON): one log record.
    pub fn otlp(&self) -> Vec<u8> {
        otlp::request(self)
    }
}
