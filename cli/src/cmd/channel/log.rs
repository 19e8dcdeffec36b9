//! `lacre channel log`: what was changed, and when.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use lacre_publish::channel::{Carrier, Change, FileName, Found, Repository, VerifiedRepository};
use lacre_release::{ChannelDocument, ChannelId};
use serde_json::{Value, json};

use super::keys::KeyFolder;
use super::place::{ChannelPlace, OpenPlace};
use super::said;
use crate::error::CliError;
use crate::interrupt;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;

/// Show what was changed in a channel, the newest first
///
/// A store keeps every state until somebody prunes it; a folder keeps the last documents. Each state is verified from
/// the root that --keys DIR or --channel-root names; without one, from the root that lies there, and marked
/// UNVERIFIED.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel log oci:store:stable --channel-root root.json
  lacre channel log registry.example.com/org/m:stable --limit 100 --json")]
pub(crate) struct LogArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG or a folder
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// Root that is trusted (root.json)
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    channel_root: Option<PathBuf>,
    /// Folder of a publisher, with root.json
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// So many states at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// A state of the channel.
struct Entry {
    manifest: Option<String>,
    root: Option<u64>,
    document: ChannelDocument,
    is_verified: bool,
}

pub(super) fn run(args: &LogArgs, session: &Session) -> Result<Done, CliError> {
    let place = ChannelPlace::parse(&args.place)?;
    let open = place.open(&args.registry, session)?;
    let carrier = match &open {
        OpenPlace::Artifact { store, tag } => Carrier::Artifact { store: store.as_ref(), tag: tag.clone() },
        OpenPlace::Folder(files) => Carrier::Folder(files),
        OpenPlace::Web(_) => {
            return Err(CliError::usage(format!(
                "{place} does not list its files: lacre channel status shows its state"
            )));
        }
    };
    let anchor = anchor(args)?;
    let found = carrier.read()?;
    let Some(id) = found.claims() else {
        drop(open.files()?);
        return Err(CliError::NotFound { path: format!("a channel in {place}") });
    };
    // One more: what the oldest of them changed is told by the one before.
    let most = args.limit.saturating_add(1);
    let entries = match &carrier {
        Carrier::Artifact { .. } => states(&carrier, found, &id, anchor.as_deref(), most)?,
        Carrier::Folder(_) => documents(&found, &id, anchor.as_deref())?,
    };
    if anchor.is_none() {
        session.warn("nothing of this was verified: --channel-root root.json does that");
    }
    let shown = entries.len().min(args.limit);
    let told: Vec<(Value, Vec<Line>)> = entries
        .iter()
        .take(shown)
        .enumerate()
        .map(|(place, entry)| entry.told(entries.get(place + 1)))
        .collect();
    let mut lines = vec![Line::new(Tone::Strong, id.to_string())];
    let mut states = Vec::with_capacity(told.len());
    for (json, more) in told {
        states.push(json);
        lines.extend(more);
    }
    let is_cut = entries.len() > shown;
    if is_cut {
        lines.push(Line::plain("  there is more: --limit N"));
    }
    let result = json!({
        "channel": id.to_string(),
        "is_cut": is_cut,
        "place": place.to_string(),
        "states": states,
        "verified": anchor.is_some(),
    });
    Ok(Done::new(result, lines))
}

fn anchor(args: &LogArgs) -> Result<Option<Vec<u8>>, CliError> {
    if let Some(path) = &args.channel_root {
        return fs::read(path).map(Some).map_err(|source| CliError::read(path, source));
    }
    let Some(path) = &args.keys else { return Ok(None) };
    let folder = KeyFolder::read(path)?;
    match folder.anchor()? {
        Some(anchor) => Ok(Some(anchor)),
        None => Err(CliError::read(&folder.anchor_path(), std::io::ErrorKind::NotFound.into())),
    }
}

/// The states of a store, from manifest to manifest.
fn states(
    carrier: &Carrier<'_>,
    newest: Found,
    id: &ChannelId,
    anchor: Option<&[u8]>,
    most: usize,
) -> Result<Vec<Entry>, CliError> {
    let mut entries = Vec::new();
    let mut next = Some(newest);
    while let Some(found) = next.take() {
        let live = found.verify(id, &trusted(&found.repository(id)?, anchor), None)?;
        entries.push(Entry::of(&live, &found, anchor.is_some()));
        if entries.len() >= most {
            break;
        }
        interrupt::check()?;
        if let Some(previous) = found.previous() {
            next = match carrier.at(previous) {
                Ok(found) => Some(found),
                // Somebody pruned the store: it ends there.
                Err(error) if ["E-REFERENCE-NOT-FOUND", "E-BLOB-MISSING"].contains(&error.code()) => None,
                Err(error) => return Err(error.into()),
            };
        }
    }
    Ok(entries)
}

/// The documents of a folder. What is not current any more is known by its name alone.
fn documents(found: &Found, id: &ChannelId, anchor: Option<&[u8]>) -> Result<Vec<Entry>, CliError> {
    let repository = found.repository(id)?;
    let live = found.verify(id, &trusted(&repository, anchor), None)?;
    let mut entries = vec![Entry::of(&live, found, anchor.is_some())];
    let mut older: Vec<ChannelDocument> = repository
        .files()
        .filter(|(name, _)| matches!(name, FileName::Document(_)))
        .filter_map(|(_, bytes)| ChannelDocument::parse(bytes).ok())
        .filter(|document| document.position() < live.document().position())
        .collect();
    older.sort_by_key(|document| std::cmp::Reverse(document.position()));
    entries.extend(older.into_iter().map(|document| Entry {
        manifest: None,
        root: None,
        document,
        is_verified: false,
    }));
    Ok(entries)
}

/// What it is verified from: without an anchor, from the first root that lies there.
fn trusted(repository: &Repository, anchor: Option<&[u8]>) -> Vec<u8> {
    anchor.or_else(|| repository.get(FileName::Root(1))).unwrap_or_default().to_vec()
}

impl Entry {
    fn of(live: &VerifiedRepository, found: &Found, is_verified: bool) -> Self {
        Self {
            manifest: found.manifest().map(|digest| format!("sha256:{digest}")),
            root: Some(live.last().root),
            document: live.document().clone(),
            is_verified,
        }
    }

    fn told(&self, before: Option<&Self>) -> (Value, Vec<Line>) {
        let Self { manifest, root, document, is_verified } = self;
        let is_first = (document.epoch, document.sequence) == (1, 1);
        let changes = match before {
            Some(before) => Change::between(Some(&before.document), document),
            None if is_first => Change::between(None, document),
            None => Vec::new(),
        };
        let new_root =
            before.and_then(|before| before.root).filter(|before| root.is_some_and(|now| now != *before));
        let json = json!({
            "changes": said::changes_json(&changes),
            "epoch": document.epoch,
            "issued": document.issued.to_string(),
            "manifest": manifest,
            "new_root": new_root.and(*root),
            "sequence": document.sequence,
            "verified": is_verified,
        });
        let line = Line::plain(format!("  {}.{}  {}  ", document.epoch, document.sequence, document.issued));
        let line = if *is_verified {
            line.then(Tone::Good, "verified")
        } else {
            line.then(Tone::Caution, "UNVERIFIED")
        };
        let mut lines = vec![line];
        lines.extend(changes.iter().map(|change| Line::row("", change.to_string())));
        lines.extend(
            new_root.and(*root).map(|root| Line::row("", format!("the keys of roles: root version {root}"))),
        );
        if changes.is_empty() && new_root.is_none() && before.is_some() {
            lines.push(Line::row("", "the same, renewed"));
        }
        (json, lines)
    }
}
