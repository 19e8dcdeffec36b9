//! `lacre log checkpoint`: how far a log has come, signed.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{ArgGroup, Args};
use lacre_verify::decision::{Reach, check_log};
use serde_json::json;

use super::verify::{account_json, account_lines};
use crate::cmd::signing::SigningArgs;
use crate::error::CliError;
use crate::printer::{Done, Line};
use crate::session::Session;
use crate::{interrupt, save, text};

/// Sign how far a log of decisions has come
///
/// The log is checked before. Keep the checkpoint where whoever can write to the log cannot: held against it, the log can
/// lose no line unseen.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signer").required(true).args(["key", "keyless"]))]
#[command(override_usage = "lacre log checkpoint [OPTIONS] <--key|--keyless> -o OUT <FILE>")]
#[command(after_help = "\
Examples:
  lacre log checkpoint decisions.log -o monday.sig --key auditor.key")]
pub(crate) struct CheckpointArgs {
    /// The log's newest file; the older ones lie beside it
    #[arg(value_name = "FILE")]
    pub(super) log: PathBuf,
    /// Where the signed checkpoint goes
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Older files were put away: they are not checked again
    #[arg(long, hide_short_help = true)]
    allow_archived: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(super) fn run(args: &CheckpointArgs, session: &Session) -> Result<Done, CliError> {
    save::check(&args.output, session.existing())?;
    let reach = if args.allow_archived { Reach::Remaining } else { Reach::Whole };
    let account = check_log(&args.log, &[], reach, &mut |_| {}).map_err(CliError::Trust)?;
    let hand = args.signing.open(session)?;
    let limits = session.limits();
    let declared = account.checkpoint(SystemTime::now()).declare(&limits)?;
    let bundle = hand.seal_declaration(&declared, &limits)?;
    let who = hand.who()?;
    interrupt::check()?;
    if !session.globals.dry_run {
        save::write(&args.output, &bundle.to_json(), session.existing())?;
    }
    let mut result = account_json(&account);
    result["checkpoint"] = json!(text::path(&args.output));
    result["dry_run"] = json!(session.globals.dry_run);
    result["key"] = who.key;
    result["signer"] = who.signer;
    let mut lines = account_lines(if session.globals.dry_run { "would sign" } else { "signed" }, &account);
    lines.push(who.row);
    lines.push(Line::row("checkpoint", text::path(&args.output)));
    Ok(Done::new(result, lines))
}
