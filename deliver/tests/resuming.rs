//! Pulls that are broken off go on; answers that are wrong or cut off are asked for again, alone; what an older version
//! holds is not fetched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod faults;
mod stores;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Moved, Overwrite, Pulled, examine};
use lacre_hash::{ChunkStore, Engine, NoProgress, Progress};
use lacre_manifest::{Exclusions, Links, Root, survey};
use lacre_registry_client::{CHUNKS_ARTIFACT_TYPE, ChunksReferrer, Layout, Store, attach_chunks};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};

use faults::{Fault, Faulty};
use stores::{artifact, assert_is_model, attach, downloads, files, names, push, trusting, v1, wanted};

const MIB: u64 = 1 << 20;

/// A model with a file of ten groups and a bit, between two small ones.
fn model() -> Seal {
    Seal::of(ModelDir::new().file("a.txt", "a").file("large.bin", noise(1, (10 << 20) + 5)).file("z/z", "zz"))
}

/// The chunk lists of a model, as they travel.
fn lists(sealed: &Sealed) -> Vec<u8> {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let exclusions = Exclusions { ignore: Vec::new(), signature: root.locate(&sealed.signature_path()) };
    let survey = survey(&root, &exclusions, &Engine::new(), &NoProgress).unwrap();
    survey.chunks.iter().flat_map(|(_, list)| list.to_bytes()).collect()
}

/// The model in a store, with its chunk lists if they are wanted.
fn stored(sealed: &Sealed, with_lists: bool) -> Layout {
    let store = Layout::create(&sealed.model().beside(if with_lists { "store" } else { "bare" })).unwrap();
    if with_lists {
        push(sealed, &store);
        let subject = store.resolve(&v1()).unwrap();
        let found = store.referrers(&subject.digest, Some(CHUNKS_ARTIFACT_TYPE)).unwrap();
        let found = ChunksReferrer::parse(&store.manifest(&found[0]).unwrap()).unwrap();
        assert_eq!(store.small_blob(&found.lists, MIB).unwrap(), lists(sealed), "what a push attaches");
    } else {
        let manifest = artifact(&store, &files(sealed));
        attach(&store, &manifest, sealed.bundle());
    }
    store
}

fn pull(sealed: &Sealed, store: &dyn Store, older: &[PathBuf]) -> Result<Pulled, DeliverError> {
    pull_watched(sealed, store, older, &NoProgress)
}

fn pull_watched(
    sealed: &Sealed,
    store: &dyn Store,
    older: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Pulled, DeliverError> {
    let requirements = trusting(sealed.public_key());
    let mut offer = examine(store, &v1(), &requirements, &Limits::default())?;
    for older in older {
        offer = offer.reuse(older.clone());
    }
    // One at a time: then it is known what was asked for when.
    offer.at_once(NonZeroUsize::MIN).pull(&wanted(sealed), Overwrite::Replace, progress)
}

fn code(outcome: Result<Pulled, DeliverError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "accepted")
}

/// Stops the work after so many bytes.
struct StopAfter(AtomicU64);

impl Progress for StopAfter {
    fn advance(&self, bytes: u64) {
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)));
    }
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn what_was_interrupted_goes_on_where_it_stopped() {
    for with_lists in [true, false] {
        let sealed = model().sign();
        let store = stored(&sealed, with_lists);
        let stop = StopAfter(AtomicU64::new(4 * MIB));
        assert_eq!(code(pull_watched(&sealed, &store, &[], &stop)), "E-INTERRUPTED");
        assert!(fs::symlink_metadata(wanted(&sealed)).is_err());
        assert_eq!(names(&downloads(&sealed)).len(), 1, "{:?}", names(&downloads(&sealed)));
        let pulled = pull(&sealed, &store, &[]).unwrap();
        // "a.txt" and four groups of the large file.
        assert_eq!(pulled.moved.resumed, 1 + 4 * MIB, "{with_lists}");
        assert_eq!(pulled.moved.fetched, 6 * MIB + 5 + 2);
        assert_is_model(&wanted(&sealed), &sealed);
        assert_eq!(names(&downloads(&sealed)), ["model"]);
    }
}

/// What was written may have been lost or spoilt since: the journal is a hint, the bytes count.
#[test]
fn what_was_spoilt_meanwhile_is_fetched_again() {
    for with_lists in [true, false] {
        let sealed = model().sign();
        let store = stored(&sealed, with_lists);
        let stop = StopAfter(AtomicU64::new(4 * MIB));
        assert_eq!(code(pull_watched(&sealed, &store, &[], &stop)), "E-INTERRUPTED");
        let hidden = downloads(&sealed).join(&names(&downloads(&sealed))[0]);
        tamper::flip(&hidden.join("model/large.bin"), 2 << 20);
        let pulled = pull(&sealed, &store, &[]).unwrap();
        assert_is_model(&wanted(&sealed), &sealed);
        // With a list only the one group; without, the whole file is found to be another, and fetched anew.
        let all = 10 * MIB + 5;
        let again = if with_lists { 7 * MIB + 5 } else { 6 * MIB + 5 + all };
        assert_eq!(pulled.moved.fetched, again + 2, "{with_lists}");
    }
}

#[test]
fn what_somebody_put_beside_it_does_not_get_into_the_model() {
    let sealed = model().sign();
    let store = stored(&sealed, true);
    for planted in ["planted", "z/planted", "large.bin.old", "y/y"] {
        let stop = StopAfter(AtomicU64::new(4 * MIB));
        assert_eq!(code(pull_watched(&sealed, &store, &[], &stop)), "E-INTERRUPTED");
        let hidden = downloads(&sealed).join(&names(&downloads(&sealed))[0]).join("model");
        fs::create_dir_all(hidden.join(planted).parent().unwrap()).unwrap();
        fs::write(hidden.join(planted), "x").unwrap();
        let pulled = pull(&sealed, &store, &[]).unwrap();
        assert_eq!(pulled.moved.resumed, 0, "{planted}");
        assert_is_model(&wanted(&sealed), &sealed);
        fs::remove_dir_all(wanted(&sealed)).unwrap();
    }
}

#[test]
fn an_answer_that_is_cut_off_is_continued() {
    let sealed = model().sign();
    let store = Faulty::new(stored(&sealed, true));
    // After 2.5 MiB, then after 0.5, then after 3 more.
    for after in [5, 1, 6] {
        store.next(Fault::CutOff { after: after * MIB / 2 });
    }
    let pulled = pull(&sealed, &store, &[]).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
    assert_eq!(pulled.moved.fetched, 10 * MIB + 5 + 3, "no group was taken twice");
    let asked: Vec<u64> = store.asked("large.bin", &sealed).iter().map(|range| range.start).collect();
    assert_eq!(asked, [0, 2 * MIB, 2 * MIB, 5 * MIB]);
}

#[test]
fn a_store_that_always_breaks_off_is_given_up_and_what_was_fetched_is_kept() {
    let sealed = model().sign();
    let store = Faulty::new(stored(&sealed, true));
    store.always(Fault::CutOff { after: MIB / 2 });
    assert_eq!(code(pull(&sealed, &store, &[])), "E-UNREADABLE");
    assert_eq!(store.asked("large.bin", &sealed).len(), 5);
    store.always(Fault::None);
    let pulled = pull(&sealed, &store, &[]).unwrap();
    assert_eq!(pulled.moved.resumed, 1, "a.txt");
}

#[test]
fn a_broken_group_is_fetched_again_alone() {
    let sealed = model().sign();
    let store = Faulty::new(stored(&sealed, true));
    store.next(Fault::Flip { at: 3 * MIB + 7 });
    let pulled = pull(&sealed, &store, &[]).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
    assert_eq!(pulled.moved.fetched, 11 * MIB + 5 + 3, "one group came twice");
    let asked: Vec<u64> = store.asked("large.bin", &sealed).iter().map(|range| range.start).collect();
    assert_eq!(asked, [0, 3 * MIB]);
}

#[test]
fn a_lying_store_is_caught_at_the_first_group_with_a_list_and_at_the_end_of_the_file_without() {
    for with_lists in [true, false] {
        let sealed = model().sign();
        let store = Faulty::new(stored(&sealed, with_lists));
        store.always(Fault::Flip { at: 3 * MIB + 7 });
        assert_eq!(code(pull(&sealed, &store, &[])), "E-FILE-CHANGED");
        assert!(names(&downloads(&sealed)).is_empty(), "what is refused leaves nothing");
        let given = store.given("large.bin", &sealed);
        let wanted = if with_lists { (3 + 5) * MIB } else { 10 * MIB + 5 };
        assert_eq!(given, wanted, "{with_lists}");
    }
}

#[test]
fn lists_that_are_wrong_are_passed_over() {
    let sealed = model().sign();
    for spoil in [|lists: &mut Vec<u8>| lists[40] ^= 1, |lists: &mut Vec<u8>| lists.truncate(96), Vec::clear]
    {
        let store = stored(&sealed, false);
        let mut wrong = lists(&sealed);
        spoil(&mut wrong);
        let subject = store.resolve(&v1()).unwrap();
        attach_chunks(&store, &subject, &wrong).unwrap();
        let faulty = Faulty::new(store);
        let pulled = pull(&sealed, &faulty, &[]).unwrap();
        assert_eq!(pulled.moved.fetched, 10 * MIB + 5 + 3);
        assert_is_model(&wanted(&sealed), &sealed);
    }
}

#[test]
fn the_users_own_lists_serve_too() {
    let sealed = model().sign();
    let cache = ChunkStore::at(sealed.model().beside("chunks"));
    let store = Faulty::new(stored(&sealed, false));
    let first = pull(&sealed, &store, &[]).unwrap();
    for (root, list) in first.model.chunk_lists() {
        cache.put(root, list).unwrap();
    }
    store.next(Fault::Flip { at: 3 * MIB + 7 });
    let requirements = trusting(sealed.public_key());
    let offer =
        examine(&store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code()).unwrap();
    let offer = offer.chunk_lists(cache).at_once(NonZeroUsize::MIN);
    let pulled = offer.pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
    assert_eq!(pulled.moved.fetched, 11 * MIB + 5 + 3, "found and mended within the file");
}

#[test]
fn an_older_version_gives_what_is_the_same() {
    let old = model().sign();
    let mut changed = noise(1, (10 << 20) + 5);
    changed[4 << 20] ^= 1;
    let new = ModelDir::new().file("a.txt", "a").file("large.bin", &changed).file("y/moved", "zz");
    let new = Seal::of(new).key(old.key()).sign();
    for (with_lists, fetched) in [(false, 10 * MIB + 5), (true, MIB)] {
        let store = stored(&new, with_lists);
        let pulled = pull(&new, &store, &[old.path()]).unwrap();
        assert_is_model(&wanted(&new), &new);
        let Moved { fetched: found, resumed, reused, .. } = pulled.moved;
        assert_eq!((found, resumed), (fetched, 0), "{with_lists}");
        assert_eq!(found + reused, 10 * MIB + 5 + 3, "a file that moved is taken from where it was");
        fs::remove_dir_all(wanted(&new)).unwrap();
    }
}

/// An older version whose files are not what its signature says costs a second attempt, and never truth.
#[test]
fn an_older_version_that_was_altered_does_no_harm() {
    for with_lists in [false, true] {
        let sealed = model().sign();
        let store = stored(&sealed, with_lists);
        let older = pull(&sealed, &store, &[]).map(|_| sealed.model().beside("older")).unwrap();
        fs::rename(wanted(&sealed), &older).unwrap();
        tamper::flip(&older.join("large.bin"), 5 << 20);
        let pulled = pull(&sealed, &store, std::slice::from_ref(&older)).unwrap();
        assert_is_model(&wanted(&sealed), &sealed);
        let fetched = if with_lists { MIB } else { 10 * MIB + 5 };
        assert_eq!(pulled.moved.fetched, fetched, "{with_lists}");
        tamper::link_away(&older.join("large.bin"), &older.join("elsewhere"));
        fs::remove_dir_all(wanted(&sealed)).unwrap();
        assert!(pull(&sealed, &store, &[older]).unwrap().moved.fetched >= 10 * MIB, "links are not followed");
    }
}

#[test]
fn several_parts_at_once_give_the_same() {
    let sealed = model().sign();
    let store = Faulty::new(stored(&sealed, true));
    let requirements = trusting(sealed.public_key());
    for parts in [2, 4, 16] {
        let offer = examine(&store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code());
        let offer = offer.unwrap().at_once(NonZeroUsize::new(parts).unwrap());
        let pulled = offer.pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
        assert_eq!(pulled.moved.fetched, 10 * MIB + 5 + 3);
        assert_is_model(&wanted(&sealed), &sealed);
    }
}
