//! Whole files in sealed descriptors.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use lacre_hash::{FileDigests, NoProgress, Progress};
use lacre_manifest::{Entry, EntryPath};
use rustix::fs::{MemfdFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use super::memory::{Frozen, PART, SEALS};
use super::place::{Grown, Keep, Shelf};
use super::{LoadOptions, ProvenFile};
use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

/// A signed file in memory that nobody can write to any more, known by a descriptor (`memfd_create`) with the seals `WRITE`,
/// `GROW`, `SHRINK` and `SEAL`.
///
/// ```no_run
/// use lacre_verify::{LoadOptions, Model, Verified};
///
/// fn start(model: &Verified<Model>) -> Result<(), Box<dyn std::error::Error>> {
///     let weights = model.sealed("model.safetensors", &LoadOptions::new())?;
///     // A loader that insists on a path, in this process.
///     let bytes = std::fs::read(weights.path())?;
///     assert_eq!(bytes.len() as u64, weights.size());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct SealedFile {
    file: File,
    size: u64,
    is_executable: bool,
    mapping: OnceLock<Frozen>,
}

/// Sealed files by their signed names.
pub type SealedFiles = BTreeMap<EntryPath, SealedFile>;

impl SealedFile {
    /// Where this process finds it: `/proc/self/fd/N`, as long as this value lives. Whoever opens it for writing can
    /// write nothing.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Where other processes of this user find it, as long as this value lives: `/proc/PID/fd/N`.
    pub fn path_for_others(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it was signed as a file that its owner may execute; not, where modes are not signed.
    pub fn is_executable(&self) -> bool {
        self.is_executable
    }

    /// Another descriptor of the same memory.
    ///
    /// # Errors
    /// Those of `dup`.
    pub fn try_clone(&self) -> io::Result<Self> {
        let file = self.file.try_clone()?;
        Ok(Self { file, size: self.size, is_executable: self.is_executable, mapping: OnceLock::new() })
    }
}

impl AsFd for SealedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<SealedFile> for OwnedFd {
    /// The descriptor, to be handed to another process. It is closed on `exec` unless the caller says otherwise.
    fn from(sealed: SealedFile) -> Self {
        sealed.file.into()
    }
}

impl ProvenFile for SealedFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        let mapping = if let Some(mapping) = self.mapping.get() {
            mapping
        } else {
            let mapping = Frozen::of_sealed(&self.file)
                .map_err(|source| VerifyError::Store { name: "sealed memory".to_owned(), source })?;
            self.mapping.get_or_init(|| mapping)
        };
        super::within(mapping, range).map(Cow::Borrowed)
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The signed file `name` in a sealed descriptor.
    ///
    /// Guarantee: these are the signed bytes, and stay so: the kernel lets nobody write to them, cut them or add to them, not even
    /// this process. What is written into the descriptor is what was hashed, and it is sealed before it is given out. A
    /// process that may trace this one could reach into it until then; it is out of scope. Cost: reading and hashing, and the
    /// file's size in memory once, however many processes get the descriptor; it counts as shared memory of the control
    /// group of this process. For worker processes, and for loaders that insist on a path.
    ///
    /// # Errors
    /// Those of [`copy`](Self::copy); `E-OUTPUT` when the kernel gives no such descriptor.
    pub fn sealed(&self, name: &str, options: &LoadOptions) -> Result<SealedFile, VerifyError> {
        let entry = super::entry(&self.model().manifest, name)?;
        let (mut sealed, _) = seal(&Shelf::of(self.model()), &[entry], options, &NoProgress)?;
        sealed.pop().ok_or_else(|| VerifyError::NotSigned { what: "the file", name: name.to_owned() })
    }

    /// Every file of the model, or of the part, each in a sealed descriptor: see [`sealed`](Self::sealed). All of them
    /// together must be within the memory limit, and there is a descriptor for each.
    ///
    /// # Errors
    /// Those of [`sealed`](Self::sealed).
    pub fn seal_all(&self, options: &LoadOptions) -> Result<SealedFiles, VerifyError> {
        self.seal_all_watched(options, &NoProgress)
    }

    /// The same, told to `progress`, which can end it.
    pub(crate) fn seal_all_watched(
        &self,
        options: &LoadOptions,
        progress: &dyn Progress,
    ) -> Result<SealedFiles, VerifyError> {
        let entries: Vec<&Entry> = self.model().manifest.entries().iter().collect();
        let (sealed, _) = seal(&Shelf::of(self.model()), &entries, options, progress)?;
        Ok(entries.into_iter().map(|entry| entry.path.clone()).zip(sealed).collect())
    }
}

/// Seals these files, in their order; with the digests of those that were read for it.
pub(super) fn seal(
    shelf: &Shelf<'_>,
    entries: &[&Entry],
    options: &LoadOptions,
    progress: &dyn Progress,
) -> Result<(Vec<SealedFile>, Vec<FileDigests>), VerifyError> {
    let total = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size.unwrap_or(0)));
    options.allow(total)?;
    let executable = shelf.signed.shape().map_or(&[][..], |shape| shape.executable());
    let drafts = entries
        .iter()
        .map(|entry| Draft::new(entry, executable.binary_search(&entry.path).is_ok()))
        .collect::<Result<Vec<_>, VerifyError>>()?;
    // Those held since verification need not be read again.
    let mut wanted: Vec<Wanted<'_>> = Vec::with_capacity(entries.len());
    for (entry, draft) in entries.iter().zip(&drafts) {
        match shelf.held(entry) {
            Some(held) => draft.file.write_all_at(held, 0).map_err(|source| draft.failed(source))?,
            None => wanted.push((entry, draft)),
        }
    }
    let found = prove_apart(shelf, &wanted, options, progress)?;
    Ok((drafts.into_iter().map(Draft::finish).collect::<Result<_, _>>()?, found))
}

/// Proves the files, a thread each where there are enough of them for all threads: two that write to one descriptor wait for
/// each other in the kernel. The digests come in any order.
fn prove_apart(
    shelf: &Shelf<'_>,
    wanted: &[Wanted<'_>],
    options: &LoadOptions,
    progress: &dyn Progress,
) -> Result<Vec<FileDigests>, VerifyError> {
    let threads = options.wanted_threads().get();
    let Some(shares) = shared_out(wanted, threads) else { return shelf.prove(wanted, options, progress) };
    let alone = options.threads(NonZeroUsize::MIN);
    let bytes = wanted.iter().filter_map(|(entry, _)| entry.size).sum();
    progress.begin(wanted.len() as u64, bytes);
    let progress = &Begun(progress);
    std::thread::scope(|scope| {
        let proving: Vec<_> =
            shares.iter().map(|share| scope.spawn(|| shelf.prove(share, &alone, progress))).collect();
        let mut all = Ok(Vec::with_capacity(wanted.len()));
        for one in proving {
            let found = one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all = all.and_then(|mut all: Vec<_>| {
                all.extend(found?);
                Ok(all)
            });
        }
        all
    })
}

/// Work that has begun: of its parts only what is done is told.
struct Begun<'a>(&'a dyn Progress);

impl Progress for Begun<'_> {
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    fn file(&self, name: &str) {
        self.0.file(name);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// A file, and who keeps its bytes.
type Wanted<'a> = (&'a Entry, &'a dyn Keep);

/// A share for each thread, if they would all end at about the same time, and there is enough to do.
fn shared_out<'a>(wanted: &[Wanted<'a>], threads: usize) -> Option<Vec<Vec<Wanted<'a>>>> {
    let size = |entry: &Entry| entry.size.unwrap_or(0);
    let mut order: Vec<_> = wanted.to_vec();
    order.sort_by_key(|(entry, _)| Reverse(size(entry)));
    let mut shares = vec![(0_u64, Vec::new()); threads];
    for file in order {
        let (taken, share) = shares.iter_mut().min_by_key(|(taken, _)| *taken)?;
        *taken += size(file.0);
        share.push(file);
    }
    let taken = || shares.iter().map(|(taken, _)| *taken);
    let (least, most) = (taken().min()?, taken().max()?);
    let is_even = threads > 1 && least >= PART && least >= most - most / 8;
    is_even.then(|| shares.into_iter().map(|(_, share)| share).collect())
}

/// A descriptor that is being written to.
///
/// To have the kernel copy a file into it (`sendfile`), and to hash the sealed memory afterwards, costs a quarter more of the
/// processors: hashing finds the bytes in the cache only while they pass.
struct Draft {
    file: File,
    name: String,
    size: u64,
    is_executable: bool,
}

/// Longest name of a descriptor in bytes, as the kernel wants it.
const LONGEST_NAME: usize = 200;

impl Draft {
    fn new(entry: &Entry, is_executable: bool) -> Result<Self, VerifyError> {
        let name = entry.path.to_string();
        // Shown in /proc, and of no other use.
        let label: String = entry
            .path
            .file_name()
            .chars()
            .scan(0, |length, letter| {
                *length += letter.len_utf8();
                (*length <= LONGEST_NAME).then_some(letter)
            })
            .collect();
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let execution = if is_executable { MemfdFlags::EXEC } else { MemfdFlags::NOEXEC_SEAL };
        let created = match memfd_create(label.as_str(), flags | execution) {
            // Kernels before 6.3 know neither of the two.
            Err(Errno::INVAL) => memfd_create(label.as_str(), flags),
            other => other,
        };
        let size = entry.size.unwrap_or(0);
        let failed = |source| VerifyError::Store { name: name.clone(), source };
        let file = File::from(created.map_err(|error| failed(error.into()))?);
        let mode = if is_executable { 0o500 } else { 0o400 };
        file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
        Ok(Self { file, name, size, is_executable })
    }

    /// Seals what was proven.
    fn finish(self) -> Result<SealedFile, VerifyError> {
        fcntl_add_seals(&self.file, SEALS).map_err(|error| self.failed(error.into()))?;
        let Self { file, size, is_executable, .. } = self;
        Ok(SealedFile { file, size, is_executable, mapping: OnceLock::new() })
    }

    fn failed(&self, source: io::Error) -> VerifyError {
        VerifyError::Store { name: self.name.clone(), source }
    }
}

impl Keep for Draft {
    fn keep(&self, offset: u64, size: u64, bytes: &[u8]) -> io::Result<()> {
        // A file that grows is refused when it has been read; it must not fill the memory until then.
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > size) {
            return Err(Grown.into());
        }
        self.file.write_all_at(bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use lacre_hash::Sha256Digest;
    use lacre_manifest::Digests;
    use rustix::fs::{SealFlags, fcntl_get_seals};

    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;

    fn draft(name: &str, is_executable: bool) -> Draft {
        let digests = Digests::Sha256 { sha256: Sha256Digest::of(b""), blake3: None };
        let entry = Entry { path: EntryPath::parse(name).unwrap(), size: Some(3), digests };
        Draft::new(&entry, is_executable).unwrap()
    }

    fn sealed(bytes: &[u8]) -> SealedFile {
        let draft = draft("dir/weights.bin", false);
        draft.keep(0, bytes.len() as u64, bytes).unwrap();
        SealedFile { size: bytes.len() as u64, ..draft.finish().unwrap() }
    }

    #[test]
    fn files_are_shared_out_where_all_threads_get_as_much() {
        let draft = draft("a", false);
        let digests = Digests::Sha256 { sha256: Sha256Digest::of(b""), blake3: None };
        let shares = |sizes: &[u64], threads| {
            let entry = |(size, number): (&u64, u32)| Entry {
                path: EntryPath::parse(&format!("f{number}")).unwrap(),
                size: Some(*size),
                digests: digests.clone(),
            };
            let entries: Vec<Entry> = sizes.iter().zip(0..).map(entry).collect();
            let wanted: Vec<Wanted<'_>> = entries.iter().map(|entry| (entry, &draft as &dyn Keep)).collect();
            let of = |share: &Vec<Wanted<'_>>| share.iter().map(|(entry, _)| entry.size.unwrap()).collect();
            shared_out(&wanted, threads).map(|shares| shares.iter().map(of).collect::<Vec<Vec<u64>>>())
        };
        assert_eq!(shares(&[9, GIB, GIB], 2), Some(vec![vec![GIB, 9], vec![GIB]]));
        assert_eq!(shares(&[MIB, 3 * MIB, 2 * MIB], 2), Some(vec![vec![3 * MIB], vec![2 * MIB, MIB]]));
        assert_eq!(shares(&[GIB, GIB], 1), None, "there is nobody to share with");
        assert_eq!(shares(&[GIB], 2), None);
        assert_eq!(shares(&[GIB, GIB, GIB], 2), None, "one would wait for the other");
        assert_eq!(shares(&[9, 9], 2), None, "not worth a thread");
        assert_eq!(shares(&[], 2), None);
    }

    #[test]
    fn nobody_writes_to_what_is_sealed() {
        let sealed = sealed(b"abc");
        assert!(
            fcntl_get_seals(&sealed)
                .unwrap()
                .contains(SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)
        );
        // The held descriptor was made for writing, and still gives no way to write.
        for error in [
            sealed.file.write_at(b"x", 0).unwrap_err(),
            sealed.file.write_at(b"x", 3).unwrap_err(),
            sealed.file.set_len(2).unwrap_err(),
            sealed.file.set_len(4).unwrap_err(),
            rustix::fs::fallocate(&sealed.file, rustix::fs::FallocateFlags::empty(), 0, 4)
                .unwrap_err()
                .into(),
            fcntl_add_seals(&sealed.file, SealFlags::FUTURE_WRITE).unwrap_err().into(),
        ] {
            assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()), "{error}");
        }
        for path in [sealed.path(), sealed.path_for_others()] {
            assert_eq!(std::fs::read(&path).unwrap(), b"abc");
            // Whoever may do everything may open it for writing; and then not write.
            if let Ok(file) = File::options().read(true).write(true).open(&path) {
                assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
                assert_eq!(file.set_len(0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            }
        }
        assert_eq!(&*sealed.bytes(0..3).unwrap(), b"abc");
    }

    #[test]
    fn what_is_not_sealed_is_not_mapped() {
        let draft = draft("a", false);
        draft.keep(0, 3, b"abc").unwrap();
        assert_eq!(Frozen::of_sealed(&draft.file).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        for missing in [SealFlags::WRITE, SealFlags::GROW, SealFlags::SHRINK, SealFlags::SEAL] {
            let draft = super::tests::draft("a", false);
            fcntl_add_seals(&draft.file, SEALS.difference(missing)).unwrap();
            let refused = Frozen::of_sealed(&draft.file).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{missing:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let plain = File::create_new(folder.path().join("f")).unwrap();
        assert!(Frozen::of_sealed(&plain).is_err());
    }

    #[test]
    fn whoever_got_the_descriptor_before_it_was_sealed_cannot_write_either() {
        let draft = draft("a", false);
        draft.keep(0, 3, b"abc").unwrap();
        let held = draft.file.try_clone().unwrap();
        let sealed = draft.finish().unwrap();
        assert_eq!(held.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(&*sealed.bytes(1..3).unwrap(), b"bc");
    }

    #[test]
    fn all_sizes_are_read_back() {
        for size in [0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1] {
            let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let sealed = sealed(&bytes);
            assert_eq!(*sealed.bytes(0..size).unwrap(), *bytes);
            assert_eq!(sealed.bytes(size..size).unwrap().len(), 0);
            for range in [0..size + 1, GIB..GIB, u64::MAX..u64::MAX] {
                assert_eq!(sealed.bytes(range).unwrap_err().code(), "E-RANGE");
            }
            let other = sealed.try_clone().unwrap();
            drop(sealed);
            assert_eq!(*other.bytes(0..size).unwrap(), *bytes);
        }
    }

    #[test]
    fn bytes_behind_the_signed_end_are_refused() {
        let draft = draft("a", false);
        for (offset, bytes) in [(3, b"x".as_slice()), (2, b"xy"), (u64::MAX, b"x")] {
            let error = draft.keep(offset, 3, bytes).unwrap_err();
            assert!(error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Grown>));
        }
    }

    #[test]
    fn a_long_name_is_no_obstacle() {
        let name = "ö".repeat(127);
        let sealed = draft(&name, false).finish().unwrap();
        let shown = std::fs::read_link(sealed.path()).unwrap();
        assert!(shown.to_str().unwrap().starts_with(&format!("/memfd:{}", "ö".repeat(100))), "{shown:?}");
    }

    #[test]
    fn modes_are_those_of_the_signature() {
        let mode = |sealed: &SealedFile| sealed.file.metadata().unwrap().permissions().mode() & 0o777;
        let plain = draft("a", false).finish().unwrap();
        assert_eq!((mode(&plain), plain.is_executable()), (0o400, false));
        let program = draft("a", true).finish().unwrap();
        assert_eq!((mode(&program), program.is_executable()), (0o500, true));
    }
}
