//! Pushing: what arrives in the store is what was signed, once, with its signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;

use lacre_attest::Limits;
use lacre_hash::{NoProgress, Sha256Digest};
use lacre_manifest::{Links, Root};
use lacre_publish::{Signed, prepare};
use lacre_registry_client::{BUNDLE_ARTIFACT_TYPE, Layout, ModelArtifact, SignatureReferrer, Store, Target};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};

use stores::{blob, push, push_with, snapshot, store, tag, target};

/// The bundles that are attached to the manifest that `target` names.
fn bundles(store: &Layout, target: &Target) -> Vec<Vec<u8>> {
    let subject = store.resolve(target).unwrap();
    let referrers = store.referrers(&subject.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap();
    referrers
        .iter()
        .map(|referrer| {
            let referrer = SignatureReferrer::parse(&store.manifest(referrer).unwrap()).unwrap();
            assert_eq!(referrer.subject, subject.digest);
            assert_eq!(referrer.predicate_type.as_deref(), Some("https://model_signing/signature/v1.0"));
            store.small_blob(&referrer.bundle, 1 << 20).unwrap()
        })
        .collect()
}

/// Everything that the artifact holds is on disk, and the other way round.
fn assert_holds(store: &Layout, target: &Target, model: &ModelDir) {
    let manifest = store.resolve(target).unwrap();
    let artifact = ModelArtifact::parse(&store.manifest(&manifest).unwrap()).unwrap();
    let found: Vec<_> = artifact
        .layers
        .iter()
        .map(|layer| (layer.path.as_str().to_owned(), store.small_blob(&layer.descriptor, 1 << 30).unwrap()))
        .collect();
    let mut names = model.names();
    names.retain(|name| name != Sealed::SIGNATURE);
    let expected: Vec<_> = names.into_iter().map(|name| (name.clone(), model.read(&name))).collect();
    assert!(found == expected);
    store.small_blob(&artifact.config, 1 << 20).unwrap();
}

#[test]
fn a_pushed_model_is_found_by_its_tag_with_its_signature() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let pushed = push(&sealed, &store).unwrap();
    for wanted in [target("v1"), Target::Only, Target::Digest(pushed.manifest.digest)] {
        assert_eq!(store.resolve(&wanted).unwrap().digest, pushed.manifest.digest);
    }
    assert_holds(&store, &target("v1"), sealed.model());
    assert_eq!(bundles(&store, &target("v1")), [sealed.bundle()], "byte for byte");
    let total: u64 = sealed.model().names().iter().map(|name| sealed.model().read(name).len() as u64).sum();
    let total = total - sealed.bundle().len() as u64;
    assert_eq!((pushed.files, pushed.written, pushed.reused, pushed.signature_existed), (8, total, 0, false));
}

#[test]
fn preparing_writes_nothing_and_says_what_will_be_pushed() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let before = snapshot(&store);
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    assert_eq!((prepared.claim().name(), prepared.claim().version()), ("org/mini-lm", Some("1.0.0")));
    assert_eq!(snapshot(&store), before);
    let pushed = prepared.push(&store, None, &NoProgress).unwrap();
    assert_eq!(pushed.manifest.plain(), prepared.manifest().plain());
    assert!(store.tags().unwrap().is_empty());
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, pushed.manifest.digest);
}

#[test]
fn pushing_again_writes_nothing() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let first = push(&sealed, &store).unwrap();
    let before = snapshot(&store);
    let second = push(&sealed, &store).unwrap();
    assert_eq!((second.written, second.reused), (0, first.written));
    assert!(second.signature_existed);
    assert_eq!((&second.manifest, &second.signature), (&first.manifest, &first.signature));
    assert!(snapshot(&store) == before);
}

#[test]
fn a_thousand_files() {
    let sealed = Seal::of(ModelDir::many(1000, 64)).sign();
    let store = store(&sealed);
    let pushed = push(&sealed, &store).unwrap();
    assert_eq!((pushed.files, pushed.written), (1000, 64_000));
    assert_holds(&store, &target("v1"), sealed.model());
}

#[test]
fn equal_files_are_kept_once() {
    let bytes = noise(9, 10_000);
    let model =
        ModelDir::new().file("a.bin", &bytes).file("b/c.bin", &bytes).file("empty1", "").file("empty2", "");
    let sealed = Seal::of(model).sign();
    let store = store(&sealed);
    let pushed = push(&sealed, &store).unwrap();
    assert_eq!((pushed.files, pushed.written, pushed.reused), (4, 10_000, 0));
    assert!(blob(&store, Sha256Digest::of(&bytes)).is_file());
    assert_holds(&store, &target("v1"), sealed.model());
}

#[test]
fn what_the_signature_ignores_is_not_pushed() {
    let sealed = Seal::of(ModelDir::sample().file(".git/HEAD", "secret")).ignore(&[".git"]).sign();
    let store = store(&sealed);
    assert_eq!(push(&sealed, &store).unwrap().files, 8);
    assert!(!blob(&store, Sha256Digest::of(b"secret")).exists());
}

#[test]
fn another_signature_is_attached_to_the_same_model() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let first = push(&sealed, &store).unwrap();
    let other = Seal::of(ModelDir::sample()).sign();
    assert_ne!(other.public_key(), sealed.public_key());
    let second = push(&other, &store).unwrap();
    assert_eq!((second.manifest, second.written, second.signature_existed), (first.manifest, 0, false));
    let mut found = bundles(&store, &target("v1"));
    found.sort();
    let mut expected = [sealed.bundle().to_vec(), other.bundle().to_vec()];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_tag_moves_to_the_newer_release_and_the_older_stays() {
    let old = Sealed::sample();
    let store = store(&old);
    let first = push(&old, &store).unwrap();
    let new = Seal::of(ModelDir::sample().file("config.json", "{\"new\": 1}\n"))
        .version(Some("1.1.0"))
        .key(old.key())
        .sign();
    let second = push(&new, &store).unwrap();
    assert_ne!(first.manifest.digest, second.manifest.digest);
    assert_eq!((second.written, second.files), (11, 8), "only what is new travels");
    assert_eq!(store.resolve(&target("v1")).unwrap().digest, second.manifest.digest);
    assert_holds(&store, &Target::Digest(first.manifest.digest), old.model());
    assert_eq!(bundles(&store, &Target::Digest(first.manifest.digest)), [old.bundle()]);
}

#[test]
fn a_model_that_is_one_file() {
    let content = noise(3, 5000);
    let model = ModelDir::new().file("model.gguf", &content);
    let sealed = Seal::of(model).name("model.gguf").without_modes().sign();
    let store = store(&sealed);
    let file = sealed.model().beside("model.gguf");
    fs::write(&file, &content).unwrap();
    let push = |bundle: &[u8], file: &std::path::Path| {
        let root = Root::open(file, Links::Refuse)?;
        let model = Signed { root: &root, bundle, others: &[], signature: None };
        prepare(&model, &Limits::default(), None, &NoProgress)?.push(&store, Some(&tag("v1")), &NoProgress)
    };
    let pushed = push(sealed.bundle(), &file).unwrap();
    assert_eq!((pushed.files, pushed.written), (1, 5000));
    assert_holds(&store, &target("v1"), sealed.model());
    // Before OMS v1.0 the name of the one file was not signed: it travels under the name of the model.
    let legacy = sealed.resigned(|statement| {
        statement["predicate"]["resources"][0]["name"] = ".".into();
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
    });
    let renamed = sealed.model().beside("renamed.gguf");
    tamper::rename(&file, &renamed);
    assert_eq!(push(sealed.bundle(), &renamed).unwrap_err().code(), "E-FILE-RENAMED");
    assert_eq!(push(&legacy, &renamed).unwrap().manifest.digest, pushed.manifest.digest);
    tamper::flip(&renamed, 0);
    assert_eq!(push(&legacy, &renamed).unwrap_err().code(), "E-FILE-CHANGED");
}

#[test]
fn a_blob_that_was_altered_in_the_store_is_mended() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    push(&sealed, &store).unwrap();
    let altered = blob(&store, Sha256Digest::of(&noise(42, 100_000)));
    tamper::flip(&altered, 5);
    assert_eq!(push(&sealed, &store).unwrap().written, 100_000);
    assert_holds(&store, &target("v1"), sealed.model());
    let bundle = blob(&store, Sha256Digest::of(sealed.bundle()));
    tamper::remove(&bundle);
    push(&sealed, &store).unwrap();
    assert_eq!(fs::read(&bundle).unwrap(), sealed.bundle());
}

#[test]
fn a_peers_signature_travels_too() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let bundle = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().retain(|member, _| member != "size" && member != "blake3");
        }
    });
    push_with(&sealed, &bundle, &store).unwrap();
    assert_eq!(bundles(&store, &target("v1")), [bundle]);
    tamper::truncate(&sealed.model().entry("blob.bin"), 1);
    let refused = push_with(&sealed, sealed.bundle(), &store).unwrap_err();
    assert_eq!(refused.code(), "E-FILE-SIZE");
}

#[test]
fn several_pushes_at_once_lose_nothing() {
    let place = ModelDir::new();
    let folder = place.beside("store");
    let models: Vec<Sealed> = (0..4)
        .map(|number: u64| Seal::of(ModelDir::sample().file("own.bin", noise(number, 50_000))).sign())
        .collect();
    std::thread::scope(|scope| {
        for (number, sealed) in models.iter().enumerate() {
            // Each model twice, by two writers.
            for _ in 0..2 {
                let folder = &folder;
                scope.spawn(move || {
                    let store = Layout::create(folder).unwrap();
                    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
                    let signature = root.locate(&sealed.signature_path());
                    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
                    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
                    prepared.push(&store, Some(&tag(&format!("v{number}"))), &NoProgress).unwrap();
                });
            }
        }
    });
    let store = Layout::open(&folder).unwrap();
    assert_eq!(store.tags().unwrap().len(), 4);
    for (number, sealed) in models.iter().enumerate() {
        let target = target(&format!("v{number}"));
        assert_holds(&store, &target, sealed.model());
        assert!(bundles(&store, &target).iter().all(|bundle| bundle == sealed.bundle()));
        assert!(!bundles(&store, &target).is_empty());
    }
}
