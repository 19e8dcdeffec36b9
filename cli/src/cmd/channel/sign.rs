//! `lacre channel sign`: one more approver.

use clap::Args;

use super::desk::{Desk, Origin};
use super::keys::KeysArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::registry::RegistryArgs;
use crate::session::Session;

/// Sign what waits beside a channel, and publish it when nobody is missing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel sign oci:store:stable --keys keys --dry-run
  lacre channel sign oci:store:stable --keys keys")]
pub(crate) struct SignArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG or a folder
    #[arg(value_name = "CH")]
    pub(super) place: String,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &SignArgs, session: &Session) -> Result<Done, CliError> {
    let desk = Desk::open(&args.place, &args.keys, &args.registry, session)?;
    match desk.waiting()? {
        Some(draft) => desk.conclude(draft, Origin::Waiting),
        None => Err(CliError::usage(format!("nothing waits for signatures beside {}", args.place))),
    }
}
