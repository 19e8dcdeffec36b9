//! Files that cannot be read, or do not stay as they are.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{ForeignDigests, ShardAlgorithm, Sharding};

/// Every room has a set that leads into it.
fn sets() -> [DigestSet; 6] {
    let size = NonZeroU64::new(100_000).unwrap();
    [
        DigestSet::Blake2b,
        DigestSet::Blake3,
        DigestSet::Both,
        DigestSet::Sha256,
        DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Blake2b, size }),
        DigestSet::Shards(Sharding { algorithm: ShardAlgorithm::Sha256, size }),
    ]
}

#[test]
fn names_a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Disk::new(&folder, "f", b"x");
    let mut gone = Disk::new(&folder, "gone", b"x");
    gone.path = folder.path().join("gone").join("below a file");
    for set in sets() {
        let sources: Vec<_> =
            (0..10_000).map(|n| Only(if n == 7_531 { &gone } else { &shared }, set)).collect();
        let error = Engine::new().run(&sources, &NoProgress).unwrap_err();
        assert!(
            matches!(error, HashError::Read { index: 7_531, ref name, .. } if name == "below a file"),
            "{set:?}: {error:?}"
        );
        assert_eq!(error.code(), "E-UNREADABLE");
    }
}

/// Opening a folder succeeds, reading it does not: the error comes in the middle of a room.
#[test]
fn names_a_file_that_can_be_opened_but_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for length in [9, 3 * PIECE] {
        let good: Vec<_> = (0..3).map(|n| Disk::new(&folder, &n.to_string(), &noise(length))).collect();
        let mut bad = Disk::new(&folder, "bad", &noise(length));
        bad.path = folder.path().join("folder");
        fs::create_dir_all(&bad.path).unwrap();
        for set in sets() {
            let sources = [&good[0], &good[1], &bad, &good[2]].map(|disk| Only(disk, set));
            let error = Engine::new().run(&sources, &NoProgress).unwrap_err();
            assert_eq!((error.code(), error.index()), ("E-UNREADABLE", Some(2)), "{set:?}: {error}");
            for disk in &good {
                disk.kept.lock().unwrap().clear();
            }
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let grow: fn(&Path) = |path| {
        File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
    };
    let cut: fn(&Path) = |path| File::options().write(true).open(path).unwrap().set_len(1).unwrap();
    let touch: fn(&Path) = |path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(7)).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    for length in [9, 2 * PIECE] {
        for (name, meddle) in [("grow", grow), ("cut", cut), ("touch", touch)] {
            for set in sets() {
                let quiet = Disk::new(&folder, "quiet", &noise(length));
                let mut source = Disk::new(&folder, name, &noise(length));
                source.meddle = Some(meddle);
                let sources = [&quiet, &source].map(|disk| Only(disk, set));
                let error = Engine::new().run(&sources, &NoProgress).unwrap_err();
                assert_eq!(error.code(), "E-INPUT-CHANGED", "{name} {length} {set:?}");
                assert!(matches!(error, HashError::Changed { index: 1, name: found, .. } if found == name));
            }
        }
    }
}

/// The name leads to another file while the first is read: the digests are those of the file that was opened, whole, and
/// never of a mixture. Who opens the name again must prove again.
#[test]
fn a_file_that_is_replaced_while_it_is_read_gives_the_digests_of_the_one_that_was_opened() {
    let replace: fn(&Path) = |path| {
        let other = path.with_extension("new");
        fs::write(&other, vec![0x5A; 2 * PIECE]).unwrap();
        fs::rename(other, path).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    for set in sets() {
        let bytes = noise(2 * PIECE);
        let quiet = Disk::new(&folder, "quiet", &bytes);
        let mut source = Disk::new(&folder, "replaced", &bytes);
        source.meddle = Some(replace);
        let found = Engine::new().run(&[&quiet, &source].map(|disk| Only(disk, set)), &NoProgress).unwrap();
        assert_eq!(found[0], found[1], "{set:?}");
        assert!(*source.kept.lock().unwrap() == bytes);
        assert!(fs::read(&source.path).unwrap() != bytes, "it was replaced");
    }
}

/// Reads like a file of zeros with some bytes in the middle, and takes no memory for it.
#[test]
fn a_sparse_file_has_the_digests_of_its_zeros() {
    const LENGTH: u64 = 64 * PIECE as u64 + 5;
    const DATA: &[u8] = b"data in the middle of nothing";
    const PLACE: u64 = 33 * PIECE as u64 - 7;
    struct Sparse(PathBuf, DigestSet);
    impl Source for Sparse {
        fn open(&self) -> io::Result<File> {
            File::open(&self.0)
        }
        fn size(&self) -> u64 {
            LENGTH
        }
        fn name(&self) -> String {
            "sparse".to_owned()
        }
        fn digests(&self) -> DigestSet {
            self.1
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(LENGTH).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, DATA, PLACE).unwrap();
    let mut sha256 = <sha2::Sha256 as sha2::Digest>::new();
    let (mut blake3, mut blake2b) = (blake3::Hasher::new(), blake2b_simd::State::new());
    let zeros = io::Read::take(io::repeat(0), PLACE);
    let behind = io::Read::take(io::repeat(0), LENGTH - PLACE - DATA.len() as u64);
    let mut reader = io::Read::chain(io::Read::chain(zeros, DATA), behind);
    let mut buffer = vec![0; 65_536];
    loop {
        let read = io::Read::read(&mut reader, &mut buffer).unwrap();
        if read == 0 {
            break;
        }
        sha2::Digest::update(&mut sha256, &buffer[..read]);
        blake3.update(&buffer[..read]);
        blake2b.update(&buffer[..read]);
    }
    let sha256 = Sha256Digest::from_bytes(sha2::Digest::finalize(sha256).into());
    let blake3 = Blake3Digest::from_bytes(*blake3.finalize().as_bytes());
    let sets = [DigestSet::Both, DigestSet::Blake3, DigestSet::Blake2b, DigestSet::Sha256];
    let found = Engine::new().run(&sets.map(|set| Sparse(path.clone(), set)), &NoProgress).unwrap();
    assert_eq!((found[0].sha256, found[0].blake3), (Some(sha256), Some(blake3)));
    assert_eq!(found[1].blake3, Some(blake3));
    let whole = ForeignDigests::Blake2b(crate::Blake2bDigest::from_bytes(*blake2b.finalize().as_array()));
    assert_eq!(found[2].foreign.as_deref(), Some(&whole));
    assert_eq!(found[3].sha256, Some(sha256));
}
