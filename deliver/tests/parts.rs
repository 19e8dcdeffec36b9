//! A part of a model: examined like the whole, and never taken for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod faults;
mod stores;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_attest::Limits;
use lacre_deliver::{Cache, DeliverError, Offer, Overwrite, Pulled, Selection, examine};
use lacre_hash::{NoProgress, Progress};
use lacre_registry_client::{Layout, Store};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{Hold, Links, Part, Requirements, Unverified};

use faults::{Fault, Faulty};
use stores::{artifact, attach, downloads, files, layer, names, pull, push, pushed, trusting, v1, wanted};

const LARGE: usize = (3 << 20) + 5;

fn model() -> Seal {
    let model = ModelDir::new().file("a.txt", "a").file("big/one.bin", noise(1, LARGE));
    Seal::of(model.file("big/two.bin", noise(2, LARGE)).file("c.txt", "c"))
}

fn selection(patterns: &[&str]) -> Selection {
    Selection::new(patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()).unwrap()
}

fn offer<'a>(store: &'a dyn Store, sealed: &Sealed) -> Offer<'a> {
    let requirements = trusting(sealed.public_key());
    examine(store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code()).unwrap()
}

fn pull_part(store: &dyn Store, sealed: &Sealed, patterns: &[&str]) -> Result<Pulled<Part>, DeliverError> {
    offer(store, sealed).part(selection(patterns))?.pull(&wanted(sealed), Overwrite::Replace, &NoProgress)
}

/// What `lacre verify` says of the folder.
fn verified(sealed: &Sealed, into: &Path) -> &'static str {
    let requirements = trusting(sealed.public_key());
    Unverified::open(into, None, Links::Refuse, &requirements)
        .and_then(|model| model.verify(&requirements, &Hold::Nothing, &NoProgress))
        .map_or_else(|failure| failure.code(), |_| "verified")
}

#[test]
fn only_the_chosen_files_are_fetched() {
    let sealed = model().sign();
    let store = Faulty::new(pushed(&sealed).0);
    let pulled = pull_part(&store, &sealed, &["*.txt", "**/two.bin"]).unwrap();
    let into = wanted(&sealed);
    assert_eq!(names(&into), ["a.txt", "big", "c.txt", "model.sig"]);
    assert_eq!(names(&into.join("big")), ["two.bin"]);
    for name in ["a.txt", "big/two.bin", "c.txt"] {
        assert!(fs::read(into.join(name)).unwrap() == sealed.model().read(name), "{name}");
    }
    assert!(store.asked("big/one.bin", &sealed).is_empty());
    assert_eq!(pulled.moved.fetched, LARGE as u64 + 2);
    assert_eq!(names(&downloads(&sealed)), ["model"]);

    let report = pulled.model.report();
    let part = report.part.unwrap();
    assert_eq!((part.files, part.bytes), (3, LARGE as u64 + 2));
    assert_eq!(report.model.as_ref().unwrap().files, 4, "what is signed is told as it is signed");
    assert_eq!(pulled.model.manifest().len(), 3);
    assert_eq!(pulled.model.claim().manifest().len(), 4);
    assert_eq!(&*pulled.model.read("a.txt").unwrap(), b"a");
    assert_eq!(pulled.model.read("big/one.bin").unwrap_err().code(), "E-NOT-FOUND");
    assert_eq!(verified(&sealed, &into), "E-FILE-MISSING", "a part never passes for the model");
}

#[test]
fn all_of_it_chosen_by_pattern_is_a_part_still() {
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    let pulled = pull_part(&store, &sealed, &["**"]).unwrap();
    assert_eq!(pulled.model.report().part.unwrap().files, 4);
    assert_eq!(verified(&sealed, &wanted(&sealed)), "verified", "the folder holds everything");
}

#[test]
fn a_pattern_that_means_nothing_is_refused_before_anything_is_made() {
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    for patterns in [&["*.gguf"][..], &["a.txt", "*.gguf"], &["big"]] {
        let error = pull_part(&store, &sealed, patterns).unwrap_err();
        assert_eq!(error.code(), "E-NO-MATCH", "{patterns:?}");
    }
    assert!(names(&downloads(&sealed)).is_empty());
}

/// The signature covers the whole, so the whole is compared, whatever is wanted of it.
#[test]
fn the_whole_is_examined_before_a_part_of_it_is_fetched() {
    let sealed = model().sign();
    let store = Layout::create(&sealed.model().beside("other")).unwrap();
    let mut others = files(&sealed);
    others[3].1 = b"another".to_vec();
    let manifest = artifact(&store, &others);
    attach(&store, &manifest, sealed.bundle());
    let requirements = trusting(sealed.public_key());
    let refused = examine(&store, &v1(), &requirements, &Limits::default()).map(drop).unwrap_err();
    assert_eq!(refused.code(), "E-ARTIFACT-MISMATCH");
}

#[test]
fn what_is_not_as_signed_is_refused_in_a_part_too() {
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    tamper::flip(&layer(&sealed, &store, "big/two.bin"), 5);
    assert_eq!(pull_part(&store, &sealed, &["**/two.bin"]).unwrap_err().code(), "E-FILE-CHANGED");
    assert!(names(&downloads(&sealed)).is_empty());
    pull_part(&store, &sealed, &["**/one.bin"]).unwrap();
}

/// The lists of all files stand in one blob: that of the second file behind that of the first.
#[test]
fn a_broken_group_of_a_part_is_fetched_again_alone() {
    let sealed = model().sign();
    let store = Faulty::new(pushed(&sealed).0);
    store.next(Fault::Flip { at: (2 << 20) + 7 });
    let pulled = pull_part(&store, &sealed, &["big/two.bin"]).unwrap();
    assert_eq!(pulled.moved.fetched, LARGE as u64 + (1 << 20));
}

#[test]
fn a_part_that_was_broken_off_goes_on_as_the_same_part_only() {
    struct Stop(AtomicU64);
    impl Progress for Stop {
        fn advance(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 2 << 20
        }
    }
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    let begin = || {
        let part = offer(&store, &sealed).part(selection(&["big/*"])).map_err(|error| error.code()).unwrap();
        let error = part.pull(&wanted(&sealed), Overwrite::Refuse, &Stop(AtomicU64::new(0))).unwrap_err();
        assert!(matches!(error, DeliverError::BrokenOff(_)), "{error:?}");
        assert_eq!(error.code(), "E-INTERRUPTED");
        assert_eq!(names(&downloads(&sealed)).len(), 1, "what is done waits");
    };
    begin();
    // Other words for the same files.
    let pulled = pull_part(&store, &sealed, &["**/one.bin", "**/two.bin"]).unwrap();
    assert!(pulled.moved.resumed >= 1 << 20, "{:?}", pulled.moved);
    assert_eq!(pulled.moved.resumed + pulled.moved.fetched, 2 * LARGE as u64);
    fs::remove_dir_all(wanted(&sealed)).unwrap();
    begin();
    let pulled = pull_part(&store, &sealed, &["big/two.bin"]).unwrap();
    assert_eq!(pulled.moved.resumed, 0);
    assert_eq!(names(&wanted(&sealed).join("big")), ["two.bin"]);
    fs::remove_dir_all(wanted(&sealed)).unwrap();
    begin();
    let whole = pull(&sealed, &store).unwrap();
    assert_eq!(whole.moved.resumed, 0);
    assert_eq!(verified(&sealed, &wanted(&sealed)), "verified");
    assert_eq!(names(&downloads(&sealed)), ["model"], "what other attempts left goes");
}

#[test]
fn what_a_part_holds_is_not_fetched_again_for_the_whole() {
    let sealed = model().sign();
    let store = Faulty::new(pushed(&sealed).0);
    pull_part(&store, &sealed, &["big/one.bin"]).unwrap();
    let before = store.given("big/one.bin", &sealed);
    let whole = offer(&store, &sealed).reuse(wanted(&sealed));
    let pulled = whole.pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
    assert_eq!(pulled.moved.reused, LARGE as u64);
    assert_eq!(store.given("big/one.bin", &sealed), before);
    assert_eq!(verified(&sealed, &wanted(&sealed)), "verified");
}

#[test]
fn a_cache_gives_to_a_part_and_keeps_none() {
    let sealed = model().sign();
    let store = Faulty::new(pushed(&sealed).0);
    let folder = sealed.model().beside("cache");
    let cache = Cache::open(&folder).unwrap();
    let part = |patterns: &[&str]| {
        let part = offer(&store, &sealed).part(selection(patterns)).map_err(|error| error.code()).unwrap();
        part.cache(&cache, "m").pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap()
    };
    let pulled = part(&["big/one.bin"]);
    assert!(pulled.not_kept.is_none());
    assert!(cache.versions().unwrap().is_empty(), "a cache holds whole versions");
    let whole = offer(&store, &sealed).cache(&cache, "m");
    whole.pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
    assert_eq!(cache.versions().unwrap().len(), 1);
    let pulled = part(&["big/one.bin"]);
    assert_eq!((pulled.moved.fetched, pulled.moved.cached), (0, LARGE as u64));
    assert_eq!(names(&wanted(&sealed)), ["big", "model.sig"]);
}

#[test]
fn modes_come_along_and_empty_folders_do_not_even_for_the_strict() {
    let model = ModelDir::new().file("run.sh", "x").file("other.sh", "y").file("data", "z");
    for name in ["run.sh", "other.sh"] {
        fs::set_permissions(model.entry(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::create_dir(model.entry("logs")).unwrap();
    let sealed = Seal::of(model).sign();
    let (store, _) = pushed(&sealed);
    let requirements: Requirements = trusting(sealed.public_key()).strict();
    let offer = examine(&store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code());
    let part = offer.unwrap().part(selection(&["run.sh", "data"])).map_err(|error| error.code()).unwrap();
    let pulled = part.pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
    assert!(pulled.model.report().deviations.is_empty());
    assert_eq!(names(&wanted(&sealed)), ["data", "model.sig", "run.sh"]);
    let mode = |name: &str| fs::metadata(wanted(&sealed).join(name)).unwrap().permissions().mode() & 0o100;
    assert_eq!((mode("run.sh"), mode("data")), (0o100, 0));
}

/// A newer version, of which a part is wanted: what an older folder holds of it is taken from there.
#[test]
fn a_part_takes_groups_from_an_older_version() {
    let old = model().sign();
    let (store, _) = pushed(&old);
    pull(&old, &store).unwrap();
    let mut changed = noise(2, LARGE);
    changed[(1 << 20) + 3] ^= 1;
    let files = ModelDir::new().file("a.txt", "b").file("big/one.bin", noise(1, LARGE));
    let new = Seal::of(files.file("big/two.bin", changed).file("c.txt", "c")).key(old.key()).sign();
    push(&new, &store);
    let part = offer(&store, &new).part(selection(&["**/two.bin"])).map_err(|error| error.code()).unwrap();
    let pulled = part.reuse(wanted(&old)).pull(&wanted(&new), Overwrite::Refuse, &NoProgress).unwrap();
    assert_eq!((pulled.moved.fetched, pulled.moved.reused), (1 << 20, LARGE as u64 - (1 << 20)));
    assert!(fs::read(wanted(&new).join("big/two.bin")).unwrap() == new.model().read("big/two.bin"));
}
