//! What came to a registry and what it answered.

use std::sync::{Arc, Mutex};

/// Bytes of a request's body that are kept.
const KEPT: usize = 4096;

/// A request, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `PUT`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The first 4096 bytes of the body.
    pub body: Vec<u8>,
    /// Bytes of the request's body that came.
    pub received: u64,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// The number of the connection, from 0 on.
    pub connection: u64,
    /// Whether it is over: answered to the end, or broken off.
    pub over: bool,
}

impl Seen {
    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

/// All requests, in the order in which their heads came.
#[derive(Default)]
pub(super) struct Log {
    entries: Mutex<Vec<Entry>>,
}

impl Log {
    pub(super) fn enter(&self, seen: Seen) -> Entry {
        let entry = Entry(Arc::new(Mutex::new(seen)));
        self.entries.lock().unwrap().push(entry.clone());
        entry
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.entries.lock().unwrap().iter().map(|entry| entry.0.lock().unwrap().clone()).collect()
    }

    pub(super) fn clear(&self) {
        self.entries.lock().unwrap().clear();
    }
}

/// A line of the log that is still being written.
#[derive(Clone)]
pub(super) struct Entry(Arc<Mutex<Seen>>);

impl Entry {
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut seen = self.0.lock().unwrap();
        seen.received += bytes.len() as u64;
        let room = KEPT - seen.body.len();
        seen.body.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    pub(super) fn sent(&self, count: usize) {
        self.0.lock().unwrap().sent += count as u64;
    }

    pub(super) fn answered(&self, status: u16) {
        self.0.lock().unwrap().status = Some(status);
    }
}

/// The request is over when this goes.
pub(super) struct Going(pub(super) Entry);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().over = true;
    }
}
