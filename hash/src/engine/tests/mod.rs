//! The engine as a whole.

mod bad_input;
mod pieces;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::*;
use crate::{Blake3Digest, DigestSet, NoProgress, Sha256Digest};

const PIECE: usize = 1 << 20;

struct Disk {
    path: PathBuf,
    size: u64,
    kept: Mutex<Vec<u8>>,
    handed: AtomicU64,
    meddle: Option<fn(&std::path::Path)>,
}

impl Disk {
    fn new(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> Self {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Self {
            path,
            size: bytes.len() as u64,
            kept: Mutex::default(),
            handed: AtomicU64::new(0),
            meddle: None,
        }
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
        self.handed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap();
        let (start, end) = (usize::try_from(offset).unwrap(), usize::try_from(offset).unwrap() + bytes.len());
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
            .map(|(length, copy)| Disk::new(&folder, &format!("{threads}-{length}-{copy}"), &noise(length)))
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

/// Whatever the deal, every file gets its digests: also with more slots than files, and with files that end at once.
#[test]
fn every_deal_of_large_files_gives_the_same_digests() {
    use super::serial::{Deal, Manner};

    let folder = tempfile::tempdir().unwrap();
    let lengths = [PIECE, PIECE + 1, 2 * PIECE - 1, 3 * PIECE + 7, 5 * PIECE, PIECE];
    let sets = [DigestSet::Both, DigestSet::Sha256];
    let disks: Vec<_> =
        lengths.iter().enumerate().map(|(at, &n)| Disk::new(&folder, &at.to_string(), &noise(n))).collect();
    for (workers, lanes) in [(1, 1), (1, 3), (1, 6), (1, 16), (2, 1), (2, 3), (2, 8), (6, 1)] {
        for manner in [Manner::Alone, Manner::Paired] {
            let sources: Vec<_> =
                disks.iter().zip(sets.iter().cycle()).map(|(disk, set)| Only(disk, *set)).collect();
            for disk in &disks {
                disk.kept.lock().unwrap().clear();
            }
            let job = Job {
                sources: &sources,
                threads: workers,
                progress: &NoProgress,
                room: Room::Ample,
                stop: AtomicBool::new(false),
            };
            let order = (0..sources.len()).collect();
            let serial = Serial::dealt(&job, order, Deal { workers, lanes, manner });
            let mut found: Found = std::thread::scope(|scope| {
                let work = |number| {
                    let mut found = Found::new();
                    serial.work(number, &mut found).unwrap();
                    found
                };
                let threads: Vec<_> = (0..workers).map(|number| scope.spawn(move || work(number))).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            found.sort_unstable_by_key(|&(index, _)| index);
            assert_eq!(found.len(), sources.len(), "{workers} {lanes} {manner:?}");
            for ((index, digests), &length) in found.iter().zip(&lengths) {
                let bytes = noise(length);
                assert_eq!(digests.sha256, Some(Sha256Digest::of(&bytes)), "{workers} {lanes} {manner:?}");
                let blake3 = (sources[*index].1 == DigestSet::Both).then(|| Blake3Digest::of(&bytes));
                assert_eq!(digests.blake3, blake3, "{workers} {lanes} {manner:?}");
                assert!(*disks[*index].kept.lock().unwrap() == bytes, "{workers} {lanes} {manner:?}");
            }
        }
    }
}

/// A source that lends memory for its first half, and keeps what comes by the usual way.
struct Lender {
    file: std::path::PathBuf,
    size: u64,
    place: Mutex<Vec<u8>>,
    lent: AtomicUsize,
}

impl Source for Lender {
    fn open(&self) -> std::io::Result<std::fs::File> {
        std::fs::File::open(&self.file)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn name(&self) -> String {
        "lender".to_owned()
    }

    fn digests(&self) -> DigestSet {
        DigestSet::Blake3
    }

    fn keep(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        lock(&self.place)[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn lend(&self, offset: u64, length: usize, read: &mut dyn FnMut(&mut [u8])) -> std::io::Result<()> {
        if offset < self.size / 2 {
            let start = usize::try_from(offset).unwrap();
            read(&mut lock(&self.place)[start..start + length]);
            self.lent.fetch_add(length, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn what_is_read_in_lent_memory_is_hashed_and_kept_like_the_rest() {
    let size = (9 << 20) + 77;
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(b"lent").finalize_xof().fill(&mut bytes);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::write(&file, &bytes).unwrap();
    let (place, lent) = (Mutex::new(vec![0; size]), AtomicUsize::new(0));
    let source = [Lender { file, size: size as u64, place, lent }];
    let found = Engine::with_threads(NonZeroUsize::new(2).unwrap()).run(&source, &crate::NoProgress).unwrap();
    assert_eq!(found[0].blake3, Some(Blake3Digest::of(&bytes)));
    let [Lender { place, lent, .. }] = source;
    assert!(place.into_inner().unwrap() == bytes);
    assert!((size / 2..size).contains(&lent.into_inner()));
}
