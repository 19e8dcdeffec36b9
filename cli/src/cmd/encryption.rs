//! `--encrypt` and `--decrypt-with`: for whom, and as whom.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use lacre_encrypt::{Identities, LONGEST_IDENTITY_FILE, Recipients};
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::session::Session;
use crate::{private_key, text, user_cache};

/// The longest file of recipients, in bytes: those that one artifact may have, with a comment each.
const RECIPIENTS_LIMIT: u64 = 64 * 1024;

/// For whom a model is encrypted.
#[derive(Debug, Args)]
pub(super) struct EncryptArgs {
    /// Encrypt for an age recipient (age1…); wants a signer of the manifest (repeatable)
    #[arg(long, value_name = "RECIPIENT", hide_short_help = true)]
    encrypt: Vec<String>,
    /// Encrypt for the age recipients in this file, one a line (repeatable)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    encrypt_file: Vec<PathBuf>,
}

impl EncryptArgs {
    /// The recipients; nobody if nothing is to be encrypted.
    pub(super) fn read(&self) -> Result<Option<Recipients>, CliError> {
        let refused = |what: &str, source| CliError::AgeKey { what: what.to_owned(), source };
        let named = self.encrypt.iter().map(|word| {
            // What was meant to be secret is not shown: the word itself stands in no message.
            Recipients::one(word).map_err(|source| refused("--encrypt names nobody", source))
        });
        let listed = self.encrypt_file.iter().map(|path| {
            let bytes = read(path, RECIPIENTS_LIMIT)?;
            // What is not text has no recipient in it either, and is refused as such.
            Recipients::parse(&String::from_utf8_lossy(&bytes))
                .map_err(|source| refused(&format!("{} is not usable", text::path(path)), source))
        });
        let mut all: Option<Recipients> = None;
        for one in named.chain(listed) {
            let one = one?;
            all = Some(match all {
                None => one,
                Some(others) => others.and(one).map_err(|source| refused("too many recipients", source))?,
            });
        }
        Ok(all)
    }
}

/// Where encrypted bytes wait to be sent.
pub(super) fn spool() -> PathBuf {
    user_cache::folder().unwrap_or_else(std::env::temp_dir).join("spool")
}

/// Reads a file of identities; `-` is stdin. Warns of one that others can read.
pub(super) fn identities(path: &Path, session: &Session) -> Result<Identities, CliError> {
    if path != Path::new("-") {
        let found = std::fs::metadata(path).map_err(|source| CliError::read(path, source))?;
        let mode = found.permissions().mode() & 0o7777;
        let exposed = found.is_file() && mode & 0o077 != 0;
        private_key::warn_if_exposed(exposed.then_some(mode), path, session);
    }
    let bytes = read(path, LONGEST_IDENTITY_FILE as u64)?;
    Identities::parse(&bytes)
        .map_err(|source| CliError::AgeKey { what: format!("{} is not usable", text::path(path)), source })
}

fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, CliError> {
    // The whole capacity at once: a buffer that grew would leave copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_IDENTITY_FILE + 1));
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLarge { path: text::path(path), limit });
    }
    Ok(bytes)
}
