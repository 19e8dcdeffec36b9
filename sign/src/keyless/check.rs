//! The last look at a finished bundle, with the eyes of a verifier.

use lacre_attest::{Bundle, Limits, Statement};
use lacre_manifest::escape;
use sigstore_sign::types::{Artifact, Sha256Hash};
use sigstore_verify::{Error, VerificationPolicy, Verifier};

use super::{Identity, TrustConfig};
use crate::SignError;

/// Verifies the bundle against the trusted root, for the identity that was confirmed.
///
/// Who is to blame is told apart: evidence that does not verify is a fault of the service that gave it.
pub(super) fn verify(
    bundle: &Bundle,
    config: &TrustConfig,
    identity: &Identity,
    limits: &Limits,
) -> Result<(), SignError> {
    let ours = |error: &dyn std::fmt::Display| SignError::bug(format!("reading a finished bundle: {error}"));
    let json = String::from_utf8(bundle.to_json()).map_err(|error| ours(&error))?;
    let read = sigstore_sign::types::Bundle::from_json(&json).map_err(|error| ours(&error))?;
    let statement = Statement::parse(bundle.envelope().payload(), limits)?;
    let digest = statement
        .subjects()
        .iter()
        .find_map(|subject| Sha256Hash::from_hex(subject.digest.get("sha256")?).ok())
        .ok_or_else(|| ours(&"the statement has no subject with a SHA-256 digest"))?;
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
