//! One file on its way.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lacre_hash::{DigestSet, FileDigests, GROUP, Gatherer};
use lacre_manifest::{Entry, escape_os};
use rustix::fs::{FallocateFlags, OFlags, fallocate, ioctl_ficlone};
use rustix::io::Errno;

use super::Leftovers;
use crate::VerifyError;
use crate::mismatch::ContentMismatch;

/// Bytes that are written at a time. For larger ones the kernel looks for memory in large pieces, which on a virtual
/// machine is memory that was not used for long, and costs up to five times as much.
const PART: usize = 64 * 1024;

/// A signed file on its way into a folder.
#[derive(Debug)]
pub struct Incoming {
    entry: Entry,
    digests: DigestSet,
    path: PathBuf,
    leftovers: Leftovers,
    gatherer: Gatherer,
    /// Open from the first group to the last, and no longer: a model may have more files than descriptors.
    file: Mutex<Option<Arc<File>>>,
    /// One thread writes at a time, as the kernel would have it too; but there the others would spin for their turn.
    turn: Mutex<()>,
}

/// What became of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is kept.
    Kept,
    /// It is not what was signed, and was not written.
    Refused,
}

/// Whether two files share their bytes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// They do not: the file is as it was.
    Not,
    /// The file begins with all bytes of the other one. None of them counts before it is proven.
    Shared,
}

impl Incoming {
    pub(super) fn new(
        entry: Entry,
        size: u64,
        digests: DigestSet,
        into: &Path,
        leftovers: Leftovers,
    ) -> Self {
        let gatherer = Gatherer::new(size, digests, entry.blake3().copied());
        let path = into.join(entry.path.as_str());
        Self { entry, digests, path, leftovers, gatherer, file: Mutex::new(None), turn: Mutex::new(()) }
    }

    /// What was signed.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The digests that prove it.
    pub fn digests(&self) -> DigestSet {
        self.digests
    }

    /// The number of groups of 1 MiB: none of a file without bytes.
    pub fn groups(&self) -> u64 {
        self.gatherer.groups()
    }

    /// The bytes of the file that are the group `index`.
    pub fn place(&self, index: u64) -> Range<u64> {
        self.gatherer.place(index)
    }

    /// The groups that are not there yet.
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.gatherer.missing()
    }

    /// Takes the file's chunk list, from whoever has one: it proves itself against the signed digest, and from then on
    /// each group.
    ///
    /// # Errors
    /// `E-CHUNKS` when it is not this file's.
    pub fn learn(&self, list: &[u8]) -> Result<(), VerifyError> {
        Ok(self.gatherer.learn(list)?)
    }

    /// Whether each group is judged when it arrives; if not, the file as a whole is, at its end.
    pub fn judges_groups(&self) -> bool {
        self.gatherer.judges_groups()
    }

    /// Takes the group `index`. What is not the file's is not written.
    ///
    /// # Errors
    /// `E-OUTPUT` when it cannot be written.
    pub fn put(&self, index: u64, bytes: &[u8]) -> Result<Arrival, VerifyError> {
        let Some(judged) = self.gatherer.judge(index, bytes) else { return Ok(Arrival::Refused) };
        let kept = (|| {
            let file = self.opened()?;
            let place = self.place(index).start;
            let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            for (part, offset) in bytes.chunks(PART).zip((place..).step_by(PART)) {
                file.write_all_at(part, offset)?;
            }
            drop(turn);
            self.gatherer.take(judged, bytes, |offset, buffer| file.read_exact_at(buffer, offset))
        })();
        kept.map_err(|source| self.store(source))?;
        self.close();
        Ok(Arrival::Kept)
    }

    /// Proves the group `index` as an earlier attempt left it, where leftovers are reused.
    ///
    /// # Errors
    /// `E-OUTPUT` when what is there cannot be read.
    pub fn recover(&self, index: u64) -> Result<Arrival, VerifyError> {
        let place = self.place(index);
        if self.leftovers == Leftovers::Refuse || !self.path.is_file() || place.is_empty() {
            return Ok(Arrival::Refused);
        }
        let read = (|| {
            let file = self.opened()?;
            let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap_or_default()];
            file.read_exact_at(&mut bytes, place.start)?;
            let Some(judged) = self.gatherer.judge(index, &bytes) else { return Ok(Arrival::Refused) };
            self.gatherer.take(judged, &bytes, |offset, buffer| file.read_exact_at(buffer, offset))?;
            Ok(Arrival::Kept)
        })();
        self.close();
        read.map_err(|source| self.store(source))
    }

    /// Makes the file a clone of `source` (a reflink: both share their bytes on disk until one of them is written to), where
    /// the file system can do that, leftovers are reused, and no group is here yet. What came this way is proven as what
    /// an earlier attempt left, by [`recover`](Self::recover): in this file, where nobody changes it by changing `source`.
    ///
    /// # Errors
    /// `E-OUTPUT` when the file cannot be made.
    pub fn share(&self, source: &File) -> Result<Sharing, VerifyError> {
        let (size, groups) = (self.place(u64::MAX).end, self.groups());
        let fits = source.metadata().is_ok_and(|found| found.is_file() && (1..=size).contains(&found.len()));
        let is_empty = self.missing().iter().map(|range| range.end - range.start).sum::<u64>() == groups;
        if self.leftovers == Leftovers::Refuse || !fits || !is_empty {
            return Ok(Sharing::Not);
        }
        let shared = (|| {
            let file = self.create()?;
            // Its last block may be a part of one, which can only be shared at the end of a file.
            file.set_len(0)?;
            // Whatever the reason is, there is another way.
            Ok(if ioctl_ficlone(&file, source).is_ok() { Sharing::Shared } else { Sharing::Not })
        })();
        shared.map_err(|source| self.store(source))
    }

    /// Whether a file that is whole is the signed one; nothing while groups are missing.
    pub fn verdict(&self) -> Option<Arrival> {
        let found = self.gatherer.digests()?;
        Some(if self.entry.digests.agree(&found) { Arrival::Kept } else { Arrival::Refused })
    }

    /// Forgets all groups, for another attempt. No other thread may be bringing groups of this file.
    pub fn forget(&self) {
        self.gatherer.forget();
    }

    /// The refusal of a file whose bytes are not those that were signed.
    pub fn changed(&self) -> VerifyError {
        let changed = vec![self.entry.path.clone()];
        VerifyError::Content(Box::new(ContentMismatch { changed, ..ContentMismatch::default() }))
    }

    /// Makes the file without its bytes.
    pub(super) fn make(&self) -> Result<(), VerifyError> {
        self.opened().map_err(|source| self.store(source))?;
        self.close();
        Ok(())
    }

    /// The digests, if the file is whole.
    pub(super) fn found(&self) -> Option<FileDigests> {
        self.gatherer.digests()
    }

    fn opened(&self) -> io::Result<Arc<File>> {
        let mut file = self.file();
        match &*file {
            Some(open) => Ok(Arc::clone(open)),
            None => Ok(Arc::clone(file.insert(Arc::new(self.open()?)))),
        }
    }

    /// Opens the file, of its full size.
    fn open(&self) -> io::Result<File> {
        let size = self.place(u64::MAX).end;
        let file = self.create()?;
        if size > GROUP && file.metadata()?.len() != size {
            // A disk that is too small says so now, not after gigabytes.
            match fallocate(&file, FallocateFlags::empty(), 0, size) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if file.metadata()?.len() > size {
            file.set_len(size)?;
        }
        Ok(file)
    }

    /// Makes or opens the file, never through a link. There must be nothing of its name yet, unless leftovers are reused.
    fn create(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        // Read again only where digests need the groups in order, and for leftovers.
        options.read(true).write(true).mode(0o644).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match options.clone().create_new(true).open(&self.path) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && self.leftovers == Leftovers::Reuse =>
            {
                let file = options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
                let file = file.open(&self.path)?;
                if !file.metadata()?.is_file() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Ok(file)
            }
            other => other,
        }
    }

    /// Lets go of a file that is whole.
    fn close(&self) {
        if self.gatherer.is_complete() {
            self.file().take();
        }
    }

    fn file(&self) -> MutexGuard<'_, Option<Arc<File>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, source: io::Error) -> VerifyError {
        VerifyError::Store { name: escape_os(self.path.as_os_str()), source }
    }
}
