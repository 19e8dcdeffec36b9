//! The forms in which tokens, agents and services speak of keys and signatures, and Lacre's own.

use lacre_attest::{AttestError, KeyAlgorithm, KeyProblem, PublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::SignerProblem;
use crate::problem::told;

/// The hash of a message, for signers that sign hashes.
pub(crate) struct Prehash {
    /// `sha256`, `sha384` or `sha512`.
    pub(crate) name: &'static str,
    pub(crate) value: Vec<u8>,
}

impl Prehash {
    /// The hash that ECDSA on this curve signs; nothing for Ed25519, which hashes for itself, twice.
    pub(crate) fn of(algorithm: KeyAlgorithm, message: &[u8]) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Some(Self { name: "sha256", value: Sha256::digest(message).to_vec() }),
            KeyAlgorithm::EcdsaP384 => Some(Self { name: "sha384", value: Sha384::digest(message).to_vec() }),
            KeyAlgorithm::EcdsaP521 => Some(Self { name: "sha512", value: Sha512::digest(message).to_vec() }),
            _ => None,
        }
    }
}

/// How long the raw public key is: an uncompressed point (SEC 1, section 2.3.3), or 32 bytes (RFC 8032).
pub(crate) fn point_length(algorithm: KeyAlgorithm) -> usize {
    match scalar_length(algorithm) {
        Some(scalar) => 1 + 2 * scalar,
        None => 32,
    }
}

/// How long one of the two numbers of an ECDSA signature is.
pub(crate) fn scalar_length(algorithm: KeyAlgorithm) -> Option<usize> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some(32),
        KeyAlgorithm::EcdsaP384 => Some(48),
        KeyAlgorithm::EcdsaP521 => Some(66),
        _ => None,
    }
}

/// Why what the other side gave as its public key is not one.
pub(crate) fn not_a_key(error: &AttestError) -> SignerProblem {
    match error {
        AttestError::Key { problem: KeyProblem::Algorithm { name }, .. } => {
            SignerProblem::Unsupported { found: format!("a key of the algorithm {name}") }
        }
        error => SignerProblem::Key { detail: told(&error.to_string()) },
    }
}

/// The public key with this raw point.
pub(crate) fn public_key(algorithm: KeyAlgorithm, point: &[u8]) -> Result<PublicKey, SignerProblem> {
    // SubjectPublicKeyInfo (RFC 5480, RFC 8410) up to the point, which is its end.
    let start: &[u8] = match algorithm {
        KeyAlgorithm::EcdsaP256 => {
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\0"
        }
        KeyAlgorithm::EcdsaP384 => {
            b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\0"
        }
        KeyAlgorithm::EcdsaP521 => {
            b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\0"
        }
        _ => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0",
    };
    let bad = |detail: String| SignerProblem::Key { detail };
    if point.len() != point_length(algorithm) {
        return Err(bad(format!("its {algorithm} public key has {} bytes", point.len())));
    }
    PublicKey::from_der(&[start, point].concat()).map_err(|error| bad(error.to_string()))
}

/// `Ecdsa-Sig-Value` in DER (RFC 3279, section 2.2.3) of `r ‖ s`; an Ed25519 signature stays as it is.
pub(crate) fn signature(algorithm: KeyAlgorithm, raw: &[u8]) -> Result<Vec<u8>, SignerProblem> {
    let der = match algorithm {
        KeyAlgorithm::EcdsaP256 => {
            p256::ecdsa::Signature::from_slice(raw).map(|it| it.to_der().as_bytes().to_vec()).ok()
        }
        KeyAlgorithm::EcdsaP384 => {
            p384::ecdsa::Signature::from_slice(raw).map(|it| it.to_der().as_bytes().to_vec()).ok()
        }
        KeyAlgorithm::EcdsaP521 => {
            p521::ecdsa::Signature::from_slice(raw).map(|it| it.to_der().as_bytes().to_vec()).ok()
        }
        _ => (raw.len() == 64).then(|| raw.to_vec()),
    };
    der.ok_or_else(|| SignerProblem::answer(format!("{} bytes that are no {algorithm} signature", raw.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileKey;

    #[test]
    fn a_raw_point_is_the_end_of_the_public_key() {
        for algorithm in KeyAlgorithm::ALL {
            let key = FileKey::generate(algorithm).unwrap();
            let der = key.public_key().to_der();
            let point = &der[der.len() - point_length(algorithm)..];
            assert_eq!(&public_key(algorithm, point).unwrap(), key.public_key(), "{algorithm}");
            assert_eq!(public_key(algorithm, &point[1..]).unwrap_err().code(), "E-KEY", "{algorithm}");
        }
        let off_the_curve = [&[4][..], &[1; 64]].concat();
        assert_eq!(public_key(KeyAlgorithm::EcdsaP256, &off_the_curve).unwrap_err().code(), "E-KEY");
    }

    // RFC 6979, appendix A.2.5, SHA-256, message "sample"; the DER is written out by hand.
    #[test]
    fn raw_numbers_become_der() {
        let unhex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
        let s = "77CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        let der = signature(KeyAlgorithm::EcdsaP256, &unhex(&format!("{r}{s}"))).unwrap();
        assert_eq!(der, unhex(&format!("3045022100{r}0220{s}")));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        for algorithm in KeyAlgorithm::ALL {
            let length = scalar_length(algorithm).map_or(64, |scalar| 2 * scalar);
            for wrong in [0, length - 1, length + 1] {
                assert_eq!(
                    signature(algorithm, &vec![1; wrong]).unwrap_err().code(),
                    "E-SIGNER",
                    "{algorithm}"
                );
            }
        }
        for out_of_range in [[0; 64], [0xff; 64]] {
            assert_eq!(signature(KeyAlgorithm::EcdsaP256, &out_of_range).unwrap_err().code(), "E-SIGNER");
        }
    }

    // FIPS 180-4 examples: "abc".
    #[test]
    fn each_curve_has_its_hash() {
        let start =
            |algorithm| Prehash::of(algorithm, b"abc").map(|hash| (hash.name, hash.value[..4].to_vec()));
        assert_eq!(start(KeyAlgorithm::EcdsaP256), Some(("sha256", vec![0xba, 0x78, 0x16, 0xbf])));
        assert_eq!(start(KeyAlgorithm::EcdsaP384), Some(("sha384", vec![0xcb, 0x00, 0x75, 0x3f])));
        assert_eq!(start(KeyAlgorithm::EcdsaP521), Some(("sha512", vec![0xdd, 0xaf, 0x35, 0xa1])));
        assert_eq!(start(KeyAlgorithm::Ed25519), None);
    }
}
