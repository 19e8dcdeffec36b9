//! A file that is read in order: its SHA-256 chain, and its BLAKE3 tree.

use super::Job;
use crate::blake3_tree::{ChunkList, GROUP, GroupHasher, GroupValue};
use crate::opened::Opened;
use crate::sha256_lanes::Sha256;
use crate::{Blake3Digest, FileDigests, HashError, Progress, Sha256Digest, Source};

/// Bytes of one read: with some files at once, all of them lie in the second cache; and what goes to a second thread does
/// not push out what it works on (1 MiB cost a fifth of the time).
pub(super) const PIECE: u64 = 128 << 10;

/// A file that is advanced.
pub(super) struct Lane<'a, S> {
    pub(super) opened: Opened<'a, S>,
    offset: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) filled: usize,
    pub(super) sha256: Sha256,
    tree: Option<Tree>,
}

impl<'a, S: Source> Lane<'a, S> {
    pub(super) fn open(job: &Job<'a, S>, index: usize) -> Result<Self, HashError> {
        let opened = job.open(index)?;
        let wants_tree = opened.source().digests().has_blake3();
        let tree = wants_tree.then(|| Tree::new(opened.size()));
        Ok(Self { opened, offset: 0, buffer: Vec::new(), filled: 0, sha256: Sha256::new(), tree })
    }

    pub(super) const fn left(&self) -> u64 {
        self.opened.size() - self.offset
    }

    /// Reads the next piece into `buffer` and makes its part of the tree.
    pub(super) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        most: u64,
        progress: &dyn Progress,
    ) -> Result<usize, HashError> {
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

    pub(super) fn digests(&mut self, sha256: [u8; 32]) -> Result<FileDigests, HashError> {
        let (blake3, chunks) = self.tree.take().map(Tree::finish).transpose()?.unzip();
        let sha256 = Some(Sha256Digest::from_bytes(sha256));
        Ok(FileDigests { size: self.offset, sha256, blake3, foreign: None, chunks })
    }
}

/// The BLAKE3 digest and chunk list of a file that is read in order.
pub(super) enum Tree {
    /// At most one group: the digest is the only node.
    Leaf { size: u64, hasher: Box<blake3::Hasher> },
    /// Several groups.
    Groups { size: u64, group: Box<GroupHasher>, done: Vec<GroupValue> },
}

impl Tree {
    pub(super) fn new(size: u64) -> Self {
        if size <= GROUP {
            Self::Leaf { size, hasher: Box::new(blake3::Hasher::new()) }
        } else {
            Self::Groups { size, group: Box::new(GroupHasher::new(0)), done: Vec::new() }
        }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
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

    pub(super) fn finish(self) -> Result<(Blake3Digest, ChunkList), HashError> {
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
