//! `lacre pull`: a proven model out of a store.

use std::path::PathBuf;

use clap::Args;
use lacre_deliver::{Arriving, Cache, Envelope, FilePattern, Moved, Offer, Overwrite, Selection};
use lacre_manifest::escape;
use lacre_registry_client::{Descriptor, Reference};
use lacre_verify::{Report, Signer};
use serde_json::json;

use super::demands::Demands;
use super::encryption;
use super::pull_allowed::Allowed;
use super::pull_governed::Governing;
use super::pull_recorded::Recording;
use super::verify::{report_json, report_lines};
use crate::decision::DecisionArgs;
use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs};
use crate::gate::Following;
use crate::keys::KeyRing;
use crate::printer::{Done, Line};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{place, shell, text, user_cache};

/// Pull a model: the signature is proven first, then every byte
///
/// DIR appears once all is proven, and not at all otherwise. The signature comes along as DIR/model.sig. An encrypted model
/// (--decrypt-with) must be signed as a whole, too, by somebody trusted: before that is proven, nothing is decrypted.
#[derive(Debug, Args)]
#[command(override_usage = "lacre pull [OPTIONS] <--key|--trust|--policy|--ca ...> <REF> <DIR>")]
#[command(after_help = "\
Examples:
  lacre pull oci:store:v1 DIR --key release.pub --files '**/*.safetensors'
  lacre pull org/mini-lm@stable DIR --channel CH --key release.pub")]
pub(crate) struct PullArgs {
    /// From where: oci:DIR or HOST/REPO, with :TAG or @sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// Folder to make; an existing one is replaced only with --force
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only these files: *, **, ?, [a-z] (repeatable)
    ///
    /// A pattern is about a whole signed name: * and ? stay within a part of it, ** stands for any number of parts. One that
    /// means no file is an error. What arrives is a part of the model, and never passes for it.
    #[arg(long, value_name = "GLOB")]
    pub(super) files: Vec<String>,
    /// Keep this version ready in the cache DIR (not a part of one), and take from there what is there already
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    cache: Option<PathBuf>,
    /// Folder of an older version: what is the same is taken from there, and proven like the rest; repeatable
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    reuse: Vec<PathBuf>,
    /// Open an encrypted model with the age identities in this file (- is stdin)
    #[arg(long, value_name = "FILE", hide_short_help = true, conflicts_with_all = ["cache", "reuse"])]
    pub(super) decrypt_with: Option<PathBuf>,
    /// Ask this channel; REF: NAME@CHANNEL or …:VERSION
    #[arg(long, value_name = "CH", conflicts_with = "decrypt_with")]
    pub(super) channel: Option<String>,
    /// With --channel: the repository of the models, where it is neither the channel's nor the one that it names
    #[arg(long, value_name = "REF", hide_short_help = true, requires = "channel")]
    pub(super) from: Option<String>,
    #[command(flatten)]
    pub(super) demands: Demands,
    #[command(flatten)]
    pub(super) follow: FollowArgs,
    #[command(flatten)]
    pub(super) channel_demands: DemandArgs,
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
    #[command(flatten)]
    pub(super) decision: DecisionArgs,
}

pub(crate) fn run(args: &PullArgs, session: &Session) -> Result<Done, CliError> {
    let mut recording = Recording::open(args, session)?;
    let outcome = pull(args, session, &mut recording);
    recording.conclude(outcome)
}

fn pull(args: &PullArgs, session: &Session, recording: &mut Recording<'_>) -> Result<Done, CliError> {
    let gate = args.demands.policy(args.following(), session)?;
    // Before anything is looked for: what is no key is a slip of the command line.
    let (requirements, ring) = match &gate {
        Some(_) => (args.demands.beside_policy(session), KeyRing::default()),
        None => args.demands.read(session)?,
    };
    let selection = args.selection()?;
    let overwrite = if session.globals.force { Overwrite::Replace } else { Overwrite::Refuse };
    lacre_deliver::may_write(&args.folder, overwrite)?;
    let allowed = Allowed::ask(args, session)?;
    if let Some(allowed) = &allowed {
        allowed.tell_decision(&mut recording.facts);
    }
    let reference = match &allowed {
        Some(allowed) => allowed.reference.clone(),
        None => Reference::parse(&args.reference)?,
    };
    let store = args.registry.open(&reference, session)?;
    if let Some(gate) = &gate {
        let found = (store.as_ref(), &reference);
        let facts = &mut recording.facts;
        let (offer, mut governing) =
            Governing::examine((args, gate), found, allowed.as_ref(), facts, session)?;
        let pulling =
            Pulling { args, reference: &reference, overwrite, envelope: None, ring: &ring, session };
        let mut done = pulling.end(offer, selection, allowed.as_ref(), (Some(&mut governing), recording))?;
        governing.conclude(args, &mut done, session)?;
        return Ok(done);
    }
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
    let offer = lacre_deliver::examine(source, target, &requirements, &session.limits())?;
    let envelope = envelope.as_ref();
    let pulling = Pulling { args, reference: &reference, overwrite, envelope, ring: &ring, session };
    pulling.end(offer, selection, allowed.as_ref(), (None, recording))
}

impl PullArgs {
    /// What was said about channels.
    pub(super) fn following(&self) -> Following<'_> {
        Following {
            channel: self.channel.as_deref(),
            follow: &self.follow,
            demands: &self.channel_demands,
            registry: &self.registry,
        }
    }

    /// The files that are wanted, if not all of them are.
    fn selection(&self) -> Result<Option<Selection>, CliError> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let patterns = self.files.iter().map(|text| text.parse::<FilePattern>());
        Ok(Some(Selection::new(patterns.collect::<Result<_, _>>()?)?))
    }
}

/// Who decides whether what was proven may appear.
type Deciding<'d, 'g, 'r> = (Option<&'d mut Governing<'g>>, &'d mut Recording<'r>);

/// What a pull is told, whether all of the model is wanted or a part.
struct Pulling<'a> {
    args: &'a PullArgs,
    reference: &'a Reference,
    overwrite: Overwrite,
    /// What the model comes in, if it is encrypted.
    envelope: Option<&'a Envelope<'a>>,
    ring: &'a KeyRing,
    session: &'a Session,
}

impl Pulling<'_> {
    /// Pulls the model, or the part of it that is wanted.
    fn end(
        &self,
        offer: Offer<'_>,
        selection: Option<Selection>,
        allowed: Option<&Allowed<'_>>,
        deciding: Deciding<'_, '_, '_>,
    ) -> Result<Done, CliError> {
        deciding.1.facts.manifest(offer.manifest().digest);
        if let Some(allowed) = allowed {
            allowed.check(&offer)?;
        }
        let mut done = match selection {
            None => self.run(offer, deciding),
            Some(selection) => self.run(offer.part(selection)?, deciding),
        }?;
        if let Some(allowed) = allowed {
            allowed.conclude(self.args, &mut done)?;
        }
        Ok(done)
    }

    fn run<T: Arriving>(
        &self,
        offer: Offer<'_, T>,
        (mut governing, recording): Deciding<'_, '_, '_>,
    ) -> Result<Done, CliError> {
        let (args, session) = (self.args, self.session);
        let is_part = offer.selection().is_some();
        let files = offer.files().count();
        let manifest = Manifest::of(&offer, self.envelope);
        if session.globals.dry_run {
            let done = if is_part { "would pull a part of" } else { "would pull" };
            return Ok(self.told(done, offer.claim().report(), &manifest, files));
        }
        let cache = self.cache();
        if is_part && cache.is_some() {
            session.warn("a part is not kept in the cache, which holds whole versions");
        }
        let offer = self.equipped(offer, cache.as_ref());
        let pulled = {
            let meter = session.meter("pulling");
            let into = text::path(&args.folder);
            offer.pull_if(&args.folder, self.overwrite, &meter, &mut |model| {
                if let Some(governing) = &mut governing {
                    governing.allow(model, &mut recording.facts)?;
                }
                recording.allow(model.report(), &into)
            })?
        };
        if self.is_public() {
            user_cache::keep_chunk_lists(pulled.model.chunk_lists());
        }
        let done = if is_part { "pulled a part of" } else { "pulled" };
        let mut done = self.told(done, pulled.model.report(), &manifest, files);
        if let Some(error) = &pulled.not_kept {
            session.warn(format!("this version could not be kept in the cache: {error}"));
        }
        tell_moved(&mut done, pulled.moved);
        Ok(done)
    }

    /// What is fetched of an encrypted model says nothing about what is here already, and nothing of it is kept elsewhere.
    fn is_public(&self) -> bool {
        self.envelope.is_none()
    }

    fn cache(&self) -> Option<Cache> {
        let cache = self.args.cache.as_deref().map(Cache::open).transpose();
        cache.unwrap_or_else(|error| {
            self.session.warn(format!("the cache is not used: {error}"));
            None
        })
    }

    /// The offer with all that is at hand on this machine.
    fn equipped<'o, T: Arriving>(&self, offer: Offer<'o, T>, cache: Option<&'o Cache>) -> Offer<'o, T> {
        let mut offer = match cache {
            Some(cache) => offer.cache(cache, &place::repository(self.reference)),
            None => offer,
        };
        if self.overwrite == Overwrite::Replace && self.is_public() {
            offer = offer.reuse(self.args.folder.clone());
        }
        for older in &self.args.reuse {
            offer = offer.reuse(older.clone());
        }
        match user_cache::chunk_lists().filter(|_| self.is_public()) {
            Some(lists) => offer.chunk_lists(lists),
            None => offer,
        }
    }

    fn told(&self, done: &str, report: &Report, manifest: &Manifest, files: usize) -> Done {
        let Self { args, ring, session, .. } = self;
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
        if !args.files.is_empty() {
            let of = report.model.as_ref().map(|model| model.files);
            let bytes = report.part.map(|part| part.bytes);
            result["part"] = json!({ "bytes": bytes, "files": files, "of": of, "patterns": args.files });
            let patterns: Vec<_> = args.files.iter().map(|pattern| shell::quoted(pattern)).collect();
            let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
            let size = bytes.map(|bytes| format!(", {}", text::size(bytes))).unwrap_or_default();
            lines.push(Line::row("part", format!("{files}{of} files{size}: {}", patterns.join(" "))));
        }
        lines.push(Line::row("from", format!("{}, manifest {digest}", escape(&args.reference))));
        let also = if inside.is_some() { "sealed by" } else { "also of" };
        lines.extend(manifest.signers.iter().map(|signer| Line::row(also, signer_words(signer))));
        lines.extend(inside.map(|inside| Line::row("decrypted", format!("manifest {inside}"))));
        lines.push(Line::row("into", folder));
        Done::new(result, lines)
    }
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
    fn of<T: Arriving>(offer: &Offer<'_, T>, envelope: Option<&Envelope<'_>>) -> Self {
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

/// Tells where the bytes came from, if not all of them from the store.
fn tell_moved(done: &mut Done, Moved { fetched, cached, resumed, reused }: Moved) {
    done.result["moved"] =
        json!({ "cached": cached, "fetched": fetched, "resumed": resumed, "reused": reused });
    if cached + resumed + reused == 0 {
        return;
    }
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

/// Who signed the manifest, in few words.
fn signer_words(signer: &Signer) -> String {
    let who = signer.identity().map_or_else(|| format!("the key sha256:{}", signer.key()), str::to_owned);
    format!("manifest, annotations and configuration: {who}")
}
