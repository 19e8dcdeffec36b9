//! How bundles name keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_hash::Sha256Digest;

use crate::PublicKey;

/// How a bundle names the key that signed it. A hint is not signed: it selects among keys that are trusted for other
/// reasons, and nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyHint {
    /// The bundle names no key.
    Missing,
    /// Hex SHA-256 of the key's PEM text (OMS v1.0).
    OmsHex(Sha256Digest),
    /// Base64 SHA-256 of the key's DER (cosign, sigstore-go).
    CosignBase64(Sha256Digest),
    /// The key itself (OMS before model-signing 1.1).
    Key(PublicKey),
    /// A text that follows no convention that Lacre knows.
    Other(String),
}

impl KeyHint {
    /// Reads the `hint` member of a bundle's `publicKey`.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::Missing;
        }
        if let Ok(digest) = Sha256Digest::from_hex(text) {
            return Self::OmsHex(digest);
        }
        // Above this length it cannot be a digest, and need not be decoded to find out.
        if text.len() == 44
            && let Ok(bytes) = STANDARD.decode(text)
            && let Ok(bytes) = <[u8; Sha256Digest::LEN]>::try_from(bytes)
        {
            return Self::CosignBase64(Sha256Digest::from_bytes(bytes));
        }
        Self::Other(text.to_owned())
    }

    /// Whether the hint names `key`; `None` when there is no hint. A hint of no known convention names no key.
    pub fn names(&self, key: &PublicKey) -> Option<bool> {
        match self {
            Self::Missing => None,
            Self::OmsHex(digest) => Some(*digest == Sha256Digest::of(key.to_pem().as_bytes())),
            Self::CosignBase64(digest) => Some(*digest == Sha256Digest::of(key.to_der())),
            Self::Key(named) => Some(named == key),
            Self::Other(_) => Some(false),
        }
    }

    /// The hint as the bundle writes it; `None` when there is none. For a whole key, the OMS hint of it.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::OmsHex(digest) => Some(digest.to_string()),
            Self::CosignBase64(digest) => Some(STANDARD.encode(digest.as_bytes())),
            Self::Key(key) => Some(key.hint()),
            Self::Other(text) => Some(text.clone()),
        }
    }
}

impl From<&PublicKey> for KeyHint {
    /// The OMS hint of `key`, which is what Lacre writes.
    fn from(key: &PublicKey) -> Self {
        Self::OmsHex(Sha256Digest::of(key.to_pem().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The P-384 test key of the OMS vectors, whose hint oms.md gives, computed by the reference implementation.
    // `pin-sha256` of it, which is cosign's hint, stands in the key file, printed by GnuTLS.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsu6rZGBTjxtvRWPMixT+3HyndV0J0Ybt\n\
        aHZUcO4DEK+OJHO/4e32bb/fbJKSpRgcBsIpKLcVijUomyFOERbd7u+BTPSUjGZD\n\
        Qq6J7lTvp/EAXQGOKxW9RP0MGX3qAkvi\n\
        -----END PUBLIC KEY-----\n";
    const OMS: &str = "e8450dec4eb99dae995da9af1bc2cc9f76ed669ee2e744f57abba763df3e3f8e";
    const COSIGN: &str = "weSdYzJ/hcfilxrv0wtaDRxrm14aiS5/X7qZWtrOgW0=";
    /// The P-521 test key of the OMS conformance suite.
    const OTHER: &str = "-----BEGIN PUBLIC KEY-----\n\
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAKXamdie7DPJreI1vC9cVneX+bcZx\n\
        mLx4WD+tGO5tWWvbP/9sCs04y2g+c+gZnqwfywa8C210BevnNnp2YLitayMBcz14\n\
        tcrrfs4SCivGENMVcJY0m74dBbVThc4blfUnA84NjVjo6sPovclXRs3C683oeqaC\n\
        E66wOuiEvJXmTy5/KSg=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn hints_are_those_of_the_peers() {
        let key = PublicKey::from_pem(KEY).unwrap();
        assert_eq!(key.hint(), OMS);
        assert_eq!(key.cosign_hint(), COSIGN);
        assert_eq!(KeyHint::from(&key).text().as_deref(), Some(OMS));
    }

    #[test]
    fn a_hint_names_its_key_in_every_convention_and_no_other_key() {
        let key = PublicKey::from_pem(KEY).unwrap();
        let other = PublicKey::from_pem(OTHER).unwrap();
        for hint in [KeyHint::parse(OMS), KeyHint::parse(COSIGN), KeyHint::Key(key.clone())] {
            assert_eq!(hint.names(&key), Some(true), "{hint:?}");
            assert_eq!(hint.names(&other), Some(false), "{hint:?}");
        }
        assert_eq!(KeyHint::parse("").names(&key), None);
    }

    #[test]
    fn a_hint_of_no_convention_names_no_key() {
        let key = PublicKey::from_pem(KEY).unwrap();
        let unpadded = COSIGN.trim_end_matches('=');
        for text in
            [&OMS.to_uppercase(), &OMS[1..], unpadded, &COSIGN.replace('/', "_"), "release key", "=", KEY]
        {
            let hint = KeyHint::parse(text);
            assert_eq!(hint, KeyHint::Other(text.to_owned()));
            assert_eq!(hint.names(&key), Some(false), "{text:?}");
            assert_eq!(hint.text().as_deref(), Some(text));
        }
    }
}
