//! BLAKE3 as a tree of groups of 1 MiB, each of which can be hashed, and later proven, alone.
//!
//! BLAKE3 cuts a message into chunks of 1 KiB and joins their chaining values in a binary tree (BLAKE3 paper, section 2.1).
//! A group of 1024 chunks at a multiple of 1 MiB is a whole subtree, so its chaining value can be computed without the
//! rest of the file, on any core, in any order. Merged, the values give the ordinary BLAKE3 digest: what `b3sum` prints.
//!
//! So the list of the values ([`ChunkList`]) needs no signature. It proves itself against the signed digest, and from then
//! on proves each group of the file.

use blake3::hazmat::{self, HasherExt as _, Mode};

use crate::{Blake3Digest, HashError};

/// Bytes of one group.
pub const GROUP: u64 = 1 << 20;

/// The chaining value of one group: not a digest of its bytes, because it depends on where in the file they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupValue([u8; 32]);

impl GroupValue {
    /// The value of the group `index` (from 0) with these bytes: [`GROUP`] of them, or fewer in the last group.
    ///
    /// A file of a single group has no such value, because its root is its only node: see [`ChunkList`].
    pub fn of(index: u64, bytes: &[u8]) -> Self {
        let mut group = GroupHasher::new(index);
        group.update(bytes);
        group.finish()
    }
}

/// Makes the value of one group from bytes that come in pieces.
#[derive(Debug, Clone)]
pub(crate) struct GroupHasher {
    hasher: blake3::Hasher,
    taken: u64,
}

impl GroupHasher {
    pub(crate) fn new(index: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(index.saturating_mul(GROUP));
        Self { hasher, taken: 0 }
    }

    /// Takes the next bytes of the group; together at most [`GROUP`].
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.taken += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    /// Bytes that the group can still take.
    pub(crate) const fn room(&self) -> u64 {
        GROUP - self.taken
    }

    /// The value. At least one byte was taken: there are no empty groups.
    pub(crate) fn finish(&self) -> GroupValue {
        GroupValue(self.hasher.finalize_non_root())
    }
}

/// The chaining values of all groups of a file, in order. A file of at most one group has none: its digest is its
/// proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList {
    size: u64,
    groups: Box<[GroupValue]>,
}

impl ChunkList {
    /// The list of a file of `size` bytes with these groups.
    ///
    /// # Errors
    /// `E-CHUNKS` when a file of that size has another number of groups.
    pub fn new(size: u64, groups: Vec<GroupValue>) -> Result<Self, HashError> {
        let wanted = Self::groups_of(size);
        if groups.len() as u64 != wanted {
            return Err(HashError::Chunks { found: groups.len() as u64, wanted });
        }
        Ok(Self { size, groups: groups.into() })
    }

    /// The number of groups in the list of a file of `size` bytes: 0 up to one group.
    pub const fn groups_of(size: u64) -> u64 {
        if size <= GROUP { 0 } else { size.div_ceil(GROUP) }
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The chaining values, in order.
    pub fn groups(&self) -> &[GroupValue] {
        &self.groups
    }

    /// The BLAKE3 digest of the file; none when the file has at most one group, whose bytes are then needed.
    pub fn root(&self) -> Option<Blake3Digest> {
        if self.groups.is_empty() {
            return None;
        }
        let left = hazmat::left_subtree_len(self.size);
        let (first, rest) = self.groups.split_at(groups_in(left));
        let root =
            hazmat::merge_subtrees_root(&merge(first, left), &merge(rest, self.size - left), Mode::Hash);
        Some(Blake3Digest::from_bytes(*root.as_bytes()))
    }

    /// The list as bytes: 32 for each group, in order.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.groups.iter().flat_map(|group| group.0).collect()
    }

    /// Reads a list that nobody vouches for, for a file of `size` bytes whose BLAKE3 digest is `root`, and believes it
    /// only if it gives that digest. The size must be the signed one: the list tells how many groups there are, not how
    /// long the last one is.
    ///
    /// # Errors
    /// `E-CHUNKS` when it is of another length, or gives another digest.
    pub fn prove(bytes: &[u8], size: u64, root: &Blake3Digest) -> Result<Self, HashError> {
        let wanted = Self::groups_of(size);
        let (groups, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(HashError::Chunks { found: bytes.len() as u64 / 32 + 1, wanted });
        }
        let list = Self::new(size, groups.iter().map(|group| GroupValue(*group)).collect())?;
        match list.root() {
            Some(found) if found != *root => Err(HashError::ChunkRoot { found, wanted: *root }),
            _ => Ok(list),
        }
    }

    /// Whether `bytes` are the group `index` (from 0) of the file. For a file of at most one group there is no list to
    /// say so: compare its digest.
    pub fn has_group(&self, index: u64, bytes: &[u8]) -> bool {
        let length = self.size.saturating_sub(index.saturating_mul(GROUP)).min(GROUP);
        let listed = usize::try_from(index).ok().and_then(|index| self.groups.get(index));
        listed.is_some_and(|listed| bytes.len() as u64 == length && GroupValue::of(index, bytes) == *listed)
    }
}

/// Merges the groups of a subtree of `length` bytes. The tree is as deep as the logarithm of the number of groups.
fn merge(groups: &[GroupValue], length: u64) -> [u8; 32] {
    match groups {
        [one] => one.0,
        several => {
            let left = hazmat::left_subtree_len(length);
            let (first, rest) = several.split_at(groups_in(left).min(several.len()));
            hazmat::merge_subtrees_non_root(&merge(first, left), &merge(rest, length - left), Mode::Hash)
        }
    }
}

/// The groups in a left subtree, which is a power of two of chunks and at least one group.
fn groups_in(left: u64) -> usize {
    usize::try_from(left / GROUP).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [u64; 14] = [
        0,
        1,
        1023,
        GROUP - 1,
        GROUP,
        GROUP + 1,
        2 * GROUP,
        2 * GROUP + 1,
        3 * GROUP,
        4 * GROUP - 1,
        5 * GROUP + 77,
        7 * GROUP,
        8 * GROUP + 1024,
        17 * GROUP + 3,
    ];

    fn noise(length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        blake3::Hasher::new().update(&length.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn listed(bytes: &[u8]) -> ChunkList {
        let pieces = bytes.chunks(usize::try_from(GROUP).unwrap()).zip(0..);
        let mut groups: Vec<_> = pieces.map(|(group, index)| GroupValue::of(index, group)).collect();
        if groups.len() == 1 {
            groups.clear();
        }
        ChunkList::new(bytes.len() as u64, groups).unwrap()
    }

    // `blake3::hash` is the library's own whole-file digest: another way through its code.
    #[test]
    fn merged_groups_are_the_ordinary_digest() {
        for length in LENGTHS {
            let bytes = noise(length);
            let list = listed(&bytes);
            assert_eq!(list.groups().len() as u64, ChunkList::groups_of(length), "{length}");
            match list.root() {
                Some(root) => assert_eq!(root, Blake3Digest::of(&bytes), "{length}"),
                None => assert!(length <= GROUP, "{length}"),
            }
        }
    }

    #[test]
    fn a_list_proves_itself_and_then_each_group() {
        let bytes = noise(5 * GROUP + 77);
        let root = Blake3Digest::of(&bytes);
        let list = listed(&bytes);
        let text = list.to_bytes();
        assert_eq!(ChunkList::prove(&text, list.size(), &root).unwrap(), list);
        for broken in 0..text.len() {
            let mut text = text.clone();
            text[broken] ^= 1;
            assert_eq!(ChunkList::prove(&text, list.size(), &root).unwrap_err().code(), "E-CHUNKS");
        }
        for (text, size) in [(&text[..32], list.size()), (&text[..33], list.size()), (&text[..], 4 * GROUP)] {
            assert_eq!(ChunkList::prove(text, size, &root).unwrap_err().code(), "E-CHUNKS");
        }
        let group = usize::try_from(GROUP).unwrap();
        for (index, piece) in (0..).zip(bytes.chunks(group)) {
            assert!(list.has_group(index, piece));
            assert!(!list.has_group(index + 1, piece), "another place");
            let mut changed = piece.to_vec();
            changed[piece.len() / 2] ^= 1;
            assert!(!list.has_group(index, &changed));
            assert!(!list.has_group(index, &piece[1..]));
        }
        assert!(!list.has_group(u64::MAX, &[]));
    }

    #[test]
    fn a_file_of_one_group_has_an_empty_list() {
        for length in [0, 1, GROUP] {
            let list = ChunkList::new(length, Vec::new()).unwrap();
            assert_eq!((list.root(), list.to_bytes()), (None, Vec::new()));
            assert_eq!(ChunkList::new(length, vec![GroupValue([0; 32])]).unwrap_err().code(), "E-CHUNKS");
        }
    }

    proptest::proptest! {
        /// Whatever is done to a list, it is refused or it is the list.
        #[test]
        fn a_changed_list_never_proves_itself(
            place: proptest::sample::Index,
            removed in 0_usize..70,
            inserted in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..70),
            groups in 2_u64..9,
        ) {
            let size = (groups - 1) * GROUP + 7;
            let values: Vec<_> = (0..groups).map(|index| GroupValue::of(index, &index.to_le_bytes())).collect();
            let list = ChunkList::new(size, values).unwrap();
            let root = list.root().unwrap();
            let bytes = list.to_bytes();
            let start = place.index(bytes.len() + 1);
            let mut changed = bytes.clone();
            changed.splice(start..bytes.len().min(start + removed), inserted);
            match ChunkList::prove(&changed, size, &root) {
                Ok(found) => {
                    proptest::prop_assert_eq!(&changed, &bytes);
                    proptest::prop_assert_eq!(found, list);
                }
                Err(error) => {
                    proptest::prop_assert_ne!(&changed, &bytes);
                    proptest::prop_assert_eq!(error.code(), "E-CHUNKS");
                }
            }
        }
    }
}
