//! A private key that lives in this process's memory: made here, or read from a file.

use std::fmt;

use getrandom::SysRng;
use lacre_attest::{KeyAlgorithm, PublicKey};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{AssociatedOid, EncodePrivateKey, EncodePublicKey};
use p384::ecdsa::signature::Signer as _;
use pkcs8::der::asn1::AnyRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};

use crate::key_file::KeyFault;
use crate::{SignError, Signer};

pub(crate) use p256::elliptic_curve::ALGORITHM_OID as EC_OID;

/// A private key in memory.
///
/// The secret is wiped when the value is dropped; `Debug` shows the algorithm and the public key's hint.
pub struct FileKey {
    // Boxed, so that moving the key moves a pointer and leaves no copies of the secret on the stack.
    secret: Box<Secret>,
    public: PublicKey,
}

enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl FileKey {
    /// Makes a new key from the operating system's random numbers.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, SignError> {
        let random = |error: getrandom::Error| SignError::Random { detail: error.to_string() };
        let rng = &mut SysRng;
        let secret = match algorithm {
            KeyAlgorithm::EcdsaP256 => Secret::P256(Generate::try_generate_from_rng(rng).map_err(random)?),
            KeyAlgorithm::EcdsaP384 => Secret::P384(Generate::try_generate_from_rng(rng).map_err(random)?),
            KeyAlgorithm::EcdsaP521 => Secret::P521(Generate::try_generate_from_rng(rng).map_err(random)?),
            KeyAlgorithm::Ed25519 => {
                let mut seed = zeroize::Zeroizing::new([0_u8; 32]);
                getrandom::fill(seed.as_mut_slice()).map_err(random)?;
                Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
            }
            other => return Err(SignError::bug(format!("no generator for {other} keys"))),
        };
        Self::from_secret(secret)
    }

    /// The kind of key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public.algorithm()
    }

    /// The public half, which verifies what this key signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Reads a decoded PKCS#8 key; a public key that it carries must belong to the private one.
    pub(crate) fn from_pkcs8(info: PrivateKeyInfoRef<'_>) -> Result<Self, KeyFault> {
        let secret = match info.algorithm.oid {
            EC_OID => match named_curve(info.algorithm.parameters)? {
                curve if curve == p256::NistP256::OID => {
                    p256::SecretKey::try_from(info).map(|key| Secret::P256(key.into()))
                }
                curve if curve == p384::NistP384::OID => {
                    p384::SecretKey::try_from(info).map(|key| Secret::P384(key.into()))
                }
                curve if curve == p521::NistP521::OID => {
                    p521::SecretKey::try_from(info).map(|key| Secret::P521(key.into()))
                }
                curve => return Err(KeyFault::Unsupported(format!("an EC key on {}", curve_name(curve)))),
            },
            ed25519_dalek::pkcs8::ALGORITHM_OID => {
                ed25519_dalek::SigningKey::try_from(info).map(Secret::Ed25519)
            }
            other => return Err(KeyFault::Unsupported(algorithm_name(other))),
        };
        let secret = secret.map_err(|error| KeyFault::Malformed(error.to_string()))?;
        Self::from_secret(secret).map_err(|error| KeyFault::Malformed(error.to_string()))
    }

    /// Takes over a secret as it is: the scalar of an elliptic curve, big-endian and as long as the curve's field, or the
    /// seed of Ed25519.
    pub(crate) fn from_scalar(algorithm: KeyAlgorithm, scalar: &[u8]) -> Result<Self, KeyFault> {
        let secret = match algorithm {
            KeyAlgorithm::EcdsaP256 => {
                p256::SecretKey::from_slice(scalar).ok().map(|key| Secret::P256(key.into()))
            }
            KeyAlgorithm::EcdsaP384 => {
                p384::SecretKey::from_slice(scalar).ok().map(|key| Secret::P384(key.into()))
            }
            KeyAlgorithm::EcdsaP521 => {
                p521::SecretKey::from_slice(scalar).ok().map(|key| Secret::P521(key.into()))
            }
            KeyAlgorithm::Ed25519 => <&[u8; 32]>::try_from(scalar)
                .ok()
                .map(|seed| Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed))),
            _ => None,
        };
        let secret =
            secret.ok_or_else(|| KeyFault::Malformed("its secret is not one of its curve".to_owned()))?;
        Self::from_secret(secret).map_err(|error| KeyFault::Malformed(error.to_string()))
    }

    /// The key as PKCS#8 version 1 DER. The optional public key of version 2 is left out for Ed25519, because
    /// OpenSSL before 3.2 refuses a file that has it.
    pub(crate) fn to_pkcs8(&self) -> Result<SecretDocument, SignError> {
        match &*self.secret {
            Secret::P256(key) => p256::SecretKey::from(key.as_nonzero_scalar()).to_pkcs8_der(),
            Secret::P384(key) => p384::SecretKey::from(key.as_nonzero_scalar()).to_pkcs8_der(),
            Secret::P521(key) => p521::SecretKey::from(key.as_nonzero_scalar()).to_pkcs8_der(),
            Secret::Ed25519(key) => {
                ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.to_bytes(), public_key: None }
                    .to_pkcs8_der()
            }
        }
        .map_err(|error| SignError::bug(format!("encoding a private key: {error}")))
    }

    fn from_secret(secret: Secret) -> Result<Self, SignError> {
        let secret = Box::new(secret);
        let der = match &*secret {
            Secret::P256(key) => key.verifying_key().to_public_key_der(),
            Secret::P384(key) => key.verifying_key().to_public_key_der(),
            Secret::P521(key) => key.verifying_key().to_public_key_der(),
            Secret::Ed25519(key) => key.verifying_key().to_public_key_der(),
        }
        .map_err(|error| SignError::bug(format!("encoding a public key: {error}")))?;
        let public = PublicKey::from_der(der.as_bytes())
            .map_err(|error| SignError::bug(format!("reading a public key back: {error}")))?;
        Ok(Self { secret, public })
    }
}

impl Signer for FileKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    // ECDSA nonces are those of RFC 6979: the same key and message give the same bundle, and no random number
    // generator can leak the key.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &*self.secret {
            Secret::P256(key) => {
                key.try_sign(message).map(|s: p256::ecdsa::DerSignature| s.as_bytes().to_vec())
            }
            Secret::P384(key) => {
                key.try_sign(message).map(|s: p384::ecdsa::DerSignature| s.as_bytes().to_vec())
            }
            Secret::P521(key) => {
                key.try_sign(message).map(|s: p521::ecdsa::DerSignature| s.as_bytes().to_vec())
            }
            Secret::Ed25519(key) => {
                key.try_sign(message).map(|s: ed25519_dalek::Signature| s.to_bytes().to_vec())
            }
        }
        .map_err(|error| SignError::bug(format!("signing: {error}")))
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey")
            .field("algorithm", &self.algorithm())
            .field("hint", &self.public.hint())
            .finish_non_exhaustive()
    }
}

fn named_curve(parameters: Option<AnyRef<'_>>) -> Result<ObjectIdentifier, KeyFault> {
    let Some(parameters) = parameters else {
        return Err(KeyFault::Malformed("an EC key that names no curve".to_owned()));
    };
    if parameters.is_null() {
        return Err(KeyFault::Malformed("an EC key that names no curve".to_owned()));
    }
    parameters
        .decode_as()
        .map_err(|_| KeyFault::Unsupported("an EC key with explicit curve parameters".to_owned()))
}

fn curve_name(curve: ObjectIdentifier) -> String {
    let name = match curve.to_string().as_str() {
        "1.3.132.0.10" => "secp256k1",
        "1.3.132.0.33" => "P-224",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => return format!("the curve with object identifier {other}"),
    };
    format!("the curve {name}")
}

fn algorithm_name(algorithm: ObjectIdentifier) -> String {
    let name = match algorithm.to_string().as_str() {
        "1.2.840.113549.1.1.1" => "an RSA key",
        "1.2.840.113549.1.1.10" => "an RSA-PSS key",
        "1.2.840.10040.4.1" => "a DSA key",
        "1.2.840.10046.2.1" | "1.2.840.113549.1.3.1" => "a Diffie-Hellman key",
        "1.3.101.110" => "an X25519 key",
        "1.3.101.111" => "an X448 key",
        "1.3.101.113" => "an Ed448 key",
        "2.16.840.1.101.3.4.3.17" | "2.16.840.1.101.3.4.3.18" | "2.16.840.1.101.3.4.3.19" => "an ML-DSA key",
        other => return format!("a key of the algorithm with object identifier {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use pkcs8::der::asn1::OctetStringRef;
    use pkcs8::spki::AlgorithmIdentifierRef;

    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3), written out by hand.
    fn ecdsa_der(r: &str, s: &str) -> Vec<u8> {
        let mut body = Vec::new();
        for number in [r, s] {
            let mut bytes = unhex(number);
            while bytes[0] == 0 {
                bytes.remove(0);
            }
            if bytes[0] & 0x80 != 0 {
                bytes.insert(0, 0);
            }
            body.extend([0x02, u8::try_from(bytes.len()).unwrap()]);
            body.extend(bytes);
        }
        let length = u8::try_from(body.len()).unwrap();
        let mut der = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
        der.extend(body);
        der
    }

    fn ec_key(secret: Secret) -> FileKey {
        FileKey::from_secret(secret).unwrap()
    }

    // RFC 6979, appendix A.2.5, SHA-256.
    #[test]
    fn rfc_6979_p256() {
        let x = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let key = ec_key(Secret::P256(p256::ecdsa::SigningKey::from_slice(&x).unwrap()));
        let sample = ecdsa_der(
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        );
        assert_eq!(key.sign(b"sample").unwrap(), sample);
        key.public_key().verify(b"sample", &sample).unwrap();
    }

    // RFC 6979, appendix A.2.6, SHA-384.
    #[test]
    fn rfc_6979_p384() {
        let x = unhex(
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
        );
        let key = ec_key(Secret::P384(p384::ecdsa::SigningKey::from_slice(&x).unwrap()));
        let sample = ecdsa_der(
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
        );
        assert_eq!(key.sign(b"sample").unwrap(), sample);
        key.public_key().verify(b"sample", &sample).unwrap();
    }

    // RFC 6979, appendix A.2.7, SHA-512.
    #[test]
    fn rfc_6979_p521() {
        let x = unhex(concat!(
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA8",
            "96EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        ));
        let key = ec_key(Secret::P521(p521::ecdsa::SigningKey::from_slice(&x).unwrap()));
        let sample = ecdsa_der(
            concat!(
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E",
                "25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
            ),
            concat!(
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF2826",
                "23EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
            ),
        );
        assert_eq!(key.sign(b"sample").unwrap(), sample);
        key.public_key().verify(b"sample", &sample).unwrap();
    }

    // RFC 8032, section 7.1, test 3.
    #[test]
    fn rfc_8032_ed25519() {
        let seed = unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        let key = ec_key(Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap())));
        let signature = unhex(concat!(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ));
        assert_eq!(key.sign(&[0xaf, 0x82]).unwrap(), signature);
        assert!(
            key.public_key()
                .to_der()
                .ends_with(&unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"))
        );
    }

    #[test]
    fn every_algorithm_signs_what_its_public_key_verifies() {
        for algorithm in KeyAlgorithm::ALL {
            let key = FileKey::generate(algorithm).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let signature = key.sign(b"message").unwrap();
            key.public_key().verify(b"message", &signature).unwrap();
            assert_eq!(
                key.public_key().verify(b"massage", &signature).unwrap_err().code(),
                "E-SIGNATURE-INVALID"
            );
        }
    }

    #[test]
    fn two_generated_keys_differ() {
        for algorithm in KeyAlgorithm::ALL {
            let (one, two) = (FileKey::generate(algorithm).unwrap(), FileKey::generate(algorithm).unwrap());
            assert_ne!(one.public_key(), two.public_key(), "{algorithm}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        for algorithm in KeyAlgorithm::ALL {
            let key = FileKey::generate(algorithm).unwrap();
            let scalar = match &*key.secret {
                Secret::P256(key) => key.to_bytes().to_vec(),
                Secret::P384(key) => key.to_bytes().to_vec(),
                Secret::P521(key) => key.to_bytes().to_vec(),
                Secret::Ed25519(key) => key.to_bytes().to_vec(),
            };
            let shown = format!("{key:?} {key:#?}").to_lowercase();
            let hex: String = scalar[..8]
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 15])
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect();
            assert!(!shown.contains(&hex), "{shown}");
            assert!(!shown.contains(&format!("{}, {}, {}", scalar[0], scalar[1], scalar[2])), "{shown}");
            assert!(shown.contains(&key.public.hint()), "{shown}");
        }
    }

    #[test]
    fn an_ec_key_without_a_curve_is_malformed() {
        let fault = FileKey::from_pkcs8(PrivateKeyInfoRef::new(
            AlgorithmIdentifierRef { oid: EC_OID, parameters: None },
            OctetStringRef::new(&[]).unwrap(),
        ));
        assert!(matches!(fault, Err(KeyFault::Malformed(_))), "{fault:?}");
    }

    #[test]
    fn a_scalar_of_zero_is_malformed() {
        // ECPrivateKey (RFC 5915) with 32 zero bytes.
        let mut zero = vec![0x30, 37, 2, 1, 1, 4, 32];
        zero.extend([0; 32]);
        let fault = FileKey::from_pkcs8(PrivateKeyInfoRef::new(
            AlgorithmIdentifierRef { oid: EC_OID, parameters: Some((&p256::NistP256::OID).into()) },
            OctetStringRef::new(&zero).unwrap(),
        ));
        assert!(matches!(fault, Err(KeyFault::Malformed(_))), "{fault:?}");
    }
}
