//! `lacre channel promote`: a listed release becomes current.

use clap::Args;
use lacre_publish::channel::Edit;
use lacre_release::Version;

use super::desk::EditArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Make a listed release current, which ends its canary
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel promote oci:store:stable 1.2.0 --keys keys")]
pub(crate) struct PromoteArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Which release
    version: Version,
}

pub(super) fn run(args: &PromoteArgs, session: &Session) -> Result<Done, CliError> {
    args.edit.open(session)?.edit(&Edit::Promote { version: args.version.clone() })
}
