//! Many sources over all cores, whatever their sizes.
//!
//! Four rooms, by what limits a file: `serial` (SHA-256 wanted: one chain of blocks a file, several files a core; `paired`
//! is its way with two cores for some files),
//! `pieces` (digests of other tools: one chain of blocks for each shard or file, several a core), `spread` (BLAKE3 alone: any
//! core takes any stretch of any file), `small` (the cost is in opening: many at a time). Every thread goes through the
//! rooms in that order, so that the longest chains begin first and small files fill the end.

mod lane;
mod paired;
mod pieces;
mod serial;
mod small;
mod spread;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blake3_tree::{ChunkList, GroupValue};
use crate::message_hash::Blake2b;
use crate::opened::{Opened, Room};
use crate::sha256_lanes::Sha256;
use crate::{Blake3Digest, DigestSet, FileDigests, HashError, Progress, ShardAlgorithm, Sharding, Source};

use pieces::{Cut, Pieces};
use serial::Serial;
use small::Small;
use spread::Spread;

/// Below this size a file is a small one, in bytes.
const SMALL: u64 = 1 << 20;

/// Hashes many files on all cores, each byte read once.
///
/// Memory: at most 6 MiB for each thread, whatever the size of the files; and one result for each file, with 32 bytes for
/// each MiB of a file whose BLAKE3 digest was wanted, and 32 or 64 bytes for each shard where these were wanted. A file has
/// no more shards than its [`Source::size`] says: a larger one is an error.
#[derive(Debug, Clone, Copy)]
pub struct Engine {
    threads: NonZeroUsize,
}

impl Engine {
    /// An engine with one thread for each core that this process may use.
    pub fn new() -> Self {
        Self { threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }

    /// An engine with so many threads.
    pub const fn with_threads(threads: NonZeroUsize) -> Self {
        Self { threads }
    }

    /// Hashes every source; the results stand in the order of the sources.
    ///
    /// # Errors
    /// The first failure ends the work; of several failures at once the one of the lowest index is returned.
    pub fn run<S: Source>(
        &self,
        sources: &[S],
        progress: &dyn Progress,
    ) -> Result<Vec<FileDigests>, HashError> {
        let bytes = sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.size()));
        progress.begin(sources.len() as u64, bytes);
        let threads = self.threads.get().min(useful_threads(sources)).max(1);
        let room = if bytes < SMALL { Room::Ample } else { Room::for_bytes(bytes) };
        let job = Job { sources, threads, progress, room, stop: AtomicBool::new(false) };
        let mut shares = Shares::default();
        for (index, source) in sources.iter().enumerate() {
            shares.of(source.digests(), source.size()).push(index);
        }
        // Largest first: what is left at the end is short, and no core waits for long.
        for large in [&mut shares.serial, &mut shares.spread] {
            large.sort_by_key(|&index| std::cmp::Reverse(sources[index].size()));
        }
        let rooms = Rooms {
            serial: Serial::new(&job, shares.serial),
            blake2b: Pieces::new(&job, shares.blake2b),
            sha256: Pieces::new(&job, shares.sha256),
            spread: Spread::new(&job, shares.spread),
            small: Small::new(&job, shares.small),
        };
        let failure = Mutex::new(None);
        let work = |number: usize| {
            let mut found = Found::new();
            if let Err(error) = rooms.work(number, &mut found) {
                job.stop.store(true, Ordering::Relaxed);
                keep_first(&mut lock(&failure), error);
            }
            found
        };
        let mut found = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || work(number))).collect();
            let mut found = work(0);
            for other in others {
                found.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        });
        if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(found.into_iter().map(|(_, digests)| digests).collect())
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

/// Few small files, or a few thousand small shards, are done before a second thread has started.
fn useful_threads<S: Source>(sources: &[S]) -> usize {
    const NOT_WORTH_A_THREAD: u64 = 4;
    if sources.iter().any(|source| source.size() >= SMALL) {
        return usize::MAX;
    }
    let stretches = sources.iter().map(|source| Cut::new(source.digests(), source.size()).stretches().max(1));
    usize::try_from(stretches.sum::<u64>().div_ceil(NOT_WORTH_A_THREAD)).unwrap_or(usize::MAX)
}

/// Which room has which sources, by their indices.
#[derive(Default)]
struct Shares {
    serial: Vec<usize>,
    blake2b: Vec<usize>,
    sha256: Vec<usize>,
    spread: Vec<usize>,
    small: Vec<usize>,
}

impl Shares {
    /// The share that a source with these digests and this size belongs to.
    const fn of(&mut self, wanted: DigestSet, size: u64) -> &mut Vec<usize> {
        match wanted {
            DigestSet::Blake2b | DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Blake2b, .. }) => {
                &mut self.blake2b
            }
            DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Sha256, .. }) => &mut self.sha256,
            _ if size < SMALL => &mut self.small,
            DigestSet::Blake3 => &mut self.spread,
            DigestSet::Both | DigestSet::Sha256 => &mut self.serial,
        }
    }
}

/// The digests that a thread has made, with the index of their source.
type Found = Vec<(usize, FileDigests)>;

struct Rooms<'a, S> {
    serial: Serial<'a, S>,
    blake2b: Pieces<'a, S, Blake2b>,
    sha256: Pieces<'a, S, Sha256>,
    spread: Spread<'a, S>,
    small: Small<'a, S>,
}

impl<S: Source> Rooms<'_, S> {
    fn work(&self, number: usize, found: &mut Found) -> Result<(), HashError> {
        self.serial.work(number, found)?;
        self.blake2b.work(found)?;
        self.sha256.work(found)?;
        self.spread.work(found)?;
        self.small.work(found)
    }
}

/// What all rooms share.
struct Job<'a, S> {
    sources: &'a [S],
    threads: usize,
    progress: &'a dyn Progress,
    room: Room,
    /// Somebody failed: what the others do is for nothing.
    stop: AtomicBool,
}

impl<'a, S: Source> Job<'a, S> {
    fn open(&self, index: usize) -> Result<Opened<'a, S>, HashError> {
        let source = &self.sources[index];
        self.progress.file(&source.name());
        Opened::open(index, source, self.room)
    }

    fn check(&self) -> Result<(), HashError> {
        if self.stop.load(Ordering::Relaxed) { Err(HashError::Interrupted) } else { Ok(()) }
    }
}

/// Of several failures the one of the lowest index counts; that others were stopped by it counts least.
fn keep_first(kept: &mut Option<HashError>, new: HashError) {
    let place = |error: &HashError| error.index().unwrap_or(usize::MAX);
    if kept.as_ref().is_none_or(|old| place(&new) < place(old)) {
        *kept = Some(new);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The digest and the chunk list of a file of more than one group.
fn rooted(size: u64, groups: Vec<GroupValue>) -> Result<(Blake3Digest, ChunkList), HashError> {
    let chunks = ChunkList::new(size, groups)?;
    let root = chunks.root().ok_or(HashError::Chunks { found: 0, wanted: ChunkList::groups_of(size) })?;
    Ok((root, chunks))
}

#[cfg(test)]
mod tests;
