//! `lacre push`: a signed model into a store.

use std::path::PathBuf;

use clap::Args;
use lacre_attest::Limits;
use lacre_manifest::{Beside, Root};
use lacre_publish::{Prepared, Pushed, Signed};
use lacre_registry_client::{Descriptor, Reference, RegistryError, Repository, Store, Tag, Target};
use serde_json::json;

use crate::args::LinkMode;
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{place, text, user_cache};

/// Push a signed model with its signature to a registry or image layout
///
/// Every file is compared with what was signed before anything is written. The signature itself is carried, not
/// judged: who pulls decides whom to trust.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre push MODEL oci:store:mini-lm-v1
  lacre push MODEL registry.example.com/org/mini-lm:v1
  lacre push model.gguf oci:/srv/models:gguf --signature elsewhere.sig")]
pub(crate) struct PushArgs {
    /// Signed folder or file
    pub(crate) model: PathBuf,
    // As a string: rustdoc would read the brackets as links.
    #[arg(value_name = "REF", help = "Where to: oci:DIR[:TAG] (made if new) or HOST/REPO[:TAG]")]
    reference: String,
    /// Signature [default: MODEL/model.sig or FILE.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Links to follow: refuse (default) or hf-cache
    #[arg(
        long,
        value_name = "MODE",
        default_value = "refuse",
        hide_default_value = true,
        hide_possible_values = true
    )]
    links: LinkMode,
    /// Take files from this repository of the same registry, where it has them (repeatable)
    #[arg(long, value_name = "REPO", hide_short_help = true)]
    mount_from: Vec<Repository>,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(args: &PushArgs, session: &Session) -> Result<Done, CliError> {
    let reference = Reference::parse(&args.reference)?;
    let tag = destination(&reference)?;
    let exists = match &reference {
        Reference::Layout { dir, .. } => dir.exists(),
        _ => true,
    };
    let limits = session.limits();
    let root = Root::open(&args.model, args.links.into())?;
    let bundle = place::read_signature(&args.model, args.signature.as_deref(), &limits)?;
    let at = args.signature.clone().unwrap_or_else(|| place::default_signature(&args.model));
    let others = others(args, &root, &limits)?;
    let model = Signed { root: &root, bundle: &bundle, others: &others, signature: root.locate(&at) };
    let meter = session.meter("pushing");
    let prepared = lacre_publish::prepare(&model, &limits, user_cache::remembered().as_ref(), &meter)?;
    if let (Some(tag), true) = (tag, exists) {
        let store = args.registry.open(&reference, session)?;
        refuse_to_move(tag, store.as_ref(), &prepared.manifest(), session)?;
    }
    if session.globals.dry_run {
        return Ok(told(&reference, &prepared, None));
    }
    let store = args.registry.create(&reference, &args.mount_from, session)?;
    let pushed = prepared.push(store.as_ref(), tag, &meter)?;
    drop(meter);
    Ok(told(&reference, &prepared, Some(&pushed)))
}

/// The bundles of further signers, which travel along unless one signature is named.
fn others(args: &PushArgs, root: &Root, limits: &Limits) -> Result<Vec<Vec<u8>>, CliError> {
    if args.signature.is_some() {
        return Ok(Vec::new());
    }
    let bundles = Beside::of(root).bundles()?;
    bundles.iter().map(|path| place::read_opened(Beside::open(path)?, path, limits)).collect()
}

/// The tag that is to lead to the model.
fn destination(reference: &Reference) -> Result<Option<&Tag>, CliError> {
    match reference.target() {
        Target::Only => Ok(None),
        Target::Tag(tag) => Ok(Some(tag)),
        Target::Digest(_) => {
            Err(CliError::usage("a digest follows from what is pushed: give a tag, or neither"))
        }
    }
}

/// A tag that leads to another model stays where it is unless `--force` moves it.
fn refuse_to_move(tag: &Tag, store: &dyn Store, new: &Descriptor, session: &Session) -> Result<(), CliError> {
    let old = match store.resolve(&Target::Tag(tag.clone())) {
        Ok(old) => old,
        Err(RegistryError::TagNotFound { .. } | RegistryError::NotInRepository { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if session.globals.force || old.digest == new.digest {
        return Ok(());
    }
    Err(CliError::Exists {
        path: format!("the tag {tag}"),
        why: "it leads to another model and is moved only with --force",
    })
}

fn told(reference: &Reference, prepared: &Prepared<'_>, pushed: Option<&Pushed>) -> Done {
    let claim = prepared.claim();
    let digest = |descriptor: &Descriptor| format!("sha256:{}", descriptor.digest);
    let identity = claim.identity().map(ToString::to_string);
    let result = json!({
        "bytes_reused": pushed.map(|it| it.reused),
        "bytes_written": pushed.map(|it| it.written),
        "dry_run": pushed.is_none(),
        "files": claim.manifest().len(),
        "identity": identity,
        "manifest": digest(&prepared.manifest()),
        "name": claim.name(),
        "reference": reference.to_string(),
        "signature": pushed.map(|it| digest(&it.signature)),
        "signature_existed": pushed.map(|it| it.signature_existed),
        "version": claim.version(),
    });
    let version = claim.version().map(|version| format!(" {version}")).unwrap_or_default();
    let verb = if pushed.is_some() { "pushed" } else { "would push" };
    let mut lines = vec![
        Line::new(Tone::Good, verb)
            .then(Tone::Strong, format!(" {}{version}", claim.name()))
            .then(Tone::Plain, format!(" to {reference}")),
    ];
    lines.push(Line::row("manifest", digest(&prepared.manifest())));
    if let Some(pushed) = pushed {
        let existed = if pushed.signature_existed { " (was there)" } else { "" };
        let (written, reused) = (text::size(pushed.written), text::size(pushed.reused));
        lines.push(Line::row("files", format!("{}, {written} written, {reused} reused", pushed.files)));
        lines.push(Line::row(
            "signature",
            format!("{}{existed}; carried, not verified", digest(&pushed.signature)),
        ));
    } else {
        lines.push(Line::row("files", format!("{}, as signed", claim.manifest().len())));
    }
    lines.extend(identity.map(|identity| Line::row("identity", identity)));
    Done::new(result, lines)
}
