//! `lacre channel sign`: one more approver.

use clap::Args;

use super::desk::{EditArgs, Origin};
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Sign what waits, and publish it when nobody is missing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel sign oci:store:stable --keys keys --dry-run
  lacre channel sign oci:store:stable --keys keys")]
pub(crate) struct SignArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
}

pub(super) fn run(args: &SignArgs, session: &Session) -> Result<Done, CliError> {
    let desk = args.edit.open(session)?;
    match desk.waiting()? {
        Some(draft) => desk.conclude(draft, Origin::Waiting),
        None => Err(CliError::usage(format!("nothing waits for signatures beside {}", args.edit.place))),
    }
}
