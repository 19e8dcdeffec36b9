//! `lacre channel commit`: the accepted release runs well.

use clap::Args;
use serde_json::json;

use crate::error::CliError;
use crate::follow::{FollowArgs, States};
use crate::printer::{Done, Line, Tone};
use crate::session::Session;

use super::place::ChannelPlace;

/// Say that the accepted release runs well: its floor holds
///
/// The floor is the one that the channel signed when the release was accepted, never the release's own counter: so that a
/// rollback that the publisher allows succeeds here, and nothing below that floor ever does again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel commit oci:store:stable
  lacre channel commit HOST/REPO:stable --state /var/lib/lacre")]
pub(crate) struct CommitArgs {
    /// The channel's place, as it was trusted
    #[arg(value_name = "CH")]
    pub(super) place: String,
    #[command(flatten)]
    follow: FollowArgs,
}

pub(super) fn run(args: &CommitArgs, session: &Session) -> Result<Done, CliError> {
    let place = ChannelPlace::parse(&args.place)?;
    let states = States::at(args.follow.state.as_deref(), &args.follow.counter)?;
    let id = match &args.follow.of {
        Some(id) => id.clone(),
        None => states.whose(&place)?,
    };
    let store = states.open(&id)?;
    let dry = session.globals.dry_run || args.follow.read_only_state;
    let (before, after, accepted) = if dry {
        let mut record = store.read()?;
        let before = record.committed().counter;
        (before, record.commit()?, record.accepted().cloned())
    } else {
        store.update(|record| {
            let before = record.committed().counter;
            Ok((before, record.commit()?, record.accepted().cloned()))
        })?
    };
    let version = accepted.map(|accepted| accepted.version.to_string());
    let result = json!({
        "dry_run": dry,
        "floor": after,
        "floor_before": before,
        "name": id.to_string(),
        "version": version,
    });
    let done = if dry { "would commit" } else { "committed" };
    let lines = vec![
        Line::new(Tone::Good, done).then(Tone::Strong, format!(" {} of {id}", version.unwrap_or_default())),
        Line::row(
            "floor",
            if before == after {
                format!("{after}, as before")
            } else {
                format!("{after} (before: {before})")
            },
        ),
    ];
    Ok(Done::new(result, lines))
}
