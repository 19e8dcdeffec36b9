//! `lacre channel`: which release of a model may run.

mod commit;
mod desk;
mod drill;
mod enforce;
mod floor;
mod init;
mod keys;
mod lifetimes;
mod log;
pub(crate) mod place;
mod promote;
mod publish;
mod refresh;
mod reinstate;
mod revoke;
mod rollback;
mod rotate;
mod said;
mod sign;
mod state;
mod status;
mod trust;

use clap::{Args, Subcommand};

use crate::args::ON_ONE_SCREEN;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Say which release of a model may run, and follow what is said
#[derive(Debug, Args)]
#[command(help_template = ON_ONE_SCREEN)]
pub(crate) struct ChannelArgs {
    #[command(subcommand)]
    action: ChannelAction,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them in a process")]
enum ChannelAction {
    Init(init::InitArgs),
    Publish(publish::PublishArgs),
    Promote(promote::PromoteArgs),
    Rollback(rollback::RollbackArgs),
    Revoke(revoke::RevokeArgs),
    Reinstate(reinstate::ReinstateArgs),
    Floor(floor::FloorArgs),
    Sign(sign::SignArgs),
    Refresh(refresh::RefreshArgs),
    Rotate(rotate::RotateArgs),
    Log(log::LogArgs),
    Trust(trust::TrustChannelArgs),
    Status(status::StatusArgs),
    Commit(commit::CommitArgs),
    State(state::StateArgs),
    Enforce(enforce::EnforceArgs),
    Drill(drill::DrillArgs),
}

/// The verbs, as they are written and as JSON and hints give them.
pub(crate) const VERBS: &[(&str, &str)] = &[
    ("init", "channel init"),
    ("publish", "channel publish"),
    ("promote", "channel promote"),
    ("rollback", "channel rollback"),
    ("revoke", "channel revoke"),
    ("reinstate", "channel reinstate"),
    ("floor", "channel floor"),
    ("sign", "channel sign"),
    ("refresh", "channel refresh"),
    ("rotate", "channel rotate"),
    ("log", "channel log"),
    ("trust", "channel trust"),
    ("status", "channel status"),
    ("commit", "channel commit"),
    ("export", "channel state export"),
    ("import", "channel state import"),
    ("state", "channel state export"),
    ("enforce", "channel enforce"),
    ("drill", "channel drill"),
];

impl ChannelArgs {
    /// What it is about: the channel's place.
    pub(crate) fn what(&self) -> String {
        let place = match &self.action {
            ChannelAction::Init(args) => &args.place,
            ChannelAction::Publish(args) => &args.edit.place,
            ChannelAction::Promote(args) => &args.edit.place,
            ChannelAction::Rollback(args) => &args.edit.place,
            ChannelAction::Revoke(args) => &args.edit.place,
            ChannelAction::Reinstate(args) => &args.edit.place,
            ChannelAction::Floor(args) => &args.edit.place,
            ChannelAction::Sign(args) => &args.edit.place,
            ChannelAction::Refresh(args) => &args.edit.place,
            ChannelAction::Rotate(args) => &args.edit.place,
            ChannelAction::Log(args) => &args.place,
            ChannelAction::Trust(args) => &args.place,
            ChannelAction::Status(args) => &args.place,
            ChannelAction::Commit(args) => &args.place,
            ChannelAction::State(args) => args.place(),
            ChannelAction::Enforce(args) => &args.channel,
            ChannelAction::Drill(args) => return args.place.clone().unwrap_or_else(|| "CH".to_owned()),
        };
        place.clone()
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            ChannelAction::Init(_) => "channel init",
            ChannelAction::Publish(_) => "channel publish",
            ChannelAction::Promote(_) => "channel promote",
            ChannelAction::Rollback(_) => "channel rollback",
            ChannelAction::Revoke(_) => "channel revoke",
            ChannelAction::Reinstate(_) => "channel reinstate",
            ChannelAction::Floor(_) => "channel floor",
            ChannelAction::Sign(_) => "channel sign",
            ChannelAction::Refresh(_) => "channel refresh",
            ChannelAction::Rotate(_) => "channel rotate",
            ChannelAction::Log(_) => "channel log",
            ChannelAction::Trust(_) => "channel trust",
            ChannelAction::Status(_) => "channel status",
            ChannelAction::Commit(_) => "channel commit",
            ChannelAction::State(args) => args.verb(),
            ChannelAction::Enforce(_) => "channel enforce",
            ChannelAction::Drill(_) => "channel drill",
        }
    }
}

pub(crate) fn run(args: &ChannelArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        ChannelAction::Init(args) => init::run(args, session),
        ChannelAction::Publish(args) => publish::run(args, session),
        ChannelAction::Promote(args) => promote::run(args, session),
        ChannelAction::Rollback(args) => rollback::run(args, session),
        ChannelAction::Revoke(args) => revoke::run(args, session),
        ChannelAction::Reinstate(args) => reinstate::run(args, session),
        ChannelAction::Floor(args) => floor::run(args, session),
        ChannelAction::Sign(args) => sign::run(args, session),
        ChannelAction::Refresh(args) => refresh::run(args, session),
        ChannelAction::Rotate(args) => rotate::run(args, session),
        ChannelAction::Log(args) => log::run(args, session),
        ChannelAction::Trust(args) => trust::run(args, session),
        ChannelAction::Status(args) => status::run(args, session),
        ChannelAction::Commit(args) => commit::run(args, session),
        ChannelAction::State(args) => state::run(args, session),
        ChannelAction::Enforce(args) => enforce::run(args, session),
        ChannelAction::Drill(args) => drill::run(args, session),
    }
}
