//! `lacre log verify`: whether a log of decisions is what it was.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use lacre_verify::decision::{Checkpoint, LogAccount, Reach, check_log};
use lacre_verify::{Limits, Unverified, Verified};
use serde_json::{Value, json};

use crate::cmd::demands::Demands;
use crate::cmd::verify::signer_words;
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::text;

/// The longest bundle of a checkpoint, in bytes: they have a few thousand.
const LIMITS: Limits = Limits { statement: 64 << 10, depth: 16 };

/// Check a log of decisions, and hold it against signed checkpoints
///
/// The chain shows that no line before the last one was changed, taken out or moved. Only a checkpoint that lay elsewhere
/// shows that no line is missing at the end, and that not everything was written anew.
#[derive(Debug, Args)]
#[command(override_usage = "lacre log verify [OPTIONS] <FILE>")]
#[command(after_help = "\
Examples:
  lacre log verify decisions.log
  lacre log verify decisions.log --checkpoint monday.sig --key auditor.pub")]
pub(crate) struct LogVerifyArgs {
    /// The log's newest file; the older ones lie beside it
    #[arg(value_name = "FILE")]
    pub(super) log: PathBuf,
    /// A checkpoint of this log (repeatable); needs --key, --trust, --ca or --issuer
    #[arg(long, value_name = "BUNDLE")]
    checkpoint: Vec<PathBuf>,
    /// Older files were put away: nothing is said of them
    #[arg(long)]
    allow_archived: bool,
    #[command(flatten)]
    demands: Demands,
}

pub(super) fn run(args: &LogVerifyArgs, session: &Session) -> Result<Done, CliError> {
    if let Some(flag) = args.demands.of_models() {
        return Err(CliError::usage(format!("{flag} is demanded of models, and this is a log")));
    }
    let (checkpoints, ring) = match args.demands.read_any(session)? {
        None if args.checkpoint.is_empty() => (Vec::new(), None),
        None => return Err(CliError::usage("whose checkpoint is it? give --key, --trust, --ca or --issuer")),
        Some(_) if args.checkpoint.is_empty() => {
            return Err(CliError::usage("--checkpoint is missing: a log itself is not signed"));
        }
        Some((requirements, ring)) => {
            let one = |path: &PathBuf| {
                let checkpoint = Unverified::<Checkpoint>::parse(&read(path)?, &LIMITS)?;
                Ok::<_, CliError>(checkpoint.verify(&requirements)?)
            };
            (args.checkpoint.iter().map(one).collect::<Result<Vec<_>, _>>()?, Some(ring))
        }
    };
    let reach = if args.allow_archived { Reach::Remaining } else { Reach::Whole };
    let account = check_log(&args.log, &checkpoints, reach, &mut |_| {}).map_err(CliError::Trust)?;
    let mut result = account_json(&account);
    result["checkpoints"] = checkpoints.iter().map(checkpoint_json).collect();
    let mut lines = account_lines("verified", &account);
    for checkpoint in &checkpoints {
        lines.push(Line::row("checkpoint", checkpoint_words(checkpoint, ring.as_ref())));
    }
    if checkpoints.is_empty() {
        lines.push(Line::row("checkpoint", "none: lines that are missing at the end would not be seen"));
    }
    Ok(Done::new(result, lines))
}

/// What was found in a log, for programs.
pub(super) fn account_json(account: &LogAccount) -> Value {
    json!({
        "covered": account.covered,
        "decisions": account.decisions,
        "files": account.files,
        "first": account.first,
        "head": account.head,
        "lines": account.lines,
        "log": account.log,
        "repairs": account.repairs,
    })
}

/// The same for people.
pub(super) fn account_lines(done: &str, account: &LogAccount) -> Vec<Line> {
    let LogAccount { log, lines, head, first, files, decisions, repairs, .. } = account;
    let read = lines - first;
    let mut words = vec![
        Line::new(Tone::Good, done).then(Tone::Strong, format!(" log {log}")),
        Line::row("lines", format!("{lines}, the last one sha256:{head}")),
        Line::row(
            "decisions",
            format!("{decisions} in {read} lines of {}", text::count(*files as usize, "file")),
        ),
    ];
    if *first > 0 {
        words.push(Line::row("put away", format!("{first} lines before them, of which nothing is said")));
    }
    if *repairs > 0 {
        words.push(Line::row("repaired", format!("{repairs} times a line was lost that was not whole")));
    }
    words
}

fn checkpoint_json(checkpoint: &Verified<Checkpoint>) -> Value {
    let said = checkpoint.checkpoint();
    json!({ "lines": said.lines, "signer": checkpoint.signer(), "time": said.time })
}

fn checkpoint_words(checkpoint: &Verified<Checkpoint>, ring: Option<&KeyRing>) -> String {
    let (said, signer) = (checkpoint.checkpoint(), checkpoint.signer());
    let who = ring.map_or_else(|| signer.key().to_owned(), |ring| signer_words(signer, ring));
    format!("{} lines as they were at {}, signed by {who}", said.lines, said.time)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let limit = LIMITS.bundle() as u64;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLarge { path: text::path(path), limit });
    }
    Ok(bytes)
}
