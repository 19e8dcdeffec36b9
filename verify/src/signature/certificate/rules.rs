//! What a leaf and an authority must be like, and what they may never be.

use x509_cert::certificate::Version;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::flagset::FlagSet;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

use super::constraints;
use super::path::Path;
use super::problem::CertificateProblem;
use super::times::{TrustedTime, rfc3339};
use super::x509::{Certificate, Purposes};
use crate::VerifyError;

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// What the leaf is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    CodeSigning,
    TimeStamping,
}

impl Purpose {
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::CodeSigning => CODE_SIGNING,
            Self::TimeStamping => TIME_STAMPING,
        }
    }

    const fn missing(self) -> CertificateProblem {
        CertificateProblem::MissingPurpose {
            purpose: match self {
                Self::CodeSigning => "codeSigning",
                Self::TimeStamping => "timeStamping",
            },
        }
    }
}

/// Checks everything of a path but times and revocation; gives what is to be reported.
pub(super) fn check(path: &Path<'_>, purpose: Purpose) -> Result<Vec<String>, VerifyError> {
    let Some((leaf, authorities)) = path.split_first() else { return Ok(Vec::new()) };
    let warnings = check_leaf(leaf, purpose).map_err(|problem| at(leaf, problem))?;
    for (number, authority) in authorities.iter().enumerate() {
        check_authority(authority, purpose).map_err(|problem| at(authority, problem))?;
        check_length(authority, &authorities[..number]).map_err(|problem| at(authority, problem))?;
        // RFC 5280, section 4.2.1.10: not applied to self-issued certificates, unless they are the leaf.
        for below in authorities[..number].iter().filter(|below| !below.is_self_issued()).chain([leaf]) {
            if let Some(limits) = &authority.extensions.constraints {
                constraints::check(limits, below).map_err(|problem| {
                    let blamed = if matches!(problem, CertificateProblem::ConstraintForm { .. }) {
                        authority
                    } else {
                        below
                    };
                    at(blamed, problem)
                })?;
            }
        }
    }
    Ok(warnings)
}

/// Checks that every certificate of the path is valid at every time.
pub(super) fn check_times(path: &Path<'_>, times: &[TrustedTime]) -> Result<(), VerifyError> {
    for trusted in times {
        let time = trusted.time();
        for certificate in path {
            if time < certificate.not_before || time > certificate.not_after {
                return Err(VerifyError::CertificateExpired {
                    certificate: certificate.shown(),
                    at: rfc3339(time),
                    source_of_time: trusted.source().to_string(),
                    not_before: rfc3339(certificate.not_before),
                    not_after: rfc3339(certificate.not_after),
                });
            }
        }
    }
    Ok(())
}

fn check_leaf(leaf: &Certificate, purpose: Purpose) -> Result<Vec<String>, CertificateProblem> {
    refuse_unknown(leaf)?;
    let known = &leaf.extensions;
    let has_purpose = known.purposes.as_ref().is_some_and(|purposes| purposes.list.contains(&purpose.oid()));
    if !has_purpose {
        return Err(purpose.missing());
    }
    if let Some(usage) = &known.usage {
        if usage.key_cert_sign() {
            return Err(CertificateProblem::KeyCertSign);
        }
        let other_signatures = purpose == Purpose::TimeStamping && usage.non_repudiation();
        if !usage.digital_signature() && !other_signatures {
            return Err(CertificateProblem::NotForSignatures);
        }
    }
    if purpose == Purpose::TimeStamping && !known.purposes.as_ref().is_some_and(is_for_timestamps_alone) {
        return Err(CertificateProblem::Purposes);
    }
    let mut warnings = Vec::new();
    if known.basic.as_ref().is_some_and(|basic| basic.ca) {
        let signatures_alone = KeyUsage(FlagSet::from(KeyUsages::DigitalSignature));
        if purpose == Purpose::TimeStamping || known.usage != Some(signatures_alone) {
            return Err(CertificateProblem::CaLeaf);
        }
        warnings.push(format!(
            "the certificate {} says that it is an authority (CA:TRUE); its keyUsage limits it to signatures",
            leaf.shown()
        ));
    }
    Ok(warnings)
}

/// RFC 3161, section 2.3: critical, and nothing else.
fn is_for_timestamps_alone(purposes: &Purposes) -> bool {
    purposes.critical && purposes.list == [TIME_STAMPING]
}

fn check_authority(authority: &Certificate, purpose: Purpose) -> Result<(), CertificateProblem> {
    refuse_unknown(authority)?;
    if authority.version != Version::V3 {
        return Err(CertificateProblem::OldVersion);
    }
    let known = &authority.extensions;
    if !known.basic.as_ref().is_some_and(|basic| basic.ca) {
        return Err(CertificateProblem::NotAnAuthority);
    }
    if known.usage.is_some_and(|usage| !usage.key_cert_sign()) {
        return Err(CertificateProblem::NotForCertificates);
    }
    match &known.purposes {
        Some(purposes)
            if !purposes.list.iter().any(|listed| [purpose.oid(), ANY_PURPOSE].contains(listed)) =>
        {
            Err(purpose.missing())
        }
        _ => Ok(()),
    }
}

/// `below`: the authorities between this one and the leaf.
fn check_length(authority: &Certificate, below: &Path<'_>) -> Result<(), CertificateProblem> {
    let limit = authority.extensions.basic.as_ref().and_then(|basic| basic.path_len_constraint);
    let found = below.iter().filter(|between| !between.is_self_issued()).count();
    match limit {
        Some(limit) if found > usize::from(limit) => Err(CertificateProblem::PathLength { limit, found }),
        _ => Ok(()),
    }
}

fn refuse_unknown(certificate: &Certificate) -> Result<(), CertificateProblem> {
    match certificate.extensions.unknown_critical {
        Some(oid) => Err(CertificateProblem::CriticalExtension { oid: oid.to_string() }),
        None => Ok(()),
    }
}

fn at(certificate: &Certificate, problem: CertificateProblem) -> VerifyError {
    VerifyError::Certificate { certificate: certificate.shown(), problem }
}
