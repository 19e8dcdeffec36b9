//! Revocation lists written by hand, with any flaw.

use super::certificate::{Ext, signed};
use super::der::{context, generalized, integer, name, sequence, time, value};
use super::key::TestKey;

/// A revoked certificate.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// Its serial number.
    pub serial: u64,
    /// `YYYYMMDDhhmmssZ`
    pub since: String,
    /// Extensions of the entry.
    pub extensions: Vec<Ext>,
}

impl Revoked {
    /// Revoked since then, for no stated reason.
    pub fn new(serial: u64, since: &str) -> Self {
        Self { serial, since: since.to_owned(), extensions: Vec::new() }
    }

    /// The reason, as RFC 5280, section 5.3.1 numbers it.
    pub fn reason(mut self, number: u8) -> Self {
        self.extensions.push(Ext::new("2.5.29.21", value(0x0a, &[number])));
        self
    }

    /// The time since when it is no longer good.
    pub fn invalid_since(mut self, text: &str) -> Self {
        self.extensions.push(Ext::new("2.5.29.24", generalized(text)));
        self
    }
}

/// A revocation list before it is signed. Every field may be changed to anything.
#[derive(Debug, Clone)]
pub struct RevocationDraft {
    /// `1` for version 2; `None` writes none.
    pub version: Option<u64>,
    /// `Name` in DER.
    pub issuer: Vec<u8>,
    /// `YYYYMMDDhhmmssZ`
    pub this_update: String,
    /// `YYYYMMDDhhmmssZ`
    pub next_update: Option<String>,
    /// What is revoked.
    pub revoked: Vec<Revoked>,
    /// Extensions of the list.
    pub extensions: Vec<Ext>,
    /// `AlgorithmIdentifier` inside, if it is not that of the issuer's key.
    pub inner: Option<Vec<u8>>,
}

impl RevocationDraft {
    /// An empty list, current in 2026.
    pub fn new(issuer: &str) -> Self {
        Self {
            version: Some(1),
            issuer: name(issuer),
            this_update: "20260101000000Z".to_owned(),
            next_update: Some("20270101000000Z".to_owned()),
            revoked: Vec::new(),
            extensions: vec![Ext::new("2.5.29.20", integer(5))],
            inner: None,
        }
    }

    /// Revokes one more.
    pub fn revoke(mut self, revoked: Revoked) -> Self {
        self.revoked.push(revoked);
        self
    }

    /// Signs with the key of the issuer.
    pub fn sign(&self, issuer: &TestKey) -> Vec<u8> {
        let identifier = issuer.scheme().identifier();
        let extensions = |all: &[Ext]| {
            let all: Vec<Vec<u8>> = all.iter().map(Ext::to_der).collect();
            if all.is_empty() { Vec::new() } else { sequence(&all) }
        };
        let entries: Vec<Vec<u8>> = self
            .revoked
            .iter()
            .map(|entry| {
                sequence(&[integer(entry.serial), time(&entry.since), extensions(&entry.extensions)])
            })
            .collect();
        let list = extensions(&self.extensions);
        let body = sequence(&[
            self.version.map(integer).unwrap_or_default(),
            self.inner.clone().unwrap_or_else(|| identifier.clone()),
            self.issuer.clone(),
            time(&self.this_update),
            self.next_update.as_deref().map(time).unwrap_or_default(),
            if entries.is_empty() { Vec::new() } else { sequence(&entries) },
            if list.is_empty() { Vec::new() } else { context(0, &list) },
        ]);
        signed(body, identifier, issuer, issuer.scheme())
    }
}
