//! The two files of a key pair, and in which form the private one is written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lacre_attest::KeyAlgorithm;
use lacre_sign::{FileKey, Passphrase};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::printer::{Line, Tone};
use crate::session::Session;
use crate::{save, text};

/// Whose form the private key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// PKCS#8, which openssl reads
    Pkcs8,
    /// The box that cosign reads
    Cosign,
}

/// How a private key is to be written.
#[derive(Debug, Args)]
pub(super) struct FormArgs {
    /// Form of the private key: pkcs8 or cosign
    #[arg(long, value_name = "FORM", default_value = "pkcs8", hide_possible_values = true)]
    format: Format,
    /// Write the private key without encryption
    #[arg(long)]
    pub(super) no_passphrase: bool,
}

impl FormArgs {
    /// Refuses what no key can be written as, before anybody types a passphrase.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.format == Format::Cosign && self.no_passphrase {
            return Err(CliError::Usage {
                message: "--format cosign and --no-passphrase: cosign has no form without encryption".to_owned(),
                tip: Some(
                    "a passphrase of no characters would encrypt to the eye only: give one, or write --format pkcs8"
                        .to_owned(),
                ),
            });
        }
        Ok(())
    }

    /// Refuses an algorithm that the form is of no use for, and warns of one that it is of little use for.
    pub(super) fn check_algorithm(&self, algorithm: KeyAlgorithm, session: &Session) -> Result<(), CliError> {
        match (self.format, algorithm) {
            (Format::Cosign, KeyAlgorithm::Ed25519) => {
                Err(CliError::usage("--format cosign: cosign cannot sign with an ed25519 key"))
            }
            (Format::Cosign, KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521) => {
                session.warn(format!(
                    "cosign signs with {algorithm} keys and does not verify with them, not even what it signed; \
                     ecdsa-p256 is the one that all verify"
                ));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Where a pair lies.
#[derive(Debug)]
pub(super) struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Pair {
    /// `NAME.key` and `NAME.pub`, neither of which may exist.
    pub(super) fn new(name: &Path) -> Result<Self, CliError> {
        let pair = Self { private: with_suffix(name, ".key"), public: with_suffix(name, ".pub") };
        for path in [&pair.private, &pair.public] {
            save::check(path, save::Existing::Refuse).map_err(|_| CliError::Exists {
                path: text::path(path),
                why: "keys are never overwritten",
            })?;
        }
        Ok(pair)
    }

    /// Writes both files; without a passphrase, not encrypted, and warned of.
    pub(super) fn write(
        &self,
        key: &FileKey,
        form: &FormArgs,
        passphrase: Option<&Passphrase>,
        session: &Session,
    ) -> Result<(), CliError> {
        let paths = (self.private.as_path(), self.public.as_path());
        match (form.format, passphrase) {
            (Format::Cosign, Some(passphrase)) => {
                lacre_sign::write_cosign_key_pair(paths, key, passphrase)?;
            }
            (_, passphrase) => lacre_sign::write_key_pair(paths, key, passphrase)?,
        }
        if passphrase.is_none() {
            let private = text::path(&self.private);
            session.warn(format!("{private} is not encrypted: whoever reads it can sign"));
        }
        Ok(())
    }

    /// What every verb says that writes a pair; without a key, what it would write.
    pub(super) fn told(
        &self,
        algorithm: Option<KeyAlgorithm>,
        form: &FormArgs,
        key: Option<&FileKey>,
    ) -> (Value, Vec<Line>) {
        let (private, public) = (text::path(&self.private), text::path(&self.public));
        let hint = key.map(|key| key.public_key().hint());
        let format = match form.format {
            Format::Pkcs8 => "pkcs8",
            Format::Cosign => "cosign",
        };
        let result = json!({
            "algorithm": algorithm.map(KeyAlgorithm::as_str),
            "dry_run": key.is_none(),
            "encrypted": !form.no_passphrase,
            "format": format,
            "hint": hint,
            "private_key": private,
            "public_key": public,
        });
        let verb = if key.is_some() { "wrote" } else { "would write" };
        let secrecy = if form.no_passphrase { "NOT encrypted" } else { "encrypted" };
        let mut lines = vec![
            Line::new(Tone::Good, verb)
                .then(Tone::Plain, format!(" {private} (private, {secrecy}, mode 0600)")),
            Line::new(Tone::Good, verb)
                .then(Tone::Plain, format!(" {public} (public: give it to who verifies)")),
        ];
        lines.extend(algorithm.map(|algorithm| Line::row("algorithm", algorithm.as_str())));
        lines.extend(hint.map(|hint| Line::row("hint", format!("sha256:{hint}"))));
        (result, lines)
    }
}

fn with_suffix(name: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(name);
    path.push(suffix);
    path.into()
}
