//! Private keys in files: PKCS#8 in PEM (RFC 5958, RFC 7468), plain or encrypted with a passphrase (RFC 8018).

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::SignError;

mod open;
mod pem;
mod write;

pub use open::{OpenedKey, read_private_key};
pub use write::write_key_pair;

/// A passphrase: never empty, wiped from memory when dropped, never printed.
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

/// Why the text of a key file was refused, before it is known which file it came from.
#[derive(Debug)]
pub(crate) enum KeyFault {
    Malformed(String),
    Unsupported(String),
    Limit { parameter: &'static str, value: u64, limit: u64 },
    WrongPassphrase,
}

impl KeyFault {
    fn in_file(self, path: &Path) -> SignError {
        let path = path.to_owned();
        match self {
            Self::Malformed(detail) => SignError::Key { path, detail },
            Self::Unsupported(found) => SignError::Unsupported { path, found },
            Self::Limit { parameter, value, limit } => SignError::KdfLimit { path, parameter, value, limit },
            Self::WrongPassphrase => SignError::Passphrase { path },
        }
    }
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
