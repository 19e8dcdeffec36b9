//! `lacre key`: making key pairs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use lacre_attest::KeyAlgorithm;
use lacre_sign::FileKey;
use serde_json::json;

use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::{save, text};

/// Make keys to sign with
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, Subcommand)]
enum KeyAction {
    New(NewArgs),
}

/// Make a key pair: NAME.key (private, encrypted, mode 0600) and NAME.pub
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre key new release
  lacre key new release --algorithm ed25519 --passphrase-file pass.txt
  LACRE_PASSPHRASE=… lacre key new ci --json")]
pub(crate) struct NewArgs {
    /// Path of the pair, without `.key` and `.pub`
    name: PathBuf,
    /// Kind of key; every verifier knows ecdsa-p256
    #[arg(long, value_name = "NAME", default_value = "ecdsa-p256", value_parser = algorithm())]
    algorithm: KeyAlgorithm,
    /// Read the passphrase from here (- is stdin)
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Write the private key without encryption
    #[arg(long)]
    no_passphrase: bool,
}

impl KeyArgs {
    /// What the pair is called.
    pub(crate) fn name(&self) -> &Path {
        let KeyAction::New(args) = &self.action;
        &args.name
    }
}

fn algorithm() -> impl clap::builder::TypedValueParser<Value = KeyAlgorithm> {
    PossibleValuesParser::new(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
        .try_map(|name| KeyAlgorithm::from_str(&name))
}

pub(crate) fn run(args: &KeyArgs, session: &Session) -> Result<Done, CliError> {
    let KeyAction::New(args) = &args.action;
    let private = with_suffix(&args.name, ".key");
    let public = with_suffix(&args.name, ".pub");
    for path in [&private, &public] {
        // Before anybody types a passphrase.
        refuse_existing(path)?;
    }
    if session.globals.dry_run {
        return Ok(told(args, (&private, &public), None));
    }
    let passphrase = if args.no_passphrase {
        None
    } else {
        Some(passphrase::get(args.passphrase_file.as_deref(), Ask::New)?)
    };
    let key = FileKey::generate(args.algorithm)?;
    lacre_sign::write_key_pair((&private, &public), &key, passphrase.as_ref())?;
    if args.no_passphrase {
        session.warn(format!("{} is not encrypted: whoever reads it can sign", text::path(&private)));
    }
    Ok(told(args, (&private, &public), Some(&key)))
}

fn refuse_existing(path: &Path) -> Result<(), CliError> {
    save::check(path, save::Existing::Refuse)
        .map_err(|_| CliError::Exists { path: text::path(path), why: "keys are never overwritten" })
}

fn told(args: &NewArgs, (private, public): (&Path, &Path), key: Option<&FileKey>) -> Done {
    let (private, public) = (text::path(private), text::path(public));
    let hint = key.map(|key| key.public_key().hint());
    let result = json!({
        "algorithm": args.algorithm.as_str(),
        "dry_run": key.is_none(),
        "encrypted": !args.no_passphrase,
        "hint": hint,
        "private_key": private,
        "public_key": public,
    });
    let verb = if key.is_some() { "wrote" } else { "would write" };
    let secrecy = if args.no_passphrase { "NOT encrypted" } else { "encrypted" };
    let mut lines = vec![
        Line::new(Tone::Good, verb).then(Tone::Plain, format!(" {private} (private, {secrecy}, mode 0600)")),
        Line::new(Tone::Good, verb).then(Tone::Plain, format!(" {public} (public: give it to who verifies)")),
        Line::row("algorithm", args.algorithm.as_str()),
    ];
    lines.extend(hint.map(|hint| Line::row("hint", format!("sha256:{hint}"))));
    Done::new(result, lines)
}

fn with_suffix(name: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(name);
    path.push(suffix);
    path.into()
}
