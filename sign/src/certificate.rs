//! Signing with a certificate: a signer, its certificate, and the chain that a verifier needs beside it.
//!
//! A certificate grants nothing here: whom to believe is decided where the signature is verified. What is checked is
//! what would make every strict verifier refuse the signature afterwards.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lacre_attest::{AttestError, CertificateForm, CertificateMaterial, Material, PublicKey};
use lacre_manifest::escape;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Document, Encode};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};

use crate::{SignError, Signer};

/// The longest file of certificates, in bytes.
const FILE_LIMIT: usize = 1024 * 1024;
/// The longest certificate, in bytes: what a bundle may carry.
const CERTIFICATE_LIMIT: usize = 64 * 1024;
/// At most this many certificates, the leaf among them: what a bundle may carry.
const CHAIN_LIMIT: usize = 16;

/// The label of a certificate (RFC 7468, section 5.1).
const LABEL: &str = "CERTIFICATE";

/// `id-kp-codeSigning` (RFC 5280, section 4.2.1.12).
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
/// `anyExtendedKeyUsage` (RFC 5280, section 4.2.1.12).
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// A leaf certificate and those that lead from it towards an anchor, leaf first.
///
/// Made only of certificates that name each other in this order; see [`CertificateChain::from_pem`].
#[derive(Debug, Clone)]
pub struct CertificateChain {
    certificates: Vec<Certificate>,
    material: CertificateMaterial,
}

impl CertificateChain {
    /// Reads `certificate`, whose first certificate is the leaf, and then the files of `chain` in their order.
    ///
    /// A file may hold several certificates in PEM. The anchor itself need not be among them. At most 1 MiB a file.
    pub fn read(certificate: &Path, chain: &[PathBuf]) -> Result<Self, SignError> {
        let mut text = String::new();
        for path in std::iter::once(certificate).chain(chain.iter().map(PathBuf::as_path)) {
            let held = read_bounded(path)?;
            if !held.contains("-----BEGIN ") {
                return Err(malformed(format!("{} holds no PEM block", escape(&path.to_string_lossy()))));
            }
            text.push_str(&held);
            text.push('\n');
        }
        Self::from_pem(&text)
    }

    /// Reads PEM text: one certificate after the other, leaf first, each issued by the next one. Text between the
    /// blocks is skipped, as tools print a description there.
    ///
    /// Refused with `E-CERTIFICATE`: other blocks (a private key that slipped into the file would not be published,
    /// but should not lie there either), certificates that are not strict DER, a certificate that stands twice, and
    /// one whose issuer is not the subject of the next. Refused with `E-LIMIT`: more than 16 certificates, or one of
    /// more than 64 KiB.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        let blocks = pem_blocks(text)?;
        if blocks.is_empty() {
            return Err(malformed("there is no certificate"));
        }
        within("certificates", blocks.len(), CHAIN_LIMIT)?;
        let mut certificates = Vec::with_capacity(blocks.len());
        for (at, der) in blocks.iter().enumerate() {
            within("bytes of certificate", der.len(), CERTIFICATE_LIMIT)?;
            if blocks[..at].contains(der) {
                return Err(malformed("a certificate stands twice in the chain"));
            }
            let certificate = Certificate::from_der(der)
                .map_err(|error| malformed(format!("certificate {} is not one: {error}", at + 1)))?;
            // What is signed must be what is written: an encoding that reads back differently is ambiguous.
            if certificate.to_der().ok().as_ref() != Some(der) {
                return Err(malformed(format!("certificate {} is not in canonical DER", at + 1)));
            }
            certificates.push(certificate);
        }
        for pair in certificates.windows(2) {
            follows(&pair[0], &pair[1])?;
        }
        let material = CertificateMaterial::new(CertificateForm::Chain, blocks)?;
        Ok(Self { certificates, material })
    }

    /// The subject of the leaf, as RFC 4514 writes it, safe to print.
    pub fn subject(&self) -> String {
        self.leaf().map(name_of).unwrap_or_default()
    }

    fn leaf(&self) -> Option<&Certificate> {
        self.certificates.first()
    }
}

/// A signer whose bundles carry a certificate for its key instead of a hint.
///
/// The bundle has `x509CertificateChain`, the form of OMS's certificate method.
pub struct CertificateSigner<'a> {
    inner: Box<dyn Signer + 'a>,
    chain: CertificateChain,
}

impl<'a> CertificateSigner<'a> {
    /// Joins a signer and its certificates, if verifiers can be expected to accept them at the time `now`.
    ///
    /// - The leaf is for the signer's key (`E-KEY`).
    /// - Every certificate is within its validity (`E-CERTIFICATE-EXPIRED`).
    /// - The leaf has extendedKeyUsage with codeSigning, keyUsage with digitalSignature and without keyCertSign, and
    ///   is no authority (`CA:TRUE` beside a keyUsage of digitalSignature alone is none); the others are authorities with keyCertSign that may issue for code signing and for a chain
    ///   of this length (RFC 5280, sections 4.2.1.3, 4.2.1.9 and 4.2.1.12) (`E-CERTIFICATE`).
    pub fn new(
        inner: Box<dyn Signer + 'a>,
        chain: CertificateChain,
        now: SystemTime,
    ) -> Result<Self, SignError> {
        let leaf = chain.leaf().ok_or_else(|| malformed("there is no certificate"))?;
        is_for(leaf, inner.public_key())?;
        acceptable_leaf(leaf)?;
        for (below, authority) in chain.certificates.iter().skip(1).enumerate() {
            acceptable_authority(authority, below)?;
        }
        for certificate in &chain.certificates {
            valid_at(certificate, now)?;
        }
        Ok(Self { inner, chain })
    }

    /// The certificates, leaf first.
    pub fn chain(&self) -> &CertificateChain {
        &self.chain
    }
}

impl Signer for CertificateSigner<'_> {
    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.inner.sign(message)
    }

    fn material(&self) -> Material {
        Material::Certificates(self.chain.material.clone())
    }
}

/// Whether the certificate is for `key`.
pub(crate) fn is_for(certificate: &Certificate, key: &PublicKey) -> Result<(), SignError> {
    let named = certificate.tbs_certificate().subject_public_key_info().to_der();
    match named {
        Ok(der) if der == key.to_der() => Ok(()),
        _ => Err(SignError::CertificateKey { subject: name_of(certificate) }),
    }
}

fn acceptable_leaf(leaf: &Certificate) -> Result<(), SignError> {
    let refuse = |why: &str| malformed(format!("the certificate of {} {why}", name_of(leaf)));
    if leaf.tbs_certificate().version() != Version::V3 {
        return Err(refuse("is not of version 3, so it cannot say what it is for"));
    }
    // Some makers of certificates write CA:TRUE everywhere. It means nothing where keyUsage allows signatures alone.
    let authority = extension::<BasicConstraints>(leaf)?.is_some_and(|constraints| constraints.ca);
    let usage = extension::<KeyUsage>(leaf)?;
    if authority && usage != Some(KeyUsage(KeyUsages::DigitalSignature.into())) {
        return Err(refuse("is that of an authority (basicConstraints: CA): the leaf must come first"));
    }
    match extension::<ExtendedKeyUsage>(leaf)? {
        Some(usage) if usage.0.contains(&CODE_SIGNING) => {}
        Some(_) => return Err(refuse("is for other uses: its extendedKeyUsage lacks codeSigning")),
        None => return Err(refuse("has no extendedKeyUsage: verifiers want codeSigning")),
    }
    match usage {
        Some(usage) if usage.key_cert_sign() => Err(refuse("may issue certificates (keyUsage: keyCertSign)")),
        Some(usage) if usage.digital_signature() => Ok(()),
        Some(_) => Err(refuse("is for other uses: its keyUsage lacks digitalSignature")),
        None => Err(refuse("has no keyUsage: verifiers want digitalSignature")),
    }
}

/// `below`: how many authorities stand between this one and the leaf.
fn acceptable_authority(authority: &Certificate, below: usize) -> Result<(), SignError> {
    let refuse = |why: &str| malformed(format!("the certificate of {} {why}", name_of(authority)));
    match extension::<BasicConstraints>(authority)? {
        Some(BasicConstraints { ca: true, path_len_constraint }) => {
            if path_len_constraint.is_some_and(|most| below > usize::from(most)) {
                return Err(refuse("allows no chain of this length (pathLenConstraint)"));
            }
        }
        _ => return Err(refuse("is not that of an authority, but stands where one must stand")),
    }
    if !extension::<KeyUsage>(authority)?.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(refuse("may not issue certificates: its keyUsage lacks keyCertSign"));
    }
    match extension::<ExtendedKeyUsage>(authority)? {
        Some(usage) if !usage.0.iter().any(|usage| *usage == CODE_SIGNING || *usage == ANY_USAGE) => {
            Err(refuse("may not issue for code signing (extendedKeyUsage)"))
        }
        _ => Ok(()),
    }
}

fn valid_at(certificate: &Certificate, now: SystemTime) -> Result<(), SignError> {
    let validity = certificate.tbs_certificate().validity();
    let outside = |detail: String| SignError::CertificateExpired { subject: name_of(certificate), detail };
    if now < validity.not_before.to_system_time() {
        return Err(outside(format!("is not valid before {}", validity.not_before)));
    }
    if now > validity.not_after.to_system_time() {
        return Err(outside(format!("was valid until {}", validity.not_after)));
    }
    Ok(())
}

/// That `issuer` can have issued `certificate`, by the names and key identifiers (RFC 5280, sections 4.1.2.4 and
/// 4.2.1.1). Signatures are the verifier's to check: they may be of algorithms that nobody signs models with.
fn follows(certificate: &Certificate, issuer: &Certificate) -> Result<(), SignError> {
    let wrong = |why: &str| {
        malformed(format!(
            "the chain is out of order: the certificate of {} is followed by that of {}, {why}; the leaf comes \
             first, then its issuer, and so on",
            name_of(certificate),
            name_of(issuer)
        ))
    };
    if certificate.tbs_certificate().issuer() != issuer.tbs_certificate().subject() {
        return Err(wrong("which did not issue it"));
    }
    let wanted = extension::<AuthorityKeyIdentifier>(certificate)?.and_then(|named| named.key_identifier);
    let found = extension::<SubjectKeyIdentifier>(issuer)?;
    match (wanted, found) {
        (Some(wanted), Some(found)) if wanted != found.0 => {
            Err(wrong("which has its issuer's name and another key"))
        }
        _ => Ok(()),
    }
}

fn extension<'a, T>(certificate: &'a Certificate) -> Result<Option<T>, SignError>
where
    T: Decode<'a, Error = x509_cert::der::Error> + x509_cert::der::oid::AssociatedOid,
{
    match certificate.tbs_certificate().get_extension::<T>() {
        Ok(found) => Ok(found.map(|(_, value)| value)),
        Err(error) => Err(malformed(format!(
            "the certificate of {} has a broken extension {}: {error}",
            name_of(certificate),
            T::OID
        ))),
    }
}

fn name_of(certificate: &Certificate) -> String {
    let name = certificate.tbs_certificate().subject().to_string();
    if name.is_empty() { "(no subject)".to_owned() } else { format!("`{}`", escape(&name)) }
}

/// The certificates of a PEM text in DER; anything else that is armoured is refused.
pub(crate) fn pem_blocks(text: &str) -> Result<Vec<Vec<u8>>, SignError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let block = &rest[start..];
        let end = block.find("-----END ").ok_or_else(|| malformed("a PEM block has no end"))?;
        let length = block[end..].find('\n').map_or(block.len(), |line| end + line);
        let (label, der) = Document::from_pem(block[..length].trim_ascii_end())
            .map_err(|error| malformed(format!("a PEM block is malformed: {error}")))?;
        if label != LABEL {
            return Err(malformed(format!("beside certificates there is a block {}", escape(label))));
        }
        blocks.push(der.into_vec());
        // One more than fits is enough to know that they are too many.
        if blocks.len() > CHAIN_LIMIT {
            break;
        }
        rest = &block[length..];
    }
    Ok(blocks)
}

fn read_bounded(path: &Path) -> Result<String, SignError> {
    let unreadable = |source: io::Error| SignError::CertificateFile { path: path.to_owned(), source };
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut text))
        .map_err(unreadable)?;
    within("bytes of certificate file", text.len(), FILE_LIMIT)?;
    String::from_utf8(text)
        .map_err(|_| malformed(format!("{} is not PEM (DER is not read)", escape(&path.to_string_lossy()))))
}

fn malformed(detail: impl Into<String>) -> SignError {
    SignError::Certificate { detail: detail.into() }
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), SignError> {
    if size > limit { Err(AttestError::Limit { what, size, limit }.into()) } else { Ok(()) }
}
