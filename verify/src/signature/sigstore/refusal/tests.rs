use std::io;

use sigstore_verify::bundle::Error as Structure;
use sigstore_verify::crypto::Error as Cryptography;
use sigstore_verify::types::{Error as Types, MediaType};

use super::*;

/// A row of the table.
#[track_caller]
fn row(error: impl Into<Error>, code: &str) {
    let error = error.into();
    let shown = format!("{error:?}");
    assert_eq!(refused(error).code(), code, "{shown}");
}

fn why() -> String {
    "x".to_owned()
}

#[test]
fn signature_and_content() {
    row(Error::SignatureInvalid(why()), "E-SIGNATURE-INVALID");
    row(
        Error::ArtifactMismatch("message digest in bundle does not match artifact hash".into()),
        "E-SIGNATURE-INVALID",
    );
    row(Error::ArtifactMismatch("artifact hash mismatch for hashedrekord entry".into()), "E-LOG");
    row(Error::UnsupportedArtifact(why()), "E-UNSUPPORTED");
    row(Error::ArtifactRead(io::ErrorKind::Other.into()), "E-UNSUPPORTED");
    row(Error::IdentityMismatch { expected: "a".into(), actual: None }, "E-IDENTITY-MISMATCH");
    row(Error::IssuerMismatch { expected: why(), actual: None }, "E-IDENTITY-MISMATCH");
}

#[test]
fn certificates() {
    let time = jiff::Timestamp::UNIX_EPOCH;
    row(CertificateError::Malformed(why()), "E-CERTIFICATE");
    row(CertificateError::ChainInvalid("CertExpired UnknownIssuer".into()), "E-CERTIFICATE");
    row(CertificateError::NoValidAuthority { time }, "E-SIGNER-UNTRUSTED");
    row(CertificateError::NotYetValid { time, not_before: time }, "E-CERTIFICATE-EXPIRED");
    row(CertificateError::Expired { time, not_after: time }, "E-CERTIFICATE-EXPIRED");
    row(CertificateError::Sct(why()), "E-LOG");
}

#[test]
fn logs_and_timestamps() {
    let time = jiff::Timestamp::UNIX_EPOCH;
    row(TransparencyLogError::UnknownLog { log_id: why() }, "E-LOG");
    row(TransparencyLogError::InclusionProof(why()), "E-LOG");
    row(TransparencyLogError::Checkpoint(why()), "E-LOG");
    row(TransparencyLogError::InclusionPromise(why()), "E-LOG");
    row(TransparencyLogError::EntryMismatch(why()), "E-LOG");
    row(TransparencyLogError::IntegratedTime(why()), "E-LOG");
    row(TransparencyLogError::MalformedEntry(why()), "E-LOG");
    row(TimestampError::Invalid(why()), "E-TIMESTAMP");
    row(TimestampError::OutsideAuthorityValidity { time }, "E-TIMESTAMP");
    row(TimestampError::NoVerifiedTimestamp(why()), "E-TIMESTAMP");
}

#[test]
fn bundles() {
    let version = MediaType::Bundle0_3;
    row(Error::InvalidBundle(why()), "E-BUNDLE");
    row(Error::UnsupportedBundle(why()), "E-UNSUPPORTED");
    row(Types::InvalidEncoding(why()), "E-BUNDLE");
    row(Structure::UnsupportedMediaType(version), "E-BUNDLE");
    row(Structure::UnsupportedVerificationMaterial, "E-BUNDLE");
    row(Structure::CertificateChainNotAllowed(version), "E-BUNDLE");
    row(Structure::MissingInclusionPromise(version), "E-LOG");
    row(Structure::MissingInclusionProof(version), "E-LOG");
    row(Structure::MissingSigningTimeEvidence, "E-LOG");
    row(Structure::MissingCheckpoint, "E-LOG");
    row(Structure::LogIndexOutOfRange { log_index: 1, tree_size: 1 }, "E-LOG");
    row(Structure::CheckpointRootMismatch, "E-LOG");
    row(Structure::MissingTimestamp, "E-TIMESTAMP");
}

#[test]
fn roots_and_cryptography() {
    row(Error::InvalidTrustRoot(why()), "E-TRUST-ROOT");
    row(Error::TrustedCertificate("x".into()), "E-TRUST-ROOT");
    row(sigstore_verify::trust_root::Error::InvalidKey(why()), "E-TRUST-ROOT");
    row(Cryptography::Verification(why()), "E-SIGNATURE-INVALID");
    row(Cryptography::Checkpoint(why()), "E-LOG");
    row(Cryptography::InvalidCertificate(why()), "E-CERTIFICATE");
    row(Cryptography::InvalidKey(why()), "E-CERTIFICATE");
    row(Cryptography::Der(why()), "E-CERTIFICATE");
    row(Cryptography::UnsupportedAlgorithm(why()), "E-UNSUPPORTED");
}

#[test]
fn what_is_shown_is_safe_for_a_terminal() {
    let error = refused(Error::InvalidBundle("\u{1b}[2J\u{202e}".to_owned()));
    assert!(!error.to_string().contains(['\u{1b}', '\u{202e}']), "{error}");
}
