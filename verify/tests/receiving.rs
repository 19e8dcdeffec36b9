//! Bytes from afar, proven while they are written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lacre_hash::Blake3Digest;
use lacre_manifest::Entry;
use lacre_testkit::{ModelDir, Sealed, noise, tamper};
use lacre_verify::{Claim, Limits, NoProgress, Progress, Prove, Requirements, Unverified, Verified};

use verifying::{Outcome, code, trusting, verify};

fn claim(bundle: &[u8], requirements: &Requirements) -> Verified<Claim> {
    Unverified::<Claim>::parse(bundle, &Limits::default()).unwrap().verify(requirements).unwrap()
}

/// Receives the model from its own folder, except that `blob.bin` comes from `blob`, when there is one.
fn receive(sealed: &Sealed, bundle: &[u8], blob: Option<&Path>, into: &Path, prove: Prove) -> Outcome {
    let fetch = |entry: &Entry| match blob {
        Some(blob) if entry.path.as_str() == "blob.bin" => File::open(blob),
        _ => File::open(sealed.model().entry(entry.path.as_str())),
    };
    claim(bundle, &trusting(sealed.public_key())).receive(into, prove, fetch, &NoProgress)
}

/// What comes of it when `blob.bin` is served with this content, after the honest one was accepted.
fn served(content: impl AsRef<[u8]>) -> (&'static str, u64) {
    let sealed = Sealed::sample();
    let other = sealed.model().beside("other");
    fs::write(&other, content).unwrap();
    let (one, two) = (ModelDir::new(), ModelDir::new());
    receive(&sealed, sealed.bundle(), None, &one.path(), Prove::Both).unwrap();
    let outcome = receive(&sealed, sealed.bundle(), Some(&other), &two.path(), Prove::Quickest);
    (code(outcome), fs::metadata(two.entry("blob.bin")).map_or(0, |metadata| metadata.len()))
}

#[test]
fn what_is_received_is_the_signed_model() {
    let sealed = Sealed::sample();
    for prove in [Prove::Both, Prove::Quickest] {
        let into = ModelDir::new();
        let model = receive(&sealed, sealed.bundle(), None, &into.path(), prove).unwrap();
        let mut names = sealed.model().names();
        names.retain(|name| name != Sealed::SIGNATURE);
        assert_eq!(into.names(), names);
        for name in &names {
            assert_eq!(into.read(name), sealed.model().read(name), "{name}");
            assert_eq!(*model.read(name).unwrap(), into.read(name), "{name}");
            let mode = fs::metadata(into.entry(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0, "nothing that arrives may be run");
        }
        let honest = verify(&sealed).unwrap();
        assert_eq!(model.manifest(), honest.manifest());
        assert_eq!(
            model.report().model.as_ref().unwrap().identity,
            honest.report().model.as_ref().unwrap().identity
        );
    }
}

#[test]
fn other_bytes_of_the_right_size() {
    assert_eq!(served(noise(43, 100_000)).0, "E-FILE-CHANGED");
    let mut last = noise(42, 100_000);
    last[99_999] ^= 0x80;
    assert_eq!(served(last).0, "E-FILE-CHANGED");
}

#[test]
fn fewer_bytes() {
    assert_eq!(served(&noise(42, 100_000)[..99_999]), ("E-FILE-SIZE", 99_999));
    assert_eq!(served([]).0, "E-FILE-SIZE");
}

#[test]
fn more_bytes_are_refused_before_they_are_written() {
    let (code, written) = served(noise(42, 100_001));
    assert_eq!(code, "E-FILE-SIZE");
    assert!(written <= 100_000, "{written}");
    let (code, written) = served(noise(42, 5 << 20));
    assert_eq!(code, "E-FILE-SIZE");
    assert!(written <= 100_000, "{written}");
}

/// A device tells no size, and goes on behind its end: nothing is read of it but the proof of that.
#[test]
fn a_source_that_never_ends() {
    let sealed = Sealed::sample();
    let into = ModelDir::new();
    let outcome =
        receive(&sealed, sealed.bundle(), Some(Path::new("/dev/zero")), &into.path(), Prove::Quickest);
    assert_eq!(code(outcome), "E-INPUT-CHANGED");
}

#[test]
fn a_source_that_cannot_be_opened() {
    let sealed = Sealed::sample();
    let into = ModelDir::new();
    let nowhere = sealed.model().beside("nowhere");
    let outcome = receive(&sealed, sealed.bundle(), Some(&nowhere), &into.path(), Prove::Quickest);
    assert_eq!(code(outcome), "E-UNREADABLE");
}

#[test]
fn what_is_there_already_is_not_written_over() {
    let sealed = Sealed::sample();
    let into = ModelDir::new().file("blob.bin", "mine");
    assert_eq!(code(receive(&sealed, sealed.bundle(), None, &into.path(), Prove::Quickest)), "E-OUTPUT");
    assert_eq!(into.read("blob.bin"), b"mine");
    // Not through a link either, and not for a file without bytes.
    for name in ["blob.bin", "empty.bin"] {
        let into = ModelDir::new().file(name, "");
        let target = into.beside("target");
        fs::write(&target, "theirs").unwrap();
        tamper::replace_by_link(&into.entry(name), &target);
        assert_eq!(code(receive(&sealed, sealed.bundle(), None, &into.path(), Prove::Quickest)), "E-OUTPUT");
        assert_eq!(fs::read(&target).unwrap(), b"theirs", "{name}");
    }
    let nowhere = sealed.model().beside("nowhere");
    assert_eq!(code(receive(&sealed, sealed.bundle(), None, &nowhere, Prove::Quickest)), "E-NOT-FOUND");
}

#[test]
fn two_digests_of_two_contents() {
    let sealed = Sealed::sample();
    let other = sealed.model().beside("other");
    fs::write(&other, noise(77, 100_000)).unwrap();
    let bundle = sealed.restated(|statement| {
        let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
        assert_eq!(resources[0]["name"], "blob.bin");
        resources[0]["blake3"] = Blake3Digest::of(&noise(77, 100_000)).to_string().into();
    });
    let outcome = |blob, prove| receive(&sealed, &bundle, blob, &ModelDir::new().path(), prove);
    assert_eq!(code(outcome(None, Prove::Quickest)), "E-FILE-CHANGED");
    assert_eq!(code(outcome(None, Prove::Both)), "E-FILE-CHANGED");
    assert_eq!(code(outcome(Some(&other), Prove::Both)), "E-FILE-CHANGED", "no content has both digests");
    let into = ModelDir::new();
    let model = receive(&sealed, &bundle, Some(&other), &into.path(), Prove::Quickest).unwrap();
    assert_eq!(*model.read("blob.bin").unwrap(), noise(77, 100_000));
}

#[test]
fn a_peers_signature_proves_by_sha256() {
    let sealed = Sealed::sample();
    let bundle = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().retain(|member, _| member != "size" && member != "blake3");
        }
    });
    for prove in [Prove::Both, Prove::Quickest] {
        let into = ModelDir::new();
        let model = receive(&sealed, &bundle, None, &into.path(), prove).unwrap();
        assert_eq!(model.manifest().get("blob.bin").unwrap().size, Some(100_000), "the size that was seen");
    }
    let other = sealed.model().beside("other");
    for content in [noise(43, 100_000), noise(42, 99_999), noise(42, 100_001)] {
        fs::write(&other, content).unwrap();
        let into = ModelDir::new();
        let outcome = receive(&sealed, &bundle, Some(&other), &into.path(), Prove::Quickest);
        assert_eq!(code(outcome), "E-FILE-CHANGED");
    }
}

#[test]
fn receiving_can_be_interrupted() {
    struct Stop;
    impl Progress for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let sealed = Sealed::sample();
    let into = ModelDir::new();
    let fetch = |entry: &Entry| -> io::Result<File> { File::open(sealed.model().entry(entry.path.as_str())) };
    let outcome = claim(sealed.bundle(), &trusting(sealed.public_key())).receive(
        &into.path(),
        Prove::Quickest,
        fetch,
        &Stop,
    );
    assert_eq!(code(outcome), "E-INTERRUPTED");
}
