//! Files that are listed piece by piece: `path:start:end`, each with its own digest.

use std::num::NonZeroU64;
use std::ops::Range;

use lacre_hash::{Blake2bDigest, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, ShardDigests, Shards, component_order};

use super::form::Digest;
use super::model::malformed;
use crate::AttestError;
use crate::error::quoted;

/// The pieces of all files, in the order in which they are listed.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
}

/// A piece of a file.
#[derive(Debug)]
pub(super) struct Piece {
    path: EntryPath,
    range: Range<u64>,
    digest: Digest,
}

impl Piece {
    /// Takes `path:start:end` apart. The path may itself hold colons: the last two parts are the numbers (OMS v1.0,
    /// section 6.3.2).
    pub(super) fn split(name: &str) -> Result<(&str, Range<u64>), AttestError> {
        let parts = name.rsplit_once(':').and_then(|(rest, end)| {
            let (path, start) = rest.rsplit_once(':')?;
            Some((path, number(start)?..number(end)?))
        });
        parts
            .ok_or_else(|| malformed(format!("{} is not the name of a piece (path:start:end)", quoted(name))))
    }

    fn name(&self) -> String {
        format!("{}:{}:{}", self.path.as_str(), self.range.start, self.range.end)
    }
}

/// Digits, with no sign and no zero in front: a number has one spelling.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl Pieces {
    pub(super) fn push(
        &mut self,
        path: EntryPath,
        range: Range<u64>,
        digest: Digest,
        shard_size: NonZeroU64,
    ) -> Result<(), AttestError> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 || length > shard_size.get() || !range.start.is_multiple_of(shard_size.get()) {
            let detail = format!("{path}:{}:{} is no piece of {shard_size} bytes", range.start, range.end);
            return Err(malformed(detail));
        }
        self.list.push(Piece { path, range, digest });
        Ok(())
    }

    /// Whether the pieces stand in one of the two orders in use: by code points of their names (the specification), or by
    /// components of the path and then by place (the Python implementation).
    pub(super) fn is_sorted(&self) -> bool {
        self.list.is_sorted_by(|a, b| {
            let order = component_order(&a.path, &b.path);
            order.then_with(|| a.range.start.cmp(&b.range.start)).is_le()
        }) || self.list.is_sorted_by_key(Piece::name)
    }

    /// Joins the pieces to files. The pieces of a file must follow one another without a gap, and only the last one may be
    /// shorter than the others.
    pub(super) fn into_entries(self, shard_size: NonZeroU64) -> Result<Vec<Entry>, AttestError> {
        let mut list = self.list;
        list.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.range.start.cmp(&b.range.start)));
        let mut entries = Vec::new();
        let mut rest = list.into_iter().peekable();
        while let Some(first) = rest.next() {
            let path = first.path.clone();
            let mut end = 0;
            let (mut blake2b, mut sha256) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(piece) = next {
                if piece.range.start < end {
                    return Err(AttestError::DuplicateName { name: quoted(&piece.name()) });
                }
                // Starts are multiples of the size: behind a piece that is shorter than it, this is a gap as well.
                if piece.range.start > end {
                    return Err(malformed(format!("{path} lacks the piece that begins at {end}")));
                }
                end = piece.range.end;
                match piece.digest {
                    Digest::Blake2b(digest) => blake2b.push(*digest),
                    Digest::Sha256(digest) => sha256.push(digest),
                    Digest::Blake3(_) => return Err(malformed("a piece with a blake3 digest")),
                }
                next = rest.next_if(|piece| piece.path == path);
            }
            let digests =
                Digests::Shards(Box::new(Shards { size: shard_size, digests: only(blake2b, sha256)? }));
            entries.push(Entry { path, size: Some(end), digests });
        }
        Ok(entries)
    }
}

/// The algorithm is one for the whole signature, so only one of the two lists holds anything.
fn only(blake2b: Vec<Blake2bDigest>, sha256: Vec<Sha256Digest>) -> Result<ShardDigests, AttestError> {
    match (blake2b.is_empty(), sha256.is_empty()) {
        (true, false) => Ok(ShardDigests::Sha256(sha256)),
        (false, true) => Ok(ShardDigests::Blake2b(blake2b)),
        _ => Err(malformed("the pieces of a file have digests of two algorithms")),
    }
}
