//! `lacre trust`: whom keyless signatures are believed by, updated and looked at.

mod show;
mod update;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Update and show the trust in a Sigstore
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    #[command(subcommand)]
    action: TrustAction,
}

#[derive(Debug, Subcommand)]
enum TrustAction {
    Update(update::UpdateArgs),
    Show(show::ShowArgs),
}

impl TrustArgs {
    /// What it is about, for messages.
    pub(crate) fn what(&self) -> String {
        match &self.action {
            TrustAction::Update(args) => args.what(),
            TrustAction::Show(args) => args.what(),
        }
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            TrustAction::Update(_) => "trust update",
            TrustAction::Show(_) => "trust show",
        }
    }
}

pub(crate) fn run(args: &TrustArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        TrustAction::Update(args) => update::run(args, session),
        TrustAction::Show(args) => show::run(args),
    }
}
