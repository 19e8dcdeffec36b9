//! `lacre cache`: versions that are kept ready on this machine.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use lacre_deliver::{Cache, CachedVersion};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::text;

/// Show and prune the versions that `lacre pull --cache` keeps ready
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    action: CacheAction,
}

#[derive(Debug, Subcommand)]
enum CacheAction {
    Status(StatusArgs),
    Prune(PruneArgs),
}

/// Show the versions in a cache, the one that was used last first
#[derive(Debug, Args)]
struct StatusArgs {
    /// The cache
    #[arg(value_name = "DIR")]
    cache: PathBuf,
}

/// Remove versions from a cache, but the newest of each repository
///
/// Waits until nobody pulls with this cache.
#[derive(Debug, Args)]
struct PruneArgs {
    /// The cache
    #[arg(value_name = "DIR")]
    cache: PathBuf,
    /// How many versions of each repository stay: those that were used last
    #[arg(long, value_name = "N")]
    keep: usize,
}

impl CacheArgs {
    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            CacheAction::Status(_) => "cache status",
            CacheAction::Prune(_) => "cache prune",
        }
    }

    /// The cache that it is about.
    pub(crate) fn subject(&self) -> &Path {
        match &self.action {
            CacheAction::Status(args) => &args.cache,
            CacheAction::Prune(args) => &args.cache,
        }
    }
}

pub(crate) fn run(args: &CacheArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        CacheAction::Status(args) => status(args),
        CacheAction::Prune(args) => prune(args, session),
    }
}

fn status(args: &StatusArgs) -> Result<Done, CliError> {
    let versions = Cache::look(&args.cache)?.versions()?;
    let mut lines = vec![Line::plain(text::count(versions.len(), "version"))];
    lines.extend(versions.iter().map(line));
    Ok(Done::new(json!({ "versions": versions.iter().map(value).collect::<Vec<_>>() }), lines))
}

fn prune(args: &PruneArgs, session: &Session) -> Result<Done, CliError> {
    if session.globals.dry_run {
        let going = Cache::look(&args.cache)?.superfluous(args.keep)?;
        return Ok(told("would remove", &going, None, session));
    }
    let pruned = Cache::prune(&args.cache, args.keep)?;
    Ok(told("removed", &pruned.removed, Some(pruned.freed.bytes), session))
}

fn told(done: &str, removed: &[CachedVersion], freed: Option<u64>, session: &Session) -> Done {
    let space = freed.map_or(String::new(), |freed| format!(", {} freed", text::size(freed)));
    let head = format!("{done} {}{space}", text::count(removed.len(), "version"));
    let mut lines = vec![Line::new(Tone::Good, head)];
    lines.extend(removed.iter().map(line));
    let removed: Vec<Value> = removed.iter().map(value).collect();
    Done::new(json!({ "dry_run": session.globals.dry_run, "freed": freed, "removed": removed }), lines)
}

fn line(version: &CachedVersion) -> Line {
    let CachedVersion { manifest, repository, bytes, .. } = version;
    Line::plain(format!("  sha256:{manifest}  {}  {}  {repository}", text::size(*bytes), used(version)))
}

fn value(version: &CachedVersion) -> Value {
    json!({
        "bytes": version.bytes,
        "manifest": format!("sha256:{}", version.manifest),
        "repository": version.repository,
        "used": used(version),
    })
}

fn used(version: &CachedVersion) -> String {
    Timestamp::try_from(version.used)
        .map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
