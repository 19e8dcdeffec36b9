//! The digests of a file whose groups come in any order, from several threads.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{Blake3Digest, ChunkList, DigestSet, FileDigests, GROUP, GroupValue, HashError, StreamHasher};

/// Makes the digests of a file of a known size, whose groups of [`GROUP`] bytes come in any order, from several threads.
///
/// BLAKE3 takes each group alone. Once the file's chunk list is known ([`learn`](Self::learn)), a group that does not
/// belong to it is refused at once; without a list the whole is judged at its end. The other digests need the bytes in
/// order: a group that comes too early is read again from where it was kept, when its turn has come.
///
/// ```
/// use lacre_hash::{Blake3Digest, DigestSet, Gatherer};
///
/// let gatherer = Gatherer::new(3, DigestSet::Both, Some(Blake3Digest::of(b"abc")));
/// assert!(gatherer.judge(0, b"abd").is_none());
/// let judged = gatherer.judge(0, b"abc").ok_or("refused")?;
/// gatherer.take(judged, b"abc", |_, _| unreachable!("nothing comes too early here"))?;
/// let digests = gatherer.digests().ok_or("not complete")?;
/// assert_eq!(digests.blake3, Some(Blake3Digest::of(b"abc")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Gatherer {
    size: u64,
    wanted: DigestSet,
    root: Option<Blake3Digest>,
    list: OnceLock<ChunkList>,
    state: Mutex<State>,
}

/// A group that may be kept: of the right length, and as listed, as far as that is known.
#[derive(Debug)]
pub struct Judged {
    index: u64,
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    /// Not there yet.
    Absent,
    /// One of several groups.
    Group(GroupValue),
    /// The only group: its digest is that of the file.
    Whole(Blake3Digest),
    /// No BLAKE3 is wanted.
    Unhashed,
}

#[derive(Debug)]
struct State {
    nodes: Vec<Node>,
    absent: u64,
    in_order: Option<InOrder>,
}

/// The digests that need the bytes in order.
#[derive(Debug)]
struct InOrder {
    /// Absent while a thread is feeding it.
    hasher: Option<Box<StreamHasher>>,
    next: usize,
}

impl Gatherer {
    /// Nothing of the file is there yet. `root` is its signed BLAKE3 digest, if there is one.
    pub fn new(size: u64, wanted: DigestSet, root: Option<Blake3Digest>) -> Self {
        let groups = size.div_ceil(GROUP);
        let in_order = match wanted {
            DigestSet::Blake3 => None,
            DigestSet::Both => Some(DigestSet::Sha256),
            other => Some(other),
        };
        let in_order =
            in_order.map(|wanted| InOrder { hasher: Some(Box::new(StreamHasher::new(wanted))), next: 0 });
        let nodes = vec![Node::Absent; usize::try_from(groups).unwrap_or(usize::MAX)];
        let state = Mutex::new(State { nodes, absent: groups, in_order });
        Self { size, wanted, root, list: OnceLock::new(), state }
    }

    /// The number of groups: none of an empty file.
    pub fn groups(&self) -> u64 {
        self.size.div_ceil(GROUP)
    }

    /// The bytes of the file that are the group `index`; empty behind the end.
    pub fn place(&self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(GROUP).min(self.size);
        start..start.saturating_add(GROUP).min(self.size)
    }

    /// Takes the file's chunk list from whoever has one ([`ChunkList::to_bytes`]); it is believed only if it gives the
    /// signed digest. From now on each group is compared with it.
    ///
    /// # Errors
    /// `E-CHUNKS` when it does not, or no BLAKE3 digest is signed or wanted.
    pub fn learn(&self, list: &[u8]) -> Result<(), HashError> {
        let wanted = ChunkList::groups_of(self.size);
        let root = self.root.filter(|_| self.wanted.has_blake3());
        let root = root.ok_or(HashError::Chunks { found: list.len() as u64 / 32, wanted })?;
        let list = ChunkList::prove(list, self.size, &root)?;
        // Two lists that give the same digest are the same list.
        let _ = self.list.set(list);
        Ok(())
    }

    /// Whether a group that is not the file's would be refused at once.
    pub fn judges_groups(&self) -> bool {
        self.wanted.has_blake3() && self.root.is_some() && (self.size <= GROUP || self.list.get().is_some())
    }

    /// Whether `bytes` may be the group `index`; nothing when they are not.
    pub fn judge(&self, index: u64, bytes: &[u8]) -> Option<Judged> {
        let place = self.place(index);
        if place.is_empty() || bytes.len() as u64 != place.end - place.start {
            return None;
        }
        let node = if !self.wanted.has_blake3() {
            Node::Unhashed
        } else if self.size <= GROUP {
            let digest = Blake3Digest::of(bytes);
            if self.root.is_some_and(|root| root != digest) {
                return None;
            }
            Node::Whole(digest)
        } else {
            let value = GroupValue::of(index, bytes);
            if let Some(list) = self.list.get() {
                let listed = usize::try_from(index).ok().and_then(|index| list.groups().get(index))?;
                if *listed != value {
                    return None;
                }
            }
            Node::Group(value)
        };
        Some(Judged { index, node })
    }

    /// Counts a group that was judged and is now kept. `again` reads kept bytes of the file from an offset, in full.
    ///
    /// # Errors
    /// Those of `again`.
    pub fn take(
        &self,
        judged: Judged,
        bytes: &[u8],
        again: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Judged { index, node: judged } = judged;
        let Ok(index) = usize::try_from(index) else { return Ok(()) };
        {
            let mut state = self.state();
            match state.nodes.get_mut(index) {
                Some(node @ Node::Absent) => *node = judged,
                // The same group twice: the first one counts.
                _ => return Ok(()),
            }
            state.absent -= 1;
        }
        let mut buffer = Vec::new();
        while let Some((next, mut hasher)) = self.turn() {
            let mut read = Ok(());
            if next == index {
                hasher.update(bytes);
            } else {
                let place = self.place(next as u64);
                buffer.resize(usize::try_from(place.end - place.start).unwrap_or(0), 0);
                read = again(place.start, &mut buffer);
                if read.is_ok() {
                    hasher.update(&buffer);
                }
            }
            if let Some(in_order) = &mut self.state().in_order {
                in_order.hasher = Some(hasher);
                in_order.next += usize::from(read.is_ok());
            }
            read?;
        }
        Ok(())
    }

    /// The next group for the digests that need order, and their hasher, if the group is there and no other thread is at
    /// it: one feeds, the others go on.
    fn turn(&self) -> Option<(usize, Box<StreamHasher>)> {
        let mut state = self.state();
        let State { nodes, in_order: Some(in_order), .. } = &mut *state else { return None };
        match nodes.get(in_order.next) {
            None | Some(Node::Absent) => None,
            Some(_) => Some((in_order.next, in_order.hasher.take()?)),
        }
    }

    /// The groups that are not there yet, as ranges, in order.
    pub fn missing(&self) -> Vec<Range<u64>> {
        let state = self.state();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (index, _) in (0..).zip(&state.nodes).filter(|(_, node)| matches!(node, Node::Absent)) {
            match ranges.last_mut() {
                Some(last) if last.end == index => last.end += 1,
                _ => ranges.push(index..index + 1),
            }
        }
        ranges
    }

    /// Whether every group is there.
    pub fn is_complete(&self) -> bool {
        self.state().absent == 0
    }

    /// Forgets every group, and begins anew. The list stays known. No other thread may be bringing groups meanwhile: what
    /// it brings may be lost.
    pub fn forget(&self) {
        let fresh = Self::new(self.size, self.wanted, self.root);
        *self.state() = fresh.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    /// The digests, when every group was taken.
    pub fn digests(&self) -> Option<FileDigests> {
        let state = self.state();
        if state.absent > 0 {
            return None;
        }
        let (size, nodes) = (self.size, &state.nodes);
        let mut digests = FileDigests { size, sha256: None, blake3: None, foreign: None, chunks: None };
        if let Some(in_order) = &state.in_order {
            if in_order.next < nodes.len() {
                return None;
            }
            let made = in_order.hasher.clone()?.finish();
            digests.sha256 = made.sha256;
            digests.foreign = made.foreign;
        }
        if self.wanted.has_blake3() {
            let groups = nodes.iter().filter_map(|node| match node {
                Node::Group(value) => Some(*value),
                _ => None,
            });
            let list = ChunkList::new(size, groups.collect()).ok()?;
            digests.blake3 = match (list.root(), nodes.first()) {
                (Some(root), _) => Some(root),
                (None, Some(Node::Whole(digest))) => Some(*digest),
                (None, None) => Some(Blake3Digest::of(b"")),
                (None, Some(_)) => return None,
            };
            digests.chunks = Some(list);
        }
        Some(digests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sha256Digest, ShardAlgorithm, Sharding};

    const SIZES: [u64; 6] = [0, 1, GROUP, GROUP + 1, 4 * GROUP, 5 * GROUP + 77];

    fn noise(size: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        blake3::Hasher::new().update(b"gather").finalize_xof().fill(&mut bytes);
        bytes
    }

    /// Reads from the original, as if it had been kept there.
    fn from(bytes: &[u8]) -> impl Fn(u64, &mut [u8]) -> io::Result<()> {
        |offset, buffer| {
            let start = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
            Ok(())
        }
    }

    fn piece<'a>(gatherer: &Gatherer, bytes: &'a [u8], index: u64) -> &'a [u8] {
        let place = gatherer.place(index);
        &bytes[usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap()]
    }

    fn put(gatherer: &Gatherer, bytes: &[u8], index: u64) {
        let piece = piece(gatherer, bytes, index);
        gatherer.take(gatherer.judge(index, piece).unwrap(), piece, from(bytes)).unwrap();
    }

    // `sha2` and `blake3` over the whole are other ways through other code.
    #[test]
    fn any_order_gives_the_digests_of_the_whole() {
        for size in SIZES {
            let bytes = noise(size);
            for wanted in [DigestSet::Both, DigestSet::Blake3, DigestSet::Sha256] {
                for backwards in [false, true] {
                    let gatherer = Gatherer::new(size, wanted, Some(Blake3Digest::of(&bytes)));
                    let mut order: Vec<u64> = (0..gatherer.groups()).collect();
                    if backwards {
                        order.reverse();
                    }
                    for index in order {
                        assert!(!gatherer.is_complete());
                        put(&gatherer, &bytes, index);
                    }
                    assert!(gatherer.is_complete() && gatherer.missing().is_empty());
                    let digests = gatherer.digests().unwrap();
                    assert_eq!(digests.size, size);
                    let sha256 = (wanted != DigestSet::Blake3).then(|| Sha256Digest::of(&bytes));
                    assert_eq!(digests.sha256, sha256, "{size} {wanted:?}");
                    let blake3 = (wanted != DigestSet::Sha256).then(|| Blake3Digest::of(&bytes));
                    assert_eq!(digests.blake3, blake3, "{size} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn several_threads_may_bring_groups() {
        let bytes = noise(9 * GROUP + 5);
        let gatherer = Gatherer::new(bytes.len() as u64, DigestSet::Both, None);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (gatherer, bytes) = (&gatherer, &bytes);
                scope.spawn(move || {
                    (0..gatherer.groups()).filter(|index| index % 3 == thread).for_each(|index| {
                        put(gatherer, bytes, index);
                    });
                });
            }
        });
        let digests = gatherer.digests().unwrap();
        assert_eq!(digests.sha256, Some(Sha256Digest::of(&bytes)));
        assert_eq!(digests.blake3, Some(Blake3Digest::of(&bytes)));
    }

    #[test]
    fn digests_of_other_tools_are_made_in_order_too() {
        let bytes = noise(2 * GROUP + 9);
        let size = std::num::NonZeroU64::new(GROUP / 2 + 3).unwrap();
        let wanted = DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Sha256, size });
        let gatherer = Gatherer::new(bytes.len() as u64, wanted, None);
        for index in [2, 0, 1] {
            put(&gatherer, &bytes, index);
        }
        let mut whole = StreamHasher::new(wanted);
        whole.update(&bytes);
        assert_eq!(gatherer.digests().unwrap().foreign, whole.finish().foreign);
    }

    #[test]
    fn with_a_list_a_wrong_group_is_refused_at_once() {
        let bytes = noise(3 * GROUP + 1);
        let size = bytes.len() as u64;
        let root = Blake3Digest::of(&bytes);
        let groups = (0..).zip(bytes.chunks(1 << 20)).map(|(index, group)| GroupValue::of(index, group));
        let list = ChunkList::new(size, groups.collect()).unwrap().to_bytes();
        let gatherer = Gatherer::new(size, DigestSet::Blake3, Some(root));
        assert!(!gatherer.judges_groups());
        let mut wrong = piece(&gatherer, &bytes, 1).to_vec();
        wrong[77] ^= 4;
        assert!(gatherer.judge(1, &wrong).is_some(), "nothing is known of it yet");
        let mut forged = list.clone();
        forged[33] ^= 1;
        assert_eq!(gatherer.learn(&forged).unwrap_err().code(), "E-CHUNKS");
        assert!(!gatherer.judges_groups());
        gatherer.learn(&list).unwrap();
        assert!(gatherer.judges_groups());
        assert!(gatherer.judge(1, &wrong).is_none());
        assert!(gatherer.judge(2, piece(&gatherer, &bytes, 1)).is_none(), "another place");
        assert!(gatherer.judge(1, piece(&gatherer, &bytes, 1)).is_some());
        for wanted in [DigestSet::Sha256, DigestSet::Blake3] {
            let blind = Gatherer::new(size, wanted, None);
            assert_eq!(
                blind.learn(&list).unwrap_err().code(),
                "E-CHUNKS",
                "nothing is signed that proves it"
            );
        }
    }

    #[test]
    fn lengths_and_places_that_do_not_exist_are_refused() {
        let gatherer = Gatherer::new(GROUP + 3, DigestSet::Sha256, None);
        assert!(gatherer.judge(1, b"ab").is_none());
        assert!(gatherer.judge(1, b"abcd").is_none());
        assert!(gatherer.judge(2, b"").is_none());
        assert!(gatherer.judge(u64::MAX, b"abc").is_none());
        assert!(gatherer.judge(1, b"abc").is_some());
        assert!(Gatherer::new(0, DigestSet::Both, None).judge(0, b"").is_none());
    }

    #[test]
    fn what_is_missing_is_told_and_not_finished() {
        let bytes = noise(5 * GROUP);
        let gatherer = Gatherer::new(bytes.len() as u64, DigestSet::Both, None);
        for index in [0, 3, 3] {
            put(&gatherer, &bytes, index);
        }
        assert_eq!(gatherer.missing(), [1..3, 4..5]);
        gatherer.forget();
        assert_eq!(gatherer.missing(), vec![0..5]);
        assert!(gatherer.digests().is_none());
    }

    #[test]
    fn what_cannot_be_read_again_is_an_error_and_no_digest() {
        let bytes = noise(2 * GROUP);
        let gatherer = Gatherer::new(bytes.len() as u64, DigestSet::Sha256, None);
        put(&gatherer, &bytes, 1);
        let first = piece(&gatherer, &bytes, 0);
        let taken = gatherer
            .take(gatherer.judge(0, first).unwrap(), first, |_, _| Err(io::ErrorKind::UnexpectedEof.into()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(gatherer.digests().is_none());
    }
}
