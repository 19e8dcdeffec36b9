//! How registries are spoken to: what the user decides.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::retry::Retry;
use crate::auth::{AuthRealm, Credentials};
use crate::reference::RegistryName;

/// How registries are spoken to.
///
/// By default: TLS with the machine's own authorities, no credentials, proxies from the environment, 60 seconds of
/// patience, and no journal of uploads.
#[derive(Clone)]
pub struct RegistryOptions {
    pub(crate) plain_http: BTreeSet<RegistryName>,
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) identity: Option<Vec<u8>>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) realms: Vec<AuthRealm>,
    pub(crate) patience: Duration,
    pub(crate) retry: Retry,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) whole: u64,
    pub(crate) chunk: u64,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            plain_http: BTreeSet::new(),
            authorities: None,
            identity: None,
            credentials: Arc::new(Credentials::none()),
            realms: Vec::new(),
            patience: Duration::from_mins(1),
            retry: Retry::default(),
            journal: None,
            whole: 4 * 1024 * 1024 * 1024,
            chunk: 64 * 1024 * 1024,
        }
    }
}

impl RegistryOptions {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Speaks HTTP without TLS to `host`: on that port, or on any when none is named. Whoever is on the way reads and
    /// alters all of it, passwords included.
    pub fn plain_http(mut self, host: RegistryName) -> Self {
        self.plain_http.insert(host);
        self
    }

    /// Believes these authorities, too: certificates in PEM.
    pub fn authorities(mut self, pem: Vec<u8>) -> Self {
        self.authorities = Some(pem);
        self
    }

    /// Shows this certificate to the registry, and to nobody that it leads to: certificates and private key in PEM.
    pub fn identity(mut self, pem: Vec<u8>) -> Self {
        self.identity = Some(pem);
        self
    }

    /// Shows these credentials to registries that demand some.
    pub fn credentials(mut self, credentials: Arc<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Trusts this token service with credentials, whichever registry names it.
    pub fn auth_realm(mut self, realm: AuthRealm) -> Self {
        self.realms.push(realm);
        self
    }

    /// How long nothing may be heard before a connection is given up.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often and how long a failing request is tried again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Keeps a note of each upload in this folder, so that an interrupted one goes on where it stopped, in another
    /// process too.
    pub fn journal(mut self, folder: PathBuf) -> Self {
        self.journal = Some(folder);
        self
    }

    /// Sends blobs of more than `whole` bytes in chunks of `chunk` bytes, the others in one piece. A registry that takes
    /// no such piece, or no chunks, gets the other.
    pub fn chunks(mut self, whole: u64, chunk: u64) -> Self {
        self.whole = whole;
        self.chunk = chunk.max(1);
        self
    }

    pub(crate) fn is_plain(&self, host: &str, port: Option<u16>) -> bool {
        self.plain_http
            .iter()
            .any(|named| named.host() == host && named.port().is_none_or(|named| named == port.unwrap_or(80)))
    }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The private key is not shown.
        formatter
            .debug_struct("RegistryOptions")
            .field("plain_http", &self.plain_http)
            .field("patience", &self.patience)
            .field("retry", &self.retry)
            .field("journal", &self.journal)
            .field("whole", &self.whole)
            .field("chunk", &self.chunk)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_the_named_host_and_port() {
        let name = |text| RegistryName::parse(text).unwrap();
        let options = RegistryOptions::new().plain_http(name("a.test")).plain_http(name("b.test:5000"));
        assert!(options.is_plain("a.test", None) && options.is_plain("a.test", Some(5000)));
        assert!(options.is_plain("b.test", Some(5000)));
        for (host, port) in [("b.test", None), ("b.test", Some(80)), ("c.a.test", None)] {
            assert!(!options.is_plain(host, port), "{host}");
        }
    }

    #[test]
    fn the_private_key_is_not_shown() {
        let options = RegistryOptions::new().identity(b"hunter2".to_vec());
        assert!(!format!("{options:?}").contains("hunter2") && !format!("{options:?}").contains("104"));
    }
}
