//! `lacre channel floor`: releases below a counter do not run any more.

use clap::Args;
use lacre_publish::channel::Edit;

use super::desk::EditArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Raise the floor: no release with a lower counter runs any more
///
/// At most to the counter of the current release. Within an epoch a floor never falls again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel floor oci:store:stable 2 --keys keys")]
pub(crate) struct FloorArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// The lowest counter that may run
    #[arg(value_name = "N")]
    counter: u64,
}

pub(super) fn run(args: &FloorArgs, session: &Session) -> Result<Done, CliError> {
    args.edit.open(session)?.edit(&Edit::Floor { counter: args.counter })
}
