//! The last look at a finished bundle, with the eyes of a verifier.

use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use sigstore_sign::types::{Artifact, Sha256Hash};
use sigstore_verify::{Error, VerificationPolicy, Verifier};

use super::{Identity, TrustConfig};
use crate::SignError;

/// Verifies a bundle about what has `digest` against the trusted root, for the identity that was confirmed.
///
/// Who is to blame is told apart: evidence that does not verify is a fault of the service that gave it.
pub(super) fn verify(
    bundle: &[u8],
    digest: Sha256Digest,
    config: &TrustConfig,
    identity: &Identity,
) -> Result<(), SignError> {
    let ours = |error: &dyn std::fmt::Display| SignError::bug(format!("reading a finished bundle: {error}"));
    let json = std::str::from_utf8(bundle).map_err(|error| ours(&error))?;
    let read = sigstore_sign::types::Bundle::from_json(json).map_err(|error| ours(&error))?;
    let digest = Sha256Hash::from_hex(&digest.to_string()).map_err(|error| ours(&error))?;
    let policy = VerificationPolicy::new(identity.subject.as_str(), identity.issuer.as_str());
    let verifier = Verifier::new(config.root()).map_err(|error| ours(&error))?;
    match verifier.verify(Artifact::from(digest), &read, &policy) {
        Ok(_) => Ok(()),
        Err(error) => Err(blamed(&error, config)),
    }
}

fn blamed(error: &Error, config: &TrustConfig) -> SignError {
    let said = escape(&error.to_string());
    match error {
        Error::TransparencyLog(_) => config.log().0.odd(format!("gave a proof that does not verify: {said}")),
        Error::Timestamp(_) => match config.timestamps() {
            Some(service) => service.odd(format!("gave a timestamp that does not verify: {said}")),
            None => config.log().0.odd(format!("gave no time that can be trusted: {said}")),
        },
        Error::Certificate(_) | Error::IdentityMismatch { .. } | Error::IssuerMismatch { .. } => {
            SignError::Issued {
                detail: format!(
                    "the certificate is not one that the trusted root lets anybody believe: {said}"
                ),
            }
        }
        // The envelope is ours and was verified; what else is in a bundle is the entry.
        Error::Bundle(_) | Error::InvalidBundle(_) | Error::UnsupportedBundle(_) => {
            config.log().0.odd(format!("gave an entry that does not verify: {said}"))
        }
        _ => SignError::Issued { detail: format!("the finished bundle does not verify: {said}") },
    }
}
