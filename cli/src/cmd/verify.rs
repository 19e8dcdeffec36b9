//! `lacre verify`: whether a model is what a trusted key signed.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use lacre_manifest::EntryPath;
use lacre_registry_client::{Reference, Target};
use lacre_release::Wanted;
use lacre_verify::decision::Action;
use lacre_verify::{Hold, Model, Outcome, Paced, Prove, Report, SignedAt, Signer, Unverified, Verified};
use serde_json::{Value, json};

use super::demands::Demands;
use super::drift;
use crate::args::{EntryPathParser, LinkMode};
use crate::decision::{DecisionArgs, Facts, Stdout};
use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs, Follower, permit_json, permit_row};
use crate::keys::KeyRing;
use crate::place::Place;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::sigstore_trust::Known;
use crate::{shell, text, units, user_cache};

/// Verify that a model is exactly what a trusted key signed
#[derive(Debug, Args)]
#[command(override_usage = "lacre verify [OPTIONS] <--key|--trust|--ca|--issuer ...> <MODEL>")]
#[command(after_help = "\
Examples:
  lacre verify MODEL --key release.pub --expect-name org/mini-lm
  lacre verify MODEL --key release.pub --every 10m --max-rate 500MB/s
  lacre verify model.gguf --key release.pub --signature elsewhere.sig")]
pub(crate) struct VerifyArgs {
    /// Folder or file to verify
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(super) demands: Demands,
    /// Signature [default: MODEL/model.sig or FILE.sig]
    #[arg(long, value_name = "FILE")]
    pub(super) signature: Option<PathBuf>,
    /// Accept this path unsigned (repeatable)
    #[arg(
        long,
        value_name = "PATH",
        hide_short_help = true,
        value_parser = EntryPathParser,
        conflicts_with = "strict"
    )]
    allow_unsigned: Vec<EntryPath>,
    /// Digests to prove with: blake3, sha256 or both
    #[arg(long, value_enum, hide_possible_values = true, hide_short_help = true, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Links to follow: refuse (default) or hf-cache
    #[arg(
        long,
        value_name = "MODE",
        default_value = "refuse",
        hide_short_help = true,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(super) links: LinkMode,
    /// Verify so often (30s, 10m, 2h, 1d) and on changes
    #[arg(long, value_name = "TIME", value_parser = units::interval)]
    every: Option<Duration>,
    /// With --every: do not end at a failure
    #[arg(long, requires = "every", hide_short_help = true)]
    pub(super) keep_going: bool,
    /// Ask this channel, too: may it run here today?
    #[arg(long, value_name = "CH", conflicts_with = "every")]
    channel: Option<String>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    channel_demands: DemandArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pub(super) decision: DecisionArgs,
    /// Read no faster: 200kB/s, 500MB/s, 1GiB/s
    #[arg(long, value_name = "RATE", value_parser = units::rate, hide_short_help = true)]
    max_rate: Option<NonZeroU64>,
}

/// The digests that are demanded as proof; without a word, the quickest signed one.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Digest {
    Blake3,
    Both,
    Sha256,
}

impl From<Digest> for Prove {
    fn from(digest: Digest) -> Self {
        match digest {
            Digest::Blake3 => Self::Blake3,
            Digest::Both => Self::Both,
            Digest::Sha256 => Self::Sha256,
        }
    }
}

impl VerifyArgs {
    /// What is known before anything is read.
    pub(super) fn facts(&self) -> Facts {
        Facts::new(Action::Verify, text::path(&self.model))
    }

    /// Verifies once: keys, signature and model are opened anew. Gives the keys with the files they came from, too.
    pub(super) fn prove(&self, session: &Session) -> Result<(Verified<Model>, KeyRing), CliError> {
        let (requirements, ring) = self.demands.read(session)?;
        let requirements = requirements
            .allow_unsigned(self.allow_unsigned.iter().cloned())
            .prove(self.digest.map(Prove::from).unwrap_or_default());
        let signature = self
            .signature
            .as_deref()
            .map(|path| if path == Path::new("-") { Path::new("/dev/stdin") } else { path });
        let model = Unverified::open(&self.model, signature, self.links.into(), &requirements)?;
        let meter = session.meter("verifying");
        let verified = match self.max_rate {
            Some(rate) => model.verify(&requirements, &Hold::Nothing, &Paced::new(&meter, rate)),
            None => model.verify(&requirements, &Hold::Nothing, &meter),
        }?;
        user_cache::keep_chunk_lists(verified.chunk_lists());
        Ok((verified, ring))
    }
}

pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Done, CliError> {
    if let Some(reference) = Place::reference(args.model.as_os_str())?
        // Without a tag it may as well be a path that somebody mistyped.
        && (matches!(reference, Reference::Layout { .. }) || *reference.target() != Target::Only)
    {
        return Err(CliError::Usage {
            message: format!("{reference} is in a store, and verify proves what lies on a disk"),
            tip: Some(format!(
                "lacre pull {} DIR proves it on its way here; with --dry-run the signature alone, and fetches no file",
                shell::quoted(&reference.to_string())
            )),
        });
    }
    if let Some(every) = args.every {
        return drift::run(args, every, session);
    }
    let recorder = args.decision.open(Stdout::Free, session)?;
    let mut facts = args.facts();
    let outcome = verified(args, session, &mut facts);
    let mut done = recorder.conclude(outcome, facts)?;
    if recorder.has_stdout() {
        done.data = Some(Vec::new());
    }
    Ok(done)
}

/// Whether it is what was signed, and may run. What is found out on the way is told to `facts`, whatever comes of it.
fn verified(args: &VerifyArgs, session: &Session, facts: &mut Facts) -> Result<Done, CliError> {
    // Before the work: what is not believed needs no hashing.
    let channel = match &args.channel {
        Some(place) => {
            let both = (&args.follow, &args.channel_demands);
            let follower = Follower::new(place, None, both, &args.registry, session)?;
            facts.remembered(&follower);
            let channel = follower.refresh()?;
            facts.remembered(&follower);
            Some((follower, channel))
        }
        None => None,
    };
    let (verified, ring) = args.prove(session)?;
    let report = verified.report();
    facts.report(report);
    let mut done =
        Done::new(report_json(report, &ring, session), report_lines("verified", report, &ring, session));
    if let Some((follower, channel)) = channel {
        let contents = lacre_deliver::contents(verified.claim(), verified.manifest())
            .ok_or_else(|| CliError::Bug { detail: "a proven model has no identity".to_owned() })?;
        let permit = follower.permit(&channel, Wanted::Contents(contents))?;
        facts.permit(channel.document(), &permit);
        follower.accept(&permit)?;
        facts.remembered(&follower);
        done.result["channel"] = permit_json(channel.document(), &permit);
        done.lines.push(permit_row(channel.document(), &permit));
    }
    Ok(done)
}

/// A report as JSON, with the file of the signer's key; its warnings are told.
pub(super) fn report_json(report: &Report, ring: &KeyRing, session: &Session) -> Value {
    for warning in &report.warnings {
        session.warn(warning);
    }
    let mut value = json!(report);
    let file = report.signer.as_ref().and_then(|signer| ring.file_of(signer.key()));
    value["key_file"] = json!(file.map(text::path));
    value["sigstore"] = json!(ring.sigstore().map(Known::json));
    value
}

/// A report for people: who, what, when.
pub(super) fn report_lines(done: &str, report: &Report, ring: &KeyRing, session: &Session) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(model) = &report.model {
        let version = model.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        // Signatures of model-signing 0.2 have no name.
        let name = if model.name.is_empty() { "a model without a signed name" } else { &model.name };
        lines.push(Line::new(Tone::Good, done).then(Tone::Strong, format!(" {name}{version}")));
    }
    for signer in &report.signers {
        lines.push(Line::row("signed by", signer_words(signer, ring)));
    }
    lines.extend(ring.sigstore().map(|known| Line::row("sigstore", known.words())));
    lines.push(Line::row("signed at", time_words(&report.signed_at)));
    if let Some(model) = &report.model {
        let size = model.bytes.map(|bytes| format!(", {}", text::size(bytes))).unwrap_or_default();
        lines.push(Line::row("files", format!("{}{size}", model.files)));
        lines.extend(model.identity.as_ref().map(|identity| Line::row("identity", identity)));
    }
    lines.extend(
        report.excluded.iter().map(|it| Line::row("left out", format!("{} ({})", it.path, it.reason))),
    );
    lines
        .extend(report.links.iter().map(|it| Line::row("followed", format!("{} -> {}", it.path, it.target))));
    lines.extend(
        report.empty_folders.iter().map(|path| Line::row("unsigned", format!("{path}/ (an empty folder)"))),
    );
    if session.printer.is_verbose() {
        lines.extend(check_words(report).map(Line::plain));
    }
    lines
}

/// Who signed, with the file of the key.
pub(super) fn signer_words(signer: &Signer, ring: &KeyRing) -> String {
    let file = ring.file_of(signer.key()).map(|path| format!(" ({})", text::path(path)));
    let (algorithm, key) = (signer.algorithm().as_str(), signer.key());
    let key = format!("{algorithm} sha256:{key}{}", file.unwrap_or_default());
    match (signer.identity(), signer.issuer()) {
        (Some(identity), Some(issuer)) => format!("{identity}, as {issuer} knows them ({algorithm})"),
        (Some(identity), None) => format!("{identity} ({key})"),
        (None, _) => key,
    }
}

/// When it was signed, as far as that is proven.
pub(super) fn time_words(signed_at: &SignedAt) -> String {
    match signed_at {
        SignedAt::Unproven => "time unproven".to_owned(),
        SignedAt::Proven(time) => format!("{time}, or before"),
        _ => "a time that this version cannot show".to_owned(),
    }
}

/// The checks of a report, a line each.
pub(crate) fn check_words(report: &Report) -> impl Iterator<Item = String> {
    report.checks.iter().map(|check| {
        let outcome = match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
        };
        let step = json!(check.step);
        format!("  check      {outcome} {}: {}", step.as_str().unwrap_or_default(), check.detail)
    })
}
