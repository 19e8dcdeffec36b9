//! A repository of The Update Framework (TUF 1.0), and one update from it.
//!
//! The rules are those of `sigstore-tuf`: signature thresholds, versions that only rise, expiry, lengths and digests. What
//! is ours is the way to the network, its bounds, and that nothing is kept before all of it was verified.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lacre_manifest::escape;
use sigstore_sign::trust_root::SigningConfig;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MetadataStore, Repository, Updater, UpdaterConfig};

use super::kept::Metadata;
use super::{SigstoreTrust, usable};
use crate::SignError;
use crate::service::{Channel, Service, run};

/// Where the public instance is, and the root of its metadata that this program was made with.
const PUBLIC: &str = "https://tuf-repo-cdn.sigstore.dev";
const PUBLIC_ROOT: &[u8] = include_bytes!("../../../data/sigstore-tuf-root.json");

/// What is wanted of a repository. Their names are ours: none of them comes from the network.
const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
/// The longest target, in bytes.
const TARGET_LIMIT: u64 = 1024 * 1024;
/// How many metadata files and targets are asked for in one update at most.
const REQUESTS: u32 = 96;
/// How long a whole update may take.
const WHOLE: Duration = Duration::from_mins(5);

/// A TUF repository that gives out the trust of a Sigstore.
#[derive(Debug, Clone)]
pub struct TrustRepository {
    service: Service,
    root: Vec<u8>,
}

impl TrustRepository {
    /// That of the public instance.
    pub fn public_good() -> Result<Self, SignError> {
        Self::new(PUBLIC, PUBLIC_ROOT.to_vec())
    }

    /// The one at `url`, with the root metadata that trust in it begins with: `root`, of any version, which came here on
    /// another way. Its answers prove themselves, so that plain `http` does no harm.
    ///
    /// `E-USAGE`: the address is none. `E-TRUST-METADATA`: the root does not sign itself as it says.
    pub fn new(url: &str, root: Vec<u8>) -> Result<Self, SignError> {
        let service = Service::new("trust repository", url.trim_end_matches('/'), Channel::Open)?;
        let this = Self { service, root };
        sigstore_tuf::TrustedMetadataSet::from_root(&this.root).map_err(|error| this.failed(&error, None))?;
        Ok(this)
    }

    /// The same repository at another address: what it must be signed by stays.
    pub fn mirrored_at(self, url: &str) -> Result<Self, SignError> {
        Self::new(url, self.root)
    }

    /// Waits at most this long for each answer; 30 seconds if nothing is said.
    pub fn patience(self, patience: Duration) -> Self {
        Self { service: self.service.patience(patience), ..self }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.service.url().trim_end_matches('/')
    }

    /// Asks the repository what is current at `now`, from `kept` on if it was asked before.
    ///
    /// `E-ROLLBACK`: it offers something older than what was seen before. `E-METADATA-EXPIRED`: it offers something that
    /// is out of date. `E-TRUST-METADATA`: what it offers is not signed as its root demands, is malformed, or is not what
    /// its metadata says. `E-TRUST-CONFIG`: what it gave is of no use. `E-NETWORK`, `E-SERVICE`: it does not answer, or
    /// too much.
    pub fn update(&self, kept: Option<&SigstoreTrust>, now: SystemTime) -> Result<SigstoreTrust, SignError> {
        let at = jiff::Timestamp::try_from(now)
            .map_err(|error| SignError::bug(format!("the time of this machine: {error}")))?;
        let wire = Wire {
            service: self.service.clone(),
            mishap: Arc::default(),
            requests: Arc::new(Mutex::new(REQUESTS)),
        };
        let mishap = Arc::clone(&wire.mishap);
        let seen = Shelf::of(kept);
        let work = async {
            let mut config = UpdaterConfig::default();
            config.target_max_length = TARGET_LIMIT;
            let mut updater = Updater::new(wire, &self.root)?.with_config(config).with_store(seen.clone());
            updater.refresh(at).await?;
            let root = updater.get_target(TRUSTED_ROOT, at).await?;
            let signing = match updater.get_target_info(SIGNING_CONFIG, at).await? {
                Some(_) => Some(updater.get_target(SIGNING_CONFIG, at).await?),
                None => None,
            };
            Ok::<_, Error>((root, signing))
        };
        let outcome = run(async { tokio::time::timeout(WHOLE, work).await })?;
        let (root, signing) = outcome
            .map_err(|_| self.service.odd(format!("took longer than {} s", WHOLE.as_secs())))?
            .map_err(|error| {
                let mishap = mishap.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.failed(&error, mishap)
            })?;
        let text = |bytes: Vec<u8>, name: &str| {
            String::from_utf8(bytes)
                .map_err(|_| SignError::TrustConfig { detail: format!("has a {name} that is no text") })
        };
        let trusted_root = text(root, TRUSTED_ROOT)?;
        usable(&trusted_root)?;
        let signing_config = signing.map(|bytes| text(bytes, SIGNING_CONFIG)).transpose()?;
        if let Some(config) = &signing_config {
            SigningConfig::from_json(config).map_err(|error| SignError::TrustConfig {
                detail: format!("has a malformed signing configuration: {}", escape(&error.to_string())),
            })?;
        }
        Ok(SigstoreTrust {
            repository: Some(self.url().to_owned()),
            as_of: now,
            trusted_root,
            signing_config,
            metadata: seen.into_metadata(),
        })
    }

    fn failed(&self, error: &Error, mishap: Option<SignError>) -> SignError {
        let repository = escape(self.url());
        let mut detail = escape(&error.to_string());
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            detail = format!("{detail}: {}", escape(&source.to_string()));
            cause = source.source();
        }
        match error {
            Error::Transport { .. } => mishap.unwrap_or_else(|| self.service.odd(detail)),
            Error::TargetNotFound(name) => self.service.odd(format!("does not offer {}", escape(name))),
            Error::Rollback { .. } | Error::BadRootVersion { .. } => {
                SignError::Rollback { repository, detail }
            }
            Error::Expired { .. } => SignError::MetadataExpired { repository, detail },
            _ => SignError::TrustMetadata { repository, detail },
        }
    }
}

/// The way to the network, for one update.
struct Wire {
    service: Service,
    /// What went wrong, in our own terms; the client carries texts only.
    mishap: Arc<Mutex<Option<SignError>>>,
    requests: Arc<Mutex<u32>>,
}

impl Wire {
    async fn fetch(&self, path: String, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let outcome = self.ask(&path, limit).await;
        outcome.map_err(|error| {
            let transport = Error::transport(error.to_string());
            *self.mishap.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            transport
        })
    }

    async fn ask(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SignError> {
        {
            let mut left = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            *left = left.checked_sub(1).ok_or_else(|| {
                self.service.odd(format!("wants more than {REQUESTS} requests for one update"))
            })?;
        }
        if !is_plain(path) {
            return Err(self.service.odd(format!("leads to a file of the name {:?}", escape(path))));
        }
        let place = self.service.at(path)?;
        let answer = place.fetch(usize::try_from(limit).unwrap_or(usize::MAX)).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => Err(place.odd(answer.summary())),
        }
    }
}

impl Repository for Wire {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name.to_owned(), max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("targets/{path}"), max_length))
    }
}

/// Whether a path stays below the repository's address, as it is written.
fn is_plain(path: &str) -> bool {
    let name = path.strip_prefix("targets/").unwrap_or(path);
    !name.is_empty()
        && !name.contains("..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Where the client puts what it has verified. It is a map until the whole update is done.
#[derive(Clone, Default)]
struct Shelf {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Shelf {
    fn of(kept: Option<&SigstoreTrust>) -> Self {
        let files = kept.into_iter().flat_map(|kept| &kept.metadata.files);
        let files = files.map(|(name, text)| (name.clone(), text.as_bytes().to_vec())).collect();
        Self { files: Arc::new(Mutex::new(files)) }
    }

    /// What the next update starts from: the roots, and the current files of the roles above all targets.
    fn into_metadata(self) -> Metadata {
        let files = std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner));
        let wanted = |name: &str| {
            name.starts_with("root_history/")
                || ["root.json", "timestamp.json", "snapshot.json", "targets.json"].contains(&name)
        };
        let files = files.into_iter().filter(|(name, _)| wanted(name));
        Metadata {
            files: files.filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?))).collect(),
        }
    }
}

impl MetadataStore for Shelf {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        Ok(self.files.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_root_is_good() {
        let repository = TrustRepository::public_good().unwrap();
        assert_eq!(repository.url(), "https://tuf-repo-cdn.sigstore.dev");
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_asked_for() {
        for good in
            ["17.root.json", "timestamp.json", "targets/ab12.trusted_root.json", "3.registry-npmjs.json"]
        {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "targets/",
            "../x",
            "3....json",
            "a/b",
            "targets/../x",
            "targets/targets/x",
            "/x",
            "a\\b",
            "1.%2e%2e.json",
            "1.%2F.json",
            "1.a b.json",
            "1.x.json?y",
            "1.x#y",
            "//evil.test/x",
            "1.\u{e9}.json",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
