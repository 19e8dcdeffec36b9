//! `lacre trust show`: who is trusted, for what, and since when that is known.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use lacre_sign::{Party, PartyKind};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::sigstore_trust::{self, Known};
use crate::text;

const DAY: Duration = Duration::from_hours(24);

/// Show who is trusted for keyless signatures, and since when
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre trust show
  lacre trust show trust.json --json")]
pub(crate) struct ShowArgs {
    /// File of `trust update --to` [default: what verify and sign use]
    file: Option<PathBuf>,
}

impl ShowArgs {
    pub(super) fn what(&self) -> String {
        self.file.as_deref().map(text::path).unwrap_or_default()
    }
}

pub(super) fn run(args: &ShowArgs) -> Result<Done, CliError> {
    let known = match &args.file {
        None => sigstore_trust::public_good()?,
        Some(path) => {
            let missing = || CliError::NotFound { path: text::path(path) };
            let trust = sigstore_trust::read_named(path)?.ok_or_else(missing)?;
            Known { trust, file: Some(path.clone()) }
        }
    };
    let days =
        SystemTime::now().duration_since(known.trust.as_of()).map_or(0, |age| age.as_secs() / DAY.as_secs());
    let parties = known.trust.parties()?;
    let mut result = known.json();
    result["age_days"] = json!(days);
    result["parties"] = parties.iter().map(party_json).collect();
    result["signing_config"] = json!(known.trust.signing_config().is_some());
    let mut lines = vec![
        Line::new(Tone::Strong, known.words()).then(Tone::Plain, format!(" ({})", text::count_days(days))),
    ];
    lines.extend(known.file.as_deref().map(|file| Line::row("file", text::path(file))));
    for party in &parties {
        let name = &party.name;
        lines.push(Line::row(label(party.kind), format!("{name}, {}", window(party))));
    }
    Ok(Done::new(result, lines))
}

fn party_json(party: &Party) -> Value {
    json!({
        "kind": word(party.kind),
        "name": party.name,
        "log_id": party.id,
        "since": party.since.map(text::time),
        "until": party.until.map(text::time),
    })
}

fn word(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::CertificateAuthority => "certificate-authority",
        PartyKind::CertificateLog => "certificate-log",
        PartyKind::Log => "log",
        PartyKind::TimestampAuthority => "timestamp-authority",
    }
}

fn label(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::CertificateAuthority => "certifies",
        PartyKind::CertificateLog => "logs certs",
        PartyKind::Log => "logs",
        PartyKind::TimestampAuthority => "timestamps",
    }
}

fn window(party: &Party) -> String {
    match (party.since.map(text::time), party.until.map(text::time)) {
        (Some(since), Some(until)) => format!("from {since} to {until}"),
        (Some(since), None) => format!("from {since} on"),
        (None, Some(until)) => format!("until {until}"),
        (None, None) => "at any time".to_owned(),
    }
}
