//! The options of who follows a channel.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lacre_release::ChannelId;

use super::CounterArgs;
use crate::units;

const HEADING: &str = "Channel options";

/// Where what is remembered of channels is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FollowArgs {
    /// Folder of what is remembered of channels [default: ~/.local/state/lacre/channels]
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = HEADING)]
    pub(crate) state: Option<PathBuf>,
    /// Use what is remembered, and change nothing in it
    #[arg(long, hide_short_help = true, help_heading = HEADING)]
    pub(crate) read_only_state: bool,
    /// Whose channel it is, where nobody has said yet what lies at CH
    #[arg(long = "of", value_name = "NAME@CHANNEL", hide_short_help = true, help_heading = HEADING)]
    pub(crate) of: Option<ChannelId>,
    #[command(flatten)]
    pub(crate) counter: CounterArgs,
}

/// What a client demands of a channel.
#[derive(Debug, Default, Args)]
pub(crate) struct DemandArgs {
    /// Below this counter nothing runs here, whatever the channel says
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = HEADING)]
    pub(crate) floor: Option<u64>,
    /// Who this instance is: a canary reaches a share of them
    #[arg(long, value_name = "ID", hide_short_help = true, help_heading = HEADING)]
    pub(crate) instance: Option<String>,
    /// Remember nothing, on a machine that lives for an hour; needs --channel-root, --floor and --max-age
    #[arg(
        long,
        hide_short_help = true,
        help_heading = HEADING,
        requires_all = ["channel_root", "floor", "max_age"],
        conflicts_with_all = ["state", "read_only_state"]
    )]
    pub(crate) stateless: bool,
    /// With --stateless: the root that is trusted
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING, requires = "stateless")]
    pub(crate) channel_root: Option<PathBuf>,
    /// With --stateless: how long ago the channel may have been confirmed (30m, 12h)
    #[arg(
        long,
        value_name = "TIME",
        hide_short_help = true,
        help_heading = HEADING,
        requires = "stateless",
        value_parser = units::interval
    )]
    pub(crate) max_age: Option<Duration>,
}
