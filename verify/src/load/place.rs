//! Where the bytes of a file are kept while they are hashed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lacre_attest::ModelClaim;
use lacre_hash::{DigestSet, FileDigests, HashError, Progress, Source};
use lacre_manifest::{Entry, EntryPath, FileSource, ManifestError, Root};

use super::memory::{PART, Parts};
use super::{LoadOptions, ProvenBytes};
use crate::proof::Model;
use crate::prove::Prove;
use crate::{VerifyError, content, mismatch};

/// Takes the bytes of a file as they are hashed: each once, in any order, from several threads.
pub(crate) trait Keep: Sync {
    /// Takes `bytes` at `offset` of a file that has `size` bytes.
    fn keep(&self, offset: u64, size: u64, bytes: &[u8]) -> io::Result<()>;

    /// As [`Source::lend`].
    fn lend(&self, offset: u64, size: u64, length: usize, read: &mut dyn FnMut(&mut [u8])) -> io::Result<()> {
        let _ = (offset, size, length, read);
        Ok(())
    }
}

/// A signed file, and who keeps its bytes, if somebody does.
pub(crate) struct SignedFile<'a> {
    pub(crate) file: FileSource<'a>,
    pub(crate) keeper: Option<&'a dyn Keep>,
}

impl Source for SignedFile<'_> {
    fn open(&self) -> io::Result<std::fs::File> {
        self.file.open()
    }

    fn size(&self) -> u64 {
        self.file.size()
    }

    fn name(&self) -> String {
        self.file.name()
    }

    fn digests(&self) -> DigestSet {
        self.file.digests()
    }

    fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.keeper.map_or(Ok(()), |keeper| keeper.keep(offset, self.size(), bytes))
    }

    fn lend(&self, offset: u64, length: usize, read: &mut dyn FnMut(&mut [u8])) -> io::Result<()> {
        self.keeper.map_or(Ok(()), |keeper| keeper.lend(offset, self.size(), length, read))
    }
}

/// The file goes on beyond the size that it had when room was made for it.
#[derive(Debug, thiserror::Error)]
#[error("it grew")]
pub(crate) struct Grown;

impl From<Grown> for io::Error {
    fn from(grown: Grown) -> Self {
        Self::other(grown)
    }
}

/// A file that grew is a file that changed, not a failure to keep its bytes; and one that is gone, or has become a link, is
/// more than one that cannot be read.
pub(crate) fn blame(error: HashError) -> VerifyError {
    match error {
        HashError::Keep { index, name, source }
            if source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Grown>) =>
        {
            HashError::Changed { index, name, detail: Grown.to_string() }.into()
        }
        HashError::Read { name, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            ManifestError::NotFound { name }.into()
        }
        HashError::Read { index, name, source } => match source.downcast::<ManifestError>() {
            Ok(of_path) => of_path.into(),
            Err(source) => HashError::Read { index, name, source }.into(),
        },
        other => other.into(),
    }
}

/// Where signed files are read from, and by what they are proven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf<'a> {
    pub(super) root: &'a Root,
    pub(super) signed: &'a ModelClaim,
    pub(super) prove: Prove,
    /// What is held since verification, if anything.
    pub(super) held: Option<&'a BTreeMap<EntryPath, ProvenBytes>>,
}

impl<'a> Shelf<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let Model { root, signed, prove, held, .. } = model;
        Self { root, signed, prove: *prove, held: Some(held) }
    }

    pub(super) fn held(&self, entry: &Entry) -> Option<&'a ProvenBytes> {
        self.held?.get(&entry.path)
    }

    /// Reads these files once, has the bytes kept, and compares what was read with what was signed. Sizes are compared
    /// before anything is read. What was kept counts for nothing unless this succeeds.
    pub(super) fn prove(
        &self,
        wanted: &[(&Entry, &dyn Keep)],
        options: &LoadOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<FileDigests>, VerifyError> {
        let mut sources = Vec::with_capacity(wanted.len());
        for &(entry, keeper) in wanted {
            let digests = self.prove.digests(entry)?;
            let on_disk = self.root.only_file().unwrap_or(&entry.path);
            let size = self.root.open_file(on_disk)?.metadata().map_or(0, |metadata| metadata.len());
            if let Some(signed) = entry.size.filter(|&signed| signed != size) {
                return Err(mismatch::wrong_size(&entry.path, signed, size));
            }
            let file = FileSource::new(self.root, on_disk.clone(), size, digests);
            sources.push(SignedFile { file, keeper: Some(keeper) });
        }
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let found = options.engine().run(&sources, progress).map_err(blame)?;
        content::compare(wanted.iter().map(|(entry, _)| *entry).zip(&found))?;
        Ok(found)
    }
}

/// Private memory for the bytes of one file.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Kept>);

#[derive(Debug, Default)]
enum Kept {
    /// No byte came yet: an empty file never has one.
    #[default]
    Nothing,
    /// A mapping for each of thousands of small files would be more than a process may have.
    Small(Vec<u8>),
    Large(Arc<Parts>),
}

impl Place {
    /// The mapping of a large file; none for a small one, which is in `kept`.
    fn room(kept: &mut Kept, size: u64) -> io::Result<Option<Arc<Parts>>> {
        if matches!(kept, Kept::Nothing) {
            *kept = if size < PART {
                Kept::Small(vec![0; usize::try_from(size).unwrap_or(0)])
            } else {
                Kept::Large(Arc::new(Parts::new(size)?))
            };
        }
        Ok(match kept {
            Kept::Large(parts) => Some(Arc::clone(parts)),
            Kept::Nothing | Kept::Small(_) => None,
        })
    }

    /// Called only when the digests of these bytes were found to be the signed ones.
    pub(crate) fn into_proven(self) -> Result<ProvenBytes, VerifyError> {
        let failed = |source| VerifyError::Store { name: "private memory".to_owned(), source };
        Ok(match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Kept::Nothing => ProvenBytes::small(Vec::new()),
            Kept::Small(bytes) => ProvenBytes::small(bytes),
            Kept::Large(parts) => {
                let parts = Arc::into_inner(parts)
                    .ok_or_else(|| failed(io::Error::other("it is still being filled")))?;
                ProvenBytes::mapped(parts.freeze().map_err(failed)?)
            }
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for Place {
    fn keep(&self, offset: u64, size: u64, bytes: &[u8]) -> io::Result<()> {
        let mut kept = self.kept();
        if let Some(parts) = Self::room(&mut kept, size)? {
            // Others may keep their bytes meanwhile.
            drop(kept);
            return Ok(parts.put(offset, bytes).ok_or(Grown)?);
        }
        let Kept::Small(all) = &mut *kept else { return Err(Grown.into()) };
        // A file that grows is refused when it has been read; it must not fill the memory until then.
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let place = start.checked_add(bytes.len()).and_then(|end| all.get_mut(start..end));
        place.ok_or(Grown)?.copy_from_slice(bytes);
        Ok(())
    }

    fn lend(&self, offset: u64, size: u64, length: usize, read: &mut dyn FnMut(&mut [u8])) -> io::Result<()> {
        let parts = Self::room(&mut self.kept(), size)?;
        if let Some(parts) = parts {
            // What does not fit is not lent: it comes to be kept, and is refused there.
            let _ = parts.lend(&(offset..offset.saturating_add(length as u64)), read);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_pieces_in_any_order_and_no_more_than_there_is_room_for() {
        for (size, pieces) in [(5, [3, 0]), (2 * PART + 5, [PART + 3, 0])] {
            let place = Place::default();
            place.keep(pieces[0], size, b"de").unwrap();
            place.keep(pieces[1], size, b"abc").unwrap();
            for (offset, bytes) in [(size, b"f".as_slice()), (size - 1, b"ef"), (u64::MAX, b"f")] {
                let source = place.keep(offset, size, bytes).unwrap_err();
                let error = blame(HashError::Keep { index: 0, name: "f".to_owned(), source });
                assert_eq!(error.code(), "E-INPUT-CHANGED");
            }
            let proven = place.into_proven().unwrap();
            assert_eq!(proven.len() as u64, size);
            let at = usize::try_from(pieces[0]).unwrap();
            assert_eq!((&proven[..3], &proven[at..at + 2]), (&b"abc"[..], &b"de"[..]));
        }
    }

    #[test]
    fn a_large_place_lends_its_memory_and_a_small_one_does_not() {
        let (large, small) = (Place::default(), Place::default());
        let mut lent = 0;
        for (place, size) in [(&large, PART + 1), (&small, PART - 1)] {
            let mut write = |bytes: &mut [u8]| {
                bytes.fill(7);
                lent += bytes.len();
            };
            place.lend(0, size, 100, &mut write).unwrap();
            // Nothing is lent behind the end, or across a border.
            place.lend(PART - 1, size, 3, &mut write).unwrap();
            place.lend(u64::MAX, size, 1, &mut write).unwrap();
        }
        assert_eq!(lent, 100);
        assert_eq!(large.into_proven().unwrap()[..101], [[7; 100].as_slice(), &[0]].concat());
    }

    #[test]
    fn a_size_that_no_memory_holds_is_an_error() {
        let source = Place::default().keep(0, u64::MAX, b"a").unwrap_err();
        assert_eq!(source.kind(), io::ErrorKind::OutOfMemory);
        let error = blame(HashError::Keep { index: 0, name: "f".to_owned(), source });
        assert_eq!(error.code(), "E-OUTPUT");
    }
}
