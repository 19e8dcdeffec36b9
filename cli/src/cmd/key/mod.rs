//! `lacre key`: key pairs made, taken over from other programs, and looked at.

mod import;
mod new;
mod pair;
mod show;

use std::path::Path;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Make, import and show keys
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, Subcommand)]
enum KeyAction {
    New(new::NewArgs),
    Import(import::ImportArgs),
    Show(show::ShowArgs),
}

impl KeyArgs {
    /// What it is about: the name of the pair, or the file to show.
    pub(crate) fn subject(&self) -> &Path {
        match &self.action {
            KeyAction::New(args) => &args.name,
            KeyAction::Import(args) => &args.name,
            KeyAction::Show(args) => &args.file,
        }
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            KeyAction::New(_) => "key new",
            KeyAction::Import(_) => "key import",
            KeyAction::Show(_) => "key show",
        }
    }
}

pub(crate) fn run(args: &KeyArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        KeyAction::New(args) => new::run(args, session),
        KeyAction::Import(args) => import::run(args, session),
        KeyAction::Show(args) => show::run(args),
    }
}
