//! Archives on a bad line: what is cut off goes on where it was cut off, what is wrong is asked for again alone, and what
//! an earlier attempt brought is not brought again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod faults;
mod stores;

use std::num::NonZeroUsize;

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Moved, Overwrite, Pulled, examine};
use lacre_hash::NoProgress;
use lacre_manifest::{Links, Root};
use lacre_publish::{Signed, prepare_as};
use lacre_registry_client::{Layout, Store, WrittenFormat};
use lacre_testkit::{Archive, Foreign, ModelDir, Seal, Sealed, gzip, noise};

use faults::{Fault, Faulty};
use stores::{assert_is_model, attach, downloads, names, tag, trusting, v1, wanted};

const MIB: usize = 1 << 20;

/// Three files: one that is fetched in spans, one that is taken as it comes by, one of no group.
fn model() -> Sealed {
    let model = ModelDir::new().file("a.bin", noise(1, 6 * MIB + 5)).file("b.bin", noise(2, 3 * MIB + 7));
    Seal::of(model.file("empty", "")).sign()
}

fn image(sealed: &Sealed) -> Layout {
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare_as(WrittenFormat::Image, &model, &Limits::default(), None, &NoProgress).unwrap();
    prepared.push(&store, Some(&tag("v1")), &NoProgress).unwrap();
    store
}

/// The same in one archive, without chunk lists: a file is judged when it is whole.
fn archive(sealed: &Sealed, compress: fn(&[u8]) -> Vec<u8>, suffix: &str) -> Layout {
    let read = |name: &str| sealed.model().read(name);
    let tar = Archive::new().file("a.bin", read("a.bin")).file("b.bin", read("b.bin")).file("empty", "");
    let media_type = format!("application/vnd.cncf.model.weight.v1.tar{suffix}");
    let folder = sealed.model().beside(&format!("foreign{suffix}"));
    Foreign::model_pack().layer(&media_type, compress(&tar.finish())).write(&folder);
    let store = Layout::open(&folder).unwrap();
    attach(&store, &store.resolve(&v1()).unwrap(), sealed.bundle());
    store
}

fn all(sealed: &Sealed) -> Vec<Layout> {
    vec![image(sealed), archive(sealed, <[u8]>::to_vec, "")]
}

fn pull(sealed: &Sealed, store: &dyn Store) -> Result<Pulled, DeliverError> {
    let requirements = trusting(sealed.public_key());
    let offer = examine(store, &v1(), &requirements, &Limits::default())?;
    offer.at_once(NonZeroUsize::MIN).pull(&wanted(sealed), Overwrite::Replace, &NoProgress)
}

fn total(sealed: &Sealed) -> u64 {
    ["a.bin", "b.bin"].iter().map(|name| sealed.model().read(name).len() as u64).sum()
}

#[test]
fn what_is_cut_off_goes_on() {
    let sealed = model();
    let compressed = archive(&sealed, |bytes| gzip(bytes), "+gzip");
    for store in all(&sealed).into_iter().chain([compressed]) {
        let store = Faulty::new(store);
        for after in [10, 700, 100_000, 2_000_000] {
            store.next(Fault::CutOff { after });
        }
        let pulled = pull(&sealed, &store).unwrap();
        assert_eq!(pulled.moved, Moved { fetched: total(&sealed), ..Moved::default() });
        assert_is_model(&wanted(&sealed), &sealed);
    }
}

#[test]
fn what_always_breaks_off_is_left_and_goes_on_in_the_next_attempt() {
    let sealed = model();
    let plain = all(&sealed).into_iter().map(|store| (store, false));
    for (store, compressed) in plain.chain([(archive(&sealed, |bytes| gzip(bytes), "+gzip"), true)]) {
        let store = Faulty::new(store);
        // Enough for the file that is taken as it comes by, or for two groups of what is compressed.
        let answers = if compressed { 1 } else { 6 };
        for _ in 0..answers {
            store.next(Fault::CutOff { after: 2_500_000 });
        }
        store.always(Fault::CutOff { after: 0 });
        assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-UNREADABLE");
        assert_eq!(names(&downloads(&sealed)).len(), 1, "hidden");
        store.always(Fault::None);
        let pulled = pull(&sealed, &store).unwrap();
        let Moved { fetched, resumed, .. } = pulled.moved;
        assert!(resumed >= MIB as u64, "{:?}", pulled.moved);
        assert_eq!(fetched + resumed, total(&sealed));
        assert_is_model(&wanted(&sealed), &sealed);
        std::fs::remove_dir_all(wanted(&sealed)).unwrap();
    }
}

#[test]
fn a_wrong_group_is_asked_for_again_alone() {
    let sealed = model();
    let store = Faulty::new(image(&sealed));
    // The head of a.bin; the head and two groups of b.bin.
    store.next(Fault::None);
    for _ in 0..5 {
        store.next(Fault::Flip { at: 2_500_000 });
    }
    let pulled = pull(&sealed, &store).unwrap();
    let fetched = pulled.moved.fetched;
    assert!(fetched > total(&sealed) && fetched <= total(&sealed) + 3 * MIB as u64, "{fetched}");
    assert_is_model(&wanted(&sealed), &sealed);
    std::fs::remove_dir_all(wanted(&sealed)).unwrap();
    store.always(Fault::Flip { at: 2_500_000 });
    assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-FILE-CHANGED");
    assert!(names(&downloads(&sealed)).is_empty());
    // Without a list the file is judged as a whole, and is not the signed one.
    let store = Faulty::new(archive(&sealed, <[u8]>::to_vec, ""));
    store.always(Fault::Flip { at: 2_500_000 });
    assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-FILE-CHANGED");
    assert!(names(&downloads(&sealed)).is_empty());
}
