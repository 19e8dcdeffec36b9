//! The last look at a finished bundle, with the eyes of a verifier.

use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use sigstore_sign::crypto::Keyring;
use sigstore_sign::types::{Artifact, KindVersion, Sha256Hash, TransparencyLogEntry};
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
    verifier.verify(Artifact::from(digest), &read, &policy).map_err(|error| blamed(&error, config))?;
    let logs = config.root().rekor_keys().map_err(|error| ours(&error))?;
    for entry in &read.verification_material.tlog_entries {
        if !repeats_itself(entry) {
            return Err(config.log().0.odd("gave a proof that differs from its own checkpoint"));
        }
        if !is_of_its_log(entry, &logs) {
            return Err(config
                .log()
                .0
                .odd("gave a checkpoint that is not signed by the log that the entry names"));
        }
    }
    Ok(())
}

/// Whether the root, the size and the index of a proof, which stand in an entry twice, are the same both times. The crate
/// looks at one of them; strict verifiers compare.
fn repeats_itself(entry: &TransparencyLogEntry) -> bool {
    let Some(proof) = &entry.inclusion_proof else { return true };
    let in_one_tree =
        entry.kind_version != KindVersion::HashedRekordV002 || proof.log_index == entry.log_index;
    in_one_tree
        && proof.checkpoint.checkpoint().is_none_or(|checkpoint| {
            proof.tree_size == checkpoint.tree_size() && proof.root_hash == *checkpoint.root_hash()
        })
}

/// Whether the log that an entry names signed its checkpoint. The crate is content with any log of the trusted root.
fn is_of_its_log(entry: &TransparencyLogEntry, logs: &Keyring) -> bool {
    let Some(checkpoint) = entry.inclusion_proof.as_ref().and_then(|proof| proof.checkpoint.checkpoint())
    else {
        return true;
    };
    let Ok(id) = <[u8; 32]>::try_from(entry.log_id.key_id.as_bytes()) else { return false };
    let Some(key) = logs.key(&Sha256Hash::new(id)) else { return false };
    checkpoint.signatures().iter().any(|signature| {
        signature.key_id.as_slice() == &id[..4]
            && key.verify(checkpoint.signed_data(), &signature.signature).is_ok()
    })
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
