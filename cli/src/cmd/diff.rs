//! `lacre diff`: what changed between two models.

use std::ffi::{OsStr, OsString};

use clap::Args;
use lacre_attest::Limits;
use lacre_hash::Engine;
use lacre_manifest::{DEFAULT_IGNORES, EntryPath, Exclusions, Links, Manifest, ManifestError, Root};
use lacre_registry_client::ModelArtifact;
use serde_json::{Value, json};

use crate::args::{EntryPathParser, LinkMode};
use crate::claims::Claims;
use crate::error::CliError;
use crate::place::{self, Place};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{exit, text};

/// Compare two models by content; exit 0 when equal, 1 when they differ
///
/// A folder is hashed, without its model.sig and git files. Of a signature bundle or a reference, the list of files
/// is taken as it is claimed: nothing is verified.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre diff MODEL-v1 MODEL-v2
  lacre diff MODEL/model.sig MODEL
  lacre diff oci:store:v1 oci:store:v2 --json")]
pub(crate) struct DiffArgs {
    /// Folder, signature bundle (- is stdin) or reference
    pub(crate) a: OsString,
    /// Folder, signature bundle or reference
    b: OsString,
    /// Leave this path of a folder out (repeatable)
    #[arg(long, value_name = "PATH", value_parser = EntryPathParser)]
    ignore: Vec<EntryPath>,
    /// Links to follow: refuse (default) or hf-cache
    #[arg(
        long,
        value_name = "MODE",
        default_value = "refuse",
        hide_default_value = true,
        hide_possible_values = true
    )]
    links: LinkMode,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// One of the two sides.
struct Side {
    shown: String,
    manifest: Manifest,
    origin: Origin,
}

/// Where a list of files is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The bytes were hashed just now.
    Hashed,
    /// Somebody wrote so.
    Claimed,
}

pub(crate) fn run(args: &DiffArgs, session: &Session) -> Result<Done, CliError> {
    if args.a == "-" && args.b == "-" {
        return Err(CliError::usage("only one side can be stdin"));
    }
    let a = side(&args.a, args, session)?;
    let b = side(&args.b, args, session)?;
    let diff = lacre_manifest::diff(&a.manifest, &b.manifest);
    let equal = diff.is_empty();
    let result = json!({
        "a": a.to_json(),
        "added": diff.added,
        "b": b.to_json(),
        "changed": diff.changed,
        "equal": equal,
        "removed": diff.removed,
        "renamed": diff.renamed,
    });
    let mut lines: Vec<Line> = [&a, &b].into_iter().filter_map(Side::caution).collect();
    let file =
        |tone, mark: &str, path: &EntryPath| Line::new(tone, mark).then(Tone::Plain, format!(" {path}"));
    lines.extend(diff.removed.iter().map(|path| file(Tone::Bad, "removed", path)));
    lines.extend(diff.added.iter().map(|path| file(Tone::Good, "added  ", path)));
    lines.extend(diff.changed.iter().map(|path| file(Tone::Caution, "changed", path)));
    lines.extend(
        diff.renamed
            .iter()
            .map(|it| file(Tone::Caution, "renamed", &it.from).then(Tone::Plain, format!(" -> {}", it.to))),
    );
    let summary = if equal {
        format!("equal: {}", text::count(a.manifest.len(), "file"))
    } else {
        format!(
            "{} removed, {} added, {} changed, {} renamed",
            diff.removed.len(),
            diff.added.len(),
            diff.changed.len(),
            diff.renamed.len()
        )
    };
    lines.push(Line::plain(summary));
    let exit = if equal { exit::OK } else { exit::DIFFERS };
    Ok(Done { exit, ..Done::new(result, lines) })
}

impl Side {
    fn to_json(&self) -> Value {
        json!({
            "files": self.manifest.len(),
            "verified": false,
            "hashed": self.origin == Origin::Hashed,
            "what": self.shown,
        })
    }

    fn caution(&self) -> Option<Line> {
        (self.origin == Origin::Claimed).then(|| {
            Line::new(Tone::Caution, "UNVERIFIED")
                .then(Tone::Plain, format!(" list of files of {}", self.shown))
        })
    }
}

fn side(word: &OsStr, args: &DiffArgs, session: &Session) -> Result<Side, CliError> {
    let shown = text::path(word.as_ref());
    let limits = session.limits();
    let (manifest, origin) = match Place::parse(word)? {
        Place::Folder(path) => {
            let root = Root::open(&path, Links::from(args.links))?;
            let meter = session.meter("comparing");
            let survey = lacre_manifest::survey(&root, &exclusions(args)?, &Engine::new(), &meter)?;
            (survey.manifest, Origin::Hashed)
        }
        Place::File(path) => (claimed(&place::read_bundle(&path, &limits)?, &limits)?, Origin::Claimed),
        Place::Stdin => (claimed(&place::read_bundle("-".as_ref(), &limits)?, &limits)?, Origin::Claimed),
        Place::Reference(reference) => {
            let store = args.registry.open(&reference, session)?;
            let artifact = ModelArtifact::parse(&store.manifest(&store.resolve(reference.target())?)?)?;
            (artifact.files()?, Origin::Claimed)
        }
    };
    Ok(Side { shown, manifest, origin })
}

fn claimed(bundle: &[u8], limits: &Limits) -> Result<Manifest, CliError> {
    Ok(Claims::read(bundle, limits)?.into_model()?.sha256_manifest()?.clone())
}

fn exclusions(args: &DiffArgs) -> Result<Exclusions, ManifestError> {
    let mut ignore = args.ignore.clone();
    for path in DEFAULT_IGNORES {
        ignore.push(EntryPath::parse(path)?);
    }
    Ok(Exclusions { ignore, signature: Some(EntryPath::parse("model.sig")?) })
}
