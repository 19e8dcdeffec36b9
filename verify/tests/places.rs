//! Where the model and its signature lie, and what happens there while they are looked at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;
use std::os::unix::fs::symlink;

use lacre_attest::Limits;
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{Hold, Links, NoProgress, Progress, Unverified};

use verifying::{Watch, code, trusting, verify, verify_with};

#[test]
fn a_signature_can_lie_elsewhere() {
    let sealed = Sealed::sample();
    let requirements = trusting(sealed.public_key());
    let verify = |signature: &std::path::Path| {
        Unverified::open(&sealed.path(), Some(signature), Links::Refuse, &requirements)?.verify(
            &requirements,
            &Hold::Nothing,
            &NoProgress,
        )
    };
    let (inside, outside) = (sealed.model().entry("x/other.sig"), sealed.model().beside("outside.sig"));
    fs::write(&outside, sealed.bundle()).unwrap();
    fs::write(&inside, sealed.bundle()).unwrap();
    assert_eq!(code(verify(&inside)), "E-FILE-EXTRA", "model.sig is not what is verified now");
    tamper::remove(&sealed.signature_path());
    verify(&inside).unwrap();
    assert_eq!(code(verify(&outside)), "E-FILE-EXTRA");
    tamper::remove(&inside);
    verify(&outside).unwrap();
    assert_eq!(code(verify(&sealed.model().beside("nowhere.sig"))), "E-NO-SIGNATURE");
}

#[test]
fn a_signature_that_is_no_plain_file_in_the_model() {
    type Change = fn(&Sealed);
    let cases: [(&str, Change); 4] = [
        ("E-NO-SIGNATURE", |sealed| tamper::remove(&sealed.signature_path())),
        ("E-INPUT-TYPE", |sealed| {
            tamper::link_away(&sealed.signature_path(), &sealed.model().beside("away.sig"));
        }),
        ("E-INPUT-TYPE", |sealed| tamper::replace_by_folder(&sealed.signature_path())),
        ("E-INPUT-TYPE", |sealed| tamper::replace_by_fifo(&sealed.signature_path())),
    ];
    for (expected, change) in cases {
        let sealed = Sealed::sample();
        verify(&sealed).unwrap();
        change(&sealed);
        assert_eq!(code(verify(&sealed)), expected);
    }
}

#[test]
fn a_signature_above_the_limit_is_not_read() {
    let sealed = Sealed::sample();
    let limits = Limits { statement: 64 * 1024, ..Limits::default() };
    let requirements = trusting(sealed.public_key()).limits(limits);
    let verify = || verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress);
    let padded = |length: usize| {
        let mut bundle = sealed.bundle().to_vec();
        bundle.resize(length, b' ');
        sealed.write_bundle(&bundle);
    };
    padded(256 * 1024);
    verify().unwrap();
    // White space that no bundle has is given up before the limit.
    padded(limits.bundle());
    assert_eq!(code(verify()), "E-LIMIT");
    padded(limits.bundle() + 1);
    assert_eq!(code(verify()), "E-LIMIT");
}

/// A model that is one file, with its signature beside it.
fn single_file() -> (Sealed, std::path::PathBuf) {
    let sealed = Seal::of(ModelDir::new().file("model.gguf", noise(3, 5000))).name("model.gguf").sign();
    let file = sealed.model().beside("model.gguf");
    fs::write(&file, sealed.model().read("model.gguf")).unwrap();
    fs::write(sealed.model().beside("model.gguf.sig"), sealed.bundle()).unwrap();
    (sealed, file)
}

fn verify_file(sealed: &Sealed, file: &std::path::Path) -> verifying::Outcome {
    let requirements = trusting(sealed.public_key());
    Unverified::open(file, None, Links::Refuse, &requirements)?.verify(
        &requirements,
        &Hold::Nothing,
        &NoProgress,
    )
}

#[test]
fn a_model_that_is_one_file() {
    let (sealed, file) = single_file();
    let model = verify_file(&sealed, &file).unwrap();
    assert_eq!(&*model.read("model.gguf").unwrap(), noise(3, 5000));
    assert!(model.report().excluded.is_empty(), "what lies beside the file is not part of the model");
    tamper::flip(&file, 4999);
    assert_eq!(code(verify_file(&sealed, &file)), "E-FILE-CHANGED");
    tamper::truncate(&file, 1);
    assert_eq!(code(verify_file(&sealed, &file)), "E-FILE-SIZE");
    tamper::remove(&file);
    assert_eq!(code(verify_file(&sealed, &file)), "E-NOT-FOUND");
}

#[test]
fn a_model_that_is_one_file_under_another_name() {
    let (sealed, file) = single_file();
    verify_file(&sealed, &file).unwrap();
    let other = sealed.model().beside("other.gguf");
    tamper::rename(&file, &other);
    tamper::rename(&sealed.model().beside("model.gguf.sig"), &sealed.model().beside("other.gguf.sig"));
    assert_eq!(code(verify_file(&sealed, &other)), "E-FILE-RENAMED");
}

#[test]
fn a_model_that_is_one_file_is_no_link_and_no_fifo() {
    let (sealed, file) = single_file();
    verify_file(&sealed, &file).unwrap();
    tamper::link_away(&file, &sealed.model().beside("away"));
    assert_eq!(code(verify_file(&sealed, &file)), "E-INPUT-TYPE");
    tamper::replace_by_fifo(&file);
    assert_eq!(code(verify_file(&sealed, &file)), "E-INPUT-TYPE");
}

#[test]
fn a_fifo_beside_a_file_is_no_signature_and_not_waited_for() {
    let (sealed, file) = single_file();
    verify_file(&sealed, &file).unwrap();
    tamper::replace_by_fifo(&sealed.model().beside("model.gguf.sig"));
    assert_eq!(code(verify_file(&sealed, &file)), "E-INPUT-TYPE");
}

#[test]
fn the_callers_own_name_for_the_folder_may_be_a_link() {
    let sealed = Sealed::sample();
    let current = sealed.model().beside("current");
    symlink(sealed.path(), &current).unwrap();
    let requirements = trusting(sealed.public_key());
    let opened = Unverified::open(&current, None, Links::Refuse, &requirements).unwrap();
    opened.verify(&requirements, &Hold::Nothing, &NoProgress).unwrap();
    assert_eq!(
        code(Unverified::open(&sealed.model().beside("nowhere"), None, Links::Refuse, &requirements)),
        "E-NOT-FOUND"
    );
}

#[test]
fn a_snapshot_of_a_cache_is_verified_through_its_links_and_no_others() {
    let sealed = Sealed::sample();
    let cache = sealed.model().beside("models--org--mini-lm");
    let snapshot = cache.join("snapshots/rev");
    tamper::rename(&sealed.path(), &snapshot);
    fs::create_dir(cache.join("blobs")).unwrap();
    fs::rename(snapshot.join("blob.bin"), cache.join("blobs/one")).unwrap();
    symlink("../../blobs/one", snapshot.join("blob.bin")).unwrap();
    let requirements = trusting(sealed.public_key());
    let verify = |links| {
        Unverified::open(&snapshot, None, links, &requirements)?.verify(
            &requirements,
            &Hold::Nothing,
            &NoProgress,
        )
    };
    assert_eq!(code(verify(Links::Refuse)), "E-FILE-TYPE");
    let model = verify(Links::HfCache).unwrap();
    let followed: Vec<_> =
        model.report().links.iter().map(|link| (link.path.as_str(), link.target.as_str())).collect();
    assert_eq!(followed, [("blob.bin", "blobs/one")]);
    assert_eq!(model.read("blob.bin").unwrap().len(), 100_000);
    tamper::flip(&cache.join("blobs/one"), 0);
    assert_eq!(model.read("blob.bin").unwrap_err().code(), "E-FILE-CHANGED");
    assert_eq!(code(verify(Links::HfCache)), "E-FILE-CHANGED");
    tamper::link_away(&cache.join("blobs/one"), &sealed.model().beside("elsewhere"));
    assert_eq!(code(verify(Links::HfCache)), "E-FILE-TYPE");
}

#[test]
fn nothing_is_hashed_when_names_or_sizes_are_wrong() {
    let sealed = Sealed::sample();
    let requirements = trusting(sealed.public_key());
    let watch = Watch::new(|_| ());
    verify_with(&sealed, &requirements, &Hold::Nothing, &watch).unwrap();
    assert_eq!(watch.begun.lock().unwrap().len(), 8);
    tamper::grow(&sealed.model().entry("config.json"), b" ");
    let watch = Watch::new(|_| ());
    assert_eq!(code(verify_with(&sealed, &requirements, &Hold::Nothing, &watch)), "E-FILE-SIZE");
    assert!(watch.begun.lock().unwrap().is_empty());
}

/// Verifies while `meddle` works on `blob.bin` between the walk and the moment it is opened.
fn meddled(hold: &Hold, meddle: fn(&std::path::Path)) -> &'static str {
    let sealed = Sealed::sample();
    verify(&sealed).unwrap();
    let file = sealed.model().entry("blob.bin");
    let watch = Watch::new(|name: &str| {
        if name == "blob.bin" {
            meddle(&file);
        }
    });
    code(verify_with(&sealed, &trusting(sealed.public_key()), hold, &watch))
}

#[test]
fn a_file_that_is_exchanged_during_verification() {
    for hold in [Hold::Nothing, Hold::Everything] {
        assert_eq!(meddled(&hold, |file| tamper::flip(file, 0)), "E-FILE-CHANGED", "{hold:?}");
        assert_eq!(meddled(&hold, |file| tamper::truncate(file, 1)), "E-FILE-SIZE", "{hold:?}");
        assert_eq!(meddled(&hold, tamper::remove), "E-NOT-FOUND", "{hold:?}");
        assert_eq!(meddled(&hold, tamper::replace_by_fifo), "E-INPUT-TYPE", "{hold:?}");
        let link = |file: &std::path::Path| tamper::link_away(file, &file.with_extension("away"));
        assert_eq!(meddled(&hold, link), "E-INPUT-TYPE", "{hold:?}");
    }
}

#[test]
fn a_file_that_grows_during_verification() {
    assert_eq!(meddled(&Hold::Nothing, |file| tamper::grow(file, b"+")), "E-FILE-SIZE");
    // Held bytes take no more memory than was there when the file was listed.
    assert_eq!(meddled(&Hold::Everything, |file| tamper::grow(file, b"+")), "E-INPUT-CHANGED");
    assert_eq!(meddled(&Hold::Everything, |file| tamper::grow(file, &vec![0; 3 << 20])), "E-INPUT-CHANGED");
}

#[test]
fn verification_can_be_interrupted() {
    struct Stop;
    impl Progress for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let sealed = Sealed::sample();
    let requirements = trusting(sealed.public_key());
    assert_eq!(code(verify_with(&sealed, &requirements, &Hold::Everything, &Stop)), "E-INTERRUPTED");
}
