//! `lacre sign`: a model becomes a signed bundle.

mod append;
mod envelope;
mod in_store;
mod reuse;

use std::ffi::OsString;
use std::mem::take;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use lacre_attest::{Bundle, Inspection, ModelClaim};
use lacre_manifest::{DEFAULT_IGNORES, EntryPath, Exclusions, Root, Shape, Survey, Tree};
use lacre_registry_client::Reference;
use serde_json::{Value, json};

use crate::args::{EntryPathParser, LinkMode, signed_text};
use crate::claims::digest_words;
use crate::error::CliError;
use crate::place::Place;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, place, save, text, user_cache};

use super::signing::{SigningArgs, Who};
use reuse::{Account, ReuseArgs};

/// Sign a model: a folder, a file, or what a store holds (REF)
///
/// The signature is MODEL/model.sig in a folder, FILE.sig beside a file. What a store holds (REF) is signed where it lies, from its manifest alone: nobody looks at the content, and the signature
/// says so. A tag is resolved once, and told. The manifest itself is signed too, as cosign does, so that `cosign verify`
/// accepts it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signer").required(true).args(["key", "keyless"]))]
#[command(override_usage = "lacre sign [OPTIONS] <--key <KEY>|--keyless> <MODEL|REF>")]
#[command(after_help = "\
Examples:
  lacre sign MODEL --key release.key --name org/mini-lm --version 1.0.0
  lacre sign model.gguf --key release.key --passphrase-file pass.txt
  lacre sign oci:store:v1 --key release.key --name org/mini-lm")]
pub(crate) struct SignArgs {
    /// Folder (MODEL/model.sig), file (FILE.sig), or reference (unread)
    #[arg(required_unless_present = "digests_from")]
    model: Option<OsString>,
    /// The same as REF, and refused if it is not by digest (REF@sha256:DIGEST)
    #[arg(
        long,
        value_name = "REF",
        requires = "name",
        hide_short_help = true,
        conflicts_with_all = ["model", "ignore", "no_default_ignores", "links", "reuse"]
    )]
    digests_from: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
    /// Name to sign [default: base name of MODEL]
    #[arg(long, value_parser = signed_text)]
    name: Option<String>,
    /// Version to sign
    #[arg(long = "version", value_name = "VERSION", value_parser = signed_text)]
    model_version: Option<String>,
    /// Where to write the signature (- is stdout)
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Add a signer: write to MODEL.signatures/
    #[arg(long, conflicts_with_all = ["signature", "digests_from", "keyless"])]
    append: bool,
    /// Leave this path out, and sign that (repeatable)
    #[arg(long, value_name = "PATH", value_parser = EntryPathParser)]
    ignore: Vec<EntryPath>,
    /// Sign .git* and .github at the root too
    #[arg(long, hide_short_help = true)]
    no_default_ignores: bool,
    /// Links to follow: refuse (default) or hf-cache
    #[arg(
        long,
        value_name = "MODE",
        default_value = "refuse",
        hide_short_help = true,
        hide_default_value = true,
        hide_possible_values = true
    )]
    links: LinkMode,
    #[command(flatten)]
    reuse: ReuseArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl SignArgs {
    /// What is signed, for messages.
    pub(crate) fn what(&self) -> String {
        let model = self.model.as_deref().map(|word| word.to_string_lossy().into_owned());
        model.or_else(|| self.digests_from.clone()).unwrap_or_default()
    }
}

pub(crate) fn run(args: &SignArgs, session: &Session) -> Result<Done, CliError> {
    match (&args.model, &args.digests_from) {
        (Some(word), None) => match Place::reference(word)? {
            Some(reference) => {
                refuse_for_folders(args)?;
                in_store::run(args, &reference, session)
            }
            None => sign(args, Path::new(word), session),
        },
        (None, Some(reference)) => in_store::run(args, &Reference::parse(reference)?, session),
        _ => Err(CliError::usage("want either a model or --digests-from")),
    }
}

/// What says how a folder is read means nothing for what nobody reads.
fn refuse_for_folders(args: &SignArgs) -> Result<(), CliError> {
    let given = [
        ("--append", args.append),
        ("--ignore", !args.ignore.is_empty()),
        ("--links", args.links != LinkMode::Refuse),
        ("--no-default-ignores", args.no_default_ignores),
        ("--reuse", args.reuse.is_given()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            Err(CliError::usage(format!("{flag} is for folders and files, and this is a reference")))
        }
        None => Ok(()),
    }
}

fn sign(args: &SignArgs, model: &Path, session: &Session) -> Result<Done, CliError> {
    let root = Root::open(model, args.links.into())?;
    let usual = args.signature.clone().unwrap_or_else(|| place::default_signature(model));
    let to_stdout = usual == Path::new("-");
    if to_stdout && session.globals.json {
        return Err(CliError::usage("--signature - and --json cannot both have stdout"));
    }
    if args.reuse.takes_stdin() && args.signing.takes_stdin() {
        return Err(CliError::usage("--reuse - and --passphrase-file - cannot both have stdin"));
    }
    let hand = args.signing.open(session)?;
    let signature = match hand.key() {
        Some(key) if args.append => append::destination(&root, key),
        _ => usual.clone(),
    };
    if !to_stdout {
        // Before anything is hashed for nothing.
        save::check(&signature, session.existing())?;
    }
    let exclusions = exclusions(args, &root, &usual)?;
    let old = match hand.key() {
        Some(key) => args.reuse.read(key.public_key(), session.limits())?,
        None => None,
    };
    let (survey, account) = {
        let meter = session.meter("signing");
        reuse::survey(&root, &exclusions, old.as_ref(), session, &meter)?
    };
    warn_of_ignored(args, session, &survey.tree);
    warn_of_other_signature(session, &survey);
    let name = args.name.clone().unwrap_or_else(|| {
        session.warn(format!(
            "no --name: signed as {:?}, the base name of the model; a name tells this release from others",
            root.name()
        ));
        root.name().to_owned()
    });
    let Survey { manifest, mut tree, stamps, chunks, .. } = survey;
    let claim = ModelClaim::new(name, args.model_version.clone(), manifest, exclusions.ignore)?;
    let (executable, empty_folders) = (take(&mut tree.executable), take(&mut tree.empty_folders));
    let claim = claim.with_shape(executable, empty_folders)?;
    if args.append {
        append::agrees(model, &claim, session)?;
    }
    let bundle = hand.seal(&claim, &session.limits())?;
    let who = hand.who()?;
    interrupt::check()?;
    if args.append {
        // Not before there is something to put into it: a signer may fail.
        append::make_folder(&signature, session)?;
    }
    let told =
        Told { claim: &claim, tree: &tree, who: &who, signature: &signature, account: account.as_ref() };
    let done = finish(&told, &bundle, session)?;
    if !session.globals.dry_run {
        reuse::note(claim.manifest(), &stamps, session);
        user_cache::keep_chunk_lists(chunks.iter().map(|(root, list)| (root, list)));
    }
    Ok(done)
}

fn exclusions(args: &SignArgs, root: &Root, signature: &Path) -> Result<Exclusions, CliError> {
    if root.only_file().is_some() {
        if !args.ignore.is_empty() {
            return Err(CliError::usage("--ignore is for folders, and this model is a file"));
        }
        return Ok(Exclusions::default());
    }
    let mut ignore = args.ignore.clone();
    if !args.no_default_ignores {
        for path in DEFAULT_IGNORES {
            ignore.push(EntryPath::parse(path).map_err(lacre_manifest::ManifestError::from)?);
        }
    }
    ignore.sort_unstable();
    ignore.dedup();
    Ok(Exclusions { ignore, signature: root.locate(signature) })
}

fn warn_of_ignored(args: &SignArgs, session: &Session, tree: &Tree) {
    for path in &args.ignore {
        let shown = path.to_string();
        if !tree.excluded.iter().any(|excluded| excluded.path.trim_end_matches('/') == shown) {
            session.warn(format!(
                "--ignore {shown}: there is nothing of this name (give it relative to the model)"
            ));
        }
    }
}

/// With the signature elsewhere, a `model.sig` in the folder is a file like any other: hardly what was meant.
fn warn_of_other_signature(session: &Session, survey: &Survey) {
    if survey.manifest.get("model.sig").is_some() {
        session.warn(
            "the folder's own model.sig is signed as a file of the model: remove it, or --ignore model.sig",
        );
    }
}

struct Told<'a> {
    claim: &'a ModelClaim,
    tree: &'a Tree,
    who: &'a Who,
    signature: &'a Path,
    account: Option<&'a Account>,
}

fn finish(told: &Told<'_>, bundle: &Bundle, session: &Session) -> Result<Done, CliError> {
    let Told { claim, tree, who, signature, account } = *told;
    let bytes = bundle.to_json();
    let to_stdout = signature == Path::new("-");
    let dry_run = session.globals.dry_run;
    if !dry_run && !to_stdout {
        save::write(signature, &bytes, session.existing())?;
    }
    let (mut result, mut lines) = summarize(&Summary { claim, who }, session);
    result["excluded"] = json!(tree.excluded);
    result["links"] =
        tree.links.iter().map(|link| json!({ "path": link.path, "target": link.target })).collect();
    result["reuse"] = json!(account.map(Account::to_json));
    result["signature"] = json!(text::path(signature));
    lines.push(Line::row("signature", text::path(signature)));
    lines.extend(account.map(Account::row));
    lines
        .extend(tree.excluded.iter().map(|it| Line::row("left out", format!("{} ({})", it.path, it.reason))));
    lines.extend(claim.shape().and_then(shape_row));
    lines.extend(tree.links.iter().map(|it| Line::row("followed", format!("{} -> {}", it.path, it.target))));
    if session.printer.is_verbose() {
        let entries = claim.manifest().entries().iter();
        lines.extend(
            entries.map(|entry| Line::plain(format!("  {}  {}", digest_words(&entry.digests), entry.path))),
        );
    }
    let data = (to_stdout && !dry_run).then_some(bytes);
    Ok(Done { data, ..Done::new(result, lines) })
}

/// What is signed beside names and bytes, if there is anything of it.
fn shape_row(shape: &Shape) -> Option<Line> {
    let parts = [(shape.executable(), "executable file"), (shape.empty_folders(), "empty folder")];
    let parts = parts.into_iter().filter(|(list, _)| !list.is_empty());
    let words: Vec<_> = parts.map(|(list, what)| text::count(list.len(), what)).collect();
    (!words.is_empty()).then(|| Line::row("with", words.join(", ")))
}

/// What is said of every signature: what was signed, and with which key.
struct Summary<'a> {
    claim: &'a ModelClaim,
    who: &'a Who,
}

fn summarize(summary: &Summary<'_>, session: &Session) -> (Value, Vec<Line>) {
    let Summary { claim, who } = *summary;
    let dry_run = session.globals.dry_run;
    let manifest = claim.manifest();
    let size = manifest.total_size();
    let identity = manifest.identity().map(|identity| identity.to_string());
    let result = json!({
        "bytes": size,
        "dry_run": dry_run,
        "files": manifest.len(),
        "identity": identity,
        "empty_folders": claim.shape().map(Shape::empty_folders),
        "executable": claim.shape().map(Shape::executable),
        "ignore_paths": claim.ignore_paths(),
        "inspected": claim.inspection() == Inspection::Inspected,
        "key": who.key,
        "name": claim.name(),
        "root": claim.root().to_string(),
        "signer": who.signer,
        "version": claim.version(),
    });
    let verb = if dry_run { "would sign" } else { "signed" };
    let version = claim.version().map(|version| format!(" {version}")).unwrap_or_default();
    let lines = vec![
        Line::new(Tone::Good, verb).then(Tone::Strong, format!(" {}{version}", claim.name())),
        Line::row("files", format!("{}, {}", manifest.len(), size.map(text::size).unwrap_or_default())),
        Line::row("identity", identity.unwrap_or_default()),
        who.row.clone(),
    ];
    (result, lines)
}
