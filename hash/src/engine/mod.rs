//! Many sources over all cores, whatever their sizes.
//!
//! Three rooms, by what limits a file: `serial` (SHA-256 wanted: one chain of blocks a file, several files a core),
//! `spread` (BLAKE3 alone: any core takes any stretch of any file), `small` (the cost is in opening: many at a time).
//! Every thread goes through the rooms in that order, so that the longest chains begin first and small files fill the end.

mod serial;
mod small;
mod spread;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blake3_tree::{ChunkList, GroupValue};
use crate::opened::{Opened, Room};
use crate::{Blake3Digest, DigestSet, FileDigests, HashError, Progress, Source};

use serial::Serial;
use small::Small;
use spread::Spread;

/// Below this size a file is a small one, in bytes.
const SMALL: u64 = 1 << 20;

/// Hashes many files on all cores, each byte read once.
///
/// Memory: at most 6 MiB for each thread, whatever the size of the files; and one result for each file, with 32 bytes for
/// each MiB of a file whose BLAKE3 digest was wanted.
#[derive(Debug, Clone, Copy)]
pub struct Engine {
    threads: NonZeroUsize,
}

impl Engine {
    /// An engine with one thread for each core that this process may use.
    pub fn new() -> Self {
        Self { threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }

    /// An engine with so many threads.
    pub const fn with_threads(threads: NonZeroUsize) -> Self {
        Self { threads }
    }

    /// Hashes every source; the results stand in the order of the sources.
    ///
    /// # Errors
    /// The first failure ends the work; of several failures at once the one of the lowest index is returned.
    pub fn run<S: Source>(
        &self,
        sources: &[S],
        progress: &dyn Progress,
    ) -> Result<Vec<FileDigests>, HashError> {
        let bytes = sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.size()));
        progress.begin(sources.len() as u64, bytes);
        let threads = self.threads.get().min(useful_threads(sources)).max(1);
        let room = if bytes < SMALL { Room::Ample } else { Room::for_bytes(bytes) };
        let job = Job { sources, threads, progress, room, stop: AtomicBool::new(false) };
        let (small, mut large): (Vec<usize>, Vec<usize>) =
            (0..sources.len()).partition(|&index| sources[index].size() < SMALL);
        // Largest first: what is left at the end is short, and no core waits for long.
        large.sort_by_key(|&index| std::cmp::Reverse(sources[index].size()));
        let (spread, serial): (Vec<usize>, Vec<usize>) =
            large.into_iter().partition(|&index| sources[index].digests() == DigestSet::Blake3);
        let rooms = Rooms {
            serial: Serial::new(&job, serial),
            spread: Spread::new(&job, spread),
            small: Small::new(&job, small),
        };
        let failure = Mutex::new(None);
        let work = |number: usize| {
            let mut found = Found::new();
            if let Err(error) = rooms.work(number, &mut found) {
                job.stop.store(true, Ordering::Relaxed);
                keep_first(&mut lock(&failure), error);
            }
            found
        };
        let mut found = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || work(number))).collect();
            let mut found = work(0);
            for other in others {
                found.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        });
        if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(found.into_iter().map(|(_, digests)| digests).collect())
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

/// Few small files are done before a second thread has started.
fn useful_threads<S: Source>(sources: &[S]) -> usize {
    const NOT_WORTH_A_THREAD: usize = 4;
    if sources.iter().any(|source| source.size() >= SMALL) {
        usize::MAX
    } else {
        sources.len().div_ceil(NOT_WORTH_A_THREAD)
    }
}

/// The digests that a thread has made, with the index of their source.
type Found = Vec<(usize, FileDigests)>;

struct Rooms<'a, S> {
    serial: Serial<'a, S>,
    spread: Spread<'a, S>,
    small: Small<'a, S>,
}

impl<S: Source> Rooms<'_, S> {
    fn work(&self, number: usize, found: &mut Found) -> Result<(), HashError> {
        self.serial.work(number, found)?;
        self.spread.work(found)?;
        self.small.work(found)
    }
}

/// What all rooms share.
struct Job<'a, S> {
    sources: &'a [S],
    threads: usize,
    progress: &'a dyn Progress,
    room: Room,
    /// Somebody failed: what the others do is for nothing.
    stop: AtomicBool,
}

impl<'a, S: Source> Job<'a, S> {
    fn open(&self, index: usize) -> Result<Opened<'a, S>, HashError> {
        let source = &self.sources[index];
        self.progress.file(&source.name());
        Opened::open(index, source, self.room)
    }

    fn check(&self) -> Result<(), HashError> {
        if self.stop.load(Ordering::Relaxed) { Err(HashError::Interrupted) } else { Ok(()) }
    }
}

/// Of several failures the one of the lowest index counts; that others were stopped by it counts least.
fn keep_first(kept: &mut Option<HashError>, new: HashError) {
    let place = |error: &HashError| error.index().unwrap_or(usize::MAX);
    if kept.as_ref().is_none_or(|old| place(&new) < place(old)) {
        *kept = Some(new);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The digest and the chunk list of a file of more than one group.
fn rooted(size: u64, groups: Vec<GroupValue>) -> Result<(Blake3Digest, ChunkList), HashError> {
    let chunks = ChunkList::new(size, groups)?;
    let root = chunks.root().ok_or(HashError::Chunks { found: 0, wanted: ChunkList::groups_of(size) })?;
    Ok((root, chunks))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, Write as _};
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::{Blake3Digest, DigestSet, NoProgress, Sha256Digest};

    const PIECE: usize = 1 << 20;

    struct Disk {
        path: PathBuf,
        size: u64,
        kept: Mutex<Vec<u8>>,
        meddle: Option<fn(&std::path::Path)>,
    }

    impl Disk {
        fn new(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> Self {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            Self { path, size: bytes.len() as u64, kept: Mutex::default(), meddle: None }
        }
    }

    impl Source for Disk {
        fn open(&self) -> io::Result<File> {
            File::open(&self.path)
        }
        fn size(&self) -> u64 {
            self.size
        }
        fn name(&self) -> String {
            self.path.file_name().unwrap().to_string_lossy().into_owned()
        }
        fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let mut kept = self.kept.lock().unwrap();
            let (start, end) =
                (usize::try_from(offset).unwrap(), usize::try_from(offset).unwrap() + bytes.len());
            if kept.len() < end {
                kept.resize(end, 0);
            }
            // Every byte comes once: the noise has no stretch of zeros.
            assert!(bytes.len() < 64 || kept[start..end].iter().all(|byte| *byte == 0));
            kept[start..end].copy_from_slice(bytes);
            if let Some(meddle) = self.meddle {
                meddle(&self.path);
            }
            Ok(())
        }
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect()
    }

    #[test]
    fn equals_the_plain_digests_at_every_border_and_keeps_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let lengths = [0, 1, 63, 64, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 9 * PIECE + 5];
        for threads in [1, 2, 16] {
            let sources: Vec<_> =
                lengths.iter().map(|&n| Disk::new(&folder, &format!("{threads}-{n}"), &noise(n))).collect();
            let engine = Engine::with_threads(NonZeroUsize::new(threads).unwrap());
            let found = engine.run(&sources, &NoProgress).unwrap();
            for ((digests, source), &length) in found.iter().zip(&sources).zip(&lengths) {
                let bytes = noise(length);
                assert_eq!(digests.size, length as u64);
                assert_eq!(digests.sha256, Some(Sha256Digest::of(&bytes)), "{length}");
                assert_eq!(digests.blake3, Some(Blake3Digest::of(&bytes)), "{length}");
                assert!(*source.kept.lock().unwrap() == bytes, "{length}");
            }
        }
    }

    struct Only<'a>(&'a Disk, DigestSet);

    impl Source for Only<'_> {
        fn open(&self) -> io::Result<File> {
            self.0.open()
        }
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn name(&self) -> String {
            self.0.name()
        }
        fn digests(&self) -> DigestSet {
            self.1
        }
        fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.0.keep(offset, bytes)
        }
    }

    #[test]
    fn makes_only_what_is_wanted_for_every_mixture() {
        let folder = tempfile::tempdir().unwrap();
        let lengths = [0, 1, 4096, PIECE - 1, PIECE, PIECE + 1, 4 * PIECE, 9 * PIECE + 5, 30 * PIECE + 1];
        let sets = [DigestSet::Sha256, DigestSet::Blake3, DigestSet::Both];
        for threads in [1, 2, 3, 8] {
            let disks: Vec<_> = lengths
                .iter()
                .flat_map(|&length| [0, 1, 2].map(|copy| (length, copy)))
                .map(|(length, copy)| {
                    Disk::new(&folder, &format!("{threads}-{length}-{copy}"), &noise(length))
                })
                .collect();
            let sources: Vec<_> =
                disks.iter().zip(sets.iter().cycle()).map(|(disk, set)| Only(disk, *set)).collect();
            let engine = Engine::with_threads(NonZeroUsize::new(threads).unwrap());
            let found = engine.run(&sources, &NoProgress).unwrap();
            for (source, found) in sources.iter().zip(found) {
                let bytes = noise(usize::try_from(source.size()).unwrap());
                let name = source.name();
                assert_eq!(
                    found.sha256,
                    (source.1 != DigestSet::Blake3).then(|| Sha256Digest::of(&bytes)),
                    "{name}"
                );
                assert_eq!(
                    found.blake3,
                    (source.1 != DigestSet::Sha256).then(|| Blake3Digest::of(&bytes)),
                    "{name}"
                );
                assert_eq!(found.chunks.is_some(), found.blake3.is_some(), "{name}");
                if let Some(root) = found.chunks.and_then(|chunks| chunks.root()) {
                    assert_eq!(Some(root), found.blake3, "{name}");
                }
                assert!(*source.0.kept.lock().unwrap() == bytes, "{name}");
            }
        }
    }

    /// The size that a source is said to have is a guess: what it has then decides how much memory it gets.
    #[test]
    fn a_file_that_is_larger_than_said_is_read_in_pieces() {
        struct Stop;
        impl Progress for Stop {
            fn cancelled(&self) -> bool {
                true
            }
        }
        struct Largest(AtomicU64);
        impl Progress for Largest {
            fn advance(&self, bytes: u64) {
                self.0.fetch_max(bytes, Ordering::Relaxed);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = noise(5 * PIECE + 3);
        for set in [DigestSet::Sha256, DigestSet::Blake3, DigestSet::Both] {
            let mut disk = Disk::new(&folder, "file", &bytes);
            disk.size = 0;
            let watch = Largest(AtomicU64::new(0));
            let found = Engine::new().run(&[Only(&disk, set)], &watch).unwrap();
            assert_eq!(found[0].sha256, (set != DigestSet::Blake3).then(|| Sha256Digest::of(&bytes)));
            assert_eq!(found[0].blake3, (set != DigestSet::Sha256).then(|| Blake3Digest::of(&bytes)));
            assert!(watch.0.into_inner() < SMALL, "in pieces");
        }
        // No memory could hold this one; it is read until somebody has seen enough.
        let disk = Disk::new(&folder, "sparse", b"");
        File::options().write(true).open(&disk.path).unwrap().set_len(1 << 43).unwrap();
        assert_eq!(Engine::new().run(&[disk], &Stop).unwrap_err().code(), "E-INTERRUPTED");
    }

    // One huge file with the whole machine to itself, several cores, both digests: the way of two threads.
    #[test]
    fn one_file_alone_is_shared_by_two_threads() {
        let folder = tempfile::tempdir().unwrap();
        for length in [PIECE, 2 * PIECE + 1, 40 * PIECE + 9] {
            let bytes = noise(length);
            let disk = Disk::new(&folder, &length.to_string(), &bytes);
            let engine = Engine::with_threads(NonZeroUsize::new(4).unwrap());
            let found = engine.run(&[Only(&disk, DigestSet::Both)], &NoProgress).unwrap();
            assert_eq!(found[0].sha256, Some(Sha256Digest::of(&bytes)), "{length}");
            assert_eq!(found[0].blake3, Some(Blake3Digest::of(&bytes)), "{length}");
            assert!(*disk.kept.lock().unwrap() == bytes, "{length}");
        }
    }

    #[test]
    fn names_a_file_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources: Vec<_> = (0..50).map(|n| Disk::new(&folder, &format!("f{n}"), b"x")).collect();
        sources[31].path = folder.path().join("gone");
        let error = Engine::new().run(&sources, &NoProgress).unwrap_err();
        assert!(matches!(error, HashError::Read { index: 31, ref name, .. } if name == "gone"), "{error:?}");
        assert_eq!(error.code(), "E-UNREADABLE");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let grow: fn(&std::path::Path) = |path| {
            File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        };
        let cut: fn(&std::path::Path) =
            |path| File::options().write(true).open(path).unwrap().set_len(1).unwrap();
        let touch: fn(&std::path::Path) = |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(7)).unwrap();
        };
        for (name, meddle) in [("grow", grow), ("cut", cut), ("touch", touch)] {
            let mut source = Disk::new(&folder, name, &noise(2 * PIECE));
            source.meddle = Some(meddle);
            let error = Engine::new().run(&[source], &NoProgress).unwrap_err();
            assert_eq!(error.code(), "E-INPUT-CHANGED", "{name}");
        }
    }

    #[test]
    fn stops_when_it_is_told_to_and_reports_bytes() {
        struct Until(AtomicU64, u64);
        impl Progress for Until {
            fn advance(&self, bytes: u64) {
                self.0.fetch_add(bytes, Ordering::Relaxed);
            }
            fn cancelled(&self) -> bool {
                self.0.load(Ordering::Relaxed) >= self.1
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let sources = [Disk::new(&folder, "a", &noise(5 * PIECE)), Disk::new(&folder, "b", &noise(7))];
        let watch = Until(AtomicU64::new(0), u64::MAX);
        Engine::new().run(&sources, &watch).unwrap();
        assert_eq!(watch.0.into_inner(), 5 * PIECE as u64 + 7);
        let fresh = [Disk::new(&folder, "c", &noise(5 * PIECE))];
        let watch = Until(AtomicU64::new(0), PIECE as u64);
        assert_eq!(Engine::new().run(&fresh, &watch).unwrap_err().code(), "E-INTERRUPTED");
        let done = watch.0.into_inner();
        assert!((PIECE as u64..3 * PIECE as u64).contains(&done), "{done}");
    }

    #[test]
    fn a_kept_copy_that_cannot_be_stored_is_an_error() {
        struct Full(Disk);
        impl Source for Full {
            fn open(&self) -> io::Result<File> {
                self.0.open()
            }
            fn size(&self) -> u64 {
                self.0.size()
            }
            fn name(&self) -> String {
                self.0.name()
            }
            fn keep(&self, _: u64, _: &[u8]) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let error = Engine::new().run(&[Full(Disk::new(&folder, "a", b"x"))], &NoProgress).unwrap_err();
        assert_eq!(error.code(), "E-OUTPUT");
    }
}
