//! `lacre exec`: a program on proven bytes, or no program.
//!
//! ```text
//! MODEL ─► claim ─► rule, channel ─► content, once, into sealed descriptors ─► a folder of links to them ─► COMMAND {model}
//!                                                                                    ▲                        │ signals, exit
//!                        --watch: the channel is asked again and again ─ revoked? ───┴─ stop ◄────────────────┘
//! ```

mod folder;
mod limit;
mod proven;
mod supervise;
mod watch;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lacre_verify::decision::Action;
use rustix::process::Signal;
use serde_json::json;

use self::folder::Laid;
use self::limit::OpenFiles;
use self::watch::Watching;
use super::demands::Demands;
use crate::args::LinkMode;
use crate::decision::{DecisionArgs, Facts, Stdout};
use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs};
use crate::gate::Following;
use crate::printer::{Done, Line};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, text, units};

/// What stands for the path of the proven files in the command.
const PLACEHOLDER: &[u8] = b"{model}";

/// Run a program on proven bytes, which cannot change under it
///
/// The files are proven into memory that nobody can write to (sealed descriptors), and {model} in the command becomes a private
/// folder of links to them, laid out as signed; of a model that is one file, the link. Signals are passed on, and the
/// program's exit code is that of lacre. What a policy only waives is refused.
///
/// The links lead somewhere as long as lacre runs: a program that goes into the background, or that resolves links before it
/// opens them, wants --as snapshot, or none of this. Processes of the same user that may trace this one, and root, are out of
/// scope.
///
/// With --watch, what was proven runs on while the channel gives no answer, until what is kept of it expires.
#[derive(Debug, Args)]
#[command(override_usage = "lacre exec [OPTIONS] <--key|--policy|--ca ...> <MODEL> -- <COMMAND>...")]
#[command(after_help = "\
Examples:
  lacre exec --policy policy.toml MODEL -- vllm serve {model}
  lacre exec --policy policy.toml --watch 1m MODEL -- ./serve {model}")]
pub(crate) struct ExecArgs {
    /// Folder or file that the program runs on
    pub(crate) model: PathBuf,
    /// Program and arguments; {model} is the path of the proven files
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
    #[command(flatten)]
    demands: Demands,
    /// Signature [default: MODEL/model.sig or FILE.sig]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    signature: Option<PathBuf>,
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
    /// As what the program gets the files: sealed (memory) or snapshot (a private folder on disk)
    #[arg(
        long = "as",
        value_name = "FORM",
        value_enum,
        default_value = "sealed",
        hide_short_help = true,
        hide_default_value = true,
        hide_possible_values = true
    )]
    form: Form,
    #[arg(
        long,
        value_name = "DIR",
        help = "Folder in which {model} is made [default: $XDG_RUNTIME_DIR, or that for temporary files]",
        hide_short_help = true
    )]
    scratch: Option<PathBuf>,
    /// Use no more memory than this for the files: 8GiB [default: what the machine has left]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true)]
    memory_limit: Option<usize>,
    /// Ask this channel: may it run here today?
    #[arg(long, value_name = "CH")]
    channel: Option<String>,
    /// Ask again so often (1m); stop what may not run on
    #[arg(long, value_name = "TIME", value_parser = units::interval)]
    watch: Option<Duration>,
    /// With --watch: the signal that stops it: TERM (default), INT, HUP, QUIT, USR1, USR2 or KILL
    #[arg(long, value_name = "SIGNAL", requires = "watch", value_parser = signal, hide_short_help = true)]
    stop_signal: Option<Signal>,
    /// With --watch: kill it if it still runs after this; never, if it is told with USR1 or USR2 [default: 10s]
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = units::interval, hide_short_help = true)]
    grace: Option<Duration>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    channel_demands: DemandArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    decision: DecisionArgs,
}

/// As what a program gets the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Links to sealed descriptors.
    Sealed,
    /// Copies in a private folder, proven there.
    Snapshot,
}

impl ExecArgs {
    fn following(&self) -> Following<'_> {
        Following {
            channel: self.channel.as_deref(),
            follow: &self.follow,
            demands: &self.channel_demands,
            registry: &self.registry,
        }
    }

    /// The command with the path of the proven files in it.
    fn command(&self, model: &Path) -> Option<Command> {
        let mut words = self.command.iter().map(|word| filled(word, model));
        let mut command = Command::new(words.next()?);
        command.args(words).env("LACRE_MODEL", model);
        Some(command)
    }
}

pub(crate) fn run(args: &ExecArgs, session: &Session) -> Result<Done, CliError> {
    // A program that is not told where the proven files are would run on others.
    let names_it = |word: &OsString| word.as_bytes().windows(PLACEHOLDER.len()).any(|it| it == PLACEHOLDER);
    if !args.command.iter().any(names_it) {
        return Err(CliError::Usage {
            message: "nothing in the command says {model}: it would not run on what was proven".to_owned(),
            tip: Some("lacre exec … MODEL -- COMMAND {model}".to_owned()),
        });
    }
    if session.globals.json {
        return Err(CliError::usage("stdout is the program's: --json has no place on it"));
    }
    let recorder = args.decision.open(Stdout::Taken, session)?;
    let files = OpenFiles::raise()?;
    let mut facts = Facts::new(Action::Exec, text::path(&args.model));
    let outcome = proven::prove(args, session, &mut facts).and_then(|mut proven| {
        interrupt::check()?;
        let laid = Laid::of(args, &mut proven)?;
        Ok((proven, laid))
    });
    let mut known = facts.clone();
    let (proven, laid) = recorder.conclude(outcome, facts)?;
    session.printer.asides(&proven.lines);
    let command = args.command(laid.path()).ok_or_else(|| CliError::usage("no command"))?;
    if session.globals.dry_run {
        let words: Vec<String> =
            args.command.iter().map(|word| text::os(&filled(word, laid.path()))).collect();
        let lines = vec![Line::row("would run", words.join(" "))];
        return Ok(Done::new(json!({ "command": words, "dry_run": true }), lines));
    }
    let watching = Watching::new(args, &proven);
    let ended = supervise::run(command, &files, watching.as_ref(), session)?;
    // From here on nothing is behind the links any more.
    drop(laid);
    if let Some(refused) = ended.refused {
        if let Some((asked, _)) = &proven.asked {
            known.remembered(asked.follower());
        }
        return recorder.without_summary().conclude(Err(refused), known);
    }
    Ok(Done { exit: ended.exit, ..Done::new(json!({}), Vec::new()) })
}

/// A word of the command with the path in the place of every `{model}`.
fn filled(word: &OsStr, model: &Path) -> OsString {
    let (bytes, mut made) = (word.as_bytes(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(PLACEHOLDER) {
            made.extend(model.as_os_str().as_bytes());
            at += PLACEHOLDER.len();
        } else {
            made.push(bytes[at]);
            at += 1;
        }
    }
    OsString::from_vec(made)
}

fn signal(name: &str) -> Result<Signal, &'static str> {
    Ok(match name.strip_prefix("SIG").unwrap_or(name) {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "HUP" => Signal::HUP,
        "QUIT" => Signal::QUIT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "KILL" => Signal::KILL,
        _ => return Err("want TERM, INT, HUP, QUIT, USR1, USR2 or KILL"),
    })
}
