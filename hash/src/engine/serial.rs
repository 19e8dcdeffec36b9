//! Large files whose SHA-256 is wanted: a chain of blocks each, so a core takes several files at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::{Found, Job};
use crate::blake3_tree::{ChunkList, GROUP, GroupHasher, GroupValue};
use crate::opened::Opened;
use crate::sha256_lanes::{Sha256, finalize_each, messages_wanted, update_each};
use crate::{Blake3Digest, FileDigests, HashError, Progress, Sha256Digest, Source};

/// Bytes of one read: with some files at once, all of them lie in the second cache; and what goes to a second thread does
/// not push out what it works on (1 MiB cost a fifth of the time).
const PIECE: u64 = 128 << 10;

/// Pieces on their way from one thread to the other.
const IN_FLIGHT: usize = 3;

/// The files, largest first, and how they are dealt out.
pub(super) struct Serial<'a, S> {
    job: &'a Job<'a, S>,
    order: Vec<usize>,
    /// Files that a thread advances at once.
    lanes: usize,
    next: AtomicUsize,
}

impl<'a, S: Source> Serial<'a, S> {
    pub(super) fn new(job: &'a Job<'a, S>, order: Vec<usize>) -> Self {
        let fair = order.len().div_ceil(job.threads);
        // The measurement behind the answer is worth its time only where there is a choice.
        let lanes = if fair > 1 { fair.min(messages_wanted()).max(1) } else { 1 };
        // The first deal is made by each thread itself, card by card, so that each gets large and small ones.
        let next = AtomicUsize::new(order.len().min(lanes * job.threads));
        Self { job, order, lanes, next }
    }

    /// Works as the thread `number` (from 0) until no file is left.
    pub(super) fn work(&self, number: usize, found: &mut Found) -> Result<(), HashError> {
        let threads = self.job.threads;
        let mut dealt = (0..self.lanes).map(|card| number + card * threads);
        let mut take = || {
            let place = dealt.next().filter(|place| *place < self.order.len());
            let place = place.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
            self.order.get(place).copied()
        };
        if self.order.len() < threads {
            while let Some(index) = take() {
                self.alone(index, found)?;
            }
            return Ok(());
        }
        let mut lanes: Vec<Lane<'_, S>> = Vec::with_capacity(self.lanes);
        loop {
            while lanes.len() < self.lanes {
                let Some(index) = take() else { break };
                lanes.push(Lane::open(self.job, index)?);
            }
            if lanes.is_empty() {
                return Ok(());
            }
            step(&mut lanes, self.job.progress)?;
            finish(&mut lanes, found)?;
            self.job.check()?;
        }
    }

    /// A file that has a core to itself, with another one idle: the second digest is made there.
    fn alone(&self, index: usize, found: &mut Found) -> Result<(), HashError> {
        let mut lane = Lane::open(self.job, index)?;
        if lane.tree.is_none() {
            return whole(self.job, &lane.opened, found);
        }
        let mut sha256 = std::mem::take(&mut lane.sha256);
        let sha256 = std::thread::scope(|scope| {
            let (full, filled) = mpsc::sync_channel::<(Vec<u8>, usize)>(IN_FLIGHT);
            let (give_back, empty) = mpsc::channel::<Vec<u8>>();
            let second = scope.spawn(move || {
                for (piece, length) in filled {
                    sha256.update(&piece[..length]);
                    // The reader may have stopped on an error; then nobody wants the buffer back.
                    let _ = give_back.send(piece);
                }
                sha256.finalize()
            });
            let mut made = 0;
            while lane.left() > 0 {
                let mut piece =
                    if made < IN_FLIGHT + 2 { Vec::new() } else { empty.recv().unwrap_or_default() };
                made += 1;
                let length = lane.read(&mut piece, PIECE, self.job.progress)?;
                // Sending fails only when the second thread has panicked; joining it says so.
                if full.send((piece, length)).is_err() {
                    break;
                }
                self.job.check()?;
            }
            drop(full);
            second.join().map_err(|panic| std::panic::resume_unwind(panic))
        })?;
        lane.opened.finish()?;
        found.push((index, lane.digests(sha256)?));
        Ok(())
    }
}

/// Hashes one file in order, on this thread, in pieces.
pub(super) fn whole<S: Source>(
    job: &Job<'_, S>,
    opened: &Opened<'_, S>,
    found: &mut Found,
) -> Result<(), HashError> {
    let wanted = opened.source().digests();
    let size = opened.size();
    let mut sha256 = wanted.has_sha256().then(Sha256::new);
    let mut tree = wanted.has_blake3().then(|| Tree::new(size));
    let mut buffer = Vec::new();
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from((size - offset).min(PIECE)).unwrap_or(usize::MAX);
        buffer.resize(length, 0);
        opened.read(offset, &mut buffer, job.progress)?;
        if let Some(sha256) = &mut sha256 {
            sha256.update(&buffer);
        }
        if let Some(tree) = &mut tree {
            tree.update(&buffer);
        }
        offset += length as u64;
        job.check()?;
    }
    opened.finish()?;
    let sha256 = sha256.map(|sha256| Sha256Digest::from_bytes(sha256.finalize()));
    let (blake3, chunks) = tree.map(Tree::finish).transpose()?.unzip();
    found.push((opened.index(), FileDigests { size, sha256, blake3, foreign: None, chunks }));
    Ok(())
}

/// A file that is advanced.
struct Lane<'a, S> {
    opened: Opened<'a, S>,
    offset: u64,
    buffer: Vec<u8>,
    filled: usize,
    sha256: Sha256,
    tree: Option<Tree>,
}

impl<'a, S: Source> Lane<'a, S> {
    fn open(job: &Job<'a, S>, index: usize) -> Result<Self, HashError> {
        let opened = job.open(index)?;
        let wants_tree = opened.source().digests().has_blake3();
        let tree = wants_tree.then(|| Tree::new(opened.size()));
        Ok(Self { opened, offset: 0, buffer: Vec::new(), filled: 0, sha256: Sha256::new(), tree })
    }

    const fn left(&self) -> u64 {
        self.opened.size() - self.offset
    }

    /// Reads the next piece into `buffer` and makes its part of the tree.
    fn read(&mut self, buffer: &mut Vec<u8>, most: u64, progress: &dyn Progress) -> Result<usize, HashError> {
        let length = usize::try_from(self.left().min(most)).unwrap_or(usize::MAX);
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        self.opened.read(self.offset, &mut buffer[..length], progress)?;
        self.offset += length as u64;
        if let Some(tree) = &mut self.tree {
            tree.update(&buffer[..length]);
        }
        Ok(length)
    }

    fn digests(&mut self, sha256: [u8; 32]) -> Result<FileDigests, HashError> {
        let (blake3, chunks) = self.tree.take().map(Tree::finish).transpose()?.unzip();
        let sha256 = Some(Sha256Digest::from_bytes(sha256));
        Ok(FileDigests { size: self.offset, sha256, blake3, foreign: None, chunks })
    }
}

/// Advances every lane by a piece: read and BLAKE3 one after the other, SHA-256 all at once.
fn step<S: Source>(lanes: &mut [Lane<'_, S>], progress: &dyn Progress) -> Result<(), HashError> {
    for lane in &mut *lanes {
        let mut buffer = std::mem::take(&mut lane.buffer);
        let read = lane.read(&mut buffer, PIECE, progress);
        lane.buffer = buffer;
        lane.filled = read?;
    }
    let mut work: Vec<_> =
        lanes.iter_mut().map(|lane| (&mut lane.sha256, &lane.buffer[..lane.filled])).collect();
    update_each(&mut work);
    Ok(())
}

/// Takes the lanes out whose files are at their end.
fn finish<S: Source>(lanes: &mut Vec<Lane<'_, S>>, found: &mut Found) -> Result<(), HashError> {
    let mut ended: Vec<Lane<'_, S>> = lanes.extract_if(.., |lane| lane.left() == 0).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let hashers: Vec<Sha256> = ended.iter_mut().map(|lane| std::mem::take(&mut lane.sha256)).collect();
    for (lane, sha256) in ended.iter_mut().zip(finalize_each(hashers)) {
        lane.opened.finish()?;
        found.push((lane.opened.index(), lane.digests(sha256)?));
    }
    Ok(())
}

/// The BLAKE3 digest and chunk list of a file that is read in order.
enum Tree {
    /// At most one group: the digest is the only node.
    Leaf { size: u64, hasher: Box<blake3::Hasher> },
    /// Several groups.
    Groups { size: u64, group: Box<GroupHasher>, done: Vec<GroupValue> },
}

impl Tree {
    fn new(size: u64) -> Self {
        if size <= GROUP {
            Self::Leaf { size, hasher: Box::new(blake3::Hasher::new()) }
        } else {
            Self::Groups { size, group: Box::new(GroupHasher::new(0)), done: Vec::new() }
        }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        match self {
            Self::Leaf { hasher, .. } => {
                hasher.update(bytes);
            }
            Self::Groups { group, done, .. } => {
                while !bytes.is_empty() {
                    if group.room() == 0 {
                        done.push(group.finish());
                        **group = GroupHasher::new(done.len() as u64);
                    }
                    let room = usize::try_from(group.room()).unwrap_or(usize::MAX);
                    let (now, later) = bytes.split_at(room.min(bytes.len()));
                    group.update(now);
                    bytes = later;
                }
            }
        }
    }

    fn finish(self) -> Result<(Blake3Digest, ChunkList), HashError> {
        match self {
            Self::Leaf { size, hasher } => {
                let digest = Blake3Digest::from_bytes(*hasher.finalize().as_bytes());
                Ok((digest, ChunkList::new(size, Vec::new())?))
            }
            Self::Groups { size, group, mut done } => {
                done.push(group.finish());
                super::rooted(size, done)
            }
        }
    }
}
