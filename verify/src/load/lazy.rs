//! Parts of files, each proven on first touch.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_hash::{Blake3Digest, ChunkList, DigestSet};
use lacre_manifest::{Entry, EntryPath, Root};
use rustix::fs::Advice;

use super::limit::Budget;
use super::memory::{PART, Parts};
use super::{LoadOptions, ProvenFile};
use crate::mismatch::{self, ContentMismatch};
use crate::proof::{Extent, Standing, Verified};
use crate::{Prove, VerifyError};

/// A signed file of which only what is touched is read: each group of 1 MiB is proven against the signed BLAKE3 tree before
/// any byte of it is given out, and kept, so that it is read once and stays as it is.
///
/// Threads that want different groups do not wait for one another.
#[derive(Debug)]
pub struct LazyFile {
    file: File,
    path: EntryPath,
    proof: Proof,
    list_from: ListFrom,
    parts: Parts,
    threads: NonZeroUsize,
    budget: Arc<Budget>,
    proven: AtomicU64,
}

/// What groups are compared with.
#[derive(Debug)]
pub(super) enum Proof {
    /// The only group, if there is one, has this digest.
    Whole(Blake3Digest),
    /// A list that gives the signed digest.
    List(ChunkList),
}

/// Where the list of the groups of a file came from. Wherever that was, it proved itself against the signed digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFrom {
    /// The file has one group at most, and needs no list.
    Digest,
    /// From whoever brought it ([`learn`](crate::Verified::learn)), or from the verification of the content.
    Known,
    /// From the store.
    Store,
    /// All of the file was read and hashed to make it.
    Pass,
}

impl LazyFile {
    /// Opens the file as it lies in `root`, if it has the signed size.
    pub(super) fn open(
        root: &Root,
        entry: &Entry,
        (proof, list_from): (Proof, ListFrom),
        options: &LoadOptions,
        budget: Arc<Budget>,
    ) -> Result<Self, VerifyError> {
        let file = root.open_file(root.only_file().unwrap_or(&entry.path))?;
        let size = signed_size(entry)?;
        let found = file.metadata().map_or(0, |metadata| metadata.len());
        if found != size {
            return Err(mismatch::wrong_size(&entry.path, size, found));
        }
        if let Proof::Whole(digest) = &proof
            && size == 0
            && *digest != Blake3Digest::of(b"")
        {
            // It has no group that could tell.
            return Err(changed(&entry.path));
        }
        let parts = Parts::new(size)
            .map_err(|source| VerifyError::Store { name: "private memory".to_owned(), source })?;
        let (path, threads) = (entry.path.clone(), options.wanted_threads());
        Ok(Self { file, path, proof, list_from, parts, threads, budget, proven: AtomicU64::new(0) })
    }

    /// How many bytes were read and proven so far; each group counts once.
    pub fn proven_bytes(&self) -> u64 {
        self.proven.load(Ordering::Relaxed)
    }

    /// Where the list came from that proves its groups.
    pub fn list_from(&self) -> ListFrom {
        self.list_from
    }

    /// Reads and proves the group `index`, unless it was before.
    fn prove(&self, index: u64) -> Result<(), VerifyError> {
        self.parts.fill(index, |bytes| {
            let length = bytes.len() as u64;
            self.budget.take(length)?;
            let proven = self.read(index, bytes);
            if proven.is_ok() {
                self.proven.fetch_add(length, Ordering::Relaxed);
            } else {
                self.budget.give_back(length);
            }
            proven
        })
    }

    fn read(&self, index: u64, bytes: &mut [u8]) -> Result<(), VerifyError> {
        let start = self.parts.place(index).start;
        self.file.read_exact_at(bytes, start).map_err(|error| self.unreadable(error))?;
        let is_signed = match &self.proof {
            Proof::Whole(digest) => Blake3Digest::of(bytes) == *digest,
            Proof::List(list) => list.has_group(index, bytes),
        };
        if is_signed {
            return Ok(());
        }
        Err(changed(&self.path))
    }

    fn unreadable(&self, error: io::Error) -> VerifyError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let found = self.file.metadata().map_or(0, |metadata| metadata.len());
            // It may have been made as long again since.
            return if found == self.size() {
                changed(&self.path)
            } else {
                mismatch::wrong_size(&self.path, self.size(), found)
            };
        }
        lacre_manifest::ManifestError::Unreadable { name: self.path.to_string(), source: error }.into()
    }

    /// Proves these groups, on several threads where there are many.
    fn prove_all(&self, groups: Range<u64>) -> Result<(), VerifyError> {
        /// Groups that are worth a thread.
        const MANY: u64 = 4;
        let threads = (self.threads.get() as u64).min((groups.end - groups.start) / MANY);
        let place = self.parts.place(groups.start).start..self.parts.place(groups.end - 1).end;
        // Advice is only advice.
        let length = std::num::NonZeroU64::new(place.end - place.start);
        let _ = rustix::fs::fadvise(&self.file, place.start, length, Advice::WillNeed);
        if threads <= 1 {
            return groups.into_iter().try_for_each(|index| self.prove(index));
        }
        let next = AtomicU64::new(groups.start);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= groups.end {
                    return Ok(());
                }
                // What one cannot prove, the others need not read.
                self.prove(index).inspect_err(|_| next.store(groups.end, Ordering::Relaxed))?;
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for other in others {
                outcome = outcome.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            outcome
        })
    }
}

impl Drop for LazyFile {
    fn drop(&mut self) {
        // Its memory is free again for the other files of the model.
        self.budget.give_back(self.proven_bytes());
    }
}

fn changed(path: &EntryPath) -> VerifyError {
    let changed = vec![path.clone()];
    VerifyError::Content(Box::new(ContentMismatch { changed, ..ContentMismatch::default() }))
}

impl ProvenFile for LazyFile {
    fn size(&self) -> u64 {
        self.parts.size()
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        let outside = VerifyError::Range { size: self.size(), end: range.end };
        if range.start > range.end || range.end > self.size() {
            return Err(outside);
        }
        if range.is_empty() {
            return Ok(Cow::Borrowed(&[]));
        }
        if let Some(bytes) = self.parts.get(range.clone()) {
            return Ok(Cow::Borrowed(bytes));
        }
        self.prove_all(range.start / PART..range.end.div_ceil(PART))?;
        self.parts.get(range).map(Cow::Borrowed).ok_or(outside)
    }
}

/// What proves the groups of a file, if its digest is proof enough; else none.
pub(super) fn by_digest(entry: &Entry, root: Blake3Digest) -> Result<Option<(Proof, ListFrom)>, VerifyError> {
    let has_list = ChunkList::groups_of(signed_size(entry)?) > 0;
    Ok((!has_list).then_some((Proof::Whole(root), ListFrom::Digest)))
}

/// The signed BLAKE3 digest of a file that may be proven by parts.
///
/// # Errors
/// `E-DIGEST-NOT-SIGNED` when there is none, `E-UNSUPPORTED` when another digest is demanded, which only the whole has.
pub(super) fn signed_root(entry: &Entry, prove: Prove) -> Result<Blake3Digest, VerifyError> {
    if matches!(prove, Prove::Sha256 | Prove::Both) {
        let detail =
            format!("parts of {} by SHA-256, which is demanded: only the whole file has it", entry.path);
        return Err(VerifyError::UnsupportedEvidence { detail });
    }
    signed_blake3(entry)
}

fn signed_blake3(entry: &Entry) -> Result<Blake3Digest, VerifyError> {
    let missing = || VerifyError::DigestNotSigned { digest: "BLAKE3", path: entry.path.clone() };
    entry.blake3().copied().ok_or_else(missing)
}

/// The list of a tree does not tell how long its last group is.
pub(super) fn signed_size(entry: &Entry) -> Result<u64, VerifyError> {
    let missing = || VerifyError::UnsupportedEvidence {
        detail: format!("parts of {}: its size is not signed", entry.path),
    };
    entry.size.ok_or_else(missing)
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The signed file `name`, whose ranges are read and proven again when they are touched, by the tree that was made when
    /// the content was verified.
    ///
    /// Guarantee: every byte that is given out is a signed one, and stays so: it is proven in private memory, from where it is
    /// given out. Of what was not touched nothing is promised: it may have changed, and is refused when it is touched.
    /// Cost: reading and hashing what is touched, in groups of 1 MiB, and as much memory. For workers that need a slice of each
    /// tensor. Who has not verified the whole content need not: see
    /// [`verify_lazily`](crate::Unverified::verify_lazily).
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed, or it is not in the part; `E-DIGEST-NOT-SIGNED` and `E-UNSUPPORTED` when
    /// its content was not proven by BLAKE3; `E-FILE-SIZE` when it has another size by now; a code of the disk. When ranges
    /// are read: `E-FILE-CHANGED`, `E-FILE-SIZE`, `E-MEMORY-LIMIT`.
    pub fn lazy(&self, name: &str, options: &LoadOptions) -> Result<LazyFile, VerifyError> {
        let model = self.model();
        let entry = super::entry(&model.manifest, name)?;
        // By both digests, too: they were found to mean the same content.
        if !matches!(model.prove.digests(entry)?, DigestSet::Blake3 | DigestSet::Both) {
            return Err(VerifyError::DigestNotSigned { digest: "BLAKE3", path: entry.path.clone() });
        }
        let root = signed_blake3(entry)?;
        let proof = match by_digest(entry, root)? {
            Some(proof) => proof,
            None => match self.chunk_lists().find(|(of, _)| **of == root) {
                Some((_, list)) => (Proof::List(list.clone()), ListFrom::Known),
                None => {
                    return Err(VerifyError::DigestNotSigned { digest: "BLAKE3", path: entry.path.clone() });
                }
            },
        };
        LazyFile::open(&model.root, entry, proof, options, options.budget())
    }
}
