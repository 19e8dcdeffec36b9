//! The keys that are trusted.

use lacre_attest::PublicKey;

use crate::VerifyError;

/// Whose signatures count. There is no default: trust is always said.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Vec<PublicKey>,
}

impl Trust {
    /// Trusts exactly these public keys.
    ///
    /// # Errors
    /// `E-USAGE` when there are none: nothing could ever be accepted.
    pub fn keys(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, VerifyError> {
        let mut trusted: Vec<PublicKey> = Vec::new();
        for key in keys {
            if !trusted.contains(&key) {
                trusted.push(key);
            }
        }
        if trusted.is_empty() {
            return Err(VerifyError::NoTrust);
        }
        Ok(Self { keys: trusted })
    }

    pub(crate) fn trusted_keys(&self) -> &[PublicKey] {
        &self.keys
    }
}
