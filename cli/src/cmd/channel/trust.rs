//! `lacre channel trust`: the only first use of a channel.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_release::ChannelId;
use serde_json::json;

use super::place::ChannelPlace;
use crate::error::CliError;
use crate::follow::{self, CounterArgs, States};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// Trust a channel from now on, by the root that its publisher gave
///
/// Once per client. What is seen of the channel is remembered from here on, so that nobody can show an older one; where
/// nothing is remembered although it should be, every other verb refuses. Get root.json on a way that you trust, not from
/// the place of the channel.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel trust oci:store:stable --channel-root root.json
  lacre channel trust https://models.example.com/stable --channel-root root.json")]
pub(crate) struct TrustChannelArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG, a folder or an https URL
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// The root to trust, as channel init wrote it
    #[arg(long, value_name = "FILE")]
    channel_root: PathBuf,
    /// Folder to remember it in [default: ~/.local/state/…]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Whose channel it is, when the root is that of several
    #[arg(long = "of", value_name = "NAME@CHANNEL", hide_short_help = true)]
    of: Option<ChannelId>,
    #[command(flatten)]
    counter: CounterArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &TrustChannelArgs, session: &Session) -> Result<Done, CliError> {
    let place = ChannelPlace::parse(&args.place)?;
    let states = States::at(args.state.as_deref(), &args.counter)?;
    let root = follow::read_root(&args.channel_root)?;
    let digest = Sha256Digest::of(&root);
    let open = place.open(&args.registry, session)?;
    let files = open.files()?;
    let (channel, mut record) =
        lacre_deliver::first(files.as_ref(), root, args.of.clone(), Timestamp::now())?;
    record.keep_place(&follow::key(&place))?;
    let id = record.id().clone();
    let folder = states.path(&id);
    let done = if session.globals.dry_run {
        "would trust"
    } else {
        states.create(&record)?;
        "trusts"
    };
    let result = json!({
        "dry_run": session.globals.dry_run,
        "name": id.to_string(),
        "place": place.to_string(),
        "root": digest.to_string(),
        "sequence": channel.document().sequence,
        "state": text::path(&folder),
    });
    let lines = vec![
        Line::new(Tone::Good, done).then(Tone::Strong, format!(" {id}")),
        Line::row("at", place.to_string()),
        Line::row("root", format!("sha256:{digest}")),
        Line::row("seen", channel.document().position().to_string()),
        Line::row("state", text::path(&folder)),
    ];
    Ok(Done::new(result, lines))
}
