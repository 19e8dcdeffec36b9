//! `lacre channel status`: what a channel says, and until when it is believed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use lacre_release::{Channel, ChannelDocument, Release, ReleaseError, RoleStatus, Status};
use serde_json::{Value, json};

use super::place::ChannelPlace;
use crate::error::CliError;
use crate::follow::{self, DemandArgs, FollowArgs, Follower};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{exit, units};

/// What the exit code of `--warn-before` means.
const SOON: u8 = 6;

/// Show what a channel says: versions, floor, days to each expiry
///
/// The channel must be trusted here (lacre channel trust), or its root be given: then nothing is remembered, and an older
/// state could be shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel status oci:store:stable
  lacre channel status HOST/REPO:stable --warn-before 30d --json")]
pub(crate) struct StatusArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG, a folder or an https URL
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// Exit with 6 if something expires within this time
    ///
    /// What never lives so long (a timestamp, by default a day) counts in the last third of its life.
    #[arg(long, value_name = "TIME", value_parser = units::interval)]
    warn_before: Option<Duration>,
    /// Show it under this root, and remember nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["state", "read_only_state", "keys"])]
    channel_root: Option<PathBuf>,
    /// The same with the publisher's folder, which has the root
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "read_only_state"])]
    keys: Option<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &StatusArgs, session: &Session) -> Result<Done, CliError> {
    let root = args.channel_root.clone().or_else(|| Some(args.keys.as_ref()?.join("root.json")));
    let (place, channel) = if let Some(root) = &root {
        let place = ChannelPlace::parse(&args.place)?;
        let open = place.open(&args.registry, session)?;
        let (files, root) = (open.files()?, follow::read_root(root)?);
        let of = args.follow.of.clone();
        let (channel, _) = lacre_deliver::first(files.as_ref(), root, of, Timestamp::now())?;
        (place, channel)
    } else {
        let demands = DemandArgs::default();
        let follower = Follower::new(&args.place, None, (&args.follow, &demands), &args.registry, session)?;
        (follower.place().clone(), follower.refresh()?)
    };
    let document = channel.document();
    if channel.now() >= document.expires {
        let (expired, now) = (document.expires, channel.now());
        return Err(ReleaseError::Refused(lacre_release::Refusal::Expired { expired, now }).into());
    }
    let soon: Vec<&RoleStatus> = match args.warn_before {
        Some(time) => channel.expiring(follow::signed(time)).collect(),
        None => Vec::new(),
    };
    let mut lines = head(&channel, &place);
    if !session.globals.json {
        lines.extend(timeline(document));
    }
    lines.push(Line::plain(""));
    lines.extend(channel.roles().map(|role| {
        let of = format!("{} of {} keys", role.threshold, role.keys.len());
        let left = days(role.expires.duration_since(channel.now()));
        let line = Line::row(
            short(document, &role.role),
            format!("version {}, {of}, expires in {left} ({})", role.version, role.expires),
        );
        if soon.iter().any(|it| it.role == role.role) { line.then(Tone::Caution, "  soon") } else { line }
    }));
    for role in &soon {
        session.warn(format!(
            "what {} signed expires at {}: renew it before",
            short(document, &role.role),
            role.expires
        ));
    }
    // Ten thousand releases are many, and one of the two is wanted.
    let result = if session.globals.json { status_json(&channel, &place, &soon) } else { Value::Null };
    let exit = if soon.is_empty() { exit::OK } else { SOON };
    Ok(Done { exit, ..Done::new(result, lines) })
}

fn head(channel: &Channel, place: &ChannelPlace) -> Vec<Line> {
    let document = channel.document();
    let left = days(document.expires.duration_since(channel.now()));
    let committed = match channel.local_floor() {
        0 => String::new(),
        floor => format!(" (committed here: {floor})"),
    };
    let current = document.current.as_ref().map_or("none", |version| version.as_str());
    vec![
        Line::new(Tone::Strong, document.id().to_string()).then(Tone::Plain, format!(" at {place}")),
        Line::row(
            "document",
            format!("{}, issued {}, expires in {left}", document.position(), document.issued),
        ),
        Line::row("current", current),
        Line::row("floor", format!("{}{committed}", document.floor.counter)),
        Line::plain(""),
    ]
}

/// The releases, the newest first, with the floor between those that it lets run and those that it does not.
fn timeline(document: &ChannelDocument) -> Vec<Line> {
    if document.releases.is_empty() {
        return vec![Line::plain("  no release yet")];
    }
    let width = document.releases.iter().map(|release| release.version.as_str().len()).max().unwrap_or(0);
    let mut lines = vec![Line::plain(format!("  counter  {:width$}  status", "version"))];
    let (above, below): (Vec<&Release>, Vec<&Release>) =
        document.releases.iter().rev().partition(|release| release.counter >= document.floor.counter);
    let row = |release: &&Release| {
        let (tone, said) = said_of(document, release);
        Line::plain(format!("  {:7}  {:width$}  ", release.counter, release.version.as_str()))
            .then(tone, said)
    };
    lines.extend(above.iter().map(row));
    lines.push(Line::plain(format!("  ─────── floor {} ───────", document.floor.counter)));
    lines.extend(below.iter().map(row));
    lines
}

fn said_of(document: &ChannelDocument, release: &Release) -> (Tone, String) {
    let why = release.reason.as_ref().map(|reason| format!(" ({}): {}", reason.code, reason.text));
    let why = why.unwrap_or_default();
    match release.status {
        Status::Revoked => return (Tone::Bad, format!("revoked{why}")),
        Status::Quarantined => return (Tone::Bad, format!("quarantined{why}")),
        Status::Active | Status::Deprecated => {}
    }
    let mut said = Vec::new();
    if document.current.as_ref() == Some(&release.version) {
        said.push("current".to_owned());
    }
    if let Some(rollout) = document.rollout.as_ref().filter(|rollout| rollout.version == release.version) {
        said.push(format!("canary for {} %", rollout.percent));
    }
    let target = document.rollback_targets.iter().find(|target| target.version == release.version);
    if let Some(target) = target {
        said.push(format!("allowed until {}: {}", target.until, target.reason));
    }
    if release.status == Status::Deprecated {
        said.push(format!("deprecated{why}"));
    }
    match (said.is_empty(), release.counter < document.floor.counter) {
        (true, true) => (Tone::Plain, "below the floor".to_owned()),
        (true, false) => (Tone::Plain, "listed".to_owned()),
        (false, _) => (Tone::Good, said.join(", ")),
    }
}

fn short<'r>(document: &ChannelDocument, role: &'r str) -> &'r str {
    if role == document.id().role() { "channel" } else { role }
}

fn days(left: SignedDuration) -> String {
    match left.as_hours() {
        hours @ ..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

fn status_json(channel: &Channel, place: &ChannelPlace, soon: &[&RoleStatus]) -> Value {
    let document = channel.document();
    let seconds = |at: Timestamp| at.duration_since(channel.now()).as_secs();
    let role = |role: &&RoleStatus| {
        json!({
            "expires": role.expires,
            "keys": role.keys,
            "role": short(document, &role.role),
            "seconds_left": seconds(role.expires),
            "threshold": role.threshold,
            "version": role.version,
        })
    };
    let release = |release: &Release| {
        json!({
            "below_floor": release.counter < document.floor.counter,
            "counter": release.counter,
            "current": document.current.as_ref() == Some(&release.version),
            "identity": release.model_digests.lacre.to_string(),
            "manifest": format!("sha256:{}", release.manifest.sha256),
            "reason": release.reason,
            "status": release.status,
            "version": release.version,
        })
    };
    let targets = document.rollback_targets.iter();
    json!({
        "current": document.current,
        "epoch": document.epoch,
        "expires": document.expires,
        "expiring": soon.iter().map(role).collect::<Vec<_>>(),
        "floor": document.floor.counter,
        "issued": document.issued,
        "local_floor": channel.local_floor(),
        "name": document.id().to_string(),
        "place": place.to_string(),
        "releases": document.releases.iter().map(release).collect::<Vec<_>>(),
        "roles": channel.roles().map(|it| role(&it)).collect::<Vec<_>>(),
        "rollback_targets": targets.map(|target| json!({
            "reason": target.reason, "until": target.until, "version": target.version,
        })).collect::<Vec<_>>(),
        "rollout": document.rollout.as_ref().map(|rollout| json!({
            "percent": rollout.percent, "version": rollout.version,
        })),
        "seconds_left": seconds(document.expires),
        "sequence": document.sequence,
    })
}
