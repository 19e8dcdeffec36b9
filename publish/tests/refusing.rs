//! What is not pushed: anything but exactly the signed files. Nothing of a refused push is visible.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lacre_attest::Limits;
use lacre_hash::{Blake3Digest, NoProgress, Progress};
use lacre_manifest::{Links, Root};
use lacre_publish::{PublishError, Signed, prepare};
use lacre_registry_client::{Layout, Store, Target};
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, noise, tamper};

use stores::{push, push_with, snapshot, store, tag};

/// The model can be pushed; after `change` it cannot, and the store stays as empty as it was.
#[track_caller]
fn refused(sealed: &Sealed, change: impl FnOnce(&Sealed)) -> PublishError {
    let honest = Layout::create(&sealed.model().beside("honest")).unwrap();
    push(sealed, &honest).unwrap();
    let store = store(sealed);
    let before = snapshot(&store);
    change(sealed);
    let error = push(sealed, &store).unwrap_err();
    assert_eq!(snapshot(&store), before, "nothing was written");
    error
}

#[test]
fn files_that_are_not_as_signed() {
    type Change = fn(&Sealed);
    let cases: [(&str, Change); 13] = [
        ("E-FILE-CHANGED", |sealed| tamper::flip(&sealed.model().entry("blob.bin"), 99_999)),
        ("E-FILE-SIZE", |sealed| tamper::truncate(&sealed.model().entry("blob.bin"), 1)),
        ("E-FILE-SIZE", |sealed| tamper::grow(&sealed.model().entry("empty.bin"), b"+")),
        ("E-FILE-MISSING", |sealed| tamper::remove(&sealed.model().entry("x/y"))),
        ("E-FILE-EXTRA", |sealed| tamper::plant(&sealed.model().entry("extra"), "")),
        ("E-FILE-EXTRA", |sealed| tamper::plant(&sealed.model().entry(".gitignore"), "*")),
        ("E-FILE-EXTRA", |sealed| tamper::plant(&sealed.model().entry("other.sig"), sealed.bundle())),
        ("E-FILE-RENAMED", |sealed| {
            tamper::rename(&sealed.model().entry("blob.bin"), &sealed.model().entry("blub.bin"));
        }),
        ("E-FILE-MISSING", |sealed| tamper::replace_by_folder(&sealed.model().entry("blob.bin"))),
        ("E-INPUT-TYPE", |sealed| {
            tamper::link_away(&sealed.model().entry("blob.bin"), &sealed.model().beside("away"));
        }),
        ("E-INPUT-TYPE", |sealed| {
            tamper::link_away(&sealed.model().entry("tokenizer"), &sealed.model().beside("away"));
        }),
        ("E-INPUT-TYPE", |sealed| tamper::replace_by_fifo(&sealed.model().entry("blob.bin"))),
        ("E-INPUT-NAME", |sealed| {
            fs::write(sealed.path().join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
        }),
    ];
    for (number, (expected, change)) in cases.into_iter().enumerate() {
        let error = refused(&Sealed::sample(), change);
        assert_eq!(error.code(), expected, "case {number}: {error}");
    }
}

#[test]
fn a_folder_without_any_of_the_files() {
    let error = refused(&Sealed::sample(), |sealed| {
        fs::remove_dir_all(sealed.path()).unwrap();
        fs::create_dir(sealed.path()).unwrap();
    });
    assert_eq!(error.code(), "E-INPUT-EMPTY");
}

#[test]
fn swapped_files() {
    let sealed =
        Seal::of(ModelDir::sample().file("a.bin", noise(1, 500)).file("b.bin", noise(2, 500))).sign();
    let error = refused(&sealed, |sealed| {
        tamper::swap(&sealed.model().entry("a.bin"), &sealed.model().entry("b.bin"));
    });
    assert_eq!(error.code(), "E-FILE-CHANGED");
    let message = error.to_string();
    assert!(message.contains("a.bin has other bytes; b.bin has other bytes"), "{message}");
}

#[test]
fn one_signature_must_not_come_to_mean_two_contents() {
    let sealed = Sealed::sample();
    let other = noise(77, 100_000);
    let bundle = sealed.restated(|statement| {
        let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
        assert_eq!(resources[0]["name"], "blob.bin");
        resources[0]["blake3"] = Blake3Digest::of(&other).to_string().into();
    });
    let store = store(&sealed);
    let before = snapshot(&store);
    let error = push_with(&sealed, &bundle, &store).unwrap_err();
    assert!(matches!(&error, PublishError::TwoContents { path } if path.as_str() == "blob.bin"), "{error}");
    assert_eq!(error.code(), "E-FILE-CHANGED");
    sealed.model().put("blob.bin", &other);
    assert_eq!(
        push_with(&sealed, &bundle, &store).unwrap_err().code(),
        "E-FILE-CHANGED",
        "nor the other content"
    );
    assert_eq!(snapshot(&store), before);
}

#[test]
fn bundles_that_are_none() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let before = snapshot(&store);
    let refused = |bundle: &[u8]| push_with(&sealed, bundle, &store).unwrap_err().code();
    assert_eq!(refused(b""), "E-JSON");
    assert_eq!(refused(b"{}"), "E-BUNDLE");
    assert_eq!(refused(&Forge::new("[]", sealed.key()).to_json()), "E-STATEMENT");
    let unsigned = edit_bundle(sealed.bundle(), |bundle| {
        bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap().clear();
    });
    assert_eq!(refused(&unsigned), "E-SIGNATURE-COUNT");
    assert_eq!(
        refused(&sealed.resigned(|statement| statement["predicateType"] = "urn:x".into())),
        "E-PREDICATE-TYPE"
    );
    let name = |name: &str| {
        sealed.restated(|statement| statement["predicate"]["resources"][7]["name"] = name.into())
    };
    assert_eq!(refused(&name("../x")), "E-PATH");
    assert_eq!(refused(&name("/etc/passwd")), "E-PATH");
    assert_eq!(refused(&name("X.JSON")), "E-NAME-COLLISION");
    assert_eq!(snapshot(&store), before);
}

#[test]
fn limits_are_the_callers() {
    let sealed = Sealed::sample();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let small = Limits { statement: 100, ..Limits::default() };
    assert_eq!(prepare(&model, &small, None, &NoProgress).unwrap_err().code(), "E-LIMIT");
}

#[test]
fn a_signature_that_is_not_said_to_lie_in_the_model_is_an_extra_file() {
    let sealed = Sealed::sample();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature: None };
    assert_eq!(prepare(&model, &Limits::default(), None, &NoProgress).unwrap_err().code(), "E-FILE-EXTRA");
}

/// What a push comes to when `meddle` works on `blob.bin` between the comparison and the push. No model is visible.
fn meddled(meddle: fn(&Path)) -> &'static str {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    meddle(&sealed.model().entry("blob.bin"));
    let error = prepared.push(&store, Some(&tag("v1")), &NoProgress).unwrap_err();
    assert_invisible(&store);
    error.code()
}

/// Nothing is listed, under no tag, and no unfinished file is left. Whole blobs may be: they are what their name says.
fn assert_invisible(store: &Layout) {
    assert!(store.tags().unwrap().is_empty());
    assert_eq!(store.resolve(&Target::Only).unwrap_err().code(), "E-REFERENCE-NOT-FOUND");
    for (path, content) in snapshot(store) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!name.starts_with('.'), "{name}");
        if path.parent().unwrap().ends_with("sha256") {
            assert_eq!(lacre_hash::Sha256Digest::of(&content).to_string(), name);
        }
    }
}

#[test]
fn a_file_that_changes_between_comparison_and_push() {
    assert_eq!(meddled(|file| tamper::flip(file, 0)), "E-FILE-CHANGED");
    assert_eq!(meddled(|file| tamper::grow(file, b"+")), "E-FILE-CHANGED");
    assert_eq!(meddled(|file| tamper::truncate(file, 1)), "E-FILE-CHANGED");
    assert_eq!(meddled(tamper::remove), "E-UNREADABLE");
    assert_eq!(meddled(tamper::replace_by_fifo), "E-UNREADABLE");
    assert_eq!(meddled(|file| tamper::link_away(file, &file.with_extension("away"))), "E-UNREADABLE");
}

/// Stops the work at the first byte.
#[derive(Default)]
struct Stop(AtomicBool);

impl Progress for Stop {
    fn advance(&self, _: u64) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn an_interrupted_push_is_not_visible() {
    let sealed = Seal::of(ModelDir::sample().file("large.bin", noise(1, 4 << 20))).sign();
    let store = store(&sealed);
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    assert_eq!(
        prepare(&model, &Limits::default(), None, &Stop::default()).unwrap_err().code(),
        "E-INTERRUPTED"
    );
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let error = prepared.push(&store, Some(&tag("v1")), &Stop::default()).unwrap_err();
    assert_eq!(error.code(), "E-INTERRUPTED");
    assert_invisible(&store);
    prepared.push(&store, Some(&tag("v1")), &NoProgress).unwrap();
}
