//! `lacre channel`: which release of a model may run.

mod desk;
mod init;
mod keys;
pub(crate) mod place;
mod said;
mod sign;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Say which release of a model may run, and follow what is said
#[derive(Debug, Args)]
pub(crate) struct ChannelArgs {
    #[command(subcommand)]
    action: ChannelAction,
}

#[derive(Debug, Subcommand)]
enum ChannelAction {
    Init(init::InitArgs),
    Sign(sign::SignArgs),
}

/// The verbs, as they are written and as JSON and hints give them.
pub(crate) const VERBS: &[(&str, &str)] = &[("init", "channel init"), ("sign", "channel sign")];

impl ChannelArgs {
    /// What it is about: the channel's place.
    pub(crate) fn what(&self) -> String {
        let place = match &self.action {
            ChannelAction::Init(args) => &args.place,
            ChannelAction::Sign(args) => &args.place,
        };
        place.clone()
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            ChannelAction::Init(_) => "channel init",
            ChannelAction::Sign(_) => "channel sign",
        }
    }
}

pub(crate) fn run(args: &ChannelArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        ChannelAction::Init(args) => init::run(args, session),
        ChannelAction::Sign(args) => sign::run(args, session),
    }
}
