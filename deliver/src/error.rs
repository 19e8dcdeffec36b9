//! Why a release did not arrive.

use std::io;

use lacre_hash::Sha256Digest;
use lacre_json::JsonError;
use lacre_registry_client::RegistryError;
use lacre_release::ReleaseError;
use lacre_verify::Failure;

/// Every code that [`DeliverError::code`] can return of its own; those of [`Failure`], [`RegistryError`] and
/// [`ReleaseError`] pass through.
pub const CODES: &[&str] = &[
    "E-ARTIFACT-MISMATCH",
    "E-ENVELOPE",
    "E-EXISTS",
    "E-LIMIT",
    "E-NO-MANIFEST-SIGNATURE",
    "E-NO-MATCH",
    "E-NO-SIGNATURE",
    "E-OUTPUT",
    "E-RELEASE-MISMATCH",
    "E-SIGNATURE-INVALID",
    "E-STATE-BUSY",
    "E-TOO-FEW-SIGNERS",
    "E-USAGE",
];

/// Why a release did not arrive. Names in it are safe for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The work was broken off when some of it was done, and what is done waits for another attempt.
    #[error(transparent)]
    BrokenOff(Box<DeliverError>),
    /// A carried state is no strict JSON of its shape.
    #[error("the carried state: {0}")]
    Carried(#[source] JsonError),
    /// None of the keys signed a carried state.
    #[error("the carried state is signed by none of the keys")]
    CarriedBySomebody,
    /// There is something at the place where the model should go.
    #[error("{path} exists")]
    Exists {
        /// The place.
        path: String,
    },
    /// Nobody stands for an encrypted artifact, so nothing of it is decrypted.
    #[error("sha256:{manifest} is encrypted, and nobody signed its manifest")]
    ManifestNotSigned {
        /// Digest of the artifact's manifest.
        manifest: Sha256Digest,
    },
    /// The artifact does not hold exactly the signed files.
    #[error("the artifact does not hold exactly the signed files: {detail}")]
    Mismatch {
        /// The first difference.
        detail: String,
    },
    /// No signed file is meant by a pattern.
    #[error("{pattern} means none of the {files} signed files")]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// How many files are signed.
        files: usize,
    },
    /// An envelope does not carry a state.
    #[error("this is no envelope with the state of a channel")]
    NotCarried,
    /// Nothing says where the artifact of a release is.
    #[error("neither the channel nor its release {version} says in which repository the model is")]
    NoRepository {
        /// The version.
        version: String,
    },
    /// Nothing is kept by who remembers nothing.
    #[error("a client without state keeps no channel")]
    NothingKept,
    /// The artifact has no model signature.
    #[error("sha256:{manifest} has no model signature{}", instead(.others))]
    NoSignature {
        /// Digest of the artifact's manifest.
        manifest: Sha256Digest,
        /// What is attached to it, in words that are safe for a terminal.
        others: Vec<String>,
    },
    /// A signature that was attached to an encrypted artifact is over other manifests.
    #[error("the signature at sha256:{manifest} is over another manifest")]
    OtherManifest {
        /// Digest of the artifact's manifest.
        manifest: Sha256Digest,
    },
    /// The artifact is not the one that the channel lists.
    #[error("the {what} is not that of version {version} in the channel")]
    OtherRelease {
        /// The version.
        version: String,
        /// What differs.
        what: &'static str,
    },
    /// Something could not be written.
    #[error("cannot write {path}")]
    Output {
        /// What.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A pattern of file names is malformed.
    #[error("pattern \"{text}\", at byte {position}: expected {expected}")]
    Pattern {
        /// The whole text.
        text: String,
        /// Offset of the first wrong byte.
        position: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The signature, or the content under it, was refused.
    #[error("{0}")]
    Refused(#[source] Box<Failure>),
    /// The place where the artifact is kept could not be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A channel could not be followed, or a release may not run.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Others stored a newer state each time that a refresh had come to its end.
    #[error("the state of the channel changed during every attempt to refresh it")]
    StateContended,
    /// Fewer distinct signers than are demanded stand for an encrypted artifact.
    #[error("fewer than {wanted} distinct signers signed the manifest sha256:{manifest}{}", .why.as_ref().map_or(String::new(), |why| format!("; another bundle: {why}")))]
    TooFewManifestSigners {
        /// Digest of the artifact's manifest.
        manifest: Sha256Digest,
        /// How many are demanded.
        wanted: usize,
        /// Why another bundle did not count, if there is one.
        why: Option<String>,
    },
    /// More patterns than are looked at.
    #[error("{found} patterns, more than the limit of {limit}")]
    TooManyPatterns {
        /// How many were given.
        found: usize,
        /// How many are looked at.
        limit: usize,
    },
    /// Nobody said whose channel is meant, and the root does not say it either.
    #[error("the root is that of {}: say which channel is meant", which(found))]
    WhichChannel {
        /// The channels that it is the root of.
        found: Vec<String>,
    },
    /// More signatures than are looked at.
    #[error("{found} bundles are attached, more than the limit of {limit}")]
    TooManyBundles {
        /// How many there are.
        found: usize,
        /// How many are looked at.
        limit: usize,
    },
}

impl DeliverError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BrokenOff(cause) => cause.code(),
            Self::Carried(error) => error.code(),
            Self::CarriedBySomebody => "E-SIGNATURE-INVALID",
            Self::NotCarried => "E-ENVELOPE",
            Self::Exists { .. } => "E-EXISTS",
            Self::ManifestNotSigned { .. } => "E-NO-MANIFEST-SIGNATURE",
            Self::Mismatch { .. } | Self::OtherManifest { .. } => "E-ARTIFACT-MISMATCH",
            Self::NoMatch { .. } => "E-NO-MATCH",
            Self::NoSignature { .. } => "E-NO-SIGNATURE",
            Self::OtherRelease { .. } => "E-RELEASE-MISMATCH",
            Self::Output { .. } => "E-OUTPUT",
            Self::NoRepository { .. }
            | Self::NothingKept
            | Self::Pattern { .. }
            | Self::WhichChannel { .. } => "E-USAGE",
            Self::Refused(failure) => failure.code(),
            Self::Registry(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::StateContended => "E-STATE-BUSY",
            Self::TooFewManifestSigners { .. } => "E-TOO-FEW-SIGNERS",
            Self::TooManyBundles { .. } | Self::TooManyPatterns { .. } => "E-LIMIT",
        }
    }

    /// Whether the work was broken off rather than refused: what is done already is of use to another attempt. Not where the
    /// disk is full: what is done would keep it so.
    pub fn may_go_on(&self) -> bool {
        matches!(
            self.code(),
            "E-AUTH"
                | "E-AUTH-REALM"
                | "E-CHALLENGE"
                | "E-CREDENTIAL-HELPER"
                | "E-CREDENTIALS"
                | "E-DENIED"
                | "E-INTERRUPTED"
                | "E-NETWORK"
                | "E-REDIRECT"
                | "E-REGISTRY"
                | "E-SERVICE"
                | "E-UNREADABLE"
        )
    }
}

fn which(found: &[String]) -> String {
    if found.is_empty() { "no channel".to_owned() } else { found.join(", ") }
}

/// What there is in the place of a model signature. Anybody can attach anything, so only the first are named.
fn instead(others: &[String]) -> String {
    const SHOWN: usize = 8;
    if others.is_empty() {
        return ", and nothing else is attached to it".to_owned();
    }
    let more = others.len().saturating_sub(SHOWN);
    let shown = others.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    let more = if more > 0 { format!("; and {more} more kinds") } else { String::new() };
    format!("; what is attached to it says nothing about its files: {shown}{more}")
}

#[cfg(test)]
mod tests {
    use lacre_registry_client::{AuthProblem, Descriptor};

    use super::*;

    #[test]
    fn what_breaks_off_is_told_from_what_is_refused() {
        // A token ends in the middle, and whoever gives the next one is out of order.
        let (realm, detail) = ("https://auth.test".to_owned(), "answered with status 404".to_owned());
        let problem = AuthProblem::TokenService { realm, detail };
        let broken = RegistryError::Auth { registry: "a.test".to_owned(), problem };
        assert!(DeliverError::from(broken).may_go_on());
        assert!(DeliverError::from(RegistryError::Interrupted).may_go_on());
        let Descriptor { digest, .. } = Descriptor::of("a/b", b"x");
        let other = RegistryError::BlobSize { digest, expected: 1, actual: 2 };
        assert!(!DeliverError::from(other).may_go_on());
        assert!(!DeliverError::TooManyBundles { found: 65, limit: 64 }.may_go_on());
    }
}
