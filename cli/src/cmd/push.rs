//! `lacre push`: a signed model into a store.

mod encrypted;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, Limits, ManifestClaim};
use lacre_hash::Sha256Digest;
use lacre_manifest::{Beside, Root};
use lacre_publish::{Prepared, Pushed, Signed};
use lacre_registry_client::{
    Descriptor, Reference, RegistryError, Repository, Store, Tag, Target, WrittenFormat,
};
use serde_json::json;

use super::encryption::EncryptArgs;
use super::signing::{Attachment, Hand, Made, SigningArgs, Who};
use crate::args::LinkMode;
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, place, text, user_cache};

/// Push a signed model with its signature to a registry or image layout
///
/// Every file is compared with what was signed before anything is written. The signature itself is carried, not
/// judged: who pulls decides whom to trust. With --key or --keyless the manifest is signed as well, as cosign does, so
/// that `cosign verify` accepts it; it is signed before anything is sent, and once by each key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre push MODEL oci:store:mini-lm-v1
  lacre push MODEL registry.example.com/org/m:v1 --key k.key  # for cosign, too
  lacre push MODEL registry.example.com/org/m:v1 --key k.key --encrypt age1…
  lacre push MODEL registry.example.com/org/m:image --format image")]
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
    /// What to make: modelpack (default) or image
    ///
    /// An image is a container image with the files in /models, for what mounts images.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "modelpack",
        hide_default_value = true,
        hide_possible_values = true
    )]
    format: Format,
    /// Take files from this repository of the same registry, where it has them (repeatable)
    #[arg(long, value_name = "REPO", hide_short_help = true)]
    mount_from: Vec<Repository>,
    #[command(flatten)]
    encryption: EncryptArgs,
    #[command(flatten, next_help_heading = "Sign the manifest, as cosign does")]
    signing: SigningArgs,
    #[command(flatten, next_help_heading = None)]
    registry: RegistryArgs,
}

/// What a push makes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Modelpack,
    Image,
}

impl From<Format> for WrittenFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Modelpack => Self::ModelPack,
            Format::Image => Self::Image,
        }
    }
}

pub(crate) fn run(args: &PushArgs, session: &Session) -> Result<Done, CliError> {
    let reference = Reference::parse(&args.reference)?;
    let tag = destination(&reference)?;
    let exists = match &reference {
        Reference::Layout { dir, .. } => dir.exists(),
        _ => true,
    };
    let limits = session.limits();
    let recipients = args.encryption.read()?;
    if recipients.is_some() && !args.signing.is_given() {
        return Err(CliError::usage(
            "--encrypt wants --key or --keyless: anybody can encrypt for a recipient, so what is encrypted is signed",
        ));
    }
    if recipients.is_some() && !args.mount_from.is_empty() {
        return Err(CliError::usage("--encrypt gives new bytes each time: there is nothing to --mount-from"));
    }
    let root = Root::open(&args.model, args.links.into())?;
    let bundle = place::read_signature(&args.model, args.signature.as_deref(), &limits)?;
    let at = args.signature.clone().unwrap_or_else(|| place::default_signature(&args.model));
    let others = others(args, &root, &limits)?;
    let model = Signed { root: &root, bundle: &bundle, others: &others, signature: root.locate(&at) };
    let hand = args.signing.is_given().then(|| args.signing.open(session)).transpose()?;
    let prepared = {
        let meter = session.meter("pushing");
        let remembered = user_cache::remembered();
        lacre_publish::prepare_as(args.format.into(), &model, &limits, remembered.as_ref(), &meter)?
    };
    if let (Some(tag), true) = (tag, exists) {
        let store = args.registry.open(&reference, session)?;
        // Encrypted, it is another manifest each time.
        let same = recipients.is_none().then(|| prepared.manifest().digest);
        refuse_to_move(tag, store.as_ref(), same, session)?;
    }
    if let (Some(recipients), Some(hand)) = (&recipients, &hand) {
        let job = encrypted::Job { args, reference: &reference, tag, prepared: &prepared, recipients, hand };
        return job.run(&session.meter("pushing"), session);
    }
    if session.globals.dry_run {
        let signed = hand.map(|hand| Ok((Attachment::Wanted, hand.who()?))).transpose();
        return signed.map(|signed| told(&reference, &prepared, None, signed.as_ref()));
    }
    let store = args.registry.create(&reference, &args.mount_from, session)?;
    let sibling = match (&hand, prepared.sibling()) {
        (Some(_), Some(sibling)) => held(store.as_ref(), sibling)?,
        _ => None,
    };
    let manifests = (&prepared.manifest(), sibling.as_ref());
    let made = hand.as_ref().map(|hand| sign(hand, store.as_ref(), manifests, &limits)).transpose()?;
    let prepared = match &sibling {
        Some(sibling) => prepared.and_of(sibling.clone()),
        None => prepared,
    };
    let (prepared, before) = match made {
        Some(Made::Now(bundle)) => (prepared.with_manifest_signature(bundle), None),
        Some(Made::Before(attached)) => (prepared, Some(attached)),
        None => (prepared, None),
    };
    let pushed = {
        let meter = session.meter("pushing");
        prepared.push(store.as_ref(), tag, &meter)?
    };
    let signed = pushed.manifest_signature.clone().or(before).map(Attachment::There);
    let who = hand.map(|hand| hand.who()).transpose()?;
    let signed = signed.zip(who);
    let mut done = told(&reference, &prepared, Some(&pushed), signed.as_ref());
    if let Some(sibling) = sibling {
        let digest = format!("sha256:{}", sibling.digest);
        done.lines
            .push(Line::row("and of", format!("the ModelPack manifest {digest}, by the same statement")));
        done.result["also_signed"] = json!(digest);
    }
    Ok(done)
}

/// The manifest, if the store holds it.
fn held(store: &dyn Store, manifest: &Descriptor) -> Result<Option<Descriptor>, CliError> {
    match lacre_publish::pin(store, &Target::Digest(manifest.digest)) {
        Ok(found) => Ok(Some(found)),
        Err(error) if ["E-REFERENCE-NOT-FOUND", "E-BLOB-MISSING"].contains(&error.code()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Signs the manifest that will be pushed, and the other one by the same statement, unless the key did so before.
fn sign(
    hand: &Hand<'_>,
    store: &dyn Store,
    (manifest, also): (&Descriptor, Option<&Descriptor>),
    limits: &Limits,
) -> Result<Made, CliError> {
    let digests = std::iter::once(manifest).chain(also).map(|manifest| manifest.digest);
    let claim = ManifestClaim::signature(digests.collect())?;
    let payload = claim.to_statement(limits)?;
    let seal = || hand.seal_manifests(&claim, limits);
    let made = hand.once(store, manifest, (&payload, COSIGN_SIGN_PREDICATE_TYPE), &seal)?;
    interrupt::check()?;
    Ok(made)
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

/// A tag that leads to another model than the `same` one stays where it is unless `--force` moves it.
fn refuse_to_move(
    tag: &Tag,
    store: &dyn Store,
    same: Option<Sha256Digest>,
    session: &Session,
) -> Result<(), CliError> {
    let old = match store.resolve(&Target::Tag(tag.clone())) {
        Ok(old) => old,
        Err(RegistryError::TagNotFound { .. } | RegistryError::NotInRepository { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if session.globals.force || Some(old.digest) == same {
        return Ok(());
    }
    Err(CliError::Exists {
        path: format!("the tag {tag}"),
        why: "it leads to another model and is moved only with --force",
    })
}

fn told(
    reference: &Reference,
    prepared: &Prepared<'_>,
    pushed: Option<&Pushed>,
    signed: Option<&(Attachment, Who)>,
) -> Done {
    let claim = prepared.claim();
    let digest = |descriptor: &Descriptor| format!("sha256:{}", descriptor.digest);
    let identity = claim.identity().map(ToString::to_string);
    let result = json!({
        "also_signed": null,
        "bytes_reused": pushed.map(|it| it.reused),
        "bytes_written": pushed.map(|it| it.written),
        "dry_run": pushed.is_none(),
        "encrypted": null,
        "files": claim.manifest().len(),
        "format": prepared.format().name(),
        "identity": identity,
        "key": signed.map(|(_, who)| &who.key),
        "manifest": digest(&prepared.manifest()),
        "manifest_signature": signed.map(|(beside, _)| beside.json()),
        "name": claim.name(),
        "reference": reference.to_string(),
        "signature": pushed.map(|it| digest(&it.signature)),
        "signature_existed": pushed.map(|it| it.signature_existed),
        "signer": signed.map(|(_, who)| &who.signer),
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
    if let Some((beside, who)) = signed {
        lines.push(Line::row("for cosign", format!("the manifest signed, {}", beside.words())));
        lines.push(who.row.clone());
    }
    Done::new(result, lines)
}
