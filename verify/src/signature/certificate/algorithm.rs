//! Keys of authorities, and the algorithms that they sign with. What is not named here is refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use lacre_attest::PublicKey;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, Reader};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::problem::CertificateProblem;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = oid("1.3.101.112");
const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");

/// Modulus lengths that are accepted, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A hash that signatures may be made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash that an `AlgorithmIdentifier` names (RFC 5754, section 2). Its parameters are absent or NULL.
    pub(crate) fn named(algorithm: AlgorithmIdentifierRef<'_>) -> Option<Self> {
        let hash = match algorithm.oid {
            name if name == oid("2.16.840.1.101.3.4.2.1") => Self::Sha256,
            name if name == oid("2.16.840.1.101.3.4.2.2") => Self::Sha384,
            name if name == oid("2.16.840.1.101.3.4.2.3") => Self::Sha512,
            _ => return None,
        };
        algorithm.parameters.is_none_or(AnyRef::is_null).then_some(hash)
    }

    /// The digest of `bytes`.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &aws_lc_rs::digest::SHA256,
            Self::Sha384 => &aws_lc_rs::digest::SHA384,
            Self::Sha512 => &aws_lc_rs::digest::SHA512,
        };
        aws_lc_rs::digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    const fn length(self) -> u64 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureAlgorithm {
    Ecdsa(Hash),
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ed25519,
}

impl SignatureAlgorithm {
    /// Reads an `AlgorithmIdentifier` in DER, with the parameters that RFC 4055, 5758 and 8410 demand.
    pub(super) fn read(der: &[u8]) -> Result<Self, CertificateProblem> {
        let algorithm = AlgorithmIdentifierRef::from_der(der)?;
        Self::named(algorithm)
            .ok_or_else(|| CertificateProblem::SignatureAlgorithm { oid: algorithm.oid.to_string() })
    }

    fn named(algorithm: AlgorithmIdentifierRef<'_>) -> Option<Self> {
        let is_null = algorithm.parameters.is_some_and(AnyRef::is_null);
        let is_absent = algorithm.parameters.is_none();
        let (found, parameters_fit) = match algorithm.oid {
            name if name == oid("1.2.840.10045.4.3.2") => (Self::Ecdsa(Hash::Sha256), is_absent),
            name if name == oid("1.2.840.10045.4.3.3") => (Self::Ecdsa(Hash::Sha384), is_absent),
            name if name == oid("1.2.840.10045.4.3.4") => (Self::Ecdsa(Hash::Sha512), is_absent),
            // RFC 4055, section 5: NULL must stand there, and its absence must be accepted.
            name if name == oid("1.2.840.113549.1.1.11") => {
                (Self::RsaPkcs1(Hash::Sha256), is_null || is_absent)
            }
            name if name == oid("1.2.840.113549.1.1.12") => {
                (Self::RsaPkcs1(Hash::Sha384), is_null || is_absent)
            }
            name if name == oid("1.2.840.113549.1.1.13") => {
                (Self::RsaPkcs1(Hash::Sha512), is_null || is_absent)
            }
            RSA_PSS => (Self::RsaPss(pss_hash(algorithm.parameters?)?), true),
            ED25519 => (Self::Ed25519, is_absent),
            _ => return None,
        };
        parameters_fit.then_some(found)
    }

    /// The algorithm of a CMS signature, which may be named by its key alone (RFC 3370, section 3.2), over `hash`.
    pub(crate) fn of_cms(algorithm: AlgorithmIdentifierRef<'_>, hash: Hash) -> Option<Self> {
        if algorithm.oid == RSA_ENCRYPTION {
            return algorithm.parameters.is_none_or(AnyRef::is_null).then_some(Self::RsaPkcs1(hash));
        }
        let found = Self::named(algorithm)?;
        let own_hash = match found {
            Self::Ecdsa(own) | Self::RsaPkcs1(own) | Self::RsaPss(own) => own,
            // RFC 8419, section 3.
            Self::Ed25519 => Hash::Sha512,
        };
        (own_hash == hash).then_some(found)
    }
}

/// The hash of `RSASSA-PSS-params` (RFC 4055, section 3.1), if mask and salt go by the same hash. The defaults are
/// SHA-1, so everything stands there explicitly, but the trailer, which has one value.
fn pss_hash(parameters: AnyRef<'_>) -> Option<Hash> {
    let (hash, mask, salt) = parameters
        .sequence(|reader| {
            let explicit = |field: AnyRef<'_>, number: u8| -> Option<()> {
                let tag = field.header().tag();
                (tag.is_constructed()
                    && tag.number().value() == u32::from(number)
                    && tag.is_context_specific())
                .then_some(())
            };
            let mut fields = Vec::new();
            while !reader.is_finished() {
                fields.push(AnyRef::decode(reader)?);
            }
            let [hash, mask, salt] = fields.as_slice() else { return Ok(None) };
            if [(hash, 0), (mask, 1), (salt, 2)]
                .iter()
                .any(|(field, number)| explicit(**field, *number).is_none())
            {
                return Ok(None);
            }
            let hash = Hash::named(AlgorithmIdentifierRef::from_der(hash.value())?);
            let mask = AlgorithmIdentifierRef::from_der(mask.value())?;
            let mask_hash = match mask.parameters {
                Some(inner) if mask.oid == MGF1 => {
                    Hash::named(AlgorithmIdentifierRef::from_der(&inner.to_der()?)?)
                }
                _ => None,
            };
            Ok::<_, x509_cert::der::Error>(Some((hash, mask_hash, u64::from_der(salt.value())?)))
        })
        .ok()??;
    let hash = hash?;
    (mask == Some(hash) && salt == hash.length()).then_some(hash)
}

/// The key of an authority.
pub(crate) enum IssuerKey<'a> {
    P256(&'a [u8]),
    P384(&'a [u8]),
    P521(&'a [u8]),
    Rsa(&'a [u8]),
    Ed25519(Box<PublicKey>),
}

impl<'a> IssuerKey<'a> {
    /// Reads a `SubjectPublicKeyInfo` in DER: named curves, uncompressed points, RSA of 2048 to 8192 bits.
    pub(crate) fn read(spki: &'a [u8]) -> Result<Self, CertificateProblem> {
        let info = SubjectPublicKeyInfoRef::from_der(spki)?;
        let bits = info.subject_public_key.as_bytes().ok_or(CertificateProblem::Key)?;
        match (info.algorithm.oid, info.algorithm.parameters) {
            (EC_PUBLIC_KEY, Some(curve)) => {
                let curve = curve.decode_as::<ObjectIdentifier>().map_err(|_| CertificateProblem::Key)?;
                let (key, length) = match curve {
                    name if name == oid("1.2.840.10045.3.1.7") => (Self::P256(bits), 65),
                    name if name == oid("1.3.132.0.34") => (Self::P384(bits), 97),
                    name if name == oid("1.3.132.0.35") => (Self::P521(bits), 133),
                    other => return Err(CertificateProblem::SignatureAlgorithm { oid: other.to_string() }),
                };
                if bits.len() == length && bits[0] == 4 { Ok(key) } else { Err(CertificateProblem::Key) }
            }
            (RSA_ENCRYPTION, Some(parameters)) if parameters.is_null() => {
                let bits_of_modulus = modulus_bits(bits)?;
                if RSA_BITS.contains(&bits_of_modulus) {
                    Ok(Self::Rsa(bits))
                } else {
                    Err(CertificateProblem::KeySize { bits: bits_of_modulus })
                }
            }
            (ED25519, None) => PublicKey::from_der(spki)
                .map(|key| Self::Ed25519(Box::new(key)))
                .map_err(|_| CertificateProblem::Key),
            (EC_PUBLIC_KEY | RSA_ENCRYPTION | ED25519, _) => Err(CertificateProblem::Key),
            (other, _) => Err(CertificateProblem::SignatureAlgorithm { oid: other.to_string() }),
        }
    }

    /// Whether the signature is good. An algorithm of another kind of key is never good.
    pub(crate) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<()> {
        use Hash::{Sha256, Sha384, Sha512};
        use SignatureAlgorithm::{Ecdsa, Ed25519, RsaPkcs1, RsaPss};
        let (scheme, key): (&'static dyn VerificationAlgorithm, &[u8]) = match (self, algorithm) {
            (Self::P256(key), Ecdsa(Sha256)) => (&ECDSA_P256_SHA256_ASN1, key),
            (Self::P256(key), Ecdsa(Sha384)) => (&ECDSA_P256_SHA384_ASN1, key),
            (Self::P256(key), Ecdsa(Sha512)) => (&ECDSA_P256_SHA512_ASN1, key),
            (Self::P384(key), Ecdsa(Sha256)) => (&ECDSA_P384_SHA256_ASN1, key),
            (Self::P384(key), Ecdsa(Sha384)) => (&ECDSA_P384_SHA384_ASN1, key),
            (Self::P384(key), Ecdsa(Sha512)) => (&ECDSA_P384_SHA512_ASN1, key),
            (Self::P521(key), Ecdsa(Sha256)) => (&ECDSA_P521_SHA256_ASN1, key),
            (Self::P521(key), Ecdsa(Sha384)) => (&ECDSA_P521_SHA384_ASN1, key),
            (Self::P521(key), Ecdsa(Sha512)) => (&ECDSA_P521_SHA512_ASN1, key),
            (Self::Rsa(key), RsaPkcs1(Sha256)) => (&RSA_PKCS1_2048_8192_SHA256, key),
            (Self::Rsa(key), RsaPkcs1(Sha384)) => (&RSA_PKCS1_2048_8192_SHA384, key),
            (Self::Rsa(key), RsaPkcs1(Sha512)) => (&RSA_PKCS1_2048_8192_SHA512, key),
            (Self::Rsa(key), RsaPss(Sha256)) => (&RSA_PSS_2048_8192_SHA256, key),
            (Self::Rsa(key), RsaPss(Sha384)) => (&RSA_PSS_2048_8192_SHA384, key),
            (Self::Rsa(key), RsaPss(Sha512)) => (&RSA_PSS_2048_8192_SHA512, key),
            // By our own check, which refuses keys of small order.
            (Self::Ed25519(key), Ed25519) => return key.verify(message, signature).ok(),
            _ => return None,
        };
        UnparsedPublicKey::new(scheme, key).verify(message, signature).ok()
    }
}

/// The length of the modulus of an `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn modulus_bits(key: &[u8]) -> Result<usize, CertificateProblem> {
    let modulus = AnyRef::from_der(key)
        .and_then(|key| {
            key.sequence(|reader| {
                let modulus: UintRef<'_> = reader.decode()?;
                let _exponent: UintRef<'_> = reader.decode()?;
                Ok::<_, x509_cert::der::Error>(modulus.as_bytes())
            })
        })
        .map_err(|_| CertificateProblem::Key)?;
    let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    Ok(modulus.len() * 8 - zeros)
}
