//! `lacre pull`: a proven model out of a store.

use std::path::PathBuf;

use clap::Args;
use lacre_deliver::{Cache, Envelope, Moved, Offer, Overwrite};
use lacre_manifest::escape;
use lacre_registry_client::{Descriptor, Reference};
use lacre_verify::{Report, Signer};
use serde_json::json;

use super::demands::Demands;
use super::encryption;
use super::verify::{report_json, report_lines};
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{place, text, user_cache};

/// Pull a model: the signature is proven first, then every byte
///
/// DIR appears once all is proven, and not at all otherwise. The signature comes along as DIR/model.sig. An encrypted model
/// (--decrypt-with) must be signed as a whole, too, by somebody trusted: before that is proven, nothing is decrypted.
#[derive(Debug, Args)]
#[command(override_usage = "lacre pull [OPTIONS] <--key|--trust|--ca|--issuer ...> <REF> <DIR>")]
#[command(after_help = "\
Examples:
  lacre pull oci:store:v1 DIR --key release.pub
  lacre pull registry.example.com/org/mini-lm:v1 DIR --key release.pub
  lacre pull oci:store:v1 DIR --key release.pub --expect-name org/mini-lm
  lacre pull oci:store@sha256:… DIR --key release.pub --force --json")]
pub(crate) struct PullArgs {
    /// From where: oci:DIR or HOST/REPO, with :TAG or @sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// Folder to make; an existing one is replaced only with --force
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Keep this version ready in the cache DIR, and take from there what is there already
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    cache: Option<PathBuf>,
    /// Folder of an older version: what is the same is taken from there, and proven like the rest; repeatable
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    reuse: Vec<PathBuf>,
    /// Open an encrypted model with the age identities in this file (- is stdin)
    #[arg(long, value_name = "FILE", hide_short_help = true, conflicts_with_all = ["cache", "reuse"])]
    decrypt_with: Option<PathBuf>,
    #[command(flatten)]
    demands: Demands,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(args: &PullArgs, session: &Session) -> Result<Done, CliError> {
    let (requirements, ring) = args.demands.read(session)?;
    let reference = Reference::parse(&args.reference)?;
    let store = args.registry.open(&reference, session)?;
    let overwrite = if session.globals.force { Overwrite::Replace } else { Overwrite::Refuse };
    lacre_deliver::may_write(&args.folder, overwrite)?;
    let envelope = match &args.decrypt_with {
        Some(path) => {
            let identities = encryption::identities(path, session)?;
            let (store, target) = (store.as_ref(), reference.target());
            Some(lacre_deliver::reveal(store, target, identities, &requirements, &session.limits())?)
        }
        None => None,
    };
    let (source, target) = match &envelope {
        Some(envelope) => (envelope.store(), envelope.target()),
        None => (store.as_ref(), reference.target()),
    };
    let mut offer = lacre_deliver::examine(source, target, &requirements, &session.limits())?;
    let manifest = Manifest::of(&offer, envelope.as_ref());
    if session.globals.dry_run {
        let report = offer.claim().report();
        return Ok(told(args, "would pull", report, &manifest, &ring, session));
    }
    let cache = args.cache.as_deref().map(Cache::open).transpose();
    let cache = cache.unwrap_or_else(|error| {
        session.warn(format!("the cache is not used: {error}"));
        None
    });
    if let Some(cache) = &cache {
        offer = offer.cache(cache, &place::repository(&reference));
    }
    // What is fetched of an encrypted model says nothing about what is here already, and nothing of it is kept elsewhere.
    let is_public = envelope.is_none();
    if overwrite == Overwrite::Replace && is_public {
        offer = offer.reuse(args.folder.clone());
    }
    for older in &args.reuse {
        offer = offer.reuse(older.clone());
    }
    if let Some(lists) = user_cache::chunk_lists().filter(|_| is_public) {
        offer = offer.chunk_lists(lists);
    }
    let pulled = {
        let meter = session.meter("pulling");
        offer.pull(&args.folder, overwrite, &meter)?
    };
    if is_public {
        user_cache::keep_chunk_lists(pulled.model.chunk_lists());
    }
    let mut done = told(args, "pulled", pulled.model.report(), &manifest, &ring, session);
    if let Some(error) = &pulled.not_kept {
        session.warn(format!("this version could not be kept in the cache: {error}"));
    }
    let Moved { fetched, cached, resumed, reused } = pulled.moved;
    done.result["moved"] =
        json!({ "cached": cached, "fetched": fetched, "resumed": resumed, "reused": reused });
    if cached + resumed + reused > 0 {
        let from = [
            (fetched, "fetched"),
            (cached, "from the cache"),
            (resumed, "from an earlier attempt"),
            (reused, "from older versions"),
        ];
        let from = from.iter().filter(|(bytes, _)| *bytes > 0);
        let from: Vec<_> = from.map(|(bytes, from)| format!("{} {from}", text::size(*bytes))).collect();
        done.lines.push(Line::row("moved", from.join(", ")));
    }
    Ok(done)
}

/// What the reference led to, and who stands for it as a whole: for the annotations and the configuration that no signature
/// of a model covers.
struct Manifest {
    found: Descriptor,
    signers: Vec<Signer>,
    /// The manifest in it, if it is encrypted.
    inside: Option<Descriptor>,
}

impl Manifest {
    fn of(offer: &Offer<'_>, envelope: Option<&Envelope<'_>>) -> Self {
        let (found, signers) = (offer.manifest().clone(), offer.manifest_signers().to_vec());
        match envelope {
            None => Self { found, signers, inside: None },
            Some(envelope) => Self {
                found: envelope.manifest().clone(),
                signers: envelope.signers().to_vec(),
                inside: Some(found),
            },
        }
    }
}

fn told(
    args: &PullArgs,
    done: &str,
    report: &Report,
    manifest: &Manifest,
    ring: &KeyRing,
    session: &Session,
) -> Done {
    let digest = format!("sha256:{}", manifest.found.digest);
    let folder = text::path(&args.folder);
    let mut result = report_json(report, ring, session);
    result["dry_run"] = json!(session.globals.dry_run);
    let inside = manifest.inside.as_ref().map(|inside| format!("sha256:{}", inside.digest));
    result["encrypted"] = json!(inside.as_ref().map(|inside| json!({ "manifest": inside })));
    result["folder"] = json!(folder);
    result["manifest"] = json!(digest);
    result["manifest_signed_by"] = json!(manifest.signers);
    result["reference"] = json!(args.reference);
    let mut lines = report_lines(done, report, ring, session);
    lines.push(Line::row("from", format!("{}, manifest {digest}", escape(&args.reference))));
    let also = if inside.is_some() { "sealed by" } else { "also of" };
    lines.extend(manifest.signers.iter().map(|signer| Line::row(also, signer_words(signer))));
    lines.extend(inside.map(|inside| Line::row("decrypted", format!("manifest {inside}"))));
    lines.push(Line::row("into", folder));
    Done::new(result, lines)
}

/// Who signed the manifest, in few words.
fn signer_words(signer: &Signer) -> String {
    let who = signer.identity().map_or_else(|| format!("the key sha256:{}", signer.key()), str::to_owned);
    format!("manifest, annotations and configuration: {who}")
}
