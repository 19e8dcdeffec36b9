//! Versions that are kept ready: they come without the store's blobs, and nothing in a cache has to be believed.

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
use std::path::{Path, PathBuf};

use lacre_attest::Limits;
use lacre_deliver::{Cache, DeliverError, Overwrite, Pulled, examine};
use lacre_hash::{Blake3Digest, NoProgress, Sha256Digest};
use lacre_registry_client::{Layout, Store, Target};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};

use faults::Faulty;
use stores::{artifact, assert_is_model, attach, files, names, push, pushed, trusting, v1, wanted};

const LARGE: u64 = (3 << 20) + 5;

fn model() -> Seal {
    Seal::of(ModelDir::new().file("a.txt", "a").file("large.bin", noise(1, (3 << 20) + 5)))
}

fn pull(sealed: &Sealed, store: &dyn Store, target: &Target, cache: &Path) -> Result<Pulled, DeliverError> {
    let cache = Cache::open(cache)?;
    let requirements = trusting(sealed.public_key());
    let offer = examine(store, target, &requirements, &Limits::default())?.cache(&cache, "registry.test/m");
    offer.pull(&wanted(sealed), Overwrite::Replace, &NoProgress)
}

fn kept(cache: &Path, layer: &[u8]) -> PathBuf {
    cache.join("store/blobs/sha256").join(Sha256Digest::of(layer).to_string())
}

#[test]
fn the_second_time_no_blob_is_fetched() {
    let sealed = model().sign();
    let store = Faulty::new(pushed(&sealed).0);
    let cache = sealed.model().beside("cache");
    let first = pull(&sealed, &store, &v1(), &cache).unwrap();
    assert!(first.not_kept.is_none());
    assert_eq!((first.moved.fetched, first.moved.cached), (LARGE + 1, 0));
    fs::remove_dir_all(wanted(&sealed)).unwrap();
    let before = store.asked("large.bin", &sealed).len();
    let second = pull(&sealed, &store, &v1(), &cache).unwrap();
    assert_eq!((second.moved.fetched, second.moved.cached), (0, LARGE + 1));
    assert_eq!(store.asked("large.bin", &sealed).len(), before);
    assert_is_model(&wanted(&sealed), &sealed);
    // A cache is an image layout: with the store gone, it gives the model and its signature.
    let layout = Layout::open(&cache.join("store")).unwrap();
    let digest = Target::Digest(first.manifest.digest);
    let requirements = trusting(sealed.public_key());
    let offer = examine(&layout, &digest, &requirements, &Limits::default()).map_err(|error| error.code());
    offer.unwrap().pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn what_is_wrong_in_a_cache_is_fetched_and_mended() {
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    let cache = sealed.model().beside("cache");
    pull(&sealed, &store, &v1(), &cache).unwrap();
    let large = sealed.model().read("large.bin");
    let spoils: [fn(&Path); 3] =
        [|path| tamper::flip(path, 2 << 20), |path| tamper::truncate(path, 1), tamper::remove];
    for spoil in spoils {
        spoil(&kept(&cache, &large));
        let pulled = pull(&sealed, &store, &v1(), &cache).unwrap();
        assert!(pulled.moved.fetched >= 1 << 20);
        assert!(pulled.not_kept.is_none());
        assert_is_model(&wanted(&sealed), &sealed);
        assert!(fs::read(kept(&cache, &large)).unwrap() == large, "mended");
    }
}

/// A signature that binds a SHA-256 to one content and a BLAKE3 to another: with a cache neither is pulled.
#[test]
fn two_contents_under_one_signature_never_get_into_a_cache() {
    let sealed = model().sign();
    let other = noise(9, (3 << 20) + 5);
    let bundle = sealed.restated(|statement| {
        let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
        assert_eq!(resources[1]["name"], "large.bin");
        resources[1]["blake3"] = Blake3Digest::of(&other).to_string().into();
    });
    let store = Layout::create(&sealed.model().beside("bare")).unwrap();
    let manifest = artifact(&store, &files(&sealed));
    attach(&store, &manifest, &bundle);
    let cache = sealed.model().beside("cache");
    assert_eq!(pull(&sealed, &store, &v1(), &cache).unwrap_err().code(), "E-FILE-CHANGED");
    fs::write(stores::blob(&store, Sha256Digest::of(&sealed.model().read("large.bin"))), &other).unwrap();
    assert_eq!(pull(&sealed, &store, &v1(), &cache).unwrap_err().code(), "E-FILE-CHANGED");
    assert!(Cache::look(&cache).unwrap().versions().unwrap().is_empty());
}

/// CVE-2024-51491: an error of the operating system while a cache is written must not stop verification.
#[test]
fn cve_2024_51491_a_cache_that_cannot_be_written_to_is_no_failure() {
    if rustix::process::geteuid().is_root() {
        // Root writes everywhere; a file in the place of a folder stops root, too.
        let sealed = model().sign();
        let (store, _) = pushed(&sealed);
        let cache = sealed.model().beside("cache");
        drop(Cache::open(&cache).unwrap());
        fs::remove_dir_all(cache.join("store/blobs/sha256")).unwrap();
        fs::write(cache.join("store/blobs/sha256"), "").unwrap();
        let opened = Cache::open(&cache);
        assert!(opened.is_err(), "told when it is opened; a pull can go on without it");
        let requirements = trusting(sealed.public_key());
        let offer = examine(&store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code());
        offer.unwrap().pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
        return;
    }
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    let cache = sealed.model().beside("cache");
    drop(Cache::open(&cache).unwrap());
    let uses = cache.join("uses");
    fs::set_permissions(&uses, fs::Permissions::from_mode(0o500)).unwrap();
    let pulled = pull(&sealed, &store, &v1(), &cache).unwrap();
    assert_eq!(pulled.not_kept.unwrap().code(), "E-OUTPUT");
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn pruning_keeps_what_was_used_last_and_what_it_needs() {
    let first = model().version(Some("1.0.0")).sign();
    let shared = noise(1, (3 << 20) + 5);
    let store = Layout::create(&first.model().beside("store")).unwrap();
    let cache = first.model().beside("cache");
    let mut versions = vec![(first.public_key().clone(), push(&first, &store).manifest.digest)];
    pull(&first, &store, &Target::Digest(versions[0].1), &cache).unwrap();
    for version in ["1.0.1", "1.0.2"] {
        let model = ModelDir::new().file("a.txt", version).file("large.bin", &shared);
        let sealed = Seal::of(model).key(first.key()).version(Some(version)).sign();
        let digest = push(&sealed, &store).manifest.digest;
        pull(&sealed, &store, &Target::Digest(digest), &cache).unwrap();
        versions.push((sealed.public_key().clone(), digest));
    }
    // Rolled back: the first is the one that was used last.
    pull(&first, &store, &Target::Digest(versions[0].1), &cache).unwrap();
    let listed = |cache: &Path| -> Vec<Sha256Digest> {
        let versions = Cache::look(cache).unwrap().versions().unwrap();
        versions.iter().map(|version| version.manifest).collect()
    };
    let [one, two, three] = [versions[0].1, versions[1].1, versions[2].1];
    assert_eq!(listed(&cache), [one, three, two]);
    let pruned = Cache::prune(&cache, 2).unwrap();
    assert_eq!(pruned.removed.iter().map(|version| version.manifest).collect::<Vec<_>>(), [two]);
    assert!(pruned.freed.bytes < 1 << 20, "the large file is shared");
    assert_eq!(listed(&cache), [one, three]);
    assert!(
        !kept(&cache, b"1.0.1").exists() && kept(&cache, b"1.0.2").exists() && kept(&cache, &shared).exists()
    );
    let back = pull(&first, &store, &Target::Digest(three), &cache).unwrap();
    assert_eq!(back.moved.fetched, 0, "what stays is whole");
    let pruned = Cache::prune(&cache, 0).unwrap();
    assert_eq!(pruned.removed.len(), 2);
    assert!(pruned.freed.bytes > 3 << 20);
    assert!(names(&cache.join("store/blobs/sha256")).is_empty());
    assert_eq!(Cache::prune(&first.model().beside("nowhere"), 1).unwrap_err().code(), "E-NOT-FOUND");
}

#[test]
fn several_pulls_share_a_cache() {
    let sealed = model().sign();
    let (store, _) = pushed(&sealed);
    let cache = sealed.model().beside("cache");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (sealed, store, cache) = (&sealed, &store, &cache);
            scope.spawn(move || {
                let cache = Cache::open(cache).unwrap();
                let requirements = trusting(sealed.public_key());
                let offer =
                    examine(store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code());
                let into = sealed.model().beside(&format!("out{number}"));
                let pulled =
                    offer.unwrap().cache(&cache, "m").pull(&into, Overwrite::Refuse, &NoProgress).unwrap();
                assert!(pulled.not_kept.is_none());
                assert_is_model(&into, sealed);
            });
        }
    });
    assert_eq!(Cache::look(&cache).unwrap().versions().unwrap().len(), 1);
}
