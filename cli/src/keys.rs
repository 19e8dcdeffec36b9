//! The public keys that `--key` names, and what else a key file may hold.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lacre_attest::PublicKey;
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::sigstore_trust::Known;
use crate::text;

/// A key is a few hundred bytes, whatever its form.
const FILE_LIMIT: u64 = 64 * 1024;
const FILE_CAPACITY: usize = 64 * 1024 + 1;

/// The keys of one call, each with the file that it came from, and where its Sigstore is known from.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    keys: Vec<(PathBuf, PublicKey)>,
    sigstore: Option<Known>,
}

impl KeyRing {
    /// Reads every file; one that is no public key is an error, not skipped.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let keys = paths.iter().map(|path| Ok((path.clone(), read_public_key(path)?)));
        Ok(Self { keys: keys.collect::<Result<_, CliError>>()?, sigstore: None })
    }

    /// The same, with where its Sigstore is known from.
    pub(crate) fn with_sigstore(self, sigstore: Option<Known>) -> Self {
        Self { sigstore, ..self }
    }

    /// Where its Sigstore is known from, unless a file of somebody else says it, or none is needed.
    pub(crate) fn sigstore(&self) -> Option<&Known> {
        self.sigstore.as_ref()
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
    match KeyText::read(path)? {
        KeyText::Public { key, .. } => Ok(key),
        KeyText::Private(_) => Err(CliError::KeyIsPrivate { path: text::path(path) }),
    }
}

/// The text of a key file, told apart by what it holds.
pub(crate) enum KeyText {
    /// A public key, and what its text is: `pem` or `openssh`.
    Public { key: PublicKey, format: &'static str },
    /// What may be a private key, not looked into.
    Private(Zeroizing<Vec<u8>>),
}

impl KeyText {
    /// Reads a file of at most 64 KiB.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        // The whole capacity at once: a buffer that grew would leave copies of a private key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_CAPACITY));
        let mut file = File::open(path).map_err(|source| CliError::read(path, source))?.take(FILE_LIMIT + 1);
        file.read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
        let name = text::path(path);
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(CliError::TooLarge { path: name, limit: FILE_LIMIT });
        }
        if holds(&bytes, b"PRIVATE KEY-----") {
            return Ok(Self::Private(bytes));
        }
        // What is not text is not a key either, and is refused as such.
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("-----BEGIN CERTIFICATE-----") {
            return Err(CliError::KeyIsCertificate { path: name });
        }
        let format = if text.contains("-----BEGIN ") { "pem" } else { "openssh" };
        let key = PublicKey::from_text(&text).map_err(|source| CliError::Key { path: name, source })?;
        Ok(Self::Public { key, format })
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
