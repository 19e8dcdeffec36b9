//! `--reuse`: signing again without reading what was not touched.

use std::path::{Path, PathBuf};

use clap::Args;
use lacre_attest::{Limits, PublicKey};
use lacre_hash::{Engine, Progress};
use lacre_manifest::{Exclusions, Known, Manifest, Reused, Root, Stamps, StampsError, Survey};
use lacre_verify::{Claim, Requirements, Trust, Unverified, Verified};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::printer::Line;
use crate::session::Session;
use crate::{place, text, user_cache};

/// What of an old signature is taken over.
#[derive(Debug, Args)]
pub(super) struct ReuseArgs {
    /// Hash only files touched since this signature
    ///
    /// The old signature (- is stdin) must be one of the same key. Which files were touched is known from the times
    /// that the file system keeps of them: see --rehash.
    #[arg(long, value_name = "OLD", conflicts_with = "keyless")]
    reuse: Option<PathBuf>,
    /// With --reuse: hash every file all the same
    ///
    /// For when something may have written through a memory map, or to the disk itself, without a trace in the times.
    #[arg(long, requires = "reuse", hide_short_help = true)]
    rehash: bool,
}

impl ReuseArgs {
    /// Whether an old signature is named.
    pub(super) fn is_given(&self) -> bool {
        self.reuse.is_some()
    }

    /// Whether the old signature comes from stdin.
    pub(super) fn takes_stdin(&self) -> bool {
        self.reuse.as_deref() == Some(Path::new("-"))
    }

    /// The manifest of the old signature. It must be of `key`: digests are taken over only from who signs them again.
    pub(super) fn read(&self, key: &PublicKey, limits: Limits) -> Result<Option<Old>, CliError> {
        let Some(path) = &self.reuse else { return Ok(None) };
        let bundle = place::read_bundle(path, &limits)?;
        let trust = Trust::keys([key.clone()]).map_err(|error| CliError::usage(error.to_string()))?;
        let requirements = Requirements::new(trust).limits(limits);
        let claim = Unverified::<Claim>::parse(&bundle, &limits)?.verify(&requirements)?;
        let stamps = if self.rehash { Wanted::No } else { Wanted::Yes };
        Ok(Some(Old { claim, stamps }))
    }
}

/// An old signature of the same key.
#[derive(Debug)]
pub(super) struct Old {
    claim: Verified<Claim>,
    stamps: Wanted,
}

/// Whether the cache of stamps is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// `--rehash`.
    No,
    Yes,
}

/// What came of the cache of stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    Absent,
    Ignored,
    Used,
}

/// How much was reused, and how much was hashed.
#[derive(Debug)]
pub(super) struct Account {
    cache: Cache,
    reused: Reused,
    hashed: Reused,
}

impl Account {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "cache": match self.cache {
                Cache::Absent => "absent",
                Cache::Ignored => "ignored",
                Cache::Used => "used",
            },
            "rehashed": self.hashed.files,
            "rehashed_bytes": self.hashed.bytes,
            "reused": self.reused.files,
            "reused_bytes": self.reused.bytes,
        })
    }

    pub(super) fn row(&self) -> Line {
        let words = |part: Reused| format!("{}, {}", text::count(part.files, "file"), text::size(part.bytes));
        let why = match self.cache {
            Cache::Absent => " (nothing is noted here of that signing)",
            Cache::Ignored | Cache::Used => "",
        };
        Line::row("reused", format!("{}; hashed {}{why}", words(self.reused), words(self.hashed)))
    }
}

/// Surveys the model, as far as possible with what the old signature says.
pub(super) fn survey(
    root: &Root,
    exclusions: &Exclusions,
    old: Option<&Old>,
    session: &Session,
    progress: &dyn Progress,
) -> Result<(Survey, Option<Account>), CliError> {
    let engine = Engine::new();
    let Some(old) = old else {
        return Ok((lacre_manifest::survey(root, exclusions, &engine, progress)?, None));
    };
    let manifest = old.claim.claim().manifest();
    let stamps = match old.stamps {
        Wanted::Yes => load(manifest),
        Wanted::No => Ok(None),
    };
    let (cache, known) = match &stamps {
        Ok(Some(stamps)) => match Known::new(manifest, stamps) {
            Ok(known) => (Cache::Used, Some(known)),
            Err(error) => (ignored(manifest, &error, session), None),
        },
        Ok(None) if old.stamps == Wanted::Yes => (Cache::Absent, None),
        Ok(None) => (Cache::Ignored, None),
        Err(error) => (ignored(manifest, error, session), None),
    };
    let (survey, reused) = match &known {
        Some(known) => lacre_manifest::resurvey(root, exclusions, &engine, progress, known)?,
        None => (lacre_manifest::survey(root, exclusions, &engine, progress)?, Reused::default()),
    };
    if survey.coarse > 0 && cache == Cache::Used {
        let are = if survey.coarse == 1 { "is" } else { "are" };
        session.warn(format!(
            "{} {are} on a file system without fine timestamps: hashed again",
            text::count(survey.coarse, "file")
        ));
    }
    let hashed = Reused {
        files: survey.manifest.len() - reused.files,
        bytes: survey.manifest.total_size().unwrap_or_default().saturating_sub(reused.bytes),
    };
    Ok((survey, Some(Account { cache, reused, hashed })))
}

/// Notes which state of the files was signed, for the next `--reuse`. A signature is good without: what goes wrong is
/// told only to who wants to hear of each step.
pub(super) fn note(manifest: &Manifest, stamps: &Stamps, session: &Session) {
    let noted =
        user_cache::stamps().and_then(|store| store.map(|store| store.save(manifest, stamps)).transpose());
    if let Err(error) = noted
        && session.printer.is_verbose()
    {
        session.warn(format!("--reuse of this signature will hash every file: {error}"));
    }
}

fn load(manifest: &Manifest) -> Result<Option<Stamps>, StampsError> {
    match user_cache::stamps()? {
        Some(store) => store.load(manifest),
        None => Ok(None),
    }
}

/// Warns of why the cache is not used.
fn ignored(manifest: &Manifest, error: &StampsError, session: &Session) -> Cache {
    let path = user_cache::stamps().ok().flatten().and_then(|store| store.path(manifest).ok());
    let path = path.map(|path| format!(" ({})", text::path(&path))).unwrap_or_default();
    session.warn(format!("every file is hashed: {error}{path}"));
    Cache::Ignored
}
