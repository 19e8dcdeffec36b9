//! `lacre key import`: a key that another program made.

use std::path::{Path, PathBuf};

use clap::Args;
use lacre_sign::KeyFile;
use serde_json::json;

use super::pair::{FormArgs, Pair};
use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::printer::{Done, Line};
use crate::session::Session;
use crate::{private_key, text};

/// Take over a private key of openssl, ssh-keygen or cosign: NAME.key and NAME.pub
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre key import ~/.ssh/id_ed25519 release
  lacre key import cosign.key release --passphrase-file old.txt
  lacre key import release.key both --format cosign")]
pub(crate) struct ImportArgs {
    /// Private key in PKCS#8, SEC1, OpenSSH's or cosign's form; it stays
    file: PathBuf,
    /// Path of the new pair, without `.key` and `.pub`
    pub(super) name: PathBuf,
    #[command(flatten)]
    form: FormArgs,
    /// Read the passphrase of FILE from here (- is stdin)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase of NAME.key from here (- is stdin)
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    new_passphrase_file: Option<PathBuf>,
}

pub(super) fn run(args: &ImportArgs, session: &Session) -> Result<Done, CliError> {
    let ImportArgs { file, name, form, passphrase_file, new_passphrase_file } = args;
    let stdin = Some(Path::new("-"));
    if passphrase_file.as_deref() == stdin && new_passphrase_file.as_deref() == stdin {
        return Err(CliError::usage(
            "--passphrase-file - and --new-passphrase-file - cannot both have stdin",
        ));
    }
    form.check()?;
    // Before anybody types a passphrase.
    let pair = Pair::new(name)?;
    let source = KeyFile::read(file)?;
    private_key::warn_if_exposed(source.exposed_mode(), file, session);
    let (format, encrypted) = (source.format(), source.is_encrypted());
    let algorithm = source.public_key().map(lacre_attest::PublicKey::algorithm);
    if let Some(algorithm) = algorithm {
        form.check_algorithm(algorithm, session)?;
    }
    let (mut result, mut lines) = if session.globals.dry_run {
        pair.told(algorithm, form, None)
    } else {
        let key = private_key::unlock(source, file, passphrase_file.as_deref())?.key;
        if algorithm.is_none() {
            form.check_algorithm(key.algorithm(), session)?;
        }
        let passphrase = if form.no_passphrase {
            None
        } else {
            Some(passphrase::get(new_passphrase_file.as_deref(), Ask::Import)?)
        };
        pair.write(&key, form, passphrase.as_ref(), session)?;
        pair.told(Some(key.algorithm()), form, Some(&key))
    };
    let shown = text::path(file);
    result["source"] = json!({ "encrypted": encrypted, "file": shown, "format": format.as_str() });
    lines.push(Line::row("from", format!("{shown} ({format}), which stays as it is")));
    Ok(Done::new(result, lines))
}
