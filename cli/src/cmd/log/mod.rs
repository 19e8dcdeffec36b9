//! `lacre log`: the log of decisions, checked, signed, shown and repaired.

mod checkpoint;
mod repair;
mod show;
mod verify;

use std::path::Path;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;
use crate::text;

/// Check a log of decisions, sign how far it has come, show it
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    action: LogAction,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them in a process")]
enum LogAction {
    Verify(verify::LogVerifyArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Show(show::LogShowArgs),
    Repair(repair::RepairArgs),
}

/// The verbs below it, as they are typed and as they are reported.
pub(crate) const VERBS: &[(&str, &str)] = &[
    ("verify", "log verify"),
    ("checkpoint", "log checkpoint"),
    ("show", "log show"),
    ("repair", "log repair"),
];

impl LogArgs {
    /// What it is about, for messages.
    pub(crate) fn subject(&self) -> String {
        let path: &Path = match &self.action {
            LogAction::Verify(args) => &args.log,
            LogAction::Checkpoint(args) => &args.log,
            LogAction::Show(args) => &args.log,
            LogAction::Repair(args) => &args.log,
        };
        text::path(path)
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            LogAction::Verify(_) => "log verify",
            LogAction::Checkpoint(_) => "log checkpoint",
            LogAction::Show(_) => "log show",
            LogAction::Repair(_) => "log repair",
        }
    }
}

pub(crate) fn run(args: &LogArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        LogAction::Verify(args) => verify::run(args, session),
        LogAction::Checkpoint(args) => checkpoint::run(args, session),
        LogAction::Show(args) => show::run(args),
        LogAction::Repair(args) => repair::run(args, session),
    }
}
