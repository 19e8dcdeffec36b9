//! The public keys that `--key` names.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lacre_attest::PublicKey;

use crate::error::CliError;
use crate::text;

/// A public key in PEM is a few hundred bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// The keys of one call, each with the file that it came from.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: Vec<(PathBuf, PublicKey)>,
}

impl KeyRing {
    /// Reads every file; one that is no public key is an error, not skipped.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let keys = paths.iter().map(|path| Ok((path.clone(), read_public_key(path)?)));
        Ok(Self { keys: keys.collect::<Result<_, CliError>>()? })
    }

    /// The keys themselves.
    pub(crate) fn keys(&self) -> Vec<PublicKey> {
        self.keys.iter().map(|(_, key)| key.clone()).collect()
    }

    /// The file that holds the key of this hint (hex SHA-256 of its PEM text).
    pub(crate) fn file_of(&self, hint: &str) -> Option<&Path> {
        self.keys.iter().find(|(_, key)| key.hint() == hint).map(|(path, _)| path.as_path())
    }
}

fn read_public_key(path: &Path) -> Result<PublicKey, CliError> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(|source| CliError::read(path, source))?.take(FILE_LIMIT + 1);
    file.read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
    let name = text::path(path);
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(CliError::TooLarge { path: name, limit: FILE_LIMIT });
    }
    // What is not text is not PEM either, and is refused as such.
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("PRIVATE KEY-----") {
        return Err(CliError::KeyIsPrivate { path: name });
    }
    PublicKey::from_pem(&text).map_err(|source| CliError::Key { path: name, source })
}
