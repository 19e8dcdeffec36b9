//! Which digests are made of a file, and what was made.

use std::num::NonZeroU64;

use crate::{Blake2bDigest, Blake3Digest, ChunkList, Sha256Digest};

/// Which digests are made of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestSet {
    /// BLAKE2b-512 only: what some signatures of other tools carry.
    Blake2b,
    /// BLAKE3 only: enough to verify an entry that signs one, and the quickest.
    Blake3,
    /// SHA-256 and BLAKE3.
    Both,
    /// SHA-256 only.
    Sha256,
    /// A digest of each shard only: what some signatures of other tools carry.
    Shards(Sharding),
}

impl DigestSet {
    pub(crate) const fn has_sha256(self) -> bool {
        matches!(self, Self::Both | Self::Sha256)
    }

    pub(crate) const fn has_blake3(self) -> bool {
        matches!(self, Self::Both | Self::Blake3)
    }
}

/// How a file is cut into shards, each with a digest of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharding {
    /// The digest of a shard.
    pub algorithm: ShardAlgorithm,
    /// Bytes of a shard. The last one of a file is shorter, unless it ends with the file; an empty file has none.
    pub size: NonZeroU64,
}

/// The digest of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardAlgorithm {
    /// BLAKE2b-512 (RFC 7693, no key).
    Blake2b,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

/// What one pass over a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// Bytes that were read.
    pub size: u64,
    /// SHA-256, when it was wanted.
    pub sha256: Option<Sha256Digest>,
    /// BLAKE3, when it was wanted.
    pub blake3: Option<Blake3Digest>,
    /// What was wanted instead of these two. In a box, because hardly any file has it.
    pub foreign: Option<Box<ForeignDigests>>,
    /// The tree behind the BLAKE3 digest, when [`Engine`](crate::Engine) made it.
    pub chunks: Option<ChunkList>,
}

impl FileDigests {
    /// Takes the BLAKE3 tree out, with its root, if it has nodes: a file of one group has nothing to keep.
    pub fn take_tree(&mut self) -> Option<(Blake3Digest, ChunkList)> {
        let list = self.chunks.take()?;
        if list.groups().is_empty() { None } else { Some((self.blake3?, list)) }
    }
}

/// Digests that Lacre verifies in the signatures of other tools, and never writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignDigests {
    /// Of the whole file ([`DigestSet::Blake2b`]).
    Blake2b(Blake2bDigest),
    /// Of each shard in order, none for an empty file ([`DigestSet::Shards`]).
    Blake2bShards(Vec<Blake2bDigest>),
    /// Of each shard in order, none for an empty file ([`DigestSet::Shards`]).
    Sha256Shards(Vec<Sha256Digest>),
}
