//! What arrives: a model, or a part of one.

use std::path::Path;

use lacre_manifest::Entry;
use lacre_registry_client::Descriptor;
use lacre_verify::{Claim, Extent, Failure, Leftovers, Model, Part, Prove, Receiving, Verified};

use crate::DeliverError;

/// A model that arrived, or a [`Part`] of one.
#[derive(Debug)]
pub struct Pulled<T = Model> {
    /// The manifest that the reference led to.
    pub manifest: Descriptor,
    /// The model or the part, proven.
    pub model: Verified<T>,
    /// Where its bytes came from.
    pub moved: Moved,
    /// Why it could not be kept in the cache, if it was to be and could not.
    pub not_kept: Option<DeliverError>,
}

/// Where the bytes of a model came from. Bytes that had to be fetched again count again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that were fetched from the store.
    pub fetched: u64,
    /// Bytes that were in the cache.
    pub cached: u64,
    /// Bytes that an earlier attempt had written.
    pub resumed: u64,
    /// Bytes that were taken from an older version on this machine.
    pub reused: u64,
}

/// What an offer becomes: a [`Model`] or a [`Part`].
pub trait Arriving: Extent + Sized {
    #[doc(hidden)]
    fn receive(
        claim: Verified<Claim>,
        into: &Path,
        prove: Prove,
        size_of: impl Fn(&Entry) -> Option<u64>,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Receiving<Self>, Box<Failure>>;
}

impl Arriving for Model {
    fn receive(
        claim: Verified<Claim>,
        into: &Path,
        prove: Prove,
        size_of: impl Fn(&Entry) -> Option<u64>,
        _: impl Fn(&Entry) -> bool,
    ) -> Result<Receiving<Self>, Box<Failure>> {
        claim.receive(into, prove, Leftovers::Reuse, size_of)
    }
}

impl Arriving for Part {
    fn receive(
        claim: Verified<Claim>,
        into: &Path,
        prove: Prove,
        size_of: impl Fn(&Entry) -> Option<u64>,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Receiving<Self>, Box<Failure>> {
        claim.receive_part(into, prove, Leftovers::Reuse, size_of, wanted)
    }
}
