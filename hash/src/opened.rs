//! A source while it is read: every byte once, by position, and nothing changed meanwhile.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;

use rustix::fs::Advice;
use rustix::io::ReadWriteFlags;

use crate::{HashError, Progress, Source};

/// How far ahead of the reader the disk is kept busy.
const AHEAD: u64 = 16 << 20;

/// How often the kernel is told, in bytes: the telling has its cost. Every read ends at or before such a border.
const STEP: u64 = 4 << 20;

/// Below this size nothing is gained by advice to the kernel.
const ADVISED: u64 = 1 << 20;

/// A source that is open.
#[derive(Debug)]
pub(crate) struct Opened<'a, S> {
    index: usize,
    source: &'a S,
    file: File,
    before: Stamp,
    cache: Cache,
}

/// What is done about the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// The file was not in it, and there is room: it is read ahead, and stays for whoever loads it next.
    Fill,
    /// The file was in it, or is small: nothing.
    Leave,
    /// The file was not in it, and to keep it would push other things out: it is read ahead and dropped behind.
    Pass,
}

/// Whether there is room in memory for what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Ample,
    Scarce,
}

impl Room {
    /// Whether so many bytes fit into the memory that nothing uses. Where that cannot be known, there is none.
    pub(crate) fn for_bytes(bytes: u64) -> Self {
        let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        // Half of it: others want some too.
        if free.is_some_and(|kilobytes| bytes < kilobytes.saturating_mul(1024) / 2) {
            Self::Ample
        } else {
            Self::Scarce
        }
    }
}

impl<'a, S: Source> Opened<'a, S> {
    pub(crate) fn open(index: usize, source: &'a S, room: Room) -> Result<Self, HashError> {
        let failed = |error| HashError::Read { index, name: source.name(), source: error };
        let file = source.open().map_err(failed)?;
        let before = Stamp::of(&file).map_err(failed)?;
        let cache = match room {
            _ if before.size < ADVISED || !is_cold(&file, before.size) => Cache::Leave,
            Room::Ample => Cache::Fill,
            Room::Scarce => Cache::Pass,
        };
        Ok(Self { index, source, file, before, cache })
    }

    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    pub(crate) const fn source(&self) -> &'a S {
        self.source
    }

    /// Its size when it was opened.
    pub(crate) const fn size(&self) -> u64 {
        self.before.size
    }

    /// Reads at `offset` until `buffer` is full, and hands the bytes to [`Source::keep`]. A file that ends before is
    /// one that was cut short.
    pub(crate) fn read(
        &self,
        offset: u64,
        buffer: &mut [u8],
        progress: &dyn Progress,
    ) -> Result<(), HashError> {
        self.fetch(offset, buffer, progress)?;
        self.source.keep(offset, buffer).map_err(|error| self.not_kept(error))?;
        progress.advance(buffer.len() as u64);
        Ok(())
    }

    /// [`read`](Self::read) of `length` bytes to where the source keeps them, or else into `buffer`; `then` gets them.
    pub(crate) fn read_in_place(
        &self,
        offset: u64,
        length: usize,
        buffer: &mut [u8],
        progress: &dyn Progress,
        mut then: impl FnMut(&[u8]),
    ) -> Result<(), HashError> {
        let mut fetched = None;
        let lent = self.source.lend(offset, length, &mut |place| {
            let outcome = self.fetch(offset, place, progress);
            if outcome.is_ok() {
                then(place);
            }
            fetched = Some(outcome);
        });
        lent.map_err(|error| self.not_kept(error))?;
        if let Some(outcome) = fetched {
            outcome?;
            progress.advance(length as u64);
        } else {
            let piece = &mut buffer[..length];
            self.read(offset, piece, progress)?;
            then(piece);
        }
        Ok(())
    }

    fn fetch(&self, offset: u64, buffer: &mut [u8], progress: &dyn Progress) -> Result<(), HashError> {
        if progress.cancelled() {
            return Err(HashError::Interrupted);
        }
        if self.cache != Cache::Leave && offset.is_multiple_of(STEP) {
            self.advise(offset, AHEAD, Advice::WillNeed);
        }
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed("it was cut short".to_owned()),
            _ => self.unreadable(error),
        })?;
        let end = offset + buffer.len() as u64;
        if self.cache == Cache::Pass && (end.is_multiple_of(STEP) || end == self.before.size) {
            let start = end.saturating_sub(1) / STEP * STEP;
            self.advise(start, end - start, Advice::DontNeed);
        }
        Ok(())
    }

    /// [`read`](Self::read) wherever `buffer` begins and ends: in parts, where a border of [`STEP`] lies within.
    pub(crate) fn read_anywhere(
        &self,
        mut offset: u64,
        mut buffer: &mut [u8],
        progress: &dyn Progress,
    ) -> Result<(), HashError> {
        loop {
            let room = usize::try_from(STEP - offset % STEP).unwrap_or(usize::MAX);
            let (now, later) = buffer.split_at_mut(room.min(buffer.len()));
            self.read(offset, now, progress)?;
            if later.is_empty() {
                return Ok(());
            }
            offset += now.len() as u64;
            buffer = later;
        }
    }

    /// Every byte was read: the file must be as it was at the beginning, and end where it was said to end.
    pub(crate) fn finish(&self) -> Result<(), HashError> {
        self.source.finish().map_err(|error| self.not_kept(error))?;
        let failed = |error| self.unreadable(error);
        let after = Stamp::of(&self.file).map_err(failed)?;
        // A file whose size the file system does not know (as in /proc) goes on behind its end.
        if after.size != self.before.size || self.file.read_at(&mut [0], after.size).map_err(failed)? > 0 {
            let detail = format!("{} bytes at the start, {} at the end", self.before.size, after.size);
            return Err(self.changed(detail));
        }
        if after.modified != self.before.modified {
            return Err(self.changed("its modification time moved".to_owned()));
        }
        Ok(())
    }

    /// The error that says how it changed.
    pub(crate) fn changed(&self, detail: String) -> HashError {
        HashError::Changed { index: self.index, name: self.source.name(), detail }
    }

    /// The error that says why it cannot be read.
    pub(crate) fn unreadable(&self, source: io::Error) -> HashError {
        HashError::Read { index: self.index, name: self.source.name(), source }
    }

    fn not_kept(&self, source: io::Error) -> HashError {
        HashError::Keep { index: self.index, name: self.source.name(), source }
    }

    /// Advice is only advice: that a file system does not take it changes nothing but the time.
    fn advise(&self, offset: u64, length: u64, advice: Advice) {
        let _ = rustix::fs::fadvise(&self.file, offset, NonZeroU64::new(length), advice);
    }
}

/// Whether reading at the start, in the middle and at the end would each have to wait for the disk.
fn is_cold(file: &File, size: u64) -> bool {
    [0, size / 2, size - 1].into_iter().all(|offset| {
        let mut byte = [0];
        let mut buffers = [io::IoSliceMut::new(&mut byte)];
        let read = rustix::io::preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT);
        read == Err(rustix::io::Errno::AGAIN)
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { size: metadata.len(), modified: metadata.modified().ok() })
    }
}
