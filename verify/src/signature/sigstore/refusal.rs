//! What the crate's errors are called here: one table. Why a certificate chain leads nowhere the crate says as a text
//! alone: that is found out in `leaf::why_no_path`, and not read out of the text.

use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

use super::members::malformed;
use crate::VerifyError;

/// How the crate begins the mismatches that are the log's, and not the signature's.
const LOGGED_OTHERWISE: &str = "artifact hash mismatch for hashedrekord entry";

/// The crate's error as one of ours.
pub(super) fn refused(error: Error) -> VerifyError {
    let detail = lacre_manifest::escape(&error.to_string());
    match error {
        Error::IdentityMismatch { .. } | Error::IssuerMismatch { .. } => VerifyError::IdentityMismatch {
            subject: "another".to_owned(),
            issuer: "another".to_owned(),
            detail,
        },
        Error::SignatureInvalid(_) => invalid_signature(),
        Error::ArtifactMismatch(why) if why.starts_with(LOGGED_OTHERWISE) => VerifyError::Log { detail },
        Error::ArtifactMismatch(_) => VerifyError::Signature { tried: "this content".to_owned() },
        Error::Certificate(error) => certificate(&error, detail),
        Error::TransparencyLog(TransparencyLogError::UnknownLog { log_id }) => {
            VerifyError::Log { detail: format!("the log {} is not trusted", lacre_manifest::escape(&log_id)) }
        }
        Error::TransparencyLog(_) => VerifyError::Log { detail },
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => {
            VerifyError::KeylessTimestamp { detail: "nothing proves when it was signed".to_owned() }
        }
        Error::Timestamp(_) => VerifyError::KeylessTimestamp { detail },
        Error::InvalidBundle(_) | Error::Types(_) => malformed(detail),
        Error::Bundle(error) => structure(&error, detail),
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            VerifyError::TrustRoot { detail }
        }
        Error::Crypto(error) => cryptography(&error, detail),
        // What is new to the crate is new to us.
        _ => VerifyError::UnsupportedEvidence { detail },
    }
}

fn invalid_signature() -> VerifyError {
    VerifyError::Signature { tried: "the key that it names".to_owned() }
}

fn certificate(error: &CertificateError, detail: String) -> VerifyError {
    match error {
        CertificateError::NoValidAuthority { .. } => VerifyError::KeylessUntrusted { detail },
        CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => {
            VerifyError::KeylessExpired { detail }
        }
        // The timestamp is the word of a log: that of certificates.
        CertificateError::Sct(_) => VerifyError::Log { detail },
        _ => VerifyError::KeylessCertificate { detail },
    }
}

fn structure(error: &sigstore_verify::bundle::Error, detail: String) -> VerifyError {
    use sigstore_verify::bundle::Error as Structure;
    match error {
        Structure::MissingInclusionPromise(_)
        | Structure::MissingInclusionProof(_)
        | Structure::MissingSigningTimeEvidence
        | Structure::MissingCheckpoint
        | Structure::LogIndexOutOfRange { .. }
        | Structure::CheckpointRootMismatch => VerifyError::Log { detail },
        Structure::MissingTimestamp => VerifyError::KeylessTimestamp { detail },
        _ => malformed(detail),
    }
}

fn cryptography(error: &sigstore_verify::crypto::Error, detail: String) -> VerifyError {
    use sigstore_verify::crypto::Error as Cryptography;
    match error {
        Cryptography::Verification(_) => invalid_signature(),
        Cryptography::Checkpoint(_) => VerifyError::Log { detail },
        Cryptography::InvalidCertificate(_) | Cryptography::InvalidKey(_) | Cryptography::Der(_) => {
            VerifyError::KeylessCertificate { detail }
        }
        _ => VerifyError::UnsupportedEvidence { detail },
    }
}

#[cfg(test)]
mod tests;
