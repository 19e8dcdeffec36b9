//! `lacre channel state`: what one machine remembers of a channel, for another.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use lacre_deliver::CarriedState;
use lacre_release::ChannelId;
use serde_json::json;

use super::place::ChannelPlace;
use crate::error::CliError;
use crate::follow::{FollowArgs, States};
use crate::keys::KeyRing;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::{save, signer, text, units};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Carry what is remembered of a channel from one machine to another
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(super) action: StateAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum StateAction {
    Export(ExportArgs),
    Import(ImportArgs),
}

/// Write what is remembered of a channel to a file, signed
///
/// The file holds positions, floor and time, no files of the channel. Where it is imported, the higher of each counts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel state export oci:store:stable -o stable.state --key fleet.key")]
pub(super) struct ExportArgs {
    /// The channel's place, as it was trusted
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Private key: a file, pkcs11:…, ssh-agent:…, exec:…
    #[arg(long, value_name = "KEY")]
    key: std::ffi::OsString,
    /// Passphrase or PIN of the key is in here (- is stdin)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How long an agent, a service or a program may take for an answer
    #[arg(long, value_name = "TIME", default_value = "60s", hide_short_help = true, value_parser = units::interval)]
    signer_timeout: Duration,
    #[command(flatten)]
    follow: FollowArgs,
}

/// Take over what another machine remembers of a channel, if it is signed
///
/// The channel must be trusted here already, by the same root. The higher of each counts: nothing falls.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre channel state import oci:store:stable stable.state --key fleet.pub")]
pub(super) struct ImportArgs {
    /// The channel's place, as it was trusted
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// File that channel state export wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Public key to trust (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
}

impl StateArgs {
    /// The channel's place.
    pub(super) fn place(&self) -> &String {
        match &self.action {
            StateAction::Export(args) => &args.place,
            StateAction::Import(args) => &args.place,
        }
    }

    /// The verb's name.
    pub(super) fn verb(&self) -> &'static str {
        match &self.action {
            StateAction::Export(_) => "channel state export",
            StateAction::Import(_) => "channel state import",
        }
    }
}

pub(super) fn run(args: &StateArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        StateAction::Export(args) => export(args, session),
        StateAction::Import(args) => import(args, session),
    }
}

fn export(args: &ExportArgs, session: &Session) -> Result<Done, CliError> {
    save::check(&args.output, session.existing())?;
    let (states, id) = named(&args.place, &args.follow)?;
    let state = states.open(&id)?.read()?.export();
    let signer = signer::open(&args.key, args.passphrase_file.as_deref(), args.signer_timeout, session)?;
    let signature = signer.sign(&CarriedState::to_be_signed(&state))?;
    if !session.globals.dry_run {
        save::write(&args.output, &CarriedState::new(&state, &signature).to_bytes(), session.existing())?;
    }
    let result = json!({
        "dry_run": session.globals.dry_run,
        "file": text::path(&args.output),
        "floor": state.local_floor().counter,
        "name": id.to_string(),
        "sequence": state.seen().map(|seen| seen.position.sequence),
    });
    let done = if session.globals.dry_run { "would export" } else { "exported" };
    let lines = vec![
        Line::new(Tone::Good, done).then(Tone::Strong, format!(" the state of {id}")),
        Line::row("into", text::path(&args.output)),
    ];
    Ok(Done::new(result, lines))
}

fn import(args: &ImportArgs, session: &Session) -> Result<Done, CliError> {
    let keys = KeyRing::read(&args.key)?.keys();
    let state = CarriedState::parse(&read(&args.file)?)?.verify(&keys)?;
    let (states, id) = named(&args.place, &args.follow)?;
    let store = states.open(&id)?;
    let dry = session.globals.dry_run || args.follow.read_only_state;
    let (seen, floor) = if dry {
        let mut record = store.read()?;
        record.merge(&state)?;
        (record.seen().copied(), record.committed())
    } else {
        store.update(|record| {
            record.merge(&state)?;
            Ok((record.seen().copied(), record.committed()))
        })?
    };
    let result = json!({
        "dry_run": dry,
        "floor": floor.counter,
        "name": id.to_string(),
        "sequence": seen.map(|seen| seen.position.sequence),
    });
    let done = if dry { "would import" } else { "imported" };
    let mut lines = vec![Line::new(Tone::Good, done).then(Tone::Strong, format!(" a state of {id}"))];
    lines.extend(seen.map(|seen| Line::row("seen", seen.position.to_string())));
    lines.push(Line::row("floor", floor.counter.to_string()));
    Ok(Done::new(result, lines))
}

fn named(place: &str, follow: &FollowArgs) -> Result<(States, ChannelId), CliError> {
    let place = ChannelPlace::parse(place)?;
    let states = States::at(follow.state.as_deref(), &follow.counter)?;
    let id = match &follow.of {
        Some(id) => id.clone(),
        None => states.whose(&place)?,
    };
    Ok((states, id))
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    let mut bytes = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > LONGEST {
        return Err(CliError::TooLarge { path: text::path(path), limit: LONGEST });
    }
    Ok(bytes)
}
