//! Whom a Sigstore is trusted to be: its trusted root and its signing configuration, as they were built in, or as a TUF
//! repository last gave them.

mod kept;
mod parties;
mod repository;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sigstore_sign::trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_verify::Verifier;

pub use parties::{Party, PartyKind};
pub use repository::TrustRepository;

use crate::SignError;
use kept::{Metadata, Versions};
use lacre_manifest::escape;

/// When the texts that are built in were current: 2026-10-23, as a time since 1970.
const BUILT_IN_AS_OF: Duration = Duration::from_hours(20_749 * 24);

/// The trusted root and the signing configuration of a Sigstore, and since when they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigstoreTrust {
    repository: Option<String>,
    as_of: SystemTime,
    trusted_root: String,
    signing_config: Option<String>,
    metadata: Metadata,
}

impl SigstoreTrust {
    /// That of the public instance, as it was known when this program was made.
    pub fn built_in() -> Self {
        let instance = SigstoreInstance::PublicGood;
        Self {
            repository: None,
            as_of: UNIX_EPOCH + BUILT_IN_AS_OF,
            trusted_root: instance.embedded_trusted_root_json().to_owned(),
            signing_config: instance.embedded_signing_config_json().map(str::to_owned),
            metadata: Metadata::default(),
        }
    }

    /// The address of the TUF repository that gave it; `None` if it was built in.
    pub fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }

    /// When it was current: the time of the update, or of the making of this program.
    pub fn as_of(&self) -> SystemTime {
        self.as_of
    }

    /// The text of `trusted_root.json`.
    pub fn trusted_root(&self) -> &str {
        &self.trusted_root
    }

    /// The text of the signing configuration; a repository need not have one.
    pub fn signing_config(&self) -> Option<&str> {
        self.signing_config.as_deref()
    }

    /// The versions of the repository's metadata: root, timestamp, snapshot, targets. `None` if it was built in.
    pub fn versions(&self) -> Option<[u64; 4]> {
        self.metadata
            .versions()
            .map(|Versions { root, timestamp, snapshot, targets }| [root, timestamp, snapshot, targets])
    }

    /// Everybody who is trusted, with the time for which they are.
    pub fn parties(&self) -> Result<Vec<Party>, SignError> {
        parties::of(&usable(&self.trusted_root)?)
    }
}

/// A trusted root that bundles can be verified with.
fn usable(text: &str) -> Result<TrustedRoot, SignError> {
    let unusable = |error: &dyn std::fmt::Display| SignError::TrustConfig {
        detail: format!("has a trusted root that is of no use: {}", escape(&error.to_string())),
    };
    let root = TrustedRoot::from_json(text).map_err(|error| unusable(&error))?;
    Verifier::new(&root).map_err(|error| unusable(&error))?;
    Ok(root)
}

#[cfg(test)]
mod tests {
    use lacre_hash::Sha256Digest;

    use super::*;

    /// Whoever takes a newer crate changes the date that stands beside these.
    #[test]
    fn what_is_built_in_is_of_the_day_that_is_named() {
        let trust = SigstoreTrust::built_in();
        let digest = |text: &str| Sha256Digest::of(text.as_bytes()).to_string();
        assert_eq!(
            [digest(trust.trusted_root()), digest(trust.signing_config().unwrap())],
            [
                "6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66".to_owned(),
                "9711a6d5375706957a4859af31c5866a4474f81f0544f9f4b76c9c4f4c8a539c".to_owned()
            ]
        );
        let day = jiff::Timestamp::try_from(trust.as_of()).unwrap();
        assert_eq!(day.to_string(), "2026-10-23T00:00:00Z");
        assert!(trust.repository().is_none() && trust.versions().is_none());
        let parties = trust.parties().unwrap();
        assert!(parties.iter().any(|it| it.kind == PartyKind::Log && it.name.contains("rekor.sigstore.dev")));
    }
}
