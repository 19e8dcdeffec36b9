//! `lacre channel reinstate`: a quarantine ends well.

use clap::Args;
use lacre_publish::channel::Edit;
use lacre_release::Version;

use super::desk::EditArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// End a quarantine: the release may run again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel reinstate oci:store:stable 1.1.0 --keys keys")]
pub(crate) struct ReinstateArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Which release
    version: Version,
}

pub(super) fn run(args: &ReinstateArgs, session: &Session) -> Result<Done, CliError> {
    args.edit.open(session)?.edit(&Edit::Reinstate { version: args.version.clone() })
}
