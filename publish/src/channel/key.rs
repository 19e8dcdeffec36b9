//! Keys as TUF writes them, named as securesystemslib names them.

use std::fmt;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::ChannelProblem;
use super::canonical::canonical;
use crate::PublishError;

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410, section 4).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The name of a key: SHA-256 of the canonical form of its type, scheme and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Sha256Digest);

impl KeyId {
    /// The name of `key`. A P-521 key has none (`E-ROLE-ALGORITHM`).
    pub fn of(key: &PublicKey) -> Result<Self, PublishError> {
        TufKey::new(key)?.id()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A key in metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TufKey {
    keytype: String,
    keyval: KeyValue,
    scheme: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: String,
}

impl TufKey {
    pub(super) fn new(key: &PublicKey) -> Result<Self, PublishError> {
        let (keytype, scheme) = match key.algorithm() {
            KeyAlgorithm::Ed25519 => ("ed25519", "ed25519"),
            KeyAlgorithm::EcdsaP256 => ("ecdsa", "ecdsa-sha2-nistp256"),
            KeyAlgorithm::EcdsaP384 => ("ecdsa", "ecdsa-sha2-nistp384"),
            algorithm => return Err(ChannelProblem::Algorithm { algorithm }.into()),
        };
        let public = match key.to_der().strip_prefix(&ED25519_PREFIX) {
            Some(point) => hex(point),
            None => key.to_pem().to_owned(),
        };
        Ok(Self { keytype: keytype.to_owned(), keyval: KeyValue { public }, scheme: scheme.to_owned() })
    }

    pub(super) fn id(&self) -> Result<KeyId, PublishError> {
        Ok(KeyId(Sha256Digest::of(&canonical(self)?)))
    }

    /// The key, if it is written as [`TufKey::new`] writes it: so a key has one text and one name.
    pub(super) fn public(&self) -> Option<PublicKey> {
        let key = match self.keytype.as_str() {
            "ed25519" => {
                let point = unhex(&self.keyval.public)?;
                PublicKey::from_der(&[&ED25519_PREFIX[..], &point].concat()).ok()?
            }
            _ => PublicKey::from_pem(&self.keyval.public).ok()?,
        };
        (Self::new(&key).ok()? == *self).then_some(key)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of lower-case hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use lacre_attest::{KeyAlgorithm, PublicKey};
    use lacre_sign::FileKey;

    use super::{KeyId, TufKey, hex, unhex};

    /// RFC 8410, section 10.1, and the name that securesystemslib 1.4.0 gives this key.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    const ED25519_ID: &str = "946bbfb4fd58b1aeac3ddb00f68fd8c8dea7e9a84e6c149b1c10b36b707c38fd";
    const P256: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEEmOqFGVCF+hy+4H8em9abP3Ns9q\n\
        w1U0lG4iMm0IfLIU/oIR2wJsMxpLt/fHW0w1GjFjADUgQSCufseKAqEFMg==\n\
        -----END PUBLIC KEY-----\n";
    const P256_ID: &str = "8e6e3986fdc5620d5f45e0a9e1a788c0e97456532881a434278673d70f3fecd7";

    #[test]
    fn a_key_has_the_name_that_securesystemslib_gives_it() {
        for (pem, id) in [(ED25519, ED25519_ID), (P256, P256_ID)] {
            assert_eq!(KeyId::of(&PublicKey::from_pem(pem).unwrap()).unwrap().to_string(), id);
        }
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
            let key = FileKey::generate(algorithm).unwrap();
            let text = TufKey::new(key.public_key()).unwrap();
            assert_eq!(text.public().as_ref(), Some(key.public_key()));
            let other = TufKey { scheme: "ecdsa-sha2-nistp521".to_owned(), ..text };
            assert_eq!(other.public(), None);
        }
    }

    #[test]
    fn a_key_on_p521_has_no_scheme() {
        let key = FileKey::generate(KeyAlgorithm::EcdsaP521).unwrap();
        assert_eq!(KeyId::of(key.public_key()).unwrap_err().code(), "E-ROLE-ALGORITHM");
    }

    #[test]
    fn digits_are_read_as_they_are_written() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(unhex("001fff"), Some(vec![0, 0x1f, 0xff]));
        for bad in ["0", "0G", "AA"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
