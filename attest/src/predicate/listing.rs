//! The `resources` of an OMS predicate, read in one pass and straight into manifest entries.

use std::borrow::Cow;
use std::fmt;

use lacre_hash::{Blake3Digest, Sha256, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest, ManifestError, component_order};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::form::{Digest, Form};
use super::model::malformed;
use super::pieces::{Piece, Pieces};
use crate::AttestError;
use crate::error::quoted;
use crate::wire::{Object, not_null};

/// How the reference implementation before the specification named the one file of a model that is a file.
const MODEL_ITSELF: &str = ".";

/// The files that a predicate lists, in the order in which it lists them.
pub(super) struct Listing<'s> {
    form: Form,
    /// The name of the subject: the name of a file that is listed as the model itself.
    subject: &'s str,
    entries: Vec<Entry>,
    /// Where files are cut into pieces, their pieces.
    pieces: Pieces,
    /// The root digest over the listed order.
    root: Sha256,
    /// Whether the model is one file, which is listed as `.`.
    model_itself: bool,
    count: usize,
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
    pub(super) fn parse(text: &str, form: Form, subject: &'s str) -> Result<Listed, AttestError> {
        let mut listing = Listing {
            form,
            subject,
            entries: Vec::new(),
            pieces: Pieces::default(),
            root: Sha256::new(),
            model_itself: false,
            count: 0,
            refusal: None,
        };
        let outcome = (&mut listing).deserialize(&mut serde_json::Deserializer::from_str(text));
        match (outcome, listing.refusal.take()) {
            (_, Some(refusal)) => Err(refusal),
            (Err(error), None) => Err(malformed(format!("resource {}: {error}", listing.count + 1))),
            (Ok(()), None) => listing.finish(),
        }
    }

    fn take(&mut self, resource: &WireResource<'_>) -> Result<(), AttestError> {
        self.form.check_algorithm(&resource.algorithm)?;
        let digest = self
            .form
            .algorithm
            .digest(&resource.digest)
            .map_err(|error| malformed(format!("resource {}: {error}", self.count + 1)))?;
        self.root.update(digest.as_bytes());
        if let Some(shard_size) = self.form.shard_size {
            if resource.blake3.is_some() || resource.size.is_some() {
                return Err(malformed("a size or a blake3 digest beside the digest of a piece"));
            }
            let (name, range) = Piece::split(&resource.name)?;
            let path = self.path(name, &resource.name)?;
            self.pieces.push(path, range, digest, shard_size)?;
        } else {
            let digests = match (digest, resource.blake3) {
                (Digest::Sha256(sha256), blake3) => Digests::Sha256 { sha256, blake3 },
                (_, Some(_)) => {
                    return Err(malformed("a blake3 digest beside a digest that is not sha256"));
                }
                (Digest::Blake2b(digest), None) => Digests::Blake2b(digest),
                (Digest::Blake3(digest), None) => Digests::Blake3(digest),
            };
            let path = self.path(&resource.name, &resource.name)?;
            self.entries.push(Entry { path, size: resource.size, digests });
        }
        self.count += 1;
        Ok(())
    }

    fn path(&mut self, name: &str, listed: &str) -> Result<EntryPath, AttestError> {
        // The first resource only, or all pieces: beside others, "." is no file of the model.
        let may_be_itself = self.count == 0 || (self.model_itself && self.form.shard_size.is_some());
        let name = if name == MODEL_ITSELF && may_be_itself {
            self.model_itself = true;
            self.subject
        } else {
            name
        };
        EntryPath::parse(name).map_err(|source| AttestError::Path { name: quoted(listed), source })
    }

    fn finish(self) -> Result<Listed, AttestError> {
        let Self { mut entries, model_itself, form, pieces, root, .. } = self;
        let mut sorted = true;
        if let Some(shard_size) = form.shard_size {
            sorted = pieces.is_sorted();
            entries = pieces.into_entries(shard_size)?;
        }
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
        if entries.iter().any(|entry| entry.blake3().is_some() != first.blake3().is_some()) {
            return Err(malformed("only some resources carry a blake3 digest"));
        }
        if form.shard_size.is_none() {
            sorted = entries.is_sorted_by(|a, b| a.path <= b.path)
                || entries.is_sorted_by(|a, b| component_order(&a.path, &b.path).is_le());
        }
        // Names first: a name that stands twice is the more telling fault of a list that is out of order.
        let manifest = Manifest::new(entries).map_err(refused_names)?;
        if !sorted {
            return Err(malformed("resources stand neither in code-point order nor in component order"));
        }
        Ok(Listed { manifest, root: Sha256Digest::from_bytes(root.finalize()), model_itself })
    }
}

pub(super) fn refused_names(error: ManifestError) -> AttestError {
    match error {
        ManifestError::Duplicate { name } => AttestError::DuplicateName { name },
        ManifestError::Collision { first, second } => AttestError::NameCollision { first, second },
        other => malformed(other.to_string()),
    }
}

/// Members that are not named here are ignored: the schema of OMS v1.0 allows others.
#[derive(Debug, Deserialize)]
struct WireResource<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    digest: Cow<'a, str>,
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
