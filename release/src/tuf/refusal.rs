//! What the library refuses, in the words of this crate.

use sigstore_tuf::Error;

use crate::ReleaseError;

use super::name::plain;

/// Names the refusal of a file or role.
pub(super) fn of(file: &str, error: &Error) -> ReleaseError {
    let file = plain(file);
    match error {
        Error::DuplicateSignature { .. } => {
            ReleaseError::TufKeys { role: file, reason: "it is signed twice with one key id" }
        }
        Error::ThresholdNotMet { found, threshold, .. } => {
            ReleaseError::TufSignature { role: file, found: *found, threshold: *threshold }
        }
        Error::Rollback { trusted, new, .. } => {
            ReleaseError::TufReplay { file, trusted: *trusted, found: *new }
        }
        Error::BadRootVersion { trusted, new } if new <= trusted => {
            ReleaseError::TufReplay { file, trusted: *trusted, found: *new }
        }
        Error::BadRootVersion { new, .. } => ReleaseError::TufMismatch {
            file,
            reason: format!("it is version {new}, which is not the next one"),
        },
        Error::Expired { expires, .. } => ReleaseError::TufExpired { role: file, expires: *expires },
        Error::IntegrityMismatch(reason) => ReleaseError::TufMismatch { file, reason: plain(reason) },
        Error::Json(error) => ReleaseError::TufMetadata { file, reason: plain(&error.to_string()) },
        other => ReleaseError::TufMetadata { file, reason: plain(&other.to_string()) },
    }
}
