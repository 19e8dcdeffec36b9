//! `lacre log repair`: a last line that is not whole is cut off, and a line says so.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use lacre_verify::decision::repair_log;
use serde_json::json;

use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::text;

/// Cut off a last line that is not whole, and record that
///
/// A process that was killed while it wrote leaves such a line, and nothing is appended behind it. The line that takes its
/// place says how long it was, its digest, and what can be read of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre log repair decisions.log")]
pub(crate) struct RepairArgs {
    /// The log's newest file
    #[arg(value_name = "FILE")]
    pub(super) log: PathBuf,
}

pub(super) fn run(args: &RepairArgs, session: &Session) -> Result<Done, CliError> {
    if session.globals.dry_run {
        return Err(CliError::usage("--dry-run: lacre log verify says whether there is something to repair"));
    }
    let repaired = repair_log(&args.log, SystemTime::now()).map_err(CliError::Trust)?;
    let result = json!({
        "bytes": repaired.map_or(0, |it| it.bytes),
        "index": repaired.map(|it| it.index),
        "log": text::path(&args.log),
        "sha256": repaired.map(|it| it.sha256.to_string()),
    });
    let lines = match repaired {
        None => vec![Line::new(Tone::Good, "whole").then(Tone::Plain, ": there was nothing to repair")],
        Some(it) => vec![
            Line::new(Tone::Good, "repaired").then(Tone::Strong, format!(" {}", text::path(&args.log))),
            Line::row("cut off", format!("{} bytes, sha256:{}", it.bytes, it.sha256)),
            Line::row("recorded", format!("in line {} of the whole log", it.index + 1)),
        ],
    };
    Ok(Done::new(result, lines))
}
