//! Private keys in files, in the forms that the field writes: PKCS#8 (RFC 5958, RFC 8018), SEC1 (RFC 5915), OpenSSH
//! (its PROTOCOL.key), cosign's box. All are PEM texts (RFC 7468), and the label says which one it is.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::SignError;

mod cosign;
mod kdf;
mod open;
mod openssh;
mod pem;
mod pkcs8;
mod sec1;
mod write;

pub use open::{KeyFile, OpenedKey, Protection, read_private_key};
pub use write::{write_cosign_key_pair, write_key_pair};

/// A passphrase: never empty, wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes over `text` exactly as it is; an end of line that a file or a prompt added is the caller's to remove.
    ///
    /// Refuses an empty text ([`SignError::PassphraseEmpty`]), which would encrypt to the eye only.
    pub fn new(text: String) -> Result<Self, SignError> {
        let text = Zeroizing::new(text);
        if text.is_empty() { Err(SignError::PassphraseEmpty) } else { Ok(Self(text)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// In which form a key file holds its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFormat {
    /// `PRIVATE KEY` and `ENCRYPTED PRIVATE KEY`: PKCS#8 (RFC 5958), what Lacre writes.
    Pkcs8,
    /// `EC PRIVATE KEY`: SEC1 (RFC 5915), what `openssl ecparam` and `openssl ec` write.
    Sec1,
    /// `OPENSSH PRIVATE KEY`: what `ssh-keygen` writes.
    OpenSsh,
    /// `ENCRYPTED SIGSTORE PRIVATE KEY`, formerly `ENCRYPTED COSIGN PRIVATE KEY`: what `cosign generate-key-pair` writes.
    Cosign,
}

impl KeyFormat {
    /// The name: `pkcs8`, `sec1`, `openssh` or `cosign`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pkcs8 => "pkcs8",
            Self::Sec1 => "sec1",
            Self::OpenSsh => "openssh",
            Self::Cosign => "cosign",
        }
    }
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the text of a key file was refused, before it is known which file it came from.
#[derive(Debug)]
pub(crate) enum KeyFault {
    Malformed(String),
    Unsupported(String),
    Convertible { found: &'static str, command: &'static str },
    Limit { parameter: &'static str, value: u64, limit: u64 },
    WrongPassphrase,
}

impl KeyFault {
    fn in_file(self, path: &Path) -> SignError {
        let path = path.to_owned();
        match self {
            Self::Malformed(detail) => SignError::Key { path, detail },
            Self::Unsupported(found) => SignError::Unsupported { path, found },
            Self::Convertible { found, command } => SignError::Convertible { path, found, command },
            Self::Limit { parameter, value, limit } => SignError::KdfLimit { path, parameter, value, limit },
            Self::WrongPassphrase => SignError::Passphrase { path },
        }
    }
}

fn malformed(detail: impl Into<String>) -> KeyFault {
    KeyFault::Malformed(detail.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_passphrase_is_refused() {
        assert_eq!(Passphrase::new(String::new()).unwrap_err().code(), "E-PASSPHRASE");
    }

    #[test]
    fn debug_does_not_show_the_passphrase() {
        let passphrase = Passphrase::new("correct horse".to_owned()).unwrap();
        assert!(!format!("{passphrase:?}").contains("horse"));
    }
}
