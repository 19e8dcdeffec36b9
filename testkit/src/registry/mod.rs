//! A registry in the test's own process, to the letter of OCI 1.1 unless told otherwise.
//!
//! ```
//! use lacre_testkit::registry::{Fault, On, Referrers, Registry};
//!
//! let registry = Registry::start();
//! registry.rules(|rules| rules.referrers = Referrers::Absent);
//! registry.fault(On::method("PUT").at("/blobs/uploads/").nth(2), Fault::busy(503, "1"));
//! let digest = registry.put_blob("org/model", b"weights");
//! assert!(registry.host().starts_with("127.0.0.1:"));
//! assert_eq!(registry.blob("org/model", &digest).unwrap(), b"weights");
//! ```
//!
//! [`Rules`] say how a registry is, [`Fault`]s what goes wrong in chosen requests, [`Seen`] what came and what was
//! answered, with the bytes of both. A registry that shares the content of another ([`Builder::sharing`]) has rules,
//! faults and a log of its own, and is thus the other host of a redirect, a mirror, or a token server.
//!
//! HTTP 1.1, over TLS where wanted ([`Builder::tls`]); the parts of the server are hyper's. Nothing of the product is in
//! here: digests are `sha2`'s, JSON is `serde_json`'s.

mod answer;
mod blobs;
mod desk;
mod fault;
mod gate;
mod intake;
mod log;
mod manifests;
mod query;
mod rules;
mod server;
mod store;
mod tls;
mod tokens;
mod wire;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use fault::{Fault, Lie, On};
pub use gate::Gate;
pub use log::Seen;
pub use rules::{
    Access, Anonymous, Audience, Bearer, Cut, Dangling, Etags, Filter, Guard, Interrupted, Location, Mount,
    Pages, Patch, Ranges, Referrers, Rules, SinglePost, Space, Stale, SubjectHeader, Writing,
};
pub use tls::{Clients, Tls};

use fault::Faults;
use gate::Dam;
use log::Log;
use server::Running;
use store::{Algorithm, Store};

/// A registry on this machine that lives as long as the value.
pub struct Registry {
    shared: Arc<Shared>,
    address: SocketAddr,
    _running: Running,
}

/// What all connections of a registry see.
struct Shared {
    store: Arc<Store>,
    rules: Mutex<Rules>,
    faults: Faults,
    log: Log,
    dam: Arc<Dam>,
    lines: AtomicU64,
    /// Scheme, host and port.
    origin: String,
}

/// A registry before it is started.
pub struct Builder {
    store: Arc<Store>,
    rules: Rules,
    address: Ipv4Addr,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Builder {
    /// Blobs in a folder instead of memory.
    pub fn on_disk(mut self) -> Self {
        self.store = Arc::new(Store::on_disk());
        self
    }

    /// The content and the tokens of another registry.
    pub fn sharing(mut self, other: &Registry) -> Self {
        self.store = Arc::clone(&other.shared.store);
        self
    }

    /// TLS 1.3 and 1.2.
    pub fn tls(mut self, tls: &Tls) -> Self {
        self.tls = Some(tls.config());
        self
    }

    /// Another loopback address than 127.0.0.1: another host.
    pub fn at(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }

    /// How the registry is.
    pub fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.rules);
        self
    }

    /// Starts it on a free port.
    pub fn start(self) -> Registry {
        let listener = std::net::TcpListener::bind((self.address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            store: self.store,
            rules: Mutex::new(self.rules),
            faults: Faults::default(),
            log: Log::default(),
            dam: Arc::default(),
            lines: AtomicU64::new(0),
            origin: format!("{scheme}://{address}"),
        });
        let running = Running::start(listener, Arc::clone(&shared), self.tls);
        Registry { shared, address, _running: running }
    }
}

impl Registry {
    /// A registry over plain HTTP, in memory, open to everybody, to the letter of the specification.
    pub fn start() -> Self {
        Self::with().start()
    }

    /// Any other.
    pub fn with() -> Builder {
        let store = Arc::new(Store::in_memory());
        Builder { store, rules: Rules::default(), address: Ipv4Addr::LOCALHOST, tls: None }
    }

    /// `127.0.0.1:PORT`, as references begin.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The port, for other names of the same host.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        self.shared.origin.clone()
    }

    /// Changes how the registry is, from the next request on.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules.lock().unwrap());
    }

    /// Adds something that goes wrong. Several faults can meet in one request; requests are counted from now on.
    pub fn fault(&self, on: On, fault: Fault) {
        self.shared.faults.add(on, fault);
    }

    /// Nothing goes wrong from now on.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// When so many more bytes of bodies have come or gone, all further ones wait at this gate. What came was stored.
    pub fn dam(&self, bytes: u64) -> Gate {
        self.shared.dam.build(bytes)
    }

    /// No token that was issued is good for anything from now on.
    pub fn revoke_tokens(&self) {
        self.shared.store.tokens.revoke();
    }

    /// Every request so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.log.all()
    }

    /// Of these, those with this method whose path and query contain `part`.
    pub fn seen_at(&self, method: &str, part: &str) -> Vec<Seen> {
        let on = On::method(method).at(part);
        self.seen().into_iter().filter(|seen| on.describes(&seen.method, &seen.target)).collect()
    }

    /// Bytes of all bodies that came.
    pub fn received(&self) -> u64 {
        self.seen().iter().map(|seen| seen.received).sum()
    }

    /// Bytes of all bodies that were sent.
    pub fn sent(&self) -> u64 {
        self.seen().iter().map(|seen| seen.sent).sum()
    }

    /// Waits until every request is over: a client that was answered, or went away, is ahead of the server. One that
    /// is never answered is over when its client leaves.
    pub fn settle(&self) {
        while self.seen().iter().any(|seen| !seen.over) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.shared.log.clear();
    }

    /// Uploads that were begun and neither finished nor given up.
    pub fn open_uploads(&self) -> usize {
        self.shared.store.state.lock().unwrap().sessions.len()
    }

    /// Keeps a blob, and gives its digest by SHA-256.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        self.shared.store.put_blob(repository, bytes)
    }

    /// A blob of the repository.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let state = self.shared.store.state.lock().unwrap();
        state.blob_size(repository, digest)?;
        let mut bytes = Vec::new();
        state.read_blob(digest, 0).read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    /// Takes a blob away.
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.shared.store.state.lock().unwrap().repository(repository).blobs.remove(digest);
    }

    /// Flips a bit of the blob's byte `at`, in every repository; it keeps its name.
    pub fn spoil_blob(&self, digest: &str, at: u64) {
        self.shared.store.state.lock().unwrap().spoil(digest, at);
    }

    /// Keeps a manifest, whatever is in it, and gives its digest by SHA-256.
    pub fn put_manifest(&self, repository: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = Algorithm::Sha256.digest(bytes);
        let mut state = self.shared.store.state.lock().unwrap();
        let _ = state.put_manifest(repository, &digest, media_type, bytes.to_vec(), None);
        digest
    }

    /// A manifest of the repository by its digest.
    pub fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let state = self.shared.store.state.lock().unwrap();
        Some(state.repositories.get(repository)?.manifests.get(digest)?.bytes.clone())
    }

    /// Points a tag at a manifest.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        self.shared.store.state.lock().unwrap().set_tag(repository, tag, digest);
    }

    /// Takes a tag away.
    pub fn untag(&self, repository: &str, tag: &str) {
        self.shared.store.state.lock().unwrap().repository(repository).tags.remove(tag);
    }

    /// After `resolves` more answers to `GET` and `HEAD` of this tag, it points at another manifest.
    pub fn swap_tag(&self, repository: &str, tag: &str, resolves: u64, digest: &str) {
        let mut state = self.shared.store.state.lock().unwrap();
        let found = state.repository(repository).tags.get_mut(tag).expect("the tag to swap");
        found.next = Some((resolves, digest.to_owned()));
    }

    /// The tags of a repository and the digests that they point at.
    pub fn tags(&self, repository: &str) -> Vec<(String, String)> {
        let state = self.shared.store.state.lock().unwrap();
        let Some(found) = state.repositories.get(repository) else { return Vec::new() };
        found.tags.iter().map(|(name, tag)| (name.clone(), tag.digest.clone())).collect()
    }
}
