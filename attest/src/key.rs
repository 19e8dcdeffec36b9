//! Public keys and the raw signature check. No trust: a key that verifies a signature may still be anybody's.

mod openssh;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki;
use lacre_hash::Sha256Digest;
use p256::ecdsa::signature::{DigestVerifier as _, Verifier as _};
use p256::pkcs8::der::pem::LineEnding;
use p256::pkcs8::{Document, EncodePublicKey as _, ObjectIdentifier, SubjectPublicKeyInfoRef};
use sha2::{Sha256, Sha384, Sha512};

use crate::error::quoted;
use crate::legacy::{LegacyHash, Sink, feed};
use crate::{AttestError, KeyProblem};

/// The longest key text that is looked at, in bytes. A P-521 key takes 268.
const LIMIT: usize = 16 * 1024;
/// The PEM label of a `SubjectPublicKeyInfo` (RFC 7468, section 13).
const LABEL: &str = "PUBLIC KEY";

/// `id-ecPublicKey` (RFC 5480, section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp256r1` (RFC 5480, section 2.1.1.1).
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `secp384r1` (RFC 5480, section 2.1.1.1).
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// `secp521r1` (RFC 5480, section 2.1.1.1).
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// `id-Ed25519` (RFC 8410, section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The signature algorithms that Lacre writes and reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521,
    /// Pure Ed25519 (RFC 8032).
    Ed25519,
}

impl KeyAlgorithm {
    /// Every algorithm, in the order of their names.
    pub const ALL: [Self; 4] = [Self::EcdsaP256, Self::EcdsaP384, Self::EcdsaP521, Self::Ed25519];

    /// The name: `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521` or `ed25519`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The name in Sigstore's `PublicKeyDetails` (`sigstore_common.proto`).
    pub(crate) const fn key_details(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
            Self::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
            Self::EcdsaP521 => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519 => "PKIX_ED25519",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = AttestError;

    fn from_str(name: &str) -> Result<Self, AttestError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| KeyProblem::Algorithm { name: quoted(name) }.into())
    }
}

#[derive(Debug, Clone)]
enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// A public key, proven to be a usable point of its curve, in its one canonical encoding.
///
/// Two keys are equal when their DER is.
#[derive(Clone)]
pub struct PublicKey {
    point: Box<Point>,
    der: Document,
    pem: String,
}

impl PublicKey {
    /// Reads a key in either form that programs write public keys in: PEM ([`PublicKey::from_pem`]) or a line of
    /// OpenSSH ([`PublicKey::from_openssh`]). Which one it is shows in its beginning.
    pub fn from_text(text: &str) -> Result<Self, AttestError> {
        if openssh::is_line(text) { Self::from_openssh(text) } else { Self::from_pem(text) }
    }

    /// Reads a PEM text that holds exactly one block, a `PUBLIC KEY` (`SubjectPublicKeyInfo`, RFC 7468 section 13).
    /// Text before the block is skipped, as tools print a description there; behind it only white space may stand.
    ///
    /// Refused with `E-KEY`: every other label, several blocks, lines that are not of 64 columns, and what
    /// [`PublicKey::from_der`] refuses.
    pub fn from_pem(text: &str) -> Result<Self, AttestError> {
        within_limit(text.len())?;
        // Of several blocks, two programs could take different ones.
        if text.matches("-----BEGIN ").count() != 1 {
            return Err(KeyProblem::Pem.into());
        }
        let (label, der) = Document::from_pem(text.trim_ascii()).map_err(|_| KeyProblem::Pem)?;
        if label != LABEL {
            return Err(KeyProblem::Label { label: quoted(label) }.into());
        }
        Self::from_der(der.as_bytes())
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) in DER.
    ///
    /// Refused with `E-KEY`: other algorithms and curves, points that are not on the curve or of small order, and
    /// every encoding but the canonical one (named curve, uncompressed point): a key has one encoding, so that it has
    /// one hint.
    pub fn from_der(bytes: &[u8]) -> Result<Self, AttestError> {
        within_limit(bytes.len())?;
        let info = SubjectPublicKeyInfoRef::try_from(bytes).map_err(|_| KeyProblem::Der)?;
        let key = Self::from_info(info)?;
        if key.der.as_bytes() == bytes { Ok(key) } else { Err(KeyProblem::NotCanonical.into()) }
    }

    /// The key that `info` describes, in whatever encoding of its point.
    fn from_info(info: SubjectPublicKeyInfoRef<'_>) -> Result<Self, AttestError> {
        let (algorithm, curve) = info.algorithm.oids().map_err(|_| KeyProblem::Der)?;
        let point = match (algorithm, curve) {
            (EC_PUBLIC_KEY, Some(P256)) => p256::ecdsa::VerifyingKey::try_from(info).map(Point::P256),
            (EC_PUBLIC_KEY, Some(P384)) => p384::ecdsa::VerifyingKey::try_from(info).map(Point::P384),
            (EC_PUBLIC_KEY, Some(P521)) => p521::ecdsa::VerifyingKey::try_from(info).map(Point::P521),
            (ED25519, None) => edwards_point(info).map(Point::Ed25519),
            (EC_PUBLIC_KEY, Some(curve)) => {
                return Err(KeyProblem::Algorithm { name: curve.to_string() }.into());
            }
            (EC_PUBLIC_KEY, None) => return Err(KeyProblem::NotCanonical.into()),
            (algorithm, _) => return Err(KeyProblem::Algorithm { name: algorithm.to_string() }.into()),
        }
        .map_err(|_| KeyProblem::Point)?;
        Ok(Self::from_point(point)?)
    }

    /// The algorithm that signatures of this key have.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match *self.point {
            Point::P256(_) => KeyAlgorithm::EcdsaP256,
            Point::P384(_) => KeyAlgorithm::EcdsaP384,
            Point::P521(_) => KeyAlgorithm::EcdsaP521,
            Point::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// The key as PEM text: `PUBLIC KEY` block, 64 columns, a line feed at the end of every line.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The key as `SubjectPublicKeyInfo` in DER.
    pub fn to_der(&self) -> &[u8] {
        self.der.as_bytes()
    }

    /// The hint by which OMS bundles name this key: hex SHA-256 of [`PublicKey::to_pem`].
    pub fn hint(&self) -> String {
        Sha256Digest::of(self.pem.as_bytes()).to_string()
    }

    /// The hint by which cosign's bundles name this key: base64 SHA-256 of [`PublicKey::to_der`].
    pub fn cosign_hint(&self) -> String {
        STANDARD.encode(Sha256Digest::of(self.to_der()).as_bytes())
    }

    /// Checks a signature over `message`, which is the whole message, not its hash.
    ///
    /// ECDSA: `signature` is the strict DER of `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3); the message is hashed with
    /// SHA-256, SHA-384 or SHA-512 by curve. Both values of `s` that belong to one signature are accepted, because
    /// peers write either; nothing may take a signature's bytes for an identity.
    /// Ed25519: `signature` is 64 bytes (RFC 8032, section 5.1.6), checked without the leniencies that let one
    /// signature verify under two keys.
    ///
    /// Every failure is [`AttestError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), AttestError> {
        let outcome = match &*self.point {
            Point::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Point::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Point::P521(key) => p521::ecdsa::Signature::from_der(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Point::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature)),
        };
        outcome.map_err(|_| AttestError::Signature)
    }

    /// Checks an ECDSA signature over a message that `message` feeds piece by piece.
    pub(crate) fn verify_streamed(
        &self,
        hash: LegacyHash,
        signature: &[u8],
        message: impl Fn(&mut Sink<'_>),
    ) -> Result<(), AttestError> {
        macro_rules! checked {
            ($curve:ident, $key:expr, $of_curve:ty) => {
                $curve::ecdsa::Signature::from_der(signature).and_then(|signature| match hash {
                    LegacyHash::Sha256 => {
                        $key.verify_digest(|hasher: &mut Sha256| feed(hasher, &message), &signature)
                    }
                    LegacyHash::OfCurve => {
                        $key.verify_digest(|hasher: &mut $of_curve| feed(hasher, &message), &signature)
                    }
                })
            };
        }
        let outcome = match &*self.point {
            Point::P256(key) => checked!(p256, key, Sha256),
            Point::P384(key) => checked!(p384, key, Sha384),
            Point::P521(key) => checked!(p521, key, Sha512),
            Point::Ed25519(_) => return Err(AttestError::Signature),
        };
        outcome.map_err(|_| AttestError::Signature)
    }

    fn from_point(point: Point) -> Result<Self, KeyProblem> {
        let der = match &point {
            Point::P256(key) => key.to_public_key_der(),
            Point::P384(key) => key.to_public_key_der(),
            Point::P521(key) => key.to_public_key_der(),
            Point::Ed25519(key) => key.to_public_key_der(),
        }
        .map_err(|_| KeyProblem::Der)?;
        let pem = der.to_pem(LABEL, LineEnding::LF).map_err(|_| KeyProblem::Der)?;
        Ok(Self { point: Box::new(point), der, pem })
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_der() == other.to_der()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PublicKey")
            .field("algorithm", &self.algorithm())
            .field("hint", &self.hint())
            .finish()
    }
}

fn within_limit(size: usize) -> Result<(), KeyProblem> {
    if size > LIMIT { Err(KeyProblem::TooLarge { size, limit: LIMIT }) } else { Ok(()) }
}

/// The point of an Ed25519 key, refused if it is of small order (such a key verifies one signature over many messages)
/// or encoded with a coordinate that is not reduced.
fn edwards_point(info: SubjectPublicKeyInfoRef<'_>) -> spki::Result<ed25519_dalek::VerifyingKey> {
    let bytes = ed25519_dalek::pkcs8::PublicKeyBytes::try_from(info)?;
    let key = ed25519_dalek::VerifyingKey::try_from(&bytes)?;
    if key.is_weak() || key.to_edwards().compress().as_bytes() != key.as_bytes() {
        return Err(spki::Error::KeyMalformed);
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
