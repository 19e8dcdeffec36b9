//! What the bytes of a file are known by.

use std::fmt;
use std::num::NonZeroU64;

use lacre_hash::{
    Blake2bDigest, Blake3Digest, DigestSet, FileDigests, ForeignDigests, Sha256Digest, ShardAlgorithm,
    Sharding,
};

/// What the bytes of a file are known by: the digests that a signature holds for it, or that were made of it.
///
/// Lacre signs [`Digests::Sha256`]. The others are what OpenSSF Model Signing also allows, and are only read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digests {
    /// BLAKE2b-512 of the whole file.
    Blake2b(Box<Blake2bDigest>),
    /// BLAKE3 of the whole file.
    Blake3(Blake3Digest),
    /// SHA-256 of the whole file; beside it BLAKE3 where Lacre signed.
    Sha256 {
        /// SHA-256.
        sha256: Sha256Digest,
        /// BLAKE3.
        blake3: Option<Blake3Digest>,
    },
    /// A digest for each piece of the file.
    Shards(Box<Shards>),
}

/// The digests of a file that was cut into pieces of one size, of which the last may be shorter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shards {
    /// Bytes of a piece.
    pub size: NonZeroU64,
    /// The digests of the pieces, in order.
    pub digests: ShardDigests,
}

/// The digests of pieces, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShardDigests {
    /// BLAKE2b-512 of each.
    Blake2b(Vec<Blake2bDigest>),
    /// SHA-256 of each.
    Sha256(Vec<Sha256Digest>),
}

impl Digests {
    /// SHA-256 of the whole file, if it is known.
    pub const fn sha256(&self) -> Option<&Sha256Digest> {
        match self {
            Self::Sha256 { sha256, .. } => Some(sha256),
            Self::Blake2b(_) | Self::Blake3(_) | Self::Shards(_) => None,
        }
    }

    /// BLAKE3 of the whole file, if it is known.
    pub const fn blake3(&self) -> Option<&Blake3Digest> {
        match self {
            Self::Sha256 { blake3, .. } => blake3.as_ref(),
            Self::Blake3(blake3) => Some(blake3),
            Self::Blake2b(_) | Self::Shards(_) => None,
        }
    }

    /// Everything that must be made of a file to compare it with all of these.
    pub fn all(&self) -> DigestSet {
        match self {
            Self::Blake2b(_) => DigestSet::Blake2b,
            Self::Blake3(_) => DigestSet::Blake3,
            Self::Sha256 { blake3: None, .. } => DigestSet::Sha256,
            Self::Sha256 { blake3: Some(_), .. } => DigestSet::Both,
            Self::Shards(shards) => DigestSet::Shards(Sharding {
                algorithm: match shards.digests {
                    ShardDigests::Blake2b(_) => ShardAlgorithm::Blake2b,
                    ShardDigests::Sha256(_) => ShardAlgorithm::Sha256,
                },
                size: shards.size,
            }),
        }
    }

    /// Whether every digest that was made of a file is the one that stands here, and at least one was made.
    pub fn agree(&self, found: &FileDigests) -> bool {
        let foreign = match (self, found.foreign.as_deref()) {
            (_, None) => None,
            (Self::Blake2b(known), Some(ForeignDigests::Blake2b(made))) => Some(**known == *made),
            (Self::Shards(known), Some(made)) => Some(known.digests.are(made)),
            (_, Some(_)) => Some(false),
        };
        let sha256 = found.sha256.as_ref().map(|made| self.sha256() == Some(made));
        let blake3 = found.blake3.as_ref().map(|made| self.blake3() == Some(made));
        let mut made = [foreign, sha256, blake3].into_iter().flatten().peekable();
        made.peek().is_some() && made.all(|agrees| agrees)
    }

    /// Hands out the digests that other tools know as bytes, in order: what the root digest of OMS is made of.
    pub(crate) fn each(&self, mut take: impl FnMut(&[u8])) {
        match self {
            Self::Blake2b(digest) => take(digest.as_bytes()),
            Self::Blake3(digest) => take(digest.as_bytes()),
            Self::Sha256 { sha256, .. } => take(sha256.as_bytes()),
            Self::Shards(shards) => match &shards.digests {
                ShardDigests::Blake2b(list) => list.iter().for_each(|digest| take(digest.as_bytes())),
                ShardDigests::Sha256(list) => list.iter().for_each(|digest| take(digest.as_bytes())),
            },
        }
    }

    /// The digests by which bytes can be told to be the same under another name, in a form that can be a key: only
    /// digests of one kind compare.
    pub(crate) fn key(&self) -> Key<'_> {
        match self {
            Self::Sha256 { sha256, .. } => Key::Sha256(sha256),
            Self::Blake3(blake3) => Key::Blake3(blake3),
            Self::Blake2b(blake2b) => Key::Blake2b(blake2b),
            Self::Shards(shards) => Key::Shards(shards),
        }
    }
}

/// See [`Digests::key`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    Blake2b(&'a Blake2bDigest),
    Blake3(&'a Blake3Digest),
    Sha256(&'a Sha256Digest),
    Shards(&'a Shards),
}

/// The kind of the digests, for messages: `SHA-256 and BLAKE3`, `BLAKE2b of pieces of 1000 bytes`.
impl fmt::Display for Digests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blake2b(_) => formatter.write_str("BLAKE2b"),
            Self::Blake3(_) => formatter.write_str("BLAKE3"),
            Self::Sha256 { blake3: None, .. } => formatter.write_str("SHA-256"),
            Self::Sha256 { blake3: Some(_), .. } => formatter.write_str("SHA-256 and BLAKE3"),
            Self::Shards(shards) => {
                let algorithm = match shards.digests {
                    ShardDigests::Blake2b(_) => "BLAKE2b",
                    ShardDigests::Sha256(_) => "SHA-256",
                };
                write!(formatter, "{algorithm} of pieces of {} bytes", shards.size)
            }
        }
    }
}

impl ShardDigests {
    /// How many pieces there are.
    pub const fn count(&self) -> usize {
        match self {
            Self::Blake2b(digests) => digests.len(),
            Self::Sha256(digests) => digests.len(),
        }
    }

    fn are(&self, made: &ForeignDigests) -> bool {
        match (self, made) {
            (Self::Blake2b(known), ForeignDigests::Blake2bShards(made)) => known == made,
            (Self::Sha256(known), ForeignDigests::Sha256Shards(made)) => known == made,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(foreign: Option<ForeignDigests>) -> FileDigests {
        FileDigests { size: 1, sha256: None, blake3: None, foreign: foreign.map(Box::new), chunks: None }
    }

    #[test]
    fn digests_that_were_not_made_agree_with_nothing() {
        let (sha256, blake3) = (Sha256Digest::of(b"a"), Blake3Digest::of(b"a"));
        let one = Digests::Sha256 { sha256, blake3: None };
        let both = Digests::Sha256 { sha256, blake3: Some(blake3) };
        let made = |sha256, blake3| FileDigests { sha256, blake3, ..found(None) };
        assert!(!one.agree(&made(None, None)) && !both.agree(&made(None, None)));
        assert!(!one.agree(&made(None, Some(blake3))), "a digest that is not known");
        assert!(one.agree(&made(Some(sha256), None)) && both.agree(&made(None, Some(blake3))));
        assert!(
            !both.agree(&made(Some(sha256), Some(Blake3Digest::of(b"b")))),
            "both that were made must be right"
        );
        assert!(!both.agree(&made(Some(Sha256Digest::of(b"b")), Some(blake3))));
        assert!(!Digests::Blake3(blake3).agree(&made(Some(sha256), None)));
    }

    #[test]
    fn pieces_agree_only_with_pieces_of_their_kind() {
        let size = NonZeroU64::MIN;
        let sha256 = vec![Sha256Digest::of(b"a"), Sha256Digest::of(b"b")];
        let shards =
            Digests::Shards(Box::new(Shards { size, digests: ShardDigests::Sha256(sha256.clone()) }));
        assert!(shards.agree(&found(Some(ForeignDigests::Sha256Shards(sha256.clone())))));
        assert!(
            !shards.agree(&found(Some(ForeignDigests::Sha256Shards(sha256[..1].to_vec())))),
            "a piece is missing"
        );
        let turned = vec![sha256[1], sha256[0]];
        assert!(
            !shards.agree(&found(Some(ForeignDigests::Sha256Shards(turned)))),
            "the pieces are in another order"
        );
        let blake2b = Blake2bDigest::of(b"a");
        assert!(!shards.agree(&found(Some(ForeignDigests::Blake2b(blake2b)))));
        let whole = Digests::Blake2b(Box::new(blake2b));
        assert!(whole.agree(&found(Some(ForeignDigests::Blake2b(blake2b)))));
        assert!(!whole.agree(&found(Some(ForeignDigests::Blake2b(Blake2bDigest::of(b"b"))))));
        assert!(!whole.agree(&found(Some(ForeignDigests::Blake2bShards(vec![blake2b])))));
        assert!(
            !Digests::Sha256 { sha256: sha256[0], blake3: None }
                .agree(&found(Some(ForeignDigests::Blake2b(blake2b))))
        );
    }
}
