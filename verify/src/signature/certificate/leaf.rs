//! A certificate that was proven, and who it belongs to.

use std::fmt::Write as _;
use std::time::SystemTime;

use lacre_attest::PublicKey;
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;

use super::names::{San, rfc4514};
use super::path::Path;
#[cfg(feature = "sigstore")]
use super::x509::Certificate;
use crate::{CertificateIdentity, VerifyError};

/// The certificate of a signer, below a trusted anchor and valid when it counts. Only `verify_chain` makes one.
#[derive(Debug, Clone)]
pub struct VerifiedLeaf {
    public_key: PublicKey,
    subject: String,
    sans: Vec<San>,
    spki_sha256: Sha256Digest,
    serial: String,
    not_before: SystemTime,
    not_after: SystemTime,
    fingerprints: Vec<Sha256Digest>,
    is_own_anchor: bool,
    warnings: Vec<String>,
}

/// What a certificate says, and who issued the last one that came with it. Nothing of it is checked.
#[cfg(feature = "sigstore")]
pub(crate) fn claimed(leaf: &[u8], last: &[u8]) -> Result<crate::ClaimedCertificate, VerifyError> {
    let read = |der| {
        Certificate::parse(der)
            .map_err(|problem| VerifyError::Certificate { certificate: "of the signer".to_owned(), problem })
    };
    let (leaf, last) = (read(leaf)?, read(last)?);
    Ok(crate::ClaimedCertificate {
        names: San::among(&leaf.extensions.alternative_names).into_iter().map(|san| san.value).collect(),
        subject: rfc4514(&leaf.subject_name),
        spki: Sha256Digest::of(&leaf.spki),
        issuer: rfc4514(&last.issuer_name),
    })
}

impl VerifiedLeaf {
    pub(super) fn new(
        path: &Path<'_>,
        public_key: PublicKey,
        mut warnings: Vec<String>,
    ) -> Result<Self, VerifyError> {
        let leaf = path.first().copied().ok_or(VerifyError::NoTrust)?;
        let is_own_anchor = path.len() == 1;
        if is_own_anchor {
            warnings.push(format!(
                "the certificate {} is its own anchor: nobody vouches for its names",
                leaf.shown()
            ));
        }
        let mut serial = String::with_capacity(leaf.serial.len() * 2);
        for byte in &leaf.serial {
            // Writing to a string cannot fail.
            let _ = write!(serial, "{byte:02x}");
        }
        Ok(Self {
            public_key,
            subject: rfc4514(&leaf.subject_name),
            sans: San::among(&leaf.extensions.alternative_names),
            spki_sha256: Sha256Digest::of(&leaf.spki),
            serial,
            not_before: leaf.not_before,
            not_after: leaf.not_after,
            fingerprints: path.iter().map(|certificate| certificate.fingerprint()).collect(),
            is_own_anchor,
            warnings,
        })
    }

    /// The key that the certificate is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The subject as RFC 4514 writes it, exactly. Not yet safe for a terminal.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The subject alternative names that are texts.
    pub fn sans(&self) -> &[San] {
        &self.sans
    }

    /// SHA-256 of the public key (`SubjectPublicKeyInfo` in DER).
    pub fn spki_sha256(&self) -> &Sha256Digest {
        &self.spki_sha256
    }

    /// The serial number, hexadecimal.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The first moment of its validity.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// The last moment of its validity.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// SHA-256 of every certificate of the path, the leaf first, the anchor last.
    pub fn chain_fingerprints(&self) -> &[Sha256Digest] {
        &self.fingerprints
    }

    /// What is accepted, and should be known; safe for a terminal.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether this is who was expected. Names that only the certificate itself vouches for (one that is its own anchor)
    /// match nobody: such a certificate is expected by its key.
    ///
    /// # Errors
    /// `E-IDENTITY-MISMATCH`.
    pub fn matches(&self, expected: &CertificateIdentity) -> Result<(), VerifyError> {
        let matches = match expected {
            CertificateIdentity::San(text) => {
                !self.is_own_anchor && self.sans.iter().any(|san| san.value == *text)
            }
            CertificateIdentity::Subject(text) => {
                !self.is_own_anchor && !text.is_empty() && self.subject == *text
            }
            CertificateIdentity::Spki(digest) => self.spki_sha256 == *digest,
            CertificateIdentity::AnyDanger => true,
        };
        if matches {
            return Ok(());
        }
        let expected = match expected {
            CertificateIdentity::San(text) | CertificateIdentity::Subject(text) => {
                format!("\"{}\"", escape(text))
            }
            CertificateIdentity::Spki(digest) => format!("the key {digest}"),
            CertificateIdentity::AnyDanger => "anybody".to_owned(),
        };
        Err(VerifyError::Identity { found: self.shown(), expected })
    }

    /// Every name by which it could be expected, safe for a terminal.
    fn shown(&self) -> String {
        let own = if self.is_own_anchor { ", vouched for by nobody" } else { "" };
        let names = std::iter::once(&self.subject).filter(|subject| !subject.is_empty());
        let names: Vec<String> = names
            .chain(self.sans.iter().map(|san| &san.value))
            .map(|name| format!("\"{}\"", escape(name)))
            .collect();
        format!("{} (key {}{own})", names.join(", "), self.spki_sha256)
    }
}
