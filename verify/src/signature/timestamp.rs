//! Timestamps (RFC 3161): that something existed at a time, by the word of a trusted authority.
//!
//! A token is believed when the certificate that it names itself by (`signingCertificateV2`, RFC 5816) made its
//! signature over exactly the signed attributes, those cover exactly the content, the content is a timestamp of
//! exactly the wanted bytes, and the certificate leads to the anchor *of one authority* at the time that it says.
//! What else lies in the token is worth nothing: a certificate put before the signer's (CVE-2026-39984) is not looked at.
//! `sigstore-tsa` is not used for this: it knows no RSA, demands the leaf in the trust file, and checks no anchor's dates.

mod token;

use self::token::Token;
use super::certificate::{Certificate, TimestampProblem, TrustedTime, pem_certificates, verify_authority};
use crate::VerifyError;

/// The longest token, in bytes. Those in use have one to eight thousand.
const LIMIT: usize = 256 * 1024;
/// At most this many certificates of an authority, and in a token.
const CERTIFICATES: usize = 16;
/// At most this many authorities.
const AUTHORITIES: usize = 64;

/// The timestamp authorities that are trusted.
#[derive(Debug, Clone, Default)]
pub struct TimestampAuthorities {
    authorities: Vec<Authority>,
}

/// One authority. Its certificates are never mixed with those of another one.
#[derive(Debug, Clone)]
struct Authority {
    anchors: Vec<Certificate>,
    /// What stands between signers and anchors.
    between: Vec<Certificate>,
    /// The only certificates that may sign, if the chain names any.
    signers: Vec<Certificate>,
}

impl TimestampAuthorities {
    /// None yet: no timestamp would be believed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts one more authority, by its chain in PEM: the certificates of one authority in any order, as a `--tsa-chain`
    /// file holds them. Those that are signed with their own key are its anchors, or, without any, the last one of the
    /// file. If there are certificates that are no authorities, only these may sign.
    ///
    /// # Errors
    /// `E-ANCHOR` when the text holds no certificate, something else, or a certificate is malformed.
    pub fn and_pem(self, chain: &str) -> Result<Self, VerifyError> {
        self.and_der(&pem_certificates(chain).map_err(refused)?)
    }

    /// The same for certificates in DER.
    ///
    /// # Errors
    /// As [`TimestampAuthorities::and_pem`].
    pub fn and_der(mut self, chain: &[Vec<u8>]) -> Result<Self, VerifyError> {
        if self.authorities.len() == AUTHORITIES || !(1..=CERTIFICATES).contains(&chain.len()) {
            let (count, total) = (chain.len(), self.authorities.len());
            return Err(refused(format!(
                "{count} certificates (not 1 to {CERTIFICATES}), beside {total} authorities"
            )));
        }
        let certificates = chain
            .iter()
            .map(|der| Certificate::parse(der).map_err(|problem| refused(problem.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        self.authorities.push(Authority::of(certificates));
        Ok(self)
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        self.authorities.extend(others.authorities);
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }
}

impl Authority {
    fn of(certificates: Vec<Certificate>) -> Self {
        let (authorities, signers): (Vec<_>, Vec<_>) = certificates
            .into_iter()
            .partition(|certificate| certificate.extensions.basic.as_ref().is_some_and(|basic| basic.ca));
        let is_self_signed = |certificate: &Certificate| certificate.is_signed_by(certificate).is_ok();
        let (mut anchors, mut between): (Vec<_>, Vec<_>) = authorities.into_iter().partition(is_self_signed);
        // One that signs itself, and is named here, is trusted like a key.
        anchors.extend(signers.iter().filter(|signer| is_self_signed(signer)).cloned());
        if anchors.is_empty() {
            anchors.extend(between.pop());
        }
        Self { anchors, between, signers }
    }
}

/// Checks a timestamp of the bytes `over` (for a DSSE envelope: the signature's): `TimeStampResp` or the token alone, in
/// DER.
///
/// # Errors
/// `E-TIMESTAMP`.
pub fn verify_token(
    token: &[u8],
    over: &[u8],
    authorities: &TimestampAuthorities,
) -> Result<TrustedTime, VerifyError> {
    check(token, over, authorities).map_err(|problem| VerifyError::Timestamp { problem })
}

fn check(
    token: &[u8],
    over: &[u8],
    authorities: &TimestampAuthorities,
) -> Result<TrustedTime, TimestampProblem> {
    if token.len() > LIMIT {
        return Err(TimestampProblem::Malformed { detail: "it is longer than any timestamp" });
    }
    let token = Token::parse(token)?;
    if !token.is_of(over) {
        return Err(TimestampProblem::Imprint);
    }
    let embedded = token.certificates(CERTIFICATES)?;
    let mut refusal = TimestampProblem::Unknown { authorities: authorities.authorities.len() };
    for authority in &authorities.authorities {
        match authority.check(&token, &embedded) {
            Ok(time) => return Ok(time),
            Err(problem) if progress(&refusal) <= progress(&problem) => refusal = problem,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// How far a token came with an authority: the checks are made in this order.
fn progress(problem: &TimestampProblem) -> u8 {
    match problem {
        TimestampProblem::Unknown { .. } => 0,
        TimestampProblem::Chain(error) if matches!(**error, VerifyError::CertificateUntrusted { .. }) => 1,
        TimestampProblem::WrongCertificate => 2,
        TimestampProblem::Signature { .. } => 3,
        _ => 4,
    }
}

impl Authority {
    fn check(&self, token: &Token, embedded: &[Certificate]) -> Result<TrustedTime, TimestampProblem> {
        let candidates = if self.signers.is_empty() { embedded } else { &self.signers };
        let mut named = candidates.iter().filter(|candidate| token.is_signer(candidate));
        let Some(signer) = named.clone().find(|candidate| token.names(candidate)) else {
            return Err(match named.next() {
                Some(_) => TimestampProblem::WrongCertificate,
                None => TimestampProblem::Unknown { authorities: 1 },
            });
        };
        let authority = signer.shown();
        token.verify(signer)?;
        let given = if self.signers.is_empty() {
            self.between.iter().chain(embedded).filter(|other| other.der != signer.der).cloned().collect()
        } else {
            self.between.clone()
        };
        let at = TrustedTime::now(token.time());
        let anchor = verify_authority(signer, &given, &self.anchors, at)
            .map_err(|error| TimestampProblem::Chain(Box::new(error)))?;
        Ok(TrustedTime::stamped(token.time(), authority, anchor.fingerprint()))
    }
}

fn refused(detail: String) -> VerifyError {
    VerifyError::Anchor { what: "timestamp authority", detail }
}
