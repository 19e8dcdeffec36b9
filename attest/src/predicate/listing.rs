//! The `resources` of an OMS predicate, read in one pass and straight into manifest entries.

use std::borrow::Cow;
use std::fmt;

use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_manifest::{Entry, EntryPath, Manifest, ManifestError, component_order, oms_root};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use crate::AttestError;
use crate::error::quoted;
use crate::wire::{Object, not_null};

/// The one algorithm of resource digests that is read.
pub(super) const ALGORITHM: &str = "sha256";

/// How the reference implementation before the specification named the one file of a model that is a file.
const MODEL_ITSELF: &str = ".";

/// The files that a predicate lists, in the order in which it lists them.
pub(super) struct Listing<'s> {
    /// The name of the subject: the name of a file that is listed as the model itself.
    subject: &'s str,
    entries: Vec<Entry>,
    /// Whether the model is one file, which is listed as `.`.
    model_itself: bool,
    refusal: Option<AttestError>,
}

/// A listing that passed every rule.
pub(super) struct Listed {
    pub(super) manifest: Manifest,
    /// The root digest over the listed order.
    pub(super) root: Sha256Digest,
    pub(super) model_itself: bool,
}

impl<'s> Listing<'s> {
    /// Reads the JSON array `text`.
    pub(super) fn parse(text: &str, subject: &'s str) -> Result<Listed, AttestError> {
        let mut listing = Listing { subject, entries: Vec::new(), model_itself: false, refusal: None };
        let outcome = (&mut listing).deserialize(&mut serde_json::Deserializer::from_str(text));
        match (outcome, listing.refusal.take()) {
            (_, Some(refusal)) => Err(refusal),
            (Err(error), None) => Err(malformed(format!("resource {}: {error}", listing.entries.len() + 1))),
            (Ok(()), None) => listing.finish(),
        }
    }

    fn take(&mut self, resource: &WireResource<'_>) -> Result<(), AttestError> {
        if resource.algorithm != ALGORITHM {
            return Err(AttestError::Unsupported {
                what: "the digest algorithm",
                found: quoted(&resource.algorithm),
            });
        }
        // The first resource only: beside others, "." is no file of the model.
        let name = if resource.name == MODEL_ITSELF && self.entries.is_empty() {
            self.model_itself = true;
            self.subject
        } else {
            &resource.name
        };
        let path = EntryPath::parse(name)
            .map_err(|source| AttestError::Path { name: quoted(&resource.name), source })?;
        self.entries.push(Entry {
            path,
            size: resource.size,
            sha256: resource.digest,
            blake3: resource.blake3,
        });
        Ok(())
    }

    fn finish(self) -> Result<Listed, AttestError> {
        let Self { entries, model_itself, .. } = self;
        let Some(first) = entries.first() else {
            return Err(AttestError::NoResources);
        };
        if model_itself && (entries.len() > 1 || first.path.components().count() > 1) {
            return Err(malformed(
                "only a model that is one file, named by the subject, lists itself as \".\"",
            ));
        }
        if entries.iter().any(|entry| entry.size.is_some() != first.size.is_some()) {
            return Err(malformed("only some resources carry a size"));
        }
        if entries.iter().any(|entry| entry.blake3.is_some() != first.blake3.is_some()) {
            return Err(malformed("only some resources carry a blake3 digest"));
        }
        let root = oms_root(entries.iter().map(|entry| &entry.sha256));
        let sorted = entries.is_sorted_by(|a, b| a.path <= b.path)
            || entries.is_sorted_by(|a, b| component_order(&a.path, &b.path).is_le());
        // Names first: a name that stands twice is the more telling fault of a list that is out of order.
        let manifest = Manifest::new(entries).map_err(refused_names)?;
        if !sorted {
            return Err(malformed("resources stand neither in code-point order nor in component order"));
        }
        Ok(Listed { manifest, root, model_itself })
    }
}

fn refused_names(error: ManifestError) -> AttestError {
    match error {
        ManifestError::Duplicate { name } => AttestError::DuplicateName { name },
        ManifestError::Collision { first, second } => AttestError::NameCollision { first, second },
        other => malformed(other.to_string()),
    }
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Predicate { detail: detail.into() }
}

/// Members that are not named here are ignored: the schema of OMS v1.0 allows others.
#[derive(Debug, Deserialize)]
struct WireResource<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    digest: Sha256Digest,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, deserialize_with = "not_null")]
    blake3: Option<Blake3Digest>,
    #[serde(default, deserialize_with = "not_null")]
    size: Option<u64>,
}

impl<'de> DeserializeSeed<'de> for &mut Listing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Listing<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of resources")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut resources: A) -> Result<(), A::Error> {
        while let Some(Object(resource)) = resources.next_element()? {
            if let Err(refusal) = self.take(&resource) {
                self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}
