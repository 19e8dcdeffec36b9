//! A chain in, a verdict out.

use std::time::SystemTime;

use lacre_attest::{AttestError, KeyProblem, PublicKey};

use super::anchors::Anchors;
use super::leaf::VerifiedLeaf;
use super::path;
use super::problem::CertificateProblem;
use super::revocation::{self, Crls};
use super::rules::{self, Purpose};
use super::times::TrustedTime;
use super::x509::Certificate;
use crate::VerifyError;

/// At most this many certificates are given.
const GIVEN: usize = 16;

/// What a chain is judged by.
#[derive(Debug, Clone, Copy)]
pub struct ChainInput<'a> {
    /// The certificates that came with the signature, in DER: the leaf first, the others in any order. At most 16.
    pub leaf_first: &'a [Vec<u8>],
    /// Where paths must lead.
    pub anchors: &'a Anchors,
    /// Revocation lists; with them, every certificate below the anchor needs a current one.
    pub crls: Option<&'a Crls>,
    /// The times that count, at least one: the whole chain must be valid at every one of them.
    pub at: &'a [TrustedTime],
    /// The present, by which revocation lists are current or stale.
    pub now: SystemTime,
}

/// Judges a chain for signing code. It says whose key it is, not that anything was signed with it, nor that this is who
/// was expected: that is [`VerifiedLeaf::matches`].
///
/// # Errors
/// `E-CERTIFICATE`, `E-CERTIFICATE-EXPIRED`, `E-CERTIFICATE-REVOKED`, `E-REVOCATION-UNKNOWN`, `E-SIGNER-UNTRUSTED` (no
/// path to an anchor), `E-UNSUPPORTED` (the key of the leaf), `E-USAGE` (no time that counts).
pub fn verify_chain(input: ChainInput<'_>) -> Result<VerifiedLeaf, VerifyError> {
    let certificates = read(input.leaf_first)?;
    let Some((leaf, given)) = certificates.split_first() else { return Err(VerifyError::NoTrust) };
    if input.at.is_empty() {
        return Err(VerifyError::NoTime);
    }
    path::find(leaf, given, input.anchors.certificates(), |path| {
        let mut warnings = rules::check(path, Purpose::CodeSigning)?;
        rules::check_times(path, input.at)?;
        if let Some(crls) = input.crls {
            warnings.extend(revocation::check(path, crls, input.at, input.now)?);
        }
        VerifiedLeaf::new(path, public_key(leaf)?, warnings)
    })
}

/// Judges the chain of a timestamp authority at one moment; gives the anchor, which may be the leaf itself.
pub(crate) fn verify_authority<'a>(
    leaf: &'a Certificate,
    given: &'a [Certificate],
    anchors: &'a [Certificate],
    at: TrustedTime,
) -> Result<&'a Certificate, VerifyError> {
    let times = [at];
    path::find(leaf, given, anchors, |path| {
        rules::check(path, Purpose::TimeStamping)?;
        rules::check_times(path, &times)?;
        path.last().copied().ok_or(VerifyError::NoTrust)
    })
}

/// Reads what came with the signature; a certificate that stands twice counts once.
fn read(given: &[Vec<u8>]) -> Result<Vec<Certificate>, VerifyError> {
    let refused = |certificate: String, problem| VerifyError::Certificate { certificate, problem };
    if given.is_empty() || given.len() > GIVEN {
        let problem = CertificateProblem::TooMany { count: given.len(), limit: GIVEN };
        return Err(refused("of the signer".to_owned(), problem));
    }
    let mut certificates: Vec<Certificate> = Vec::with_capacity(given.len());
    for (number, der) in given.iter().enumerate() {
        let certificate = Certificate::parse(der)
            .map_err(|problem| refused(format!("number {} of the signature", number + 1), problem))?;
        if !certificates.iter().any(|known| known.der == certificate.der) {
            certificates.push(certificate);
        }
    }
    Ok(certificates)
}

fn public_key(leaf: &Certificate) -> Result<PublicKey, VerifyError> {
    PublicKey::from_der(&leaf.spki).map_err(|error| match error {
        AttestError::Key { problem: KeyProblem::Algorithm { name } } => {
            VerifyError::CertificateKey { certificate: leaf.shown(), algorithm: name }
        }
        _ => VerifyError::Certificate { certificate: leaf.shown(), problem: CertificateProblem::Key },
    })
}
