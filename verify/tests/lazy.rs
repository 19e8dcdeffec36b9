//! Ranges of files, proven as they are read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use lacre_hash::{Blake3Digest, ChunkList, GroupValue};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{
    ChunkStore, Failure, Hold, Lazy, LazyFile, Links, ListFrom, LoadOptions, MemoryLimit, NoProgress, Prove,
    ProvenBy, ProvenFile, Requirements, Unverified, Verified, VerifyError,
};

use verifying::{code, trusting, verify, verify_with};

const GROUP: usize = 1 << 20;
const FILE: &str = "weights.bin";

fn sealed(bytes: &[u8]) -> Sealed {
    Seal::of(ModelDir::new().file(FILE, bytes).file("config.json", "{}")).sign()
}

fn store(sealed: &Sealed) -> ChunkStore {
    ChunkStore::at(folder(sealed))
}

fn folder(sealed: &Sealed) -> PathBuf {
    sealed.model().beside("lists")
}

fn options() -> LoadOptions {
    LoadOptions::new().threads(NonZeroUsize::new(2).unwrap())
}

fn opened(
    sealed: &Sealed,
    requirements: &Requirements,
    options: &LoadOptions,
) -> Result<Verified<Lazy>, Box<Failure>> {
    Unverified::open(&sealed.path(), None, Links::Refuse, requirements)?.verify_lazily(
        requirements,
        Some(store(sealed)),
        options,
    )
}

/// The model with nothing of it read yet.
fn lazily(sealed: &Sealed) -> Verified<Lazy> {
    opened(sealed, &trusting(sealed.public_key()), &options()).unwrap()
}

/// The list of a file, by the way that the documentation gives for it.
fn list_of(bytes: &[u8]) -> ChunkList {
    let groups = (0..).zip(bytes.chunks(GROUP)).map(|(index, group)| GroupValue::of(index, group));
    ChunkList::new(bytes.len() as u64, groups.collect()).unwrap()
}

/// The file, with a list that was there: nothing of it is read yet.
fn listed(sealed: &Sealed, bytes: &[u8]) -> LazyFile {
    store(sealed).put(&Blake3Digest::of(bytes), &list_of(bytes)).unwrap();
    let file = lazily(sealed).file(FILE).unwrap();
    assert_eq!((file.list_from(), file.proven_bytes()), (ListFrom::Store, 0));
    file
}

#[track_caller]
fn refused(outcome: Result<impl Sized, VerifyError>) -> &'static str {
    match outcome {
        Ok(_) => panic!("accepted"),
        Err(error) => error.code(),
    }
}

#[test]
fn a_slice_reads_the_groups_that_it_lies_in_and_no_others() {
    let bytes = noise(7, 16 * GROUP + 5);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    assert_eq!(*file.bytes(10..20).unwrap(), bytes[10..20]);
    assert_eq!(file.proven_bytes(), 1 << 20);
    // Twice is once.
    assert_eq!(*file.bytes(30..40).unwrap(), bytes[30..40]);
    assert_eq!(file.proven_bytes(), 1 << 20);
    let (start, end) = (4 * GROUP - 1, 5 * GROUP + 1);
    assert_eq!(*file.bytes(start as u64..end as u64).unwrap(), bytes[start..end]);
    assert_eq!(file.proven_bytes(), 4 << 20);
    let end = bytes.len();
    assert_eq!(*file.bytes(end as u64 - 5..end as u64).unwrap(), bytes[end - 5..]);
    assert_eq!(file.proven_bytes(), (4 << 20) + 5);
    assert_eq!(*file.bytes(0..end as u64).unwrap(), *bytes);
    assert_eq!(file.proven_bytes(), end as u64);
}

/// An eighth of each of the matrices of a layer, wherever they begin, as one of eight workers wants it.
#[test]
fn a_worker_that_wants_an_eighth_proves_little_more() {
    let bytes = noise(8, 32 * GROUP);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    let matrix = bytes.len() / 2;
    for first in [0, matrix] {
        let start = first + 3 * (matrix / 8);
        let range = start as u64..(start + matrix / 8) as u64;
        assert!(*file.bytes(range).unwrap() == bytes[start..start + matrix / 8]);
    }
    assert!(file.proven_bytes() * 100 <= bytes.len() as u64 * 15, "{}", file.proven_bytes());
}

#[test]
fn what_changed_is_noticed_where_it_is_touched_and_what_was_touched_stays() {
    let bytes = noise(9, 6 * GROUP);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    let group = |index: u64| index << 20..(index + 1) << 20;
    let of = |index: usize| &bytes[index * GROUP..(index + 1) * GROUP];
    assert_eq!(*file.bytes(group(1)).unwrap(), *of(1));
    tamper::flip(&sealed.model().entry(FILE), (3 << 20) + 7);
    assert_eq!(*file.bytes(group(2)).unwrap(), *of(2), "another group");
    assert_eq!(refused(file.bytes(group(3))), "E-FILE-CHANGED");
    assert_eq!(refused(file.bytes(0..6 << 20)), "E-FILE-CHANGED");
    // The group that was refused counts for nothing: it is read again, and may be right by then.
    tamper::flip(&sealed.model().entry(FILE), (3 << 20) + 7);
    assert_eq!(*file.bytes(group(3)).unwrap(), *of(3));
    tamper::overwrite(&sealed.model().entry(FILE), 0);
    assert_eq!(*file.bytes(group(3)).unwrap(), *of(3), "proven before");
    assert_eq!(*file.bytes(group(1)).unwrap(), *of(1));
    assert_eq!(refused(file.bytes(group(5))), "E-FILE-CHANGED");
}

#[test]
fn a_file_that_is_cut_short_is_an_error_and_no_signal() {
    let bytes = noise(10, 6 * GROUP);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    let first = file.bytes(0..10).unwrap().into_owned();
    tamper::truncate(&sealed.model().entry(FILE), 5 << 20);
    assert_eq!(refused(file.bytes(2 << 20..4 << 20)), "E-FILE-SIZE");
    assert_eq!(*file.bytes(0..10).unwrap(), *first);
    assert_eq!(refused(lazily_again(&sealed)), "E-FILE-SIZE");
    tamper::remove(&sealed.model().entry(FILE));
    assert_eq!(refused(file.bytes(2 << 20..4 << 20)), "E-FILE-SIZE", "it is still the file that was opened");
    assert_eq!(refused(lazily_again(&sealed)), "E-FILE-MISSING");
}

fn lazily_again(sealed: &Sealed) -> Result<Verified<Lazy>, VerifyError> {
    opened(sealed, &trusting(sealed.public_key()), &options()).map_err(|failure| failure.error)
}

#[test]
fn another_file_under_the_name_is_not_the_one_that_was_opened() {
    let bytes = noise(11, 3 * GROUP);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    tamper::replace(&sealed.model().entry(FILE), noise(12, 3 * GROUP));
    assert_eq!(*file.bytes(0..3 << 20).unwrap(), *bytes);
    let again = lazily(&sealed).file(FILE).unwrap();
    assert_eq!(refused(again.bytes(0..1)), "E-FILE-CHANGED");
}

#[test]
fn without_a_list_one_is_made_and_kept() {
    let bytes = noise(13, 3 * GROUP + 1);
    let sealed = sealed(&bytes);
    let model = lazily(&sealed);
    let file = model.file(FILE).unwrap();
    assert_eq!(
        (file.list_from(), file.proven_bytes()),
        (ListFrom::Pass, 0),
        "what the pass read is not kept"
    );
    assert_eq!(*file.bytes(5..3 << 20).unwrap(), bytes[5..3 << 20]);
    assert_eq!(model.file(FILE).unwrap().list_from(), ListFrom::Known);
    assert_eq!(lazily(&sealed).file(FILE).unwrap().list_from(), ListFrom::Store);
    assert_eq!(store(&sealed).get(&Blake3Digest::of(&bytes), bytes.len() as u64), Some(list_of(&bytes)));
    // A file of one group needs none.
    assert_eq!(model.file("config.json").unwrap().list_from(), ListFrom::Digest);
    assert_eq!(*model.file("config.json").unwrap().bytes(0..2).unwrap(), *b"{}");
}

#[test]
fn a_list_that_is_not_the_file_s_is_refused_or_made_anew() {
    let (bytes, other) = (noise(14, 3 * GROUP), noise(15, 3 * GROUP));
    let sealed = sealed(&bytes);
    // In the store, where it cannot have come by itself.
    store(&sealed).put(&Blake3Digest::of(&bytes), &list_of(&other)).unwrap();
    let model = lazily(&sealed);
    for wrong in [list_of(&other).to_bytes(), list_of(&bytes).to_bytes()[..64].to_vec(), vec![0; 33]] {
        assert_eq!(refused(model.learn(FILE, &wrong)), "E-CHUNKS");
    }
    assert_eq!(refused(model.learn("gone", &[])), "E-NOT-FOUND");
    let file = model.file(FILE).unwrap();
    assert_eq!(file.list_from(), ListFrom::Pass);
    assert_eq!(*file.bytes(0..3 << 20).unwrap(), *bytes);
    // The right one, from anywhere.
    let without = Unverified::open(&sealed.path(), None, Links::Refuse, &trusting(sealed.public_key()));
    let without = without.unwrap().verify_lazily(&trusting(sealed.public_key()), None, &options()).unwrap();
    without.learn(FILE, &list_of(&bytes).to_bytes()).unwrap();
    assert_eq!(without.file(FILE).unwrap().list_from(), ListFrom::Known);
}

#[test]
fn a_list_is_never_made_of_another_content() {
    let bytes = noise(16, 3 * GROUP);
    let sealed = sealed(&bytes);
    let model = lazily(&sealed);
    tamper::flip(&sealed.model().entry(FILE), 5);
    assert_eq!(refused(model.file(FILE)), "E-FILE-CHANGED");
    assert!(!folder(&sealed).exists(), "nothing was kept");
    assert_eq!(refused(model.file("gone")), "E-NOT-FOUND");
}

#[test]
fn names_and_sizes_are_compared_at_once_and_no_byte_is() {
    let bytes = noise(17, 2 * GROUP);
    let requirements = |sealed: &Sealed| trusting(sealed.public_key());
    let outcome = |meddle: fn(&ModelDir)| {
        let sealed = sealed(&bytes);
        meddle(sealed.model());
        opened(&sealed, &requirements(&sealed), &options())
    };
    assert_eq!(code(outcome(|model| tamper::truncate(&model.entry(FILE), 1))), "E-FILE-SIZE");
    assert_eq!(code(outcome(|model| tamper::remove(&model.entry(FILE)))), "E-FILE-MISSING");
    assert_eq!(code(outcome(|model| tamper::plant(&model.entry("x.py"), ""))), "E-FILE-EXTRA");
    assert_eq!(code(outcome(|model| tamper::replace_by_fifo(&model.entry(FILE)))), "E-FILE-TYPE");
    let model = outcome(|model| tamper::flip(&model.entry(FILE), 0)).unwrap();
    let report = model.report();
    assert!(report.proven_by.is_none(), "nothing is said of digests");
    assert!(report.checks.last().unwrap().detail.ends_with("their bytes are proven when they are read"));
    let untrusted = sealed(&bytes);
    let other = Sealed::sample();
    assert_eq!(code(opened(&untrusted, &requirements(&other), &options())), "E-SIGNER-UNTRUSTED");
}

#[test]
fn what_only_the_whole_can_prove_is_refused_for_parts() {
    let sealed = sealed(&noise(18, 2 * GROUP));
    for prove in [Prove::Both, Prove::Sha256] {
        let requirements = trusting(sealed.public_key()).prove(prove);
        assert_eq!(code(opened(&sealed, &requirements, &options())), "E-UNSUPPORTED", "{prove:?}");
    }
    // Where the whole was proven by both, its parts may be proven by the one.
    let both = trusting(sealed.public_key()).prove(Prove::Both);
    let model = verify_with(&sealed, &both, &Hold::Nothing, &NoProgress).unwrap();
    assert_eq!(model.lazy(FILE, &options()).unwrap().bytes(0..9).unwrap().len(), 9);
    let sha256 = trusting(sealed.public_key()).prove(Prove::Sha256);
    let model = verify_with(&sealed, &sha256, &Hold::Nothing, &NoProgress).unwrap();
    for name in [FILE, "config.json"] {
        assert_eq!(refused(model.lazy(name, &options())), "E-DIGEST-NOT-SIGNED");
    }
    let foreign = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().remove("blake3");
        }
    });
    sealed.write_bundle(&foreign);
    let requirements = trusting(sealed.public_key());
    assert_eq!(code(opened(&sealed, &requirements, &options())), "E-DIGEST-NOT-SIGNED");
}

#[test]
fn one_pass_seals_and_proves_the_whole_model() {
    let bytes = noise(25, 3 * GROUP + 9);
    let sealed = sealed(&bytes);
    let (model, files) = lazily(&sealed).seal(&options()).unwrap();
    assert_eq!(files.len(), 2);
    assert!(fs::read(files[&verifying::path(FILE)].path()).unwrap() == bytes);
    assert!(*files[&verifying::path("config.json")].bytes(0..2).unwrap() == *b"{}");
    assert_eq!(model.report().proven_by, Some(ProvenBy::Blake3));
    assert_eq!(model.manifest().total_size(), Some(bytes.len() as u64 + 2));
    assert!(*model.read(FILE).unwrap() == *bytes);
    assert!(*model.lazy(FILE, &options()).unwrap().bytes(5..9).unwrap() == bytes[5..9]);
    assert_eq!(lazily(&sealed).file(FILE).unwrap().list_from(), ListFrom::Store, "the tree was kept");
    let small = options().memory_limit(MemoryLimit::bytes(bytes.len() as u64 + 1));
    assert_eq!(code(lazily(&sealed).seal(&small)), "E-MEMORY-LIMIT");
    let late = lazily(&sealed);
    tamper::flip(&sealed.model().entry(FILE), 2 << 20);
    let failure = late.seal(&options()).unwrap_err();
    assert_eq!(failure.code(), "E-FILE-CHANGED");
    assert_eq!(failure.report.proven_by, None);
}

#[test]
fn a_claim_from_elsewhere_will_do() {
    let bytes = noise(19, 2 * GROUP);
    let sealed = sealed(&bytes);
    let requirements = trusting(sealed.public_key());
    let claim = || {
        let parsed =
            Unverified::<lacre_verify::Claim>::parse(sealed.bundle(), &lacre_verify::Limits::default());
        parsed.unwrap().verify(&requirements).unwrap()
    };
    let lazily = |path: PathBuf| claim().lazily(&path, Links::Refuse, &requirements, None, &options());
    let model = lazily(sealed.path()).unwrap();
    assert_eq!(model.claim().name(), "org/mini-lm");
    assert_eq!(model.signers().len(), 1);
    assert_eq!(*model.file(FILE).unwrap().bytes(7..9).unwrap(), bytes[7..9]);
    assert_eq!(code(lazily(sealed.model().beside("gone"))), "E-NOT-FOUND");
    fs::create_dir(sealed.model().beside("empty")).unwrap();
    assert_eq!(code(lazily(sealed.model().beside("empty"))), "E-FILE-MISSING");
}

#[test]
fn all_files_share_the_limit_and_each_group_counts_once() {
    let bytes = noise(20, 4 * GROUP);
    let model = ModelDir::new().file(FILE, &bytes).file("other", noise(21, 2 * GROUP));
    let sealed = Seal::of(model).sign();
    let options = options().memory_limit(MemoryLimit::bytes(3 << 20));
    let model = opened(&sealed, &trusting(sealed.public_key()), &options).unwrap();
    let (file, other) = (model.file(FILE).unwrap(), model.file("other").unwrap());
    for _ in 0..5 {
        file.bytes(0..2 << 20).unwrap();
    }
    assert_eq!(refused(other.bytes(0..2 << 20)), "E-MEMORY-LIMIT");
    // One group of it was within the limit, or is by now.
    other.bytes(0..1).unwrap();
    assert_eq!(refused(file.bytes(3 << 20..4 << 20)), "E-MEMORY-LIMIT");
    assert!(*file.bytes(0..2 << 20).unwrap() == bytes[..2 * GROUP], "what is there is given out");
    // What is let go is there for others.
    drop(file);
    assert!(*other.bytes(0..2 << 20).unwrap() == *noise(21, 2 * GROUP));
}

#[test]
fn many_threads_read_one_file() {
    let bytes = noise(22, 9 * GROUP + 99);
    let sealed = sealed(&bytes);
    let file = listed(&sealed, &bytes);
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (file, bytes) = (&file, &bytes);
            scope.spawn(move || {
                for turn in 0..40_usize {
                    let start = (turn * 7 + thread * 3) % 9 * GROUP + turn;
                    let end = (start + GROUP + turn).min(bytes.len());
                    assert!(*file.bytes(start as u64..end as u64).unwrap() == bytes[start..end]);
                }
            });
        }
    });
    assert_eq!(file.proven_bytes(), bytes.len() as u64, "each group once");
}

#[test]
fn a_verified_model_proves_its_parts_by_the_tree_that_it_made() {
    let bytes = noise(23, 2 * GROUP + 3);
    let sealed = sealed(&bytes);
    let model = verify(&sealed).unwrap();
    let file = model.lazy(FILE, &options()).unwrap();
    assert_eq!(
        (file.list_from(), file.proven_bytes(), file.size()),
        (ListFrom::Known, 0, bytes.len() as u64)
    );
    assert_eq!(*file.bytes(1 << 20..(1 << 20) + 9).unwrap(), bytes[GROUP..GROUP + 9]);
    assert_eq!(file.proven_bytes(), 1 << 20);
    assert_eq!(refused(model.lazy("gone", &options())), "E-NOT-FOUND");
    tamper::grow(&sealed.model().entry(FILE), b"x");
    assert_eq!(refused(model.lazy(FILE, &options())), "E-FILE-SIZE");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    /// Any ranges of a file of any size are the slices of its bytes, in any order.
    #[test]
    fn ranges_are_slices(
        size in proptest::prop_oneof![0_usize..3, GROUP - 2..GROUP + 3, 2 * GROUP - 1..2 * GROUP + 2, 0..6 * GROUP],
        ranges: Vec<(proptest::sample::Index, proptest::sample::Index)>,
        beyond in 1_u64..5,
    ) {
        let bytes = noise(24, size);
        let sealed = sealed(&bytes);
        let file = lazily(&sealed).file(FILE).unwrap();
        proptest::prop_assert_eq!(file.size(), size as u64);
        for (one, other) in ranges {
            let (one, other) = (one.index(size + 1), other.index(size + 1));
            let (start, end) = (one.min(other), one.max(other));
            proptest::prop_assert!(*file.bytes(start as u64..end as u64).unwrap() == bytes[start..end]);
        }
        let size = size as u64;
        for (start, end) in [(0, size + beyond), (size + beyond, size + beyond), (size, size + 1), (0, u64::MAX), (1, 0)] {
            proptest::prop_assert_eq!(file.bytes(start..end).unwrap_err().code(), "E-RANGE");
        }
        proptest::prop_assert!(file.proven_bytes() <= size);
    }
}
