//! Signatures beside what a store holds: made once, attached, told.

use lacre_attest::Bundle;
use lacre_publish::{Attached, Wanted};
use lacre_registry_client::{Descriptor, Reference, Store, Target};
use serde_json::{Value, json};

use super::Hand;
use crate::error::CliError;
use crate::session::Session;

/// Resolves what a reference names, once, and tells what a tag led to: from there on only the digest counts.
pub(in crate::cmd) fn pinned(
    store: &dyn Store,
    reference: &Reference,
    session: &Session,
) -> Result<Descriptor, CliError> {
    let found = lacre_publish::pin(store, reference.target())?;
    if !matches!(reference.target(), Target::Digest(_)) {
        session.printer.aside(&format!("resolved {reference} to sha256:{}", found.digest));
    }
    Ok(found)
}

/// A signature for something in a store.
pub(in crate::cmd) enum Made {
    /// It is there: the same statement, signed by the same key.
    Before(Attached),
    /// The bytes of a new bundle.
    Now(Vec<u8>),
}

/// What became of a signature for something in a store.
pub(in crate::cmd) enum Attachment {
    /// It is there.
    There(Attached),
    /// It would be.
    Wanted,
}

impl Hand<'_> {
    /// Signs a statement of these bytes and this predicate type, unless the same key has signed it before and that is beside
    /// the manifest. An identity signs each time: whether an old certificate is good is for a verifier to say.
    pub(in crate::cmd) fn once(
        &self,
        store: &dyn Store,
        manifest: &Descriptor,
        (payload, predicate_type): (&[u8], &str),
        seal: &dyn Fn() -> Result<Bundle, CliError>,
    ) -> Result<Made, CliError> {
        if let Some(signer) = self.key() {
            let wanted = Wanted { payload, predicate_type, signer, evidence: self.evidence() };
            if let Some(found) = lacre_publish::find(store, manifest, &wanted)? {
                return Ok(Made::Before(found));
            }
        }
        Ok(Made::Now(seal()?.to_json()))
    }
}

impl Made {
    /// Attaches it, unless nothing is to be written.
    pub(in crate::cmd) fn attach(
        self,
        store: &dyn Store,
        manifest: &Descriptor,
        predicate_type: &str,
        session: &Session,
    ) -> Result<Attachment, CliError> {
        Ok(match self {
            Self::Before(attached) => Attachment::There(attached),
            Self::Now(_) if session.globals.dry_run => Attachment::Wanted,
            Self::Now(bundle) => {
                Attachment::There(lacre_publish::attach(store, manifest, &bundle, predicate_type)?)
            }
        })
    }
}

impl Attachment {
    /// The manifest that carries it.
    pub(in crate::cmd) fn digest(&self) -> Option<String> {
        match self {
            Self::There(attached) => Some(format!("sha256:{}", attached.signature.digest)),
            Self::Wanted => None,
        }
    }

    /// Whether it was there before.
    pub(in crate::cmd) fn existed(&self) -> bool {
        matches!(self, Self::There(Attached { existed: true, .. }))
    }

    /// For machines.
    pub(in crate::cmd) fn json(&self) -> Value {
        json!({ "digest": self.digest(), "existed": self.existed() })
    }

    /// For people.
    pub(in crate::cmd) fn words(&self) -> String {
        match (self.digest(), self.existed()) {
            (Some(digest), true) => format!("was there already, {digest}"),
            (Some(digest), false) => format!("attached, {digest}"),
            (None, _) => "would be attached".to_owned(),
        }
    }
}
