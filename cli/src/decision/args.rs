//! The options of verbs that decide.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lacre_verify::decision::EventForm;

use crate::events::Destination;
use crate::units;

const HEADING: &str = "Decision options";

/// What becomes of a decision.
#[derive(Debug, Default, Args)]
pub(crate) struct DecisionArgs {
    /// Append the decision to this log, which `lacre log verify` checks; without a line there is no decision
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING)]
    pub(super) decision_log: Option<PathBuf>,
    /// Go on in a new file before the log would be longer (64MiB); the older ones become FILE.1, FILE.2, …
    #[arg(
        long,
        value_name = "SIZE",
        hide_short_help = true,
        help_heading = HEADING,
        requires = "decision_log",
        value_parser = units::size
    )]
    pub(super) decision_log_rotate: Option<usize>,
    /// Tell of the decision: json (the record) or ocsf
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        hide_short_help = true,
        hide_possible_values = true,
        help_heading = HEADING
    )]
    pub(super) events: Option<Form>,
    #[arg(
        long,
        value_name = "WHERE",
        help = "Whom: stdout, a file, syslog:/dev/log, syslog:udp:HOST:PORT, syslog:tcp:HOST:PORT, otlp:URL \
                (repeatable) [default: stdout]",
        hide_short_help = true,
        help_heading = HEADING,
        requires = "events"
    )]
    pub(super) events_to: Vec<Destination>,
    /// Write a signed SLSA Verification Summary here
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING, requires = "vsa_key")]
    pub(super) vsa: Option<PathBuf>,
    /// Who signs it: a private key, as sign takes one
    #[arg(long, value_name = "KEY", hide_short_help = true, help_heading = HEADING, requires = "vsa")]
    pub(super) vsa_key: Option<OsString>,
    /// The passphrase or PIN of that key is in here
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING, requires = "vsa")]
    pub(super) vsa_passphrase_file: Option<PathBuf>,
    /// URI of who verifies [default: one of the key]
    #[arg(
        long,
        value_name = "URI",
        hide_short_help = true,
        help_heading = HEADING,
        requires = "vsa",
        value_parser = uri
    )]
    pub(super) vsa_verifier: Option<String>,
    /// URI of what was verified [default: a package URL of the signed name and version]
    #[arg(
        long,
        value_name = "URI",
        hide_short_help = true,
        help_heading = HEADING,
        requires = "vsa",
        value_parser = uri
    )]
    pub(super) vsa_resource: Option<String>,
}

/// In which words events are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Json,
    Ocsf,
}

impl From<Form> for EventForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Json => Self::Json,
            Form::Ocsf => Self::Ocsf,
        }
    }
}

fn uri(text: &str) -> Result<String, &'static str> {
    let is_uri = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic()) && text.contains(':');
    if is_uri { Ok(text.to_owned()) } else { Err("want a URI of at most 2048 characters") }
}
