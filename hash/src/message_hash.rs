//! The two digests of shards, each with its way to make several at once.

use std::fmt::Debug;

use blake2b_simd::many::{HashManyJob, degree, hash_many, update_many};

use crate::sha256_lanes::{Sha256, digest_many, messages_wanted, update_each};
use crate::{Blake2bDigest, DigestSet, ForeignDigests, Sha256Digest};

/// A hasher of one message that comes in pieces, and a way to advance several of them at once.
pub(crate) trait MessageHash: Clone + Debug + Send {
    /// What it gives.
    type Digest: Copy + Debug + Send;

    /// Stands where no digest is yet.
    const ZERO: Self::Digest;

    /// The hasher of an empty message.
    fn start() -> Self;

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);

    /// The digest of all bytes taken.
    fn digest(self) -> Self::Digest;

    /// With how many messages at once this machine is at its quickest.
    fn lanes() -> usize;

    /// [`take`](Self::take) for each message.
    fn take_each(work: &mut [(&mut Self, &[u8])]);

    /// The digests of whole messages, in order.
    fn digest_each(messages: &[&[u8]]) -> Vec<Self::Digest>;

    /// The digests of a file, by what was wanted.
    fn foreign(wanted: DigestSet, digests: Vec<Self::Digest>) -> ForeignDigests;
}

impl MessageHash for Sha256 {
    type Digest = Sha256Digest;

    const ZERO: Sha256Digest = Sha256Digest::from_bytes([0; Sha256Digest::LEN]);

    fn start() -> Self {
        Self::new()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn digest(self) -> Sha256Digest {
        Sha256Digest::from_bytes(self.finalize())
    }

    fn lanes() -> usize {
        messages_wanted()
    }

    fn take_each(work: &mut [(&mut Self, &[u8])]) {
        update_each(work);
    }

    fn digest_each(messages: &[&[u8]]) -> Vec<Sha256Digest> {
        digest_many(messages).into_iter().map(Sha256Digest::from_bytes).collect()
    }

    fn foreign(_: DigestSet, digests: Vec<Sha256Digest>) -> ForeignDigests {
        ForeignDigests::Sha256Shards(digests)
    }
}

/// BLAKE2b-512 (RFC 7693) without a key: the default of the library.
pub(crate) type Blake2b = blake2b_simd::State;

impl MessageHash for Blake2b {
    type Digest = Blake2bDigest;

    const ZERO: Blake2bDigest = Blake2bDigest::from_bytes([0; Blake2bDigest::LEN]);

    fn start() -> Self {
        Self::new()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn digest(self) -> Blake2bDigest {
        Blake2bDigest::from_bytes(*self.finalize().as_array())
    }

    fn lanes() -> usize {
        degree()
    }

    fn take_each(work: &mut [(&mut Self, &[u8])]) {
        update_many(work.iter_mut().map(|(hasher, bytes)| (&mut **hasher, &**bytes)));
    }

    fn digest_each(messages: &[&[u8]]) -> Vec<Blake2bDigest> {
        let unkeyed = blake2b_simd::Params::new();
        let mut jobs: Vec<_> = messages.iter().map(|message| HashManyJob::new(&unkeyed, message)).collect();
        hash_many(&mut jobs);
        jobs.iter().map(|job| Blake2bDigest::from_bytes(*job.to_hash().as_array())).collect()
    }

    fn foreign(wanted: DigestSet, digests: Vec<Blake2bDigest>) -> ForeignDigests {
        match (wanted, &digests[..]) {
            (DigestSet::Blake2b, [whole]) => ForeignDigests::Blake2b(*whole),
            _ => ForeignDigests::Blake2bShards(digests),
        }
    }
}
