//! `lacre channel drill`: attacks and accidents, rehearsed on a copy of a channel.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use lacre_publish::channel::Role;
use lacre_release::Channel;
use serde_json::{Value, json};

use super::place::ChannelPlace;
use crate::drill::{self, Row, Shape};
use crate::error::CliError;
use crate::exit;
use crate::follow::{self, DemandArgs, FollowArgs, Follower};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;

/// Rehearse attacks, lost keys and rollbacks on a scratch copy
///
/// The copy of CH has its releases and as many keys for each role, which are made for it and thrown away with it. CH and what
/// is remembered of it are read and not changed. Without CH a channel of its own is used: does this build refuse what it must?
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel drill
  lacre channel drill oci:store:stable
  lacre channel drill HOST/REPO:stable --channel-root root.json --json")]
pub(crate) struct DrillArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG, a folder or an https URL
    #[arg(value_name = "CH")]
    pub(super) place: Option<String>,
    /// Copy it under this root, and look at no state
    #[arg(long, value_name = "FILE", requires = "place", conflicts_with_all = ["state", "read_only_state"])]
    channel_root: Option<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &DrillArgs, session: &Session) -> Result<Done, CliError> {
    let (shape, copied) = match &args.place {
        Some(place) => {
            let channel = look(args, place, session)?;
            let position = channel.document().position();
            let copied = json!({
                "epoch": position.epoch,
                "name": channel.document().id().to_string(),
                "place": ChannelPlace::parse(place)?.to_string(),
                "sequence": position.sequence,
            });
            (Shape::of(&channel)?, copied)
        }
        None => (Shape::own()?, Value::Null),
    };
    let rows = drill::run(&shape, Timestamp::now())?;
    let failed = rows.iter().filter(|row| !row.passed).count();
    let what = match copied["name"].as_str() {
        Some(name) => Line::new(Tone::Strong, name).then(Tone::Plain, ", on a scratch copy"),
        None => Line::new(Tone::Strong, "a channel of its own"),
    };
    let mut lines = vec![what, Line::plain("")];
    lines.extend(table(&rows));
    lines.push(Line::plain(""));
    lines.push(if failed == 0 {
        Line::new(Tone::Good, "passed").then(Tone::Plain, format!(": all {}", rows.len()))
    } else {
        Line::new(Tone::Bad, "FAILED").then(Tone::Plain, format!(": {failed} of {}", rows.len()))
    });
    let roles = Role::ALL.map(|role| {
        let (threshold, keys) = shape.quorum(role);
        json!({ "keys": keys, "role": role.as_str(), "threshold": threshold })
    });
    let result = json!({
        "copied": copied,
        "failed": failed,
        "passed": rows.len() - failed,
        "rehearsals": rows.iter().map(to_json).collect::<Vec<_>>(),
        "roles": roles,
    });
    let exit = if failed == 0 { exit::OK } else { exit::DIFFERS };
    Ok(Done { exit, ..Done::new(result, lines) })
}

/// The channel as a client sees it that changes nothing.
fn look(args: &DrillArgs, place: &str, session: &Session) -> Result<Channel, CliError> {
    if let Some(root) = &args.channel_root {
        let open = ChannelPlace::parse(place)?.open(&args.registry, session)?;
        let (files, root) = (open.files()?, follow::read_root(root)?);
        let (channel, _) =
            lacre_deliver::first(files.as_ref(), root, args.follow.of.clone(), Timestamp::now())?;
        return Ok(channel);
    }
    let follow = FollowArgs { read_only_state: true, ..args.follow.clone() };
    let demands = DemandArgs::default();
    Follower::new(place, None, (&follow, &demands), &args.registry, session)?.refresh()
}

/// A line for each row, and one below it for its note.
fn table(rows: &[Row]) -> Vec<Line> {
    let width = |of: &dyn Fn(&Row) -> usize, least: usize| rows.iter().map(of).max().unwrap_or(0).max(least);
    let name = width(&|row| row.name.len(), 9);
    let attempt = width(&|row| row.attempt.len(), 7);
    let expected = width(&|row| row.expected.as_str().len(), 8);
    let head = format!("      {:name$}  {:attempt$}  {:expected$}  came", "rehearsal", "attempt", "expected");
    let mut lines = vec![Line::new(Tone::Strong, head)];
    for row in rows {
        let (tone, said) = if row.passed { (Tone::Good, "pass") } else { (Tone::Bad, "FAIL") };
        let rest = format!(
            "  {:name$}  {:attempt$}  {:expected$}  {}",
            row.name,
            row.attempt,
            row.expected.as_str(),
            row.came.as_str()
        );
        lines.push(Line::new(tone, said).then(Tone::Plain, rest));
        let note_tone = if row.passed { Tone::Plain } else { Tone::Caution };
        lines.extend(row.note.iter().map(|note| Line::new(note_tone, format!("      └ {note}"))));
    }
    lines
}

fn to_json(row: &Row) -> Value {
    json!({
        "attempt": row.attempt,
        "came": row.came.as_str(),
        "expected": row.expected.as_str(),
        "name": row.name,
        "note": row.note,
        "passed": row.passed,
    })
}
