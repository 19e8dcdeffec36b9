//! `lacre channel refresh`: what is published stays fresh.

use clap::Args;
use jiff::Timestamp;
use lacre_publish::channel::{self, Edit};

use super::desk::{EditArgs, Origin};
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Say that this is the newest state: renew the timestamp
///
/// Takes the keys of timestamp and snapshot alone, and is meant to run twice a day. The snapshot is renewed when half
/// of its life is over. With --document the document is said again for its whole lifetime, too, which takes the keys
/// of channel.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel refresh oci:store:stable --keys online")]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Renew the document, too
    #[arg(long)]
    document: bool,
}

pub(super) fn run(args: &RefreshArgs, session: &Session) -> Result<Done, CliError> {
    let desk = args.edit.open(session)?;
    if args.document {
        return desk.edit(&Edit::Renew);
    }
    let draft = channel::refresh(desk.live()?, Timestamp::now())?;
    desk.conclude(draft, Origin::Here)
}
