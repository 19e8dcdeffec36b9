//! Bundles signed with a certificate that a trusted authority vouches for.

use std::time::SystemTime;

use lacre_attest::{AttestError, Bundle, CertificateMaterial, LegacyHash};
use lacre_manifest::escape;

use super::certificate::{ChainInput, TrustedTime, VerifiedLeaf, verify_chain};
use super::{Legacy, NamedBy, Signer, SignerKind, evidence, stamped};
use crate::report::{Report, SignedAt, Step};
use crate::trust::Authority;
use crate::{Failure, Trust, VerifyError};

/// Checks the chain, who it names, and the signature.
pub(super) fn verify(
    bundle: &Bundle,
    held: &CertificateMaterial,
    trust: &Trust,
    (now, legacy): (SystemTime, Legacy),
    mut report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let proven = match stamped::times(bundle, trust.timestamp_authorities()) {
        Ok(proven) => proven,
        Err(error) => return Err(report.fail(Step::Signer, error)),
    };
    let at = if proven.is_empty() { vec![TrustedTime::now(now)] } else { proven.clone() };
    let mut refusal = None;
    for authority in trust.authorities() {
        match leaf(held, authority, &at, now) {
            Ok(leaf) => {
                report.warnings.extend(leaf.warnings().iter().cloned());
                return signed_by(bundle, &leaf, &proven, legacy, report);
            }
            Err(error) => {
                let known = refusal.as_ref().map(VerifyError::nearness);
                if known < Some(error.nearness()) {
                    refusal = Some(error);
                }
            }
        }
    }
    Err(report.fail(Step::Signer, refusal.unwrap_or(VerifyError::NoAuthority)))
}

fn leaf(
    held: &CertificateMaterial,
    authority: &Authority,
    at: &[TrustedTime],
    now: SystemTime,
) -> Result<VerifiedLeaf, VerifyError> {
    let leaf = verify_chain(ChainInput {
        leaf_first: held.certificates(),
        anchors: &authority.anchors,
        crls: authority.crls.as_ref(),
        at,
        now,
    })?;
    let mut refusal = None;
    for identity in &authority.identities {
        match leaf.matches(identity) {
            Ok(()) => return Ok(leaf),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or(VerifyError::NoAuthority))
}

fn signed_by(
    bundle: &Bundle,
    leaf: &VerifiedLeaf,
    proven: &[TrustedTime],
    legacy: Legacy,
    mut report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let key = leaf.public_key();
    let identity = leaf.sans().first().map_or_else(|| leaf.subject().to_owned(), |san| san.value.clone());
    report.pass(Step::Signer, format!("a trusted authority vouches for {}", escape(&identity)));
    // With certificates, the releases before 1.0 signed SHA-256 on every curve.
    match legacy.check(bundle.envelope(), key, LegacyHash::Sha256) {
        Ok(encoding) => encoding.tell(&mut report),
        Err(error @ AttestError::Legacy { .. }) => return Err(report.fail(Step::Signature, error.into())),
        Err(_) => {
            let tried = format!("the key of the certificate of {}", escape(&identity));
            return Err(report.fail(Step::Signature, VerifyError::Signature { tried }));
        }
    }
    report.pass(Step::Signature, format!("{} by {}", key.algorithm(), escape(&identity)));
    if bundle.log_entries() > 0 {
        report.warnings.push(evidence::unchecked("log entries", bundle.log_entries()));
    }
    let names = leaf.sans().iter().map(|san| san.value.as_str()).chain([leaf.subject()]);
    let signer = Signer {
        kind: SignerKind::Certificate,
        algorithm: key.algorithm(),
        key: key.hint(),
        named_by: NamedBy::Certificate,
        identity: Some(identity),
        issuer: None,
        public: key.clone(),
        names: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    };
    report.signed_at = SignedAt::proven(proven.iter().map(TrustedTime::time));
    report.timestamp_authorities = evidence::authorities(proven);
    report.signer = Some(signer.clone());
    Ok((signer, report))
}
