//! `lacre log show`: the newest decisions of a log.

use std::collections::VecDeque;
use std::path::PathBuf;

use clap::Args;
use lacre_verify::decision::{EntryKind, Reach, check_log};
use serde_json::{Value, json};

use super::verify::account_json;
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};

/// Show the newest lines of a log of decisions, the oldest first
///
/// The chain is checked on the way. Older files that were put away are not missed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre log show decisions.log
  lacre log show decisions.log --limit 1000 --json")]
pub(crate) struct LogShowArgs {
    /// The log's newest file; the older ones lie beside it
    #[arg(value_name = "FILE")]
    pub(super) log: PathBuf,
    /// So many lines at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(super) fn run(args: &LogShowArgs) -> Result<Done, CliError> {
    let mut newest: VecDeque<(EntryKind, String)> = VecDeque::new();
    let account = check_log(&args.log, &[], Reach::Remaining, &mut |entry| {
        if newest.len() >= args.limit {
            newest.pop_front();
        }
        if args.limit > 0 {
            newest.push_back((entry.kind, entry.json.to_owned()));
        }
    })
    .map_err(CliError::Trust)?;
    // Each was read as JSON before.
    let entries: Vec<(EntryKind, Value)> =
        newest.iter().map(|(kind, json)| (*kind, serde_json::from_str(json).unwrap_or_default())).collect();
    let mut result = account_json(&account);
    result["entries"] = entries.iter().map(|(_, value)| value.clone()).collect();
    let lines = entries.iter().map(|(kind, value)| line(*kind, value)).collect();
    Ok(Done::new(json!(result), lines))
}

fn line(kind: EntryKind, value: &Value) -> Line {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let index = value["index"].as_u64().unwrap_or_default();
    let head = |time: &str| Line::plain(format!("  {index}  {time}  "));
    match kind {
        EntryKind::Decided => {
            let verdict = text("/decision/verdict");
            let tone = match verdict.as_str() {
                "allow" => Tone::Good,
                "deny" => Tone::Bad,
                _ => Tone::Caution,
            };
            let name = text("/decision/subject/name");
            let what = if name.is_empty() { text("/decision/subject/reference") } else { name };
            let reason = ["/decision/reasons/0/code", "/decision/waived/0/code"].map(text);
            let reason = reason.iter().find(|code| !code.is_empty()).map(|code| format!("  {code}"));
            let version = text("/decision/subject/version");
            let rest = format!("  {}  {what} {version}", text("/decision/action"));
            head(&text("/decision/time"))
                .then(tone, verdict)
                .then(Tone::Plain, format!("{}{}", rest.trim_end(), reason.unwrap_or_default()))
        }
        EntryKind::Repaired => {
            let bytes = value.pointer("/torn/bytes").and_then(Value::as_u64).unwrap_or_default();
            head(&text("/time"))
                .then(Tone::Caution, format!("repaired: {bytes} bytes of a line were cut off"))
        }
        EntryKind::Continued => head(&text("/time")).then(Tone::Plain, "goes on in a new file"),
        _ => head(&text("/time")).then(Tone::Plain, "begun"),
    }
}
