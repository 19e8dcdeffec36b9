//! Reading one source to its end, once, piece by piece.

use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc;
use std::time::SystemTime;

use crate::digest::{DigestSet, FileDigests, StreamHasher};
use crate::{HashError, Progress};

/// Bytes per read: large enough that the system call does not count, small enough for the second cache.
pub const PIECE: usize = 1 << 20;

/// From this size on a single file is hashed by two threads, one digest each, when cores are free.
const SPLIT: u64 = 8 << 20;

/// Pieces that may be on their way to the second thread.
const IN_FLIGHT: usize = 3;

/// A file to be hashed. It is opened when its turn comes, so that a million files need no million descriptors.
pub trait Source: Sync {
    /// Opens the file for reading.
    fn open(&self) -> io::Result<File>;

    /// The size it is expected to have, in bytes: used for scheduling and progress.
    fn size(&self) -> u64;

    /// Its name for messages, safe for a terminal.
    fn name(&self) -> String;

    /// Which digests are wanted.
    fn digests(&self) -> DigestSet {
        DigestSet::Both
    }

    /// Takes the bytes at `offset`. Called once for each piece, in order of offset, with the same private copy that
    /// goes through the digests.
    fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let _ = (offset, bytes);
        Ok(())
    }

    /// All bytes were read and, if there were any, kept: what holds them open can be closed.
    fn finish(&self) -> io::Result<()> {
        Ok(())
    }
}

/// How many threads one file may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    One,
    Two,
}

/// Reads `source` once, to its end.
pub(crate) fn digest(
    index: usize,
    source: &impl Source,
    buffer: &mut Vec<u8>,
    hands: Hands,
    progress: &dyn Progress,
) -> Result<FileDigests, HashError> {
    let read_error = |error| HashError::Read { index, name: source.name(), source: error };
    let mut file = source.open().map_err(read_error)?;
    let before = stamp(&file).map_err(read_error)?;
    let mut pass = Pass { index, source, progress, offset: 0 };
    let digests = if hands == Hands::Two && source.digests() == DigestSet::Both && before.size >= SPLIT {
        pass.with_two_hands(&mut file)?
    } else {
        pass.with_one_hand(&mut file, buffer)?
    };
    source.finish().map_err(|error| HashError::Keep { index, name: source.name(), source: error })?;
    let after = stamp(&file).map_err(read_error)?;
    before.unchanged(&after, digests.size).map_err(|detail| HashError::Changed {
        index,
        name: source.name(),
        detail,
    })?;
    Ok(digests)
}

struct Pass<'a, S> {
    index: usize,
    source: &'a S,
    progress: &'a dyn Progress,
    offset: u64,
}

impl<S: Source> Pass<'_, S> {
    /// Reads until `buffer` is full or the file ends; hands the bytes to [`Source::keep`].
    fn fill<'b>(&mut self, file: &mut File, buffer: &'b mut [u8]) -> Result<&'b [u8], HashError> {
        if self.progress.cancelled() {
            return Err(HashError::Interrupted);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(HashError::Read { index: self.index, name: self.source.name(), source });
                }
            }
        }
        let bytes = &buffer[..filled];
        if !bytes.is_empty() {
            self.source.keep(self.offset, bytes).map_err(|source| HashError::Keep {
                index: self.index,
                name: self.source.name(),
                source,
            })?;
            self.offset += bytes.len() as u64;
            self.progress.advance(bytes.len() as u64);
        }
        Ok(bytes)
    }

    fn with_one_hand(&mut self, file: &mut File, buffer: &mut Vec<u8>) -> Result<FileDigests, HashError> {
        let mut hasher = StreamHasher::new(self.source.digests());
        buffer.resize(PIECE, 0);
        loop {
            let bytes = self.fill(file, buffer)?;
            hasher.update(bytes);
            if bytes.len() < PIECE {
                return Ok(hasher.finish());
            }
        }
    }

    /// This thread reads and makes the BLAKE3 digest; a second one makes the SHA-256 digest, which is the slower.
    fn with_two_hands(&mut self, file: &mut File) -> Result<FileDigests, HashError> {
        let mut sha256 = StreamHasher::new(DigestSet::Sha256);
        let mut blake3 = StreamHasher::new(DigestSet::Blake3);
        std::thread::scope(|scope| {
            let (full, filled) = mpsc::sync_channel::<(Vec<u8>, usize)>(IN_FLIGHT);
            let (give_back, empty) = mpsc::channel::<Vec<u8>>();
            let second = scope.spawn(move || {
                for (piece, length) in filled {
                    sha256.update(&piece[..length]);
                    // The reader may have stopped on an error; then nobody wants the buffer back.
                    let _ = give_back.send(piece);
                }
                sha256.finish()
            });
            let mut made = 0;
            loop {
                let mut piece = if made < IN_FLIGHT + 2 {
                    made += 1;
                    vec![0; PIECE]
                } else {
                    empty.recv().unwrap_or_else(|_| vec![0; PIECE])
                };
                let length = self.fill(file, &mut piece)?.len();
                blake3.update(&piece[..length]);
                let last = length < PIECE;
                // Sending fails only when the second thread has panicked; joining it below says so.
                if full.send((piece, length)).is_err() || last {
                    break;
                }
            }
            drop(full);
            let other = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let own = blake3.finish();
            Ok(FileDigests { size: own.size, sha256: other.sha256, blake3: own.blake3 })
        })
    }
}

#[derive(PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    Ok(Stamp { size: metadata.len(), modified: metadata.modified().ok() })
}

impl Stamp {
    fn unchanged(&self, after: &Self, read: u64) -> Result<(), String> {
        if self.size != after.size || self.size != read {
            return Err(format!("{} bytes at the start, {read} read, {} at the end", self.size, after.size));
        }
        if self.modified != after.modified {
            return Err("its modification time moved".to_owned());
        }
        Ok(())
    }
}
