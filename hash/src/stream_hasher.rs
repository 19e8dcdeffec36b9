//! The hasher of bytes that come in order.

use sha2::Digest as _;

use crate::message_hash::{Blake2b, MessageHash};
use crate::sha256_lanes::Sha256;
use crate::{Blake3Digest, DigestSet, FileDigests, ForeignDigests, Sha256Digest, ShardAlgorithm, Sharding};

/// Makes the wanted digests of bytes that come in pieces.
///
/// Memory: that of its digests. There is one for each shard where these are wanted, so whoever feeds it bytes that nobody
/// vouches for must know how many there may be.
#[derive(Debug, Clone)]
pub struct StreamHasher {
    size: u64,
    sha256: Option<sha2::Sha256>,
    blake3: Option<Box<blake3::Hasher>>,
    foreign: Option<Box<Foreign>>,
}

impl StreamHasher {
    /// A hasher that has seen no bytes yet.
    pub fn new(wanted: DigestSet) -> Self {
        Self {
            size: 0,
            sha256: wanted.has_sha256().then(sha2::Sha256::new),
            blake3: wanted.has_blake3().then(|| Box::new(blake3::Hasher::new())),
            foreign: Foreign::new(wanted).map(Box::new),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        // Small steps keep the bytes in the first caches between the two digests.
        const STEP: usize = 64 * 1024;
        self.size += bytes.len() as u64;
        for step in bytes.chunks(STEP) {
            if let Some(blake3) = &mut self.blake3 {
                blake3.update(step);
            }
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(step);
            }
            match self.foreign.as_deref_mut() {
                Some(Foreign::Blake2b(whole)) => whole.take(step),
                Some(Foreign::Blake2bShards(shards)) => shards.take(step),
                Some(Foreign::Sha256Shards(shards)) => shards.take(step),
                None => {}
            }
        }
    }

    /// The digests of all bytes taken.
    pub fn finish(self) -> FileDigests {
        FileDigests {
            size: self.size,
            sha256: self.sha256.map(|hasher| Sha256Digest::from_bytes(hasher.finalize().into())),
            blake3: self.blake3.map(|hasher| Blake3Digest::from_bytes(*hasher.finalize().as_bytes())),
            foreign: self.foreign.map(|foreign| {
                Box::new(match *foreign {
                    Foreign::Blake2b(whole) => ForeignDigests::Blake2b(whole.digest()),
                    Foreign::Blake2bShards(shards) => ForeignDigests::Blake2bShards(shards.finish()),
                    Foreign::Sha256Shards(shards) => ForeignDigests::Sha256Shards(shards.finish()),
                })
            }),
            chunks: None,
        }
    }
}

/// The hashers of digests that only signatures of other tools carry.
#[derive(Debug, Clone)]
enum Foreign {
    Blake2b(Blake2b),
    Blake2bShards(Shards<Blake2b>),
    Sha256Shards(Shards<Sha256>),
}

impl Foreign {
    fn new(wanted: DigestSet) -> Option<Self> {
        match wanted {
            DigestSet::Blake2b => Some(Self::Blake2b(Blake2b::start())),
            DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Blake2b, size }) => {
                Some(Self::Blake2bShards(Shards::new(size.get())))
            }
            DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Sha256, size }) => {
                Some(Self::Sha256Shards(Shards::new(size.get())))
            }
            DigestSet::Blake3 | DigestSet::Both | DigestSet::Sha256 => None,
        }
    }
}

/// The shards of a file, one after the other.
#[derive(Debug, Clone)]
struct Shards<H: MessageHash> {
    size: u64,
    /// Bytes that the shard at hand can still take.
    room: u64,
    hasher: H,
    done: Vec<H::Digest>,
}

impl<H: MessageHash> Shards<H> {
    fn new(size: u64) -> Self {
        Self { size, room: size, hasher: H::start(), done: Vec::new() }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.take(now);
            self.room -= now.len() as u64;
            if self.room == 0 {
                self.end();
            }
            bytes = later;
        }
    }

    fn end(&mut self) {
        self.done.push(std::mem::replace(&mut self.hasher, H::start()).digest());
        self.room = self.size;
    }

    fn finish(mut self) -> Vec<H::Digest> {
        if self.room < self.size {
            self.end();
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::Blake2bDigest;

    proptest::proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes: Vec<u8>,
            cut: proptest::sample::Index,
            shard in proptest::prelude::prop_oneof![1_u64..300, proptest::prelude::Just(u64::MAX)],
        ) {
            let cut = cut.index(bytes.len() + 1);
            let of = |wanted| {
                let mut hasher = StreamHasher::new(wanted);
                hasher.update(&bytes[..cut]);
                hasher.update(&bytes[cut..]);
                hasher.finish()
            };
            let plain = FileDigests {
                size: bytes.len() as u64,
                sha256: Some(Sha256Digest::of(&bytes)),
                blake3: Some(Blake3Digest::of(&bytes)),
                foreign: None,
                chunks: None,
            };
            proptest::prop_assert_eq!(&of(DigestSet::Both), &plain);
            proptest::prop_assert_eq!(of(DigestSet::Sha256), FileDigests { blake3: None, ..plain.clone() });
            proptest::prop_assert_eq!(of(DigestSet::Blake3), FileDigests { sha256: None, ..plain.clone() });
            let other = |foreign| FileDigests {
                sha256: None, blake3: None, foreign: Some(Box::new(foreign)), ..plain.clone()
            };
            let blake2b = ForeignDigests::Blake2b(Blake2bDigest::of(&bytes));
            proptest::prop_assert_eq!(of(DigestSet::Blake2b), other(blake2b));
            let size = NonZeroU64::new(shard).unwrap();
            let shards = || bytes.chunks(usize::try_from(shard).unwrap());
            proptest::prop_assert_eq!(
                of(DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Blake2b, size })),
                other(ForeignDigests::Blake2bShards(shards().map(Blake2bDigest::of).collect()))
            );
            proptest::prop_assert_eq!(
                of(DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Sha256, size })),
                other(ForeignDigests::Sha256Shards(shards().map(Sha256Digest::of).collect()))
            );
        }
    }
}
