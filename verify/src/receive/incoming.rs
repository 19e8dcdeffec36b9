//! One file on its way.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lacre_hash::{DigestSet, FileDigests, GROUP, Gatherer};
use lacre_manifest::{Entry, escape_os};
use rustix::fs::{FallocateFlags, OFlags, fallocate};
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
}

/// What became of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is kept.
    Kept,
    /// It is not what was signed, and was not written.
    Refused,
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
        Self { entry, digests, path, leftovers, gatherer, file: Mutex::new(None) }
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
            for (part, offset) in bytes.chunks(PART).zip((place..).step_by(PART)) {
                file.write_all_at(part, offset)?;
            }
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

    /// Opens the file, of its full size, and never through a link. There must be nothing of its name yet, unless leftovers
    /// are reused.
    fn open(&self) -> io::Result<File> {
        let size = self.place(u64::MAX).end;
        let mut options = OpenOptions::new();
        // Read again only where digests need the groups in order, and for leftovers.
        options.read(true).write(true).mode(0o644).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = match options.clone().create_new(true).open(&self.path) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && self.leftovers == Leftovers::Reuse =>
            {
                let file = options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
                let file = file.open(&self.path)?;
                if !file.metadata()?.is_file() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                file
            }
            other => other?,
        };
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
