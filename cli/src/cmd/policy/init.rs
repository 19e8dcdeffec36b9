//! `lacre policy init`: a policy to begin with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use lacre_verify::{Policy, Preset};
use serde_json::json;

use super::pinned;
use crate::args::signed_text;
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{save, shell, text};

/// Print a policy to begin with: a preset, or what a signature claims
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").required(true).args(["preset", "from"]))]
#[command(override_usage = "lacre policy init [OPTIONS] <--preset NAME|--from BUNDLE|REF>")]
#[command(after_help = "\
Examples:
  lacre policy init --preset team --key release.pub > policy.toml
  lacre policy init --from MODEL --key release.pub -o policy.toml")]
pub(crate) struct InitArgs {
    /// strict, team, air-gapped or audit
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    preset: Option<PresetName>,
    /// Pin what this model, bundle or reference claims
    #[arg(long, value_name = "BUNDLE|REF")]
    from: Option<OsString>,
    /// Who signs (repeatable); with --from: whose key it is
    #[arg(long, value_name = "PUB")]
    key: Vec<PathBuf>,
    /// With --from: the authority of its certificate
    #[arg(long, value_name = "FILE", requires = "from")]
    ca: Vec<PathBuf>,
    /// Only models of this signed name: *, ** (repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = signed_text, conflicts_with = "from")]
    name: Vec<String>,
    /// Write it here instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// A preset, as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PresetName {
    Strict,
    Team,
    AirGapped,
    Audit,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Strict => Self::Strict,
            PresetName::Team => Self::Team,
            PresetName::AirGapped => Self::AirGapped,
            PresetName::Audit => Self::Audit,
        }
    }
}

impl InitArgs {
    pub(super) fn what(&self) -> String {
        self.from.as_ref().map(|from| from.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

pub(super) fn run(args: &InitArgs, session: &Session) -> Result<Done, CliError> {
    let keys = KeyRing::read(&args.key)?.keys();
    let text = match (&args.from, args.preset) {
        (Some(from), _) => {
            let text = pinned::policy(from, &keys, &args.ca, &args.registry, session)?;
            session.warn(
                "nothing was verified: it trusts whom the signature claims; confirm them out of band before it is used",
            );
            text
        }
        (None, Some(_)) if keys.is_empty() => {
            return Err(CliError::Usage {
                message: "nobody is trusted: a policy wants to know who signs".to_owned(),
                tip: Some("name their keys: --key PUB; or let --from tell who is claimed to have".to_owned()),
            });
        }
        (None, Some(preset)) => scoped(Preset::from(preset), &Preset::from(preset).text(&keys), &args.name)?,
        (None, None) => return Err(CliError::usage("a policy is made by --preset or --from")),
    };
    // What does not load is not handed out.
    let shown = args.output.as_deref().unwrap_or(Path::new("policy.toml"));
    let policy = Policy::parse(&text, shown).map_err(CliError::Trust)?;
    let result = json!({
        "dry_run": session.globals.dry_run,
        "output": args.output.as_deref().map(text::path),
        "policy": text,
        "sha256": policy.digest().to_string(),
    });
    let Some(output) = &args.output else {
        return Ok(Done { data: Some(text.into_bytes()), ..Done::new(result, Vec::new()) });
    };
    let done = if session.globals.dry_run {
        save::check(output, session.existing())?;
        "would write"
    } else {
        save::write(output, text.as_bytes(), session.existing())?;
        "wrote"
    };
    let shown = text::path(output);
    let lines = vec![
        Line::new(Tone::Good, done).then(Tone::Strong, format!(" {shown}")),
        Line::plain(format!("to see what it says: lacre policy check {}", shell::quoted(&shown))),
    ];
    Ok(Done::new(result, lines))
}

/// The text of a preset, about models of these names alone.
fn scoped(preset: Preset, text: &str, names: &[String]) -> Result<String, CliError> {
    if names.is_empty() {
        return Ok(text.to_owned());
    }
    let head = format!("[[policy]]\nname = \"{}\"\n", preset.name());
    let (before, behind) = text
        .split_once(&head)
        .ok_or_else(|| CliError::Bug { detail: "a preset does not begin as its rule does".to_owned() })?;
    let names: Vec<String> = names.iter().map(|name| pinned::quoted(name)).collect();
    Ok(format!("{before}{head}model = [{}]\n{behind}", names.join(", ")))
}
