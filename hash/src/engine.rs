//! Many sources over all cores.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::digest::FileDigests;
use crate::reader::{self, Hands, Source};
use crate::{HashError, Progress};

/// Hashes many files on all cores, each byte read once.
///
/// Memory: at most six pieces ([`PIECE`](crate::PIECE)) for each thread, whatever the size of the files, and one result for
/// each file.
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
        progress.begin(sources.len() as u64, sources.iter().map(Source::size).sum());
        let mut order: Vec<usize> = (0..sources.len()).collect();
        // Largest first: the last file to finish is then a small one, and no core waits for long.
        order.sort_by_key(|&index| std::cmp::Reverse(sources[index].size()));
        let threads = self.threads.get().min(sources.len()).max(1);
        // Fewer files than cores: a file may take a second thread for its second digest.
        let hands = if sources.len() < self.threads.get() { Hands::Two } else { Hands::One };
        let work = Work {
            sources,
            order: &order,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
            hands,
            progress,
        };
        let mut found: Vec<(usize, FileDigests)> = Vec::with_capacity(sources.len());
        if threads == 1 {
            found = work.run();
        } else {
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work.run())).collect();
                for worker in workers {
                    match worker.join() {
                        Ok(part) => found.extend(part),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
            });
        }
        if let Some(failure) = work.into_failure() {
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

struct Work<'a, S> {
    sources: &'a [S],
    order: &'a [usize],
    next: AtomicUsize,
    stop: AtomicBool,
    failure: Mutex<Option<HashError>>,
    hands: Hands,
    progress: &'a dyn Progress,
}

impl<S: Source> Work<'_, S> {
    fn run(&self) -> Vec<(usize, FileDigests)> {
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = self.order.get(turn) else { break };
            let source = &self.sources[index];
            self.progress.file(&source.name());
            match reader::digest(index, source, &mut buffer, self.hands, self.progress) {
                Ok(digests) => found.push((index, digests)),
                Err(failure) => {
                    self.fail(failure);
                    break;
                }
            }
        }
        found
    }

    fn fail(&self, failure: HashError) {
        self.stop.store(true, Ordering::Relaxed);
        let mut first = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_first = match first.as_ref() {
            None => true,
            Some(HashError::Interrupted) => false,
            Some(other) => match (failure.index(), other.index()) {
                (Some(new), Some(old)) => new < old,
                (None, _) => true,
                (Some(_), None) => false,
            },
        };
        if is_first {
            *first = Some(failure);
        }
    }

    fn into_failure(self) -> Option<HashError> {
        self.failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, Write as _};
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::{Blake3Digest, DigestSet, NoProgress, PIECE, Sha256Digest};

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
            assert_eq!(kept.len() as u64, offset);
            kept.extend_from_slice(bytes);
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

    #[test]
    fn makes_only_what_is_wanted() {
        struct Only(Disk, DigestSet);
        impl Source for Only {
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
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = noise(9 * PIECE);
        let sources =
            [DigestSet::Sha256, DigestSet::Blake3].map(|set| Only(Disk::new(&folder, "file", &bytes), set));
        let found = Engine::with_threads(NonZeroUsize::new(4).unwrap()).run(&sources, &NoProgress).unwrap();
        assert_eq!((found[0].sha256, found[0].blake3), (Some(Sha256Digest::of(&bytes)), None));
        assert_eq!((found[1].sha256, found[1].blake3), (None, Some(Blake3Digest::of(&bytes))));
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
        assert_eq!(watch.0.into_inner(), PIECE as u64);
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
