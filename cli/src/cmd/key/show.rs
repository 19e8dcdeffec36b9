//! `lacre key show`: what a key file holds, and by which names others know the key.

use std::path::PathBuf;

use clap::Args;
use lacre_attest::PublicKey;
use lacre_sign::{KeyFile, Protection};
use serde_json::json;

use crate::error::CliError;
use crate::keys::KeyText;
use crate::printer::{Done, Line, Tone};
use crate::{private_key, text};

/// Show the public half, the hints and the fingerprint of a key, private or public
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre key show release.pub
  lacre key show ~/.ssh/id_ed25519 --json
  lacre key show release.key --passphrase-file pass.txt")]
pub(crate) struct ShowArgs {
    /// Key file: a private key of any form, or a public one in PEM or of OpenSSH
    pub(super) file: PathBuf,
    /// Read the passphrase from here (- is stdin); asked for only where the public half is encrypted, too
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// What is said of a file beside its public key.
struct Shown {
    kind: &'static str,
    format: &'static str,
    /// What it takes to sign, or nothing to say for a public key.
    protection: Option<Protection>,
}

pub(super) fn run(args: &ShowArgs) -> Result<Done, CliError> {
    let (key, shown) = match KeyText::read(&args.file)? {
        KeyText::Public { key, format } => (key, Shown { kind: "public", format, protection: None }),
        KeyText::Private(text) => of_private(args, KeyFile::parse(&text, &args.file)?)?,
    };
    Ok(told(args, &key, &shown))
}

fn of_private(args: &ShowArgs, file: KeyFile) -> Result<(PublicKey, Shown), CliError> {
    let format = file.format().as_str();
    let known = file.public_key().cloned();
    let (key, protection) = match known {
        Some(key) if file.is_encrypted() => (key, Protection::Passphrase),
        Some(key) => (key, Protection::None),
        None => {
            let opened = private_key::unlock(file, &args.file, args.passphrase_file.as_deref())?;
            (opened.key.public_key().clone(), opened.protection)
        }
    };
    Ok((key, Shown { kind: "private", format, protection: Some(protection) }))
}

fn told(args: &ShowArgs, key: &PublicKey, shown: &Shown) -> Done {
    let Shown { kind, format, protection } = *shown;
    let file = text::path(&args.file);
    let algorithm = key.algorithm().as_str();
    let (hint, cosign, ssh) = (key.hint(), key.cosign_hint(), key.openssh_fingerprint());
    let result = json!({
        "algorithm": algorithm,
        "cosign_hint": cosign,
        // With the passphrase of no characters, a file is encrypted to the eye only.
        "encrypted": protection.map(|protection| protection == Protection::Passphrase),
        "file": file,
        "format": format,
        "hint": hint,
        "kind": kind,
        "pem": key.to_pem(),
        "ssh_fingerprint": ssh,
    });
    let secrecy = match protection {
        None => "",
        Some(Protection::Passphrase) => ", encrypted",
        Some(Protection::EmptyPassphrase) => {
            ", encrypted with an EMPTY passphrase: whoever reads it can sign"
        }
        Some(_) => ", NOT encrypted",
    };
    let mut lines = vec![
        Line::new(Tone::Strong, file).then(Tone::Plain, format!(" is a {kind} key")),
        Line::row("algorithm", algorithm),
        Line::row("format", format!("{format}{secrecy}")),
        Line::row("hint", format!("sha256:{hint}")),
        Line::row("cosign", cosign),
        Line::row("ssh", ssh),
    ];
    lines.extend(key.to_pem().lines().map(Line::plain));
    Done::new(result, lines)
}
