//! Who a bundle says signed it, and what one would have to write down to believe it. Nothing of it is checked: whoever
//! writes a bundle writes this too. It is for people, who confirm it elsewhere.

mod stanza;

use std::collections::BTreeMap;

use lacre_attest::{CertificateForm, KeyHint, Material};

use crate::VerifyError;
use crate::identity::CertificateIdentity;
use crate::signature::{certificate, sigstore};

/// Who a bundle says signed it. Claimed, and confirmed by nobody.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Claimant {
    /// A key.
    Key(KeyHint),
    /// The holder of a certificate that an authority issued.
    Certificate(ClaimedCertificate),
    /// Somebody whom an identity provider knows.
    Keyless(ClaimedIdentity),
}

/// What the certificate of a signer says. Nobody has looked for an authority that vouches for it.
#[derive(Debug, Clone)]
pub struct ClaimedCertificate {
    pub(crate) names: Vec<String>,
    pub(crate) subject: String,
    pub(crate) spki: lacre_hash::Sha256Digest,
    pub(crate) issuer: String,
}

/// What the certificate of a keyless signer says. Nobody has looked for the Sigstore that issued it.
#[derive(Debug, Clone)]
pub struct ClaimedIdentity {
    pub(crate) identity: String,
    pub(crate) issuer: String,
    pub(crate) ci: BTreeMap<String, String>,
}

impl Claimant {
    /// Reads who is claimed.
    ///
    /// # Errors
    /// `E-CERTIFICATE` when there is a certificate, and it cannot be read or names nobody; `E-UNSUPPORTED` for material
    /// that this version does not know.
    pub fn of(material: &Material) -> Result<Self, VerifyError> {
        match material {
            Material::PublicKey(hint) => Ok(Self::Key(hint.clone())),
            Material::Certificates(held) => match (held.form(), held.certificates()) {
                (CertificateForm::Leaf, [leaf, ..]) => sigstore::claimed(leaf).map(Self::Keyless),
                (CertificateForm::Chain, [leaf, above @ ..]) => {
                    certificate::claimed(leaf, above.last().unwrap_or(leaf)).map(Self::Certificate)
                }
                (_, []) => Err(VerifyError::NoTrust),
            },
            _ => Err(VerifyError::Unsupported { what: "unknown material" }),
        }
    }
}

impl ClaimedCertificate {
    /// The subject alternative names that are texts. Not safe for a terminal.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The subject as RFC 4514 writes it. Not safe for a terminal.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer of the last certificate that came with the signature, as RFC 4514 writes it. Not safe for a terminal.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// SHA-256 of the public key (`SubjectPublicKeyInfo` in DER).
    pub fn spki(&self) -> &lacre_hash::Sha256Digest {
        &self.spki
    }

    /// What one would expect to accept this signer: a name, or the subject, or else the key.
    pub fn expected(&self) -> CertificateIdentity {
        match (self.names.first(), self.subject.as_str()) {
            (Some(name), _) if !name.is_empty() => CertificateIdentity::San(name.clone()),
            (_, "") => CertificateIdentity::Spki(self.spki),
            (_, subject) => CertificateIdentity::Subject(subject.to_owned()),
        }
    }
}

impl ClaimedIdentity {
    /// Whom the certificate names. Not safe for a terminal.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Who is said to have vouched for the name. Not safe for a terminal.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What is said about a CI run, by the names of [`CI_CLAIMS`](crate::CI_CLAIMS). Not safe for a terminal.
    pub fn ci(&self) -> &BTreeMap<String, String> {
        &self.ci
    }
}
