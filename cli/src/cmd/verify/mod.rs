//! `lacre verify`: whether a model is what a trusted key signed, and may be loaded.
//!
//! ```text
//! arguments ─► on_disk, or stored (of a reference) ─┬─ by keys ───► Done
//!     │             Came: what is known on the way ◄┴─ by a policy ► Done
//!     └─ --every ─► drift: the same again and again      │
//!                                                        └─► decision (log, events, summary), report (page, formats)
//! ```

mod came;
mod drift;
mod on_disk;
mod stored;
mod words;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use lacre_manifest::EntryPath;
use lacre_registry_client::{Reference, Target};
use lacre_verify::{Model, Prove, Requirements, Unverified};

use self::came::Came;
use super::demands::Demands;
use crate::args::{EntryPathParser, LinkMode};
use crate::decision::{DecisionArgs, Facts, Stdout};
use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs};
use crate::gate::Following;
use crate::place::Place;
use crate::printer::Done;
use crate::registry::RegistryArgs;
use crate::report::ReportArgs;
use crate::session::Session;
use crate::{shell, text, units};
use lacre_verify::decision::Action;

pub(crate) use words::{check_words, report_json, report_lines, signer_words, time_words};

/// Verify that a model is exactly what a trusted key signed
#[derive(Debug, Args)]
#[command(override_usage = "lacre verify [OPTIONS] <--key|--trust|--policy|--ca ...> <MODEL>")]
#[command(after_help = "\
Examples:
  lacre verify MODEL --key release.pub --expect-name org/mini-lm
  lacre verify model.gguf --key release.pub --report page.html --format junit")]
pub(crate) struct VerifyArgs {
    /// Folder or file; of a reference, all but its content
    pub(crate) model: PathBuf,
    #[command(flatten)]
    demands: Demands,
    /// Signature [default: MODEL/model.sig or FILE.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
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
    links: LinkMode,
    /// Verify so often (30s, 10m, 2h, 1d) and on changes
    #[arg(long, value_name = "TIME", value_parser = units::interval)]
    every: Option<Duration>,
    /// With --every: do not end at a failure
    #[arg(long, requires = "every", hide_short_help = true)]
    keep_going: bool,
    /// Ask this channel, too: may it run here today?
    #[arg(long, value_name = "CH")]
    channel: Option<String>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    channel_demands: DemandArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Read no faster: 200kB/s, 500MB/s, 1GiB/s
    #[arg(long, value_name = "RATE", value_parser = units::rate, hide_short_help = true)]
    max_rate: Option<NonZeroU64>,
    #[command(flatten)]
    written: ReportArgs,
    #[command(flatten)]
    decision: DecisionArgs,
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
    fn facts(&self) -> Facts {
        Facts::new(Action::Verify, text::path(&self.model))
    }

    /// What is demanded, with what else was said about the content.
    fn with_options(&self, requirements: Requirements) -> Requirements {
        requirements
            .allow_unsigned(self.allow_unsigned.iter().cloned())
            .prove(self.digest.map(Prove::from).unwrap_or_default())
    }

    /// Opens the model and its signature, of which nothing is believed yet.
    fn open(&self, requirements: &Requirements) -> Result<Unverified<Model>, CliError> {
        let signature = self
            .signature
            .as_deref()
            .map(|path| if path == Path::new("-") { Path::new("/dev/stdin") } else { path });
        Ok(Unverified::open(&self.model, signature, self.links.into(), requirements)?)
    }

    /// What was said about channels.
    fn following(&self) -> Following<'_> {
        Following {
            channel: self.channel.as_deref(),
            follow: &self.follow,
            demands: &self.channel_demands,
            registry: &self.registry,
        }
    }

    /// Refuses for stores what is about files on a disk.
    fn refuse_for_stores(&self, reference: &Reference) -> Result<(), CliError> {
        let given = [
            (self.signature.is_some(), "--signature"),
            (!self.allow_unsigned.is_empty(), "--allow-unsigned"),
            (self.digest.is_some(), "--digest"),
            (self.every.is_some(), "--every"),
            (self.max_rate.is_some(), "--max-rate"),
        ];
        match given.iter().find(|(is_given, _)| *is_given) {
            None => Ok(()),
            Some((_, name)) => Err(CliError::Usage {
                message: format!("{reference} is in a store, and {name} is about what lies on a disk"),
                tip: Some(format!(
                    "lacre pull {} DIR proves its content on its way here",
                    shell::quoted(&reference.to_string())
                )),
            }),
        }
    }
}

pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Done, CliError> {
    let reference = Place::reference(args.model.as_os_str())?
        // Without a tag it may as well be a path that somebody mistyped.
        .filter(|it| matches!(it, Reference::Layout { .. }) || *it.target() != Target::Only);
    if let Some(reference) = &reference {
        args.refuse_for_stores(reference)?;
    }
    if let Some(every) = args.every {
        return drift::run(args, every, session);
    }
    args.written.check(&args.model, session)?;
    let recorder = args.decision.open(Stdout::Free, session)?;
    let mut came = Came::new(args.facts());
    let outcome = match &reference {
        Some(reference) => stored::verify(args, reference, session, &mut came),
        None => on_disk::verify(args, session, &mut came),
    };
    let outcome = recorder.conclude(outcome, came.take_facts());
    let mut done = came.write_reports(args, outcome, session)?;
    if recorder.has_stdout() {
        done.data = Some(Vec::new());
    }
    Ok(done)
}
