//! What the tests of this program share: a client of a test registry, and things to send.

use std::time::Duration;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{
    Descriptor, Put, RegistryError, RegistryName, RegistryOptions, Remote, Repository, Retry, Store,
};
use lacre_testkit::noise;
use lacre_testkit::registry::{Registry, Rules};

pub(crate) const REPOSITORY: &str = "org/m";
pub(crate) const MIB: usize = 1024 * 1024;

/// Short waits, and as many of them as in earnest.
pub(crate) fn options() -> RegistryOptions {
    RegistryOptions::new().patience(Duration::from_secs(5)).retry(Retry {
        times: 5,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        total: Duration::from_secs(2),
    })
}

pub(crate) fn registry(rules: impl FnOnce(&mut Rules)) -> Registry {
    Registry::with().rules(rules).start()
}

pub(crate) fn name(text: &str) -> RegistryName {
    RegistryName::parse(text).unwrap()
}

pub(crate) fn repository(text: &str) -> Repository {
    Repository::parse(text).unwrap()
}

pub(crate) fn at(host: &str) -> Remote {
    with(host, &options())
}

pub(crate) fn with(host: &str, options: &RegistryOptions) -> Remote {
    Remote::open(&name(host), &repository(REPOSITORY), options)
}

pub(crate) fn client(registry: &Registry) -> Remote {
    at(&registry.host())
}

/// So many bytes, other ones for each seed.
pub(crate) fn bytes(seed: u64, count: usize) -> Vec<u8> {
    noise(seed, count)
}

pub(crate) fn described(bytes: &[u8]) -> Descriptor {
    Descriptor::of("application/octet-stream", bytes)
}

pub(crate) fn send(store: &dyn Store, bytes: &[u8]) -> Result<Put, RegistryError> {
    store.put_blob(&described(bytes), &bytes, &NoProgress)
}

/// What the registry holds under the digest of `bytes`.
pub(crate) fn held(registry: &Registry, bytes: &[u8]) -> Option<Vec<u8>> {
    registry.blob(REPOSITORY, &format!("sha256:{}", Sha256Digest::of(bytes)))
}
