//! `lacre trust update`: asks a TUF repository what is current.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use lacre_sign::{SigstoreTrust, TrustRepository};
use serde_json::json;

use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::sigstore_trust::{self, Known};
use crate::{interrupt, save, text, units};

/// The longest root metadata, in bytes.
const ROOT_LIMIT: u64 = 512 * 1024;

/// Fetch the current trusted root and signing configuration (TUF)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre trust update
  lacre trust update --mirror https://tuf.example.test --root root.json --to trust.json
  lacre verify MODEL --issuer URL --identity ID --trusted-root trust.json")]
pub(crate) struct UpdateArgs {
    /// Another repository than that of the public Sigstore
    #[arg(long, value_name = "URL", requires = "to")]
    mirror: Option<String>,
    /// Root metadata that trust in it begins with, from whoever runs it [default: the public Sigstore's]
    #[arg(long, value_name = "FILE", requires = "mirror")]
    root: Option<PathBuf>,
    /// Where to keep it [default: the user's own place]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::interval)]
    timeout: Duration,
}

impl UpdateArgs {
    pub(super) fn what(&self) -> String {
        self.to.as_deref().map(text::path).unwrap_or_default()
    }
}

pub(super) fn run(args: &UpdateArgs, session: &Session) -> Result<Done, CliError> {
    if session.globals.offline {
        return Err(CliError::usage("an update needs the network, and --offline opens no socket"));
    }
    let repository = repository(args)?.patience(args.timeout);
    let dry_run = session.globals.dry_run;
    let nowhere = || CliError::usage("there is no home to keep it in: give --to FILE");
    let place = args.to.clone().or_else(sigstore_trust::place).ok_or_else(nowhere)?;
    if args.to.is_none() && !dry_run {
        make_folder(&place)?;
    }
    let _turn = if dry_run { None } else { turn(&place) };
    let read = if args.to.is_some() { sigstore_trust::read_named } else { sigstore_trust::read_own };
    let kept = existing(read(&place), session)?;
    // Two repositories have nothing to do with each other: what is known of one says nothing of the other's versions.
    let other = kept.as_ref().filter(|kept| kept.repository() != Some(repository.url()));
    if other.is_some() && !session.globals.force {
        return Err(CliError::Exists {
            path: text::path(&place),
            why: "it is of another repository; it is replaced only with --force",
        });
    }
    let kept = if other.is_some() { None } else { kept };
    let trust = repository.update(kept.as_ref(), SystemTime::now())?;
    interrupt::check()?;
    if let Some(bytes) = trust.to_json().filter(|_| !dry_run) {
        save::write_own(&place, &bytes)?;
    }
    Ok(told(&Known { trust, file: Some(place) }, kept.as_ref(), session))
}

fn repository(args: &UpdateArgs) -> Result<TrustRepository, CliError> {
    match (&args.mirror, &args.root) {
        (None, _) => Ok(TrustRepository::public_good()?),
        (Some(url), Some(path)) => Ok(TrustRepository::new(url, read_root(path)?)?),
        // A mirror of the public repository: its root is known.
        (Some(url), None) => Ok(TrustRepository::public_good()?.mirrored_at(url)?),
    }
}

/// What is kept already. With `--force`, what cannot be read is replaced.
fn existing(
    read: Result<Option<SigstoreTrust>, CliError>,
    session: &Session,
) -> Result<Option<SigstoreTrust>, CliError> {
    match read {
        Err(error) if session.globals.force => {
            session.warn(format!("{error}; it is replaced, and older metadata is not noticed this once"));
            Ok(None)
        }
        other => other,
    }
}

fn read_root(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    file.take(ROOT_LIMIT + 1).read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > ROOT_LIMIT {
        return Err(CliError::TooLarge { path: text::path(path), limit: ROOT_LIMIT });
    }
    Ok(bytes)
}

fn make_folder(place: &Path) -> Result<(), CliError> {
    let Some(folder) = place.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|source| CliError::Output { path: text::path(folder), source })
}

/// Waits until no other update works on `place`: of two at once, the one that began with older metadata must not write
/// last. Where a folder cannot be locked (some network file systems), they do not wait for each other.
fn turn(place: &Path) -> Option<File> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

fn told(known: &Known, kept: Option<&SigstoreTrust>, session: &Session) -> Done {
    let trust = &known.trust;
    let changed = kept.is_none_or(|kept| {
        (kept.trusted_root(), kept.signing_config()) != (trust.trusted_root(), trust.signing_config())
    });
    let mut result = known.json();
    let dry_run = session.globals.dry_run;
    result["changed"] = json!(changed);
    result["dry_run"] = json!(dry_run);
    result["versions"] = json!(trust.versions().map(|[root, timestamp, snapshot, targets]| {
        json!({ "root": root, "timestamp": timestamp, "snapshot": snapshot, "targets": targets })
    }));
    result["signing_config"] = json!(trust.signing_config().is_some());
    let done = match (dry_run, changed) {
        (true, _) => "would update",
        (false, true) => "updated",
        (false, false) => "unchanged",
    };
    let mut lines = vec![
        Line::new(Tone::Good, done).then(Tone::Plain, format!(" {}", known.words())),
        Line::row("file", known.file.as_deref().map(text::path).unwrap_or_default()),
    ];
    if let Some([root, timestamp, snapshot, targets]) = trust.versions() {
        let words = format!("root {root}, timestamp {timestamp}, snapshot {snapshot}, targets {targets}");
        lines.push(Line::row("versions", words));
    }
    if trust.signing_config().is_none() {
        lines.push(Line::row("signing", "the repository has no signing configuration"));
    }
    Done::new(result, lines)
}
