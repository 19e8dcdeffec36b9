//! Digests that only signatures of other tools carry. The expected values come from the libraries' own way of hashing one
//! message alone.

use std::num::NonZeroU64;

use super::*;
use crate::{Blake2bDigest, ForeignDigests, ShardAlgorithm, Sharding, StreamHasher};

const MIB: u64 = 1 << 20;

fn shards(algorithm: ShardAlgorithm, size: u64) -> DigestSet {
    DigestSet::Shards(Sharding { algorithm, size: NonZeroU64::new(size).unwrap() })
}

fn expected(bytes: &[u8], wanted: DigestSet) -> Option<ForeignDigests> {
    let blake2b = |bytes: &[u8]| Blake2bDigest::from_bytes(*blake2b_simd::blake2b(bytes).as_array());
    match wanted {
        DigestSet::Blake2b => Some(ForeignDigests::Blake2b(blake2b(bytes))),
        DigestSet::Shards(Sharding { algorithm, size }) => {
            let pieces = bytes.chunks(usize::try_from(size.get()).unwrap());
            Some(match algorithm {
                ShardAlgorithm::Blake2b => ForeignDigests::Blake2bShards(pieces.map(blake2b).collect()),
                ShardAlgorithm::Sha256 => {
                    ForeignDigests::Sha256Shards(pieces.map(Sha256Digest::of).collect())
                }
            })
        }
        DigestSet::Blake3 | DigestSet::Both | DigestSet::Sha256 => None,
    }
}

/// Hashes a file for each pair, on so many threads, and compares all of it.
fn check(threads: usize, files: &[(usize, DigestSet)]) {
    let folder = tempfile::tempdir().unwrap();
    let disks: Vec<_> = (0..)
        .zip(files)
        .map(|(number, &(length, _)): (usize, _)| Disk::new(&folder, &number.to_string(), &noise(length)))
        .collect();
    let sources: Vec<_> = disks.iter().zip(files).map(|(disk, &(_, set))| Only(disk, set)).collect();
    let found = Engine::with_threads(NonZeroUsize::new(threads).unwrap()).run(&sources, &NoProgress).unwrap();
    assert_eq!(found.len(), files.len());
    for ((found, disk), &(length, set)) in found.iter().zip(&disks).zip(files) {
        let bytes = noise(length);
        let what = format!("{length} bytes, {set:?}, {threads} threads");
        assert_eq!(found.size, length as u64, "{what}");
        assert!(found.foreign.as_deref() == expected(&bytes, set).as_ref(), "{what}");
        let (sha256, blake3) = match set {
            DigestSet::Both => (true, true),
            DigestSet::Sha256 => (true, false),
            DigestSet::Blake3 => (false, true),
            DigestSet::Blake2b | DigestSet::Shards(_) => (false, false),
        };
        assert_eq!(found.sha256, sha256.then(|| Sha256Digest::of(&bytes)), "{what}");
        assert_eq!(found.blake3, blake3.then(|| Blake3Digest::of(&bytes)), "{what}");
        assert_eq!(found.chunks.is_some(), blake3, "{what}");
        assert!(*disk.kept.lock().unwrap() == bytes, "{what}");
        assert_eq!(disk.handed.load(Ordering::Relaxed), length as u64, "{what}: every byte once");
    }
}

#[test]
fn shards_have_the_digests_of_their_bytes_at_every_border() {
    let mut files = Vec::new();
    for algorithm in [ShardAlgorithm::Blake2b, ShardAlgorithm::Sha256] {
        for size in [1, 8, 63, 1000, 4096, 128 << 10, (128 << 10) + 1, MIB - 1, MIB, MIB + 1, 1 << 40] {
            let border = usize::try_from(size.min(2 * MIB)).unwrap();
            for length in [0, 1, border - 1, border, border + 1, 2 * border, 3 * border + 1, 70 * 8 + 3] {
                files.push((length, shards(algorithm, size)));
            }
        }
    }
    for threads in [1, 3] {
        check(threads, &files);
    }
}

#[test]
fn blake2b_of_whole_files_at_every_border() {
    let piece = 128 << 10;
    let mut lengths = vec![0, 1, 127, 128, 129, 255, 256, 257, piece - 1, piece, piece + 1, 2 * piece];
    lengths.extend([PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 77]);
    lengths.extend(0..300);
    let files: Vec<_> = lengths.into_iter().map(|length| (length, DigestSet::Blake2b)).collect();
    for threads in [1, 2, 8] {
        check(threads, &files);
    }
}

// `hashlib.blake2b(bytes(i % 251 for i in range(300000))).hexdigest()` of Python 3.
#[test]
fn agrees_with_another_implementation() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let disk = Disk::new(&folder, "file", &bytes);
    let found = Engine::new().run(&[Only(&disk, DigestSet::Blake2b)], &NoProgress).unwrap();
    let Some(ForeignDigests::Blake2b(digest)) = found[0].foreign.as_deref() else { panic!("{found:?}") };
    assert_eq!(
        digest.to_string(),
        "8ee2ab50e0b1be2f1c64692013dfe68e15e36d15c4d5ec703b725b5cf5c1ba07\
         299284b7a9ddd0ca725b39105bda7b79fa85fc5defab5819dfa8fee27f79da78"
    );
}

#[test]
fn one_run_takes_every_mixture() {
    let sets = [
        DigestSet::Both,
        shards(ShardAlgorithm::Sha256, 100_000),
        DigestSet::Blake2b,
        DigestSet::Blake3,
        shards(ShardAlgorithm::Blake2b, 3 * MIB / 2),
        DigestSet::Sha256,
        shards(ShardAlgorithm::Sha256, 3 * MIB / 2),
        shards(ShardAlgorithm::Blake2b, 7),
    ];
    let lengths = [0, 9, 5000, PIECE, 2 * PIECE + 5];
    let files: Vec<_> = lengths.iter().flat_map(|&length| sets.map(|set| (length, set))).collect();
    for threads in [1, 2, 5] {
        check(threads, &files);
    }
}

#[test]
fn many_small_files_and_a_large_one() {
    let mut files: Vec<_> = (0..2000).map(|number| (number % 700, DigestSet::Blake2b)).collect();
    files.insert(1000, (3 * PIECE + 1, DigestSet::Blake2b));
    files.insert(500, (20 * PIECE, shards(ShardAlgorithm::Blake2b, 5000)));
    check(4, &files);
}

#[test]
fn the_stream_hasher_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(2 * PIECE + 17);
    for set in [
        DigestSet::Blake2b,
        shards(ShardAlgorithm::Blake2b, 65_537),
        shards(ShardAlgorithm::Sha256, 65_537),
        shards(ShardAlgorithm::Sha256, 2 * MIB + 17),
    ] {
        let disk = Disk::new(&folder, "file", &bytes);
        let mut hasher = StreamHasher::new(set);
        bytes.chunks(70_001).for_each(|piece| hasher.update(piece));
        let found = Engine::new().run(&[Only(&disk, set)], &NoProgress).unwrap();
        assert_eq!(found[0], hasher.finish(), "{set:?}");
    }
}

/// However many there are, few are open at a time, and each is let go of when it was read.
#[test]
fn holds_few_files_open() {
    struct Counting<'a>(Only<'a>, &'a Mutex<(usize, usize)>);
    impl Source for Counting<'_> {
        fn open(&self) -> io::Result<File> {
            let mut counts = self.1.lock().unwrap();
            counts.0 += 1;
            counts.1 = counts.1.max(counts.0);
            self.0.open()
        }
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn name(&self) -> String {
            self.0.name()
        }
        fn digests(&self) -> DigestSet {
            self.0.digests()
        }
        fn finish(&self) -> io::Result<()> {
            self.1.lock().unwrap().0 -= 1;
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let disks: Vec<_> = (0..600)
        .map(|n| Disk::new(&folder, &n.to_string(), &noise(if n < 30 { 300_000 } else { n })))
        .collect();
    for set in
        [DigestSet::Blake2b, shards(ShardAlgorithm::Sha256, 1000), shards(ShardAlgorithm::Blake2b, MIB)]
    {
        let counts = Mutex::default();
        let sources: Vec<_> = disks.iter().map(|disk| Counting(Only(disk, set), &counts)).collect();
        Engine::with_threads(NonZeroUsize::new(2).unwrap()).run(&sources, &NoProgress).unwrap();
        let (open, most) = *counts.lock().unwrap();
        assert_eq!(open, 0, "each is finished once");
        assert!(most <= 2 * (blake2b_simd::many::MAX_DEGREE.max(16) + 2), "{most}");
    }
}

/// There is a digest for each shard, so the number of shards must not grow behind the back of whoever counted them.
#[test]
fn a_file_of_more_shards_than_said_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (algorithm, said) in [(ShardAlgorithm::Blake2b, 999), (ShardAlgorithm::Sha256, 0)] {
        let mut disk = Disk::new(&folder, "file", &noise(1000));
        disk.size = said;
        let error = Engine::new().run(&[Only(&disk, shards(algorithm, 1))], &NoProgress).unwrap_err();
        assert_eq!(error.code(), "E-INPUT-CHANGED");
        // A whole file has one digest, however long it is.
        let found = Engine::new().run(&[Only(&disk, DigestSet::Blake2b)], &NoProgress).unwrap();
        assert_eq!(found[0].foreign.as_deref().cloned(), expected(&noise(1000), DigestSet::Blake2b));
    }
    // One that is shorter is read as it is; whoever knows the size compares it.
    let mut disk = Disk::new(&folder, "file", &noise(1000));
    disk.size = 5 * MIB;
    let set = shards(ShardAlgorithm::Sha256, 300);
    let found = Engine::new().run(&[Only(&disk, set)], &NoProgress).unwrap();
    assert_eq!((found[0].size, found[0].foreign.as_deref().cloned()), (1000, expected(&noise(1000), set)));
}

#[test]
fn more_digests_than_any_memory_holds_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::new(&folder, "sparse", b"");
    disk.size = 1 << 43;
    File::options().write(true).open(&disk.path).unwrap().set_len(disk.size).unwrap();
    for algorithm in [ShardAlgorithm::Blake2b, ShardAlgorithm::Sha256] {
        let error = Engine::new().run(&[Only(&disk, shards(algorithm, 1))], &NoProgress).unwrap_err();
        assert!(
            matches!(&error, HashError::Read { index: 0, source, .. } if source.kind() == io::ErrorKind::OutOfMemory),
            "{error:?}"
        );
    }
}
