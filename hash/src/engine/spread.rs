//! Large files of which only BLAKE3 is wanted: every thread takes stretches of any of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Found, Job, lock};
use crate::blake3_tree::{ChunkList, GROUP, GroupHasher, GroupValue};
use crate::opened::Opened;
use crate::{Blake3Digest, FileDigests, HashError, Source};

/// Bytes that a thread takes at a time, a multiple of [`GROUP`]: long enough for the disk, short enough that all threads
/// end together.
const STRETCH: u64 = 4 << 20;

/// [`GROUP`], as an iterator wants it.
const GROUP_STEP: usize = 1 << 20;

/// Bytes of one read: it is hashed while it lies in the second cache.
const PIECE: usize = 256 << 10;

/// The files, largest first.
pub(super) struct Spread<'a, S> {
    job: &'a Job<'a, S>,
    files: Vec<SpreadFile<'a, S>>,
    current: AtomicUsize,
}

struct SpreadFile<'a, S> {
    index: usize,
    held: Mutex<Held<'a, S>>,
    next: AtomicU64,
    done: Mutex<Done>,
}

/// A file is open from its first stretch until its last one is taken; who still reads it holds it.
enum Held<'a, S> {
    New,
    Open(Arc<Opened<'a, S>>),
    Used,
}

/// A stretch that begins at `start`.
struct Taken<'a, S> {
    opened: Arc<Opened<'a, S>>,
    start: u64,
}

#[derive(Default)]
struct Done {
    bytes: u64,
    values: Vec<(u64, GroupValue)>,
}

impl<'a, S: Source> Spread<'a, S> {
    pub(super) fn new(job: &'a Job<'a, S>, order: Vec<usize>) -> Self {
        let file = |index| SpreadFile {
            index,
            held: Mutex::new(Held::New),
            next: AtomicU64::new(0),
            done: Mutex::default(),
        };
        Self { job, files: order.into_iter().map(file).collect(), current: AtomicUsize::new(0) }
    }

    /// Works until every stretch is taken.
    pub(super) fn work(&self, found: &mut Found) -> Result<(), HashError> {
        let mut buffer = Vec::new();
        loop {
            let current = self.current.load(Ordering::Relaxed);
            let Some(file) = self.files.get(current) else { return Ok(()) };
            let Some(Taken { opened, start }) = file.take(self.job)? else {
                // Whoever finds the file used up first moves on; the others find that done.
                let _ =
                    self.current.compare_exchange(current, current + 1, Ordering::Relaxed, Ordering::Relaxed);
                continue;
            };
            buffer.resize(PIECE, 0);
            if let Some(digests) = file.stretch(&opened, start, &mut buffer, self.job)? {
                found.push((file.index, digests));
            }
        }
    }
}

impl<'a, S: Source> SpreadFile<'a, S> {
    /// Takes the next stretch, opening the file for the first; none when all are taken.
    fn take(&self, job: &Job<'a, S>) -> Result<Option<Taken<'a, S>>, HashError> {
        let mut held = lock(&self.held);
        let opened = match &mut *held {
            Held::Used => return Ok(None),
            Held::Open(opened) => Arc::clone(opened),
            Held::New => {
                let opened = Arc::new(job.open(self.index)?);
                *held = Held::Open(Arc::clone(&opened));
                opened
            }
        };
        // The lock is held: the stretches are taken in order, each once.
        let start = self.next.fetch_add(STRETCH, Ordering::Relaxed);
        if start.saturating_add(STRETCH) >= opened.size() {
            *held = Held::Used;
        }
        Ok(Some(Taken { opened, start }))
    }

    /// Hashes the stretch at `start`; gives the digests when it was the last one to be done.
    fn stretch(
        &self,
        opened: &Opened<'a, S>,
        start: u64,
        buffer: &mut [u8],
        job: &Job<'a, S>,
    ) -> Result<Option<FileDigests>, HashError> {
        let size = opened.size();
        let end = size.min(start.saturating_add(STRETCH));
        let mut values = Vec::new();
        let mut leaf = blake3::Hasher::new();
        for group in (start..end).step_by(GROUP_STEP) {
            let index = group / GROUP;
            let mut hasher = GroupHasher::new(index);
            let group_end = end.min(group + GROUP);
            let mut offset = group;
            while offset < group_end {
                let length = usize::try_from(group_end - offset).unwrap_or(usize::MAX).min(buffer.len());
                opened.read_in_place(offset, length, buffer, job.progress, |piece| {
                    if size <= GROUP {
                        leaf.update(piece);
                    } else {
                        hasher.update(piece);
                    }
                })?;
                offset += length as u64;
            }
            if size > GROUP {
                values.push((index, hasher.finish()));
            }
            job.check()?;
        }
        let mut done = lock(&self.done);
        done.bytes += end - start;
        done.values.append(&mut values);
        if done.bytes < size {
            return Ok(None);
        }
        opened.finish()?;
        let (blake3, chunks) = if size <= GROUP {
            (Blake3Digest::from_bytes(*leaf.finalize().as_bytes()), ChunkList::new(size, Vec::new())?)
        } else {
            done.values.sort_unstable_by_key(|&(index, _)| index);
            super::rooted(size, done.values.iter().map(|&(_, value)| value).collect())?
        };
        Ok(Some(FileDigests {
            size,
            sha256: None,
            blake3: Some(blake3),
            foreign: None,
            chunks: Some(chunks),
        }))
    }
}
