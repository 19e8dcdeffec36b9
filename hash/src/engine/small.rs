//! Small files: opening them costs more than hashing, and their messages fill the lanes.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::serial::whole;
use super::{Found, Job, SMALL};
use crate::blake3_tree::ChunkList;
use crate::opened::Opened;
use crate::sha256_lanes::digest_many;
use crate::{Blake3Digest, FileDigests, HashError, Sha256Digest, Source};

/// Files that a thread takes at a time.
const BATCH: usize = 32;

/// Bytes after which a batch is hashed; with the last file it has at most [`SMALL`] more.
const BATCH_BYTES: usize = 1 << 20;

/// The files, in the order of their indices: neighbours in a folder are neighbours on the disk.
pub(super) struct Small<'a, S> {
    job: &'a Job<'a, S>,
    order: Vec<usize>,
    next: AtomicUsize,
}

impl<'a, S: Source> Small<'a, S> {
    pub(super) fn new(job: &'a Job<'a, S>, order: Vec<usize>) -> Self {
        Self { job, order, next: AtomicUsize::new(0) }
    }

    pub(super) fn work(&self, found: &mut Found) -> Result<(), HashError> {
        let mut batch = Batch::default();
        loop {
            let start = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(rest) = self.order.get(start..) else { return Ok(()) };
            if rest.is_empty() {
                return Ok(());
            }
            for &index in rest.iter().take(BATCH) {
                let opened = self.job.open(index)?;
                // What was said to be small need not be: memory is only given to what is.
                if opened.size() >= SMALL {
                    whole(self.job, &opened, found)?;
                    continue;
                }
                batch.read(self.job, &opened)?;
                if batch.bytes.len() >= BATCH_BYTES {
                    batch.digest(self.job, found)?;
                }
            }
            batch.digest(self.job, found)?;
            self.job.check()?;
        }
    }
}

/// Files that were read: their bytes one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    files: Vec<(usize, std::ops::Range<usize>)>,
}

impl Batch {
    fn read<S: Source>(&mut self, job: &Job<'_, S>, opened: &Opened<'_, S>) -> Result<(), HashError> {
        let start = self.bytes.len();
        let size = usize::try_from(opened.size()).unwrap_or(usize::MAX);
        self.bytes.resize(start.saturating_add(size), 0);
        opened.read(0, &mut self.bytes[start..], job.progress)?;
        opened.finish()?;
        self.files.push((opened.index(), start..self.bytes.len()));
        Ok(())
    }

    fn digest<S: Source>(&mut self, job: &Job<'_, S>, found: &mut Found) -> Result<(), HashError> {
        let wanted = |index: usize| job.sources[index].digests();
        let files: Vec<(usize, &[u8])> =
            self.files.iter().map(|(index, range)| (*index, &self.bytes[range.clone()])).collect();
        let messages: Vec<&[u8]> =
            files.iter().filter(|(index, _)| wanted(*index).has_sha256()).map(|(_, bytes)| *bytes).collect();
        let mut sha256 = digest_many(&messages).into_iter().map(Sha256Digest::from_bytes);
        for (index, bytes) in files {
            let size = bytes.len() as u64;
            let wants = wanted(index);
            let blake3 = wants.has_blake3().then(|| Blake3Digest::of(bytes));
            let chunks = match blake3 {
                Some(_) => Some(ChunkList::new(size, Vec::new())?),
                None => None,
            };
            let sha256 = if wants.has_sha256() { sha256.next() } else { None };
            found.push((index, FileDigests { size, sha256, blake3, foreign: None, chunks }));
        }
        self.files.clear();
        self.bytes.clear();
        Ok(())
    }
}
