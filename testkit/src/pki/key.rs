//! Keys that are the same in every run, and what they sign with.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{self, KeyPair as _};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::DigestSigner as _;
use p256::pkcs8::EncodePublicKey as _;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::der::{bits, integer, null, oid, sequence, unsigned};

/// A key of a test.
#[derive(Debug)]
pub enum TestKey {
    /// ECDSA on P-256.
    P256(p256::ecdsa::SigningKey),
    /// ECDSA on P-384.
    P384(p384::ecdsa::SigningKey),
    /// ECDSA on P-521.
    P521(p521::ecdsa::SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
    /// RSA of 2048 bits.
    Rsa(RsaKeyPair),
    /// An RSA key of so many bits that cannot sign: its modulus is the product of nothing known.
    RsaOf(usize),
}

/// What a signature is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `ecdsa-with-SHA256`
    EcdsaSha256,
    /// `ecdsa-with-SHA384`
    EcdsaSha384,
    /// `ecdsa-with-SHA512`
    EcdsaSha512,
    /// `sha256WithRSAEncryption`
    RsaSha256,
    /// `sha384WithRSAEncryption`
    RsaSha384,
    /// `sha512WithRSAEncryption`
    RsaSha512,
    /// `id-RSASSA-PSS` with SHA-256 throughout and a salt of 32 bytes
    PssSha256,
    /// `id-Ed25519`
    Ed25519,
}

impl Scheme {
    /// `AlgorithmIdentifier`.
    pub fn identifier(self) -> Vec<u8> {
        let rsa = |number: u8| sequence(&[oid(&format!("1.2.840.113549.1.1.{number}")), null()]);
        match self {
            Self::EcdsaSha256 => sequence(&[oid("1.2.840.10045.4.3.2")]),
            Self::EcdsaSha384 => sequence(&[oid("1.2.840.10045.4.3.3")]),
            Self::EcdsaSha512 => sequence(&[oid("1.2.840.10045.4.3.4")]),
            Self::RsaSha256 => rsa(11),
            Self::RsaSha384 => rsa(12),
            Self::RsaSha512 => rsa(13),
            Self::PssSha256 => pss("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.1", 32),
            Self::Ed25519 => sequence(&[oid("1.3.101.112")]),
        }
    }
}

/// `AlgorithmIdentifier` of RSASSA-PSS with these hashes (object identifiers) and this length of salt.
pub fn pss(hash: &str, mask: &str, salt: u64) -> Vec<u8> {
    let hash = sequence(&[oid(hash), null()]);
    let mask = sequence(&[oid("1.2.840.113549.1.1.8"), sequence(&[oid(mask), null()])]);
    let parameters = sequence(&[
        super::der::context(0, &hash),
        super::der::context(1, &mask),
        super::der::context(2, &integer(salt)),
    ]);
    sequence(&[oid("1.2.840.113549.1.1.10"), parameters])
}

impl TestKey {
    /// A P-256 key that belongs to this name.
    pub fn p256(name: &str) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_bytes(&Sha256::digest(name)).unwrap())
    }

    /// A P-384 key that belongs to this name.
    pub fn p384(name: &str) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_bytes(&Sha384::digest(name)).unwrap())
    }

    /// A P-521 key that belongs to this name.
    pub fn p521(name: &str) -> Self {
        let mut scalar = [0; 66];
        scalar[2..].copy_from_slice(&Sha512::digest(name));
        Self::P521(p521::ecdsa::SigningKey::from_slice(&scalar).unwrap())
    }

    /// An Ed25519 key that belongs to this name.
    pub fn ed25519(name: &str) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&Sha256::digest(name).into()))
    }

    /// The one RSA key of the tests, of 2048 bits. Everybody knows it: it is in `testdata/pki`.
    pub fn rsa() -> Self {
        let pem = include_str!("../../../testdata/pki/rsa-2048.pem");
        let (_, der) = p256::pkcs8::der::pem::decode_vec(pem.as_bytes()).unwrap();
        Self::Rsa(RsaKeyPair::from_pkcs8(&der).unwrap())
    }

    /// `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> Vec<u8> {
        let rsa = |key: &[u8]| sequence(&[sequence(&[oid("1.2.840.113549.1.1.1"), null()]), bits(key)]);
        match self {
            Self::P256(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::P384(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::P521(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::Rsa(key) => rsa(key.public_key().as_ref()),
            Self::RsaOf(length) => {
                let mut modulus = vec![0xc5; length / 8];
                *modulus.last_mut().unwrap() = 0x01;
                rsa(&sequence(&[unsigned(&modulus), integer(65537)]))
            }
        }
    }

    /// What it signs with unless told otherwise.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::P256(_) => Scheme::EcdsaSha256,
            Self::P384(_) => Scheme::EcdsaSha384,
            Self::P521(_) => Scheme::EcdsaSha512,
            Self::Ed25519(_) => Scheme::Ed25519,
            Self::Rsa(_) | Self::RsaOf(_) => Scheme::RsaSha256,
        }
    }

    /// Signs; a scheme of another kind of key panics.
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Vec<u8> {
        macro_rules! ecdsa {
            ($key:expr, $signature:ty) => {{
                let signature: $signature = match scheme {
                    Scheme::EcdsaSha256 => $key.sign_digest(|digest: &mut Sha256| digest.update(message)),
                    Scheme::EcdsaSha384 => $key.sign_digest(|digest: &mut Sha384| digest.update(message)),
                    Scheme::EcdsaSha512 => $key.sign_digest(|digest: &mut Sha512| digest.update(message)),
                    other => panic!("no {other:?} with an elliptic key"),
                };
                signature.to_der().as_bytes().to_vec()
            }};
        }
        match self {
            Self::P256(key) => ecdsa!(key, p256::ecdsa::Signature),
            Self::P384(key) => ecdsa!(key, p384::ecdsa::Signature),
            Self::P521(key) => ecdsa!(key, p521::ecdsa::Signature),
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Rsa(key) => {
                let padding: &'static dyn signature::RsaEncoding = match scheme {
                    Scheme::RsaSha256 => &signature::RSA_PKCS1_SHA256,
                    Scheme::RsaSha384 => &signature::RSA_PKCS1_SHA384,
                    Scheme::RsaSha512 => &signature::RSA_PKCS1_SHA512,
                    Scheme::PssSha256 => &signature::RSA_PSS_SHA256,
                    other => panic!("no {other:?} with an RSA key"),
                };
                let mut made = vec![0; key.public_modulus_len()];
                key.sign(padding, &SystemRandom::new(), message, &mut made).unwrap();
                made
            }
            Self::RsaOf(length) => vec![0x11; length / 8],
        }
    }
}
