//! The files on disk against the files that were signed: every way in which they can differ has its code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use lacre_manifest::{DEFAULT_IGNORES, ExcludedReason, Foreign, ForeignKind};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{Failure, Hold, NoProgress, Outcome, Requirements, Step};

use verifying::{code, mismatch, path, texts, trusting, verify, verify_with};

/// The sample model passes; after `change` it does not.
#[track_caller]
fn refused(change: impl FnOnce(&Sealed)) -> Box<Failure> {
    refused_of(&Sealed::sample(), change)
}

#[track_caller]
fn refused_of(sealed: &Sealed, change: impl FnOnce(&Sealed)) -> Box<Failure> {
    verify(sealed).unwrap();
    change(sealed);
    let failure = verify(sealed).unwrap_err();
    let last = failure.report.checks.last().unwrap();
    assert_eq!((last.step, last.outcome), (Step::Content, Outcome::Failed));
    assert!(failure.report.signer.is_some(), "the signature held, whatever the content");
    failure
}

/// The sample model as peers sign it: SHA-256 alone, no sizes, no identity.
fn signed_by_a_peer() -> Sealed {
    let sealed = Sealed::sample();
    let bundle = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            let resource = resource.as_object_mut().unwrap();
            resource.remove("size");
            resource.remove("blake3");
        }
    });
    sealed.write_bundle(&bundle);
    sealed
}

#[test]
fn an_honest_model_passes_every_step() {
    let sealed = Sealed::sample();
    let model = verify(&sealed).unwrap();
    let steps: Vec<_> = model.report().checks.iter().map(|check| (check.step, check.outcome)).collect();
    let order = [Step::Bundle, Step::Signer, Step::Signature, Step::Claim, Step::Expectations, Step::Content];
    assert_eq!(steps, order.map(|step| (step, Outcome::Passed)));
    assert_eq!(model.manifest().len(), 8);
    assert_eq!(model.signers()[0].key(), sealed.public_key().hint());
    let reported = model.report().model.as_ref().unwrap();
    assert_eq!((reported.name.as_str(), reported.version.as_deref()), ("org/mini-lm", Some("1.0.0")));
    assert_eq!(reported.identity, model.claim().identity().map(ToString::to_string));
    let sizes: usize =
        model.manifest().entries().iter().map(|entry| sealed.model().read(entry.path.as_str()).len()).sum();
    assert_eq!(reported.bytes, Some(sizes as u64));
    let excluded: Vec<_> =
        model.report().excluded.iter().map(|one| (one.path.as_str(), one.reason)).collect();
    assert_eq!(excluded, [("model.sig", ExcludedReason::Signature)]);
    assert!(model.report().warnings.is_empty());
}

#[test]
fn a_tampered_file() {
    for offset in [0, 50_000, 99_999] {
        let failure = refused(|sealed| tamper::flip(&sealed.model().entry("blob.bin"), offset));
        assert_eq!(failure.code(), "E-FILE-CHANGED", "{offset}");
        assert_eq!(texts(&mismatch(&failure).changed), ["blob.bin"]);
        assert_eq!(failure.to_string(), "the content is not what was signed: blob.bin has other bytes");
    }
}

#[test]
fn a_tampered_file_that_a_peer_signed() {
    for offset in [0, 50_000, 99_999] {
        let failure =
            refused_of(&signed_by_a_peer(), |sealed| tamper::flip(&sealed.model().entry("blob.bin"), offset));
        assert_eq!(failure.code(), "E-FILE-CHANGED", "{offset}");
    }
    // No size was signed, so that the digest alone tells.
    let shorter =
        refused_of(&signed_by_a_peer(), |sealed| tamper::truncate(&sealed.model().entry("blob.bin"), 1));
    assert_eq!(shorter.code(), "E-FILE-CHANGED");
    let longer =
        refused_of(&signed_by_a_peer(), |sealed| tamper::grow(&sealed.model().entry("empty.bin"), b"x"));
    assert_eq!(longer.code(), "E-FILE-CHANGED");
    let renamed = refused_of(&signed_by_a_peer(), |sealed| {
        tamper::rename(&sealed.model().entry("blob.bin"), &sealed.model().entry("blub.bin"));
    });
    assert_eq!(renamed.code(), "E-FILE-RENAMED");
}

#[test]
fn a_truncated_or_grown_file() {
    type Change = fn(&Path);
    let cases: [(&str, Change, u64, u64); 4] = [
        ("blob.bin", |file| tamper::truncate(file, 1), 100_000, 99_999),
        ("blob.bin", |file| tamper::truncate(file, 100_000), 100_000, 0),
        ("blob.bin", |file| tamper::grow(file, b"+"), 100_000, 100_001),
        ("empty.bin", |file| tamper::grow(file, b"+"), 0, 1),
    ];
    for (name, change, signed, found) in cases {
        let failure = refused(|sealed| change(&sealed.model().entry(name)));
        assert_eq!(failure.code(), "E-FILE-SIZE");
        let [size] = mismatch(&failure).size.as_slice() else { panic!("{failure}") };
        assert_eq!((size.path.as_str(), size.signed, size.found), (name, signed, found));
    }
}

#[test]
fn a_missing_file() {
    for name in ["blob.bin", "empty.bin", "x/y", "tokenizer/größe/日本語.txt"] {
        let failure = refused(|sealed| tamper::remove(&sealed.model().entry(name)));
        assert_eq!(failure.code(), "E-FILE-MISSING");
        assert_eq!(texts(&mismatch(&failure).missing), [name]);
    }
    let all = refused(|sealed| {
        for name in sealed.model().names().iter().filter(|name| *name != Sealed::SIGNATURE) {
            tamper::remove(&sealed.model().entry(name));
        }
    });
    assert_eq!((all.code(), mismatch(&all).missing.len()), ("E-FILE-MISSING", 8));
}

#[test]
fn an_extra_file() {
    for (name, content) in
        [("extra.bin", "x"), ("tokenizer/extra", "x"), ("new/folder/extra", "x"), ("nothing", "")]
    {
        let failure = refused(|sealed| tamper::plant(&sealed.model().entry(name), content));
        assert_eq!(failure.code(), "E-FILE-EXTRA");
        assert_eq!(texts(&mismatch(&failure).extra), [name]);
        assert!(failure.to_string().contains(&format!("{name} is not signed")), "{failure}");
    }
}

#[test]
fn a_copy_of_a_signed_file_is_extra() {
    let failure =
        refused(|sealed| tamper::plant(&sealed.model().entry("copy"), sealed.model().read("blob.bin")));
    assert_eq!(failure.code(), "E-FILE-EXTRA");
}

#[test]
fn a_renamed_file() {
    let failure = refused(|sealed| {
        tamper::rename(&sealed.model().entry("blob.bin"), &sealed.model().entry("new/blob.bin"));
    });
    assert_eq!(failure.code(), "E-FILE-RENAMED");
    let found = mismatch(&failure);
    let [renamed] = found.renamed.as_slice() else { panic!("{failure}") };
    assert_eq!((renamed.from.as_str(), renamed.to.as_str()), ("blob.bin", "new/blob.bin"));
    assert!(found.missing.is_empty() && found.extra.is_empty());
    let case = refused(|sealed| {
        tamper::rename(&sealed.model().entry("config.json"), &sealed.model().entry("Config.json"));
    });
    assert_eq!(case.code(), "E-FILE-RENAMED");
    // Another content under another name was not renamed.
    let changed = refused(|sealed| {
        tamper::rename(&sealed.model().entry("blob.bin"), &sealed.model().entry("blub.bin"));
        tamper::flip(&sealed.model().entry("blub.bin"), 7);
    });
    assert_eq!(changed.code(), "E-FILE-MISSING");
    assert_eq!(texts(&mismatch(&changed).extra), ["blub.bin"]);
}

#[test]
fn a_name_in_another_normal_form_is_another_name() {
    let sealed = Seal::of(ModelDir::new().file("caf\u{e9}.bin", "x")).sign();
    let failure = refused_of(&sealed, |sealed| {
        tamper::rename(&sealed.model().entry("caf\u{e9}.bin"), &sealed.model().entry("cafe\u{301}.bin"));
    });
    assert_eq!(failure.code(), "E-FILE-RENAMED");
}

#[test]
fn swapped_files() {
    let model =
        || Seal::of(ModelDir::sample().file("a.bin", noise(1, 500)).file("b.bin", noise(2, 500))).sign();
    let failure = refused_of(&model(), |sealed| {
        tamper::swap(&sealed.model().entry("a.bin"), &sealed.model().entry("b.bin"));
    });
    assert_eq!(failure.code(), "E-FILE-CHANGED");
    assert_eq!(texts(&mismatch(&failure).changed), ["a.bin", "b.bin"]);
    let other_sizes = refused_of(&model(), |sealed| {
        tamper::swap(&sealed.model().entry("a.bin"), &sealed.model().entry("blob.bin"));
    });
    assert_eq!((other_sizes.code(), mismatch(&other_sizes).size.len()), ("E-FILE-SIZE", 2));
}

#[test]
fn a_symlink_in_the_place_of_a_file_even_to_an_identical_one() {
    let link: [fn(&Sealed); 5] = [
        |sealed| tamper::link_away(&sealed.model().entry("blob.bin"), &sealed.model().beside("blob.bin")),
        |sealed| {
            fs::write(sealed.model().beside("copy"), sealed.model().read("blob.bin")).unwrap();
            tamper::replace_by_link(&sealed.model().entry("blob.bin"), "../copy");
        },
        |sealed| tamper::replace_by_link(&sealed.model().entry("blob.bin"), "config.json"),
        |sealed| tamper::replace_by_link(&sealed.model().entry("blob.bin"), "nowhere"),
        |sealed| tamper::replace_by_link(&sealed.model().entry("blob.bin"), "/proc/self/environ"),
    ];
    for change in link {
        let failure = refused(change);
        assert_eq!(failure.code(), "E-FILE-TYPE");
        let foreign = Foreign { name: "blob.bin".to_owned(), kind: ForeignKind::Symlink };
        assert_eq!(mismatch(&failure).foreign, [foreign]);
        assert!(mismatch(&failure).missing.is_empty(), "it is not missing, it is no file");
    }
}

#[test]
fn an_extra_symlink() {
    let failure = refused(|sealed| symlink("blob.bin", sealed.model().entry("link")).unwrap());
    assert_eq!(failure.code(), "E-FILE-TYPE");
    assert!(failure.to_string().contains("link is a symbolic link"), "{failure}");
}

#[test]
fn a_symlinked_parent_folder() {
    let failure = refused(|sealed| {
        tamper::link_away(&sealed.model().entry("tokenizer"), &sealed.model().beside("tokenizer"));
    });
    assert_eq!(failure.code(), "E-FILE-TYPE");
    let foreign = Foreign { name: "tokenizer".to_owned(), kind: ForeignKind::Symlink };
    assert_eq!(mismatch(&failure).foreign, [foreign]);
}

#[test]
fn a_folder_in_the_place_of_a_file() {
    for inside in [None, Some("blob.bin/inside"), Some("blob.bin/deep/inside")] {
        let failure = refused(|sealed| {
            tamper::replace_by_folder(&sealed.model().entry("blob.bin"));
            if let Some(inside) = inside {
                tamper::plant(&sealed.model().entry(inside), "x");
            }
        });
        assert_eq!(failure.code(), "E-FILE-TYPE", "{inside:?}");
        let foreign = Foreign { name: "blob.bin".to_owned(), kind: ForeignKind::Folder };
        assert_eq!(mismatch(&failure).foreign, [foreign]);
        assert!(mismatch(&failure).missing.is_empty());
    }
}

#[test]
fn a_file_in_the_place_of_a_folder() {
    let failure = refused(|sealed| {
        tamper::rename(&sealed.model().entry("x"), &sealed.model().beside("x"));
        tamper::plant(&sealed.model().entry("x"), "file");
    });
    assert_eq!(failure.code(), "E-FILE-MISSING");
    assert_eq!(texts(&mismatch(&failure).extra), ["x"]);
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let failure = refused(|sealed| tamper::replace_by_fifo(&sealed.model().entry("blob.bin")));
    assert_eq!(failure.code(), "E-FILE-TYPE");
    assert_eq!(
        mismatch(&failure).foreign,
        [Foreign { name: "blob.bin".to_owned(), kind: ForeignKind::Fifo }]
    );
}

#[test]
fn a_socket_in_the_place_of_a_file() {
    let mut listener = None;
    let failure = refused(|sealed| {
        tamper::remove(&sealed.model().entry("blob.bin"));
        listener = Some(UnixListener::bind(sealed.model().entry("blob.bin")).unwrap());
    });
    assert_eq!(failure.code(), "E-FILE-TYPE");
    assert_eq!(
        mismatch(&failure).foreign,
        [Foreign { name: "blob.bin".to_owned(), kind: ForeignKind::Socket }]
    );
}

#[test]
fn a_name_that_is_not_utf8_is_named_escaped() {
    let failure = refused(|sealed| {
        let folder = sealed.model().entry("tokenizer");
        fs::write(folder.join(OsStr::from_bytes(b"bad\xff\x1b[2J")), "x").unwrap();
    });
    assert_eq!(failure.code(), "E-FILE-NAME");
    let message = failure.to_string();
    assert!(message.contains(r"tokenizer/bad\xff\u{1b}[2J has a name that is not UTF-8"), "{message}");
    assert!(!message.contains('\u{1b}'));
}

#[test]
fn a_name_that_cannot_be_signed() {
    let failure = refused(|sealed| fs::write(sealed.model().entry("..\\up"), "x").unwrap());
    assert_eq!(failure.code(), "E-FILE-NAME");
    assert!(failure.to_string().contains(r"..\\up"), "{failure}");
}

#[test]
fn a_hostile_name_cannot_move_the_terminal() {
    let failure = refused(|sealed| tamper::plant(&sealed.model().entry("a\u{1b}[2J\u{202e}\nb"), ""));
    assert_eq!(failure.code(), "E-FILE-EXTRA");
    let message = failure.to_string();
    assert!(message.contains(r"a\u{1b}[2J\u{202e}\nb is not signed"), "{message}");
    assert!(!message.chars().any(|character| character.is_control() || character == '\u{202e}'));
}

#[test]
fn what_lies_under_a_signed_ignore_path_is_reported_and_cannot_be_read() {
    let model = ModelDir::sample().file(".git/HEAD", "ref: main").file(".gitignore", "*.tmp");
    let sealed = Seal::of(model).ignore(&[".git", ".gitignore"]).sign();
    verify(&sealed).unwrap();
    tamper::plant(&sealed.model().entry(".git/hooks/post-checkout"), "#!/bin/sh\n");
    let model = verify(&sealed).unwrap();
    let excluded: Vec<_> =
        model.report().excluded.iter().map(|one| (one.path.as_str(), one.reason)).collect();
    let ignored = ExcludedReason::Ignored;
    assert_eq!(
        excluded,
        [(".git/", ignored), (".gitignore", ignored), ("model.sig", ExcludedReason::Signature)]
    );
    for name in [".git/HEAD", ".git/hooks/post-checkout", ".gitignore", ".git", "model.sig"] {
        assert_eq!(model.read(name).unwrap_err().code(), "E-NOT-FOUND", "{name}");
    }
    // An ignore path stands for itself and what is in it, not for what begins like it.
    tamper::plant(&sealed.model().entry(".github"), "");
    assert_eq!(code(verify(&sealed)), "E-FILE-EXTRA");
}

#[test]
fn what_others_leave_out_by_default_is_extra_unless_its_absence_was_signed() {
    for name in DEFAULT_IGNORES {
        let failure = refused(|sealed| tamper::plant(&sealed.model().entry(name), "x"));
        assert_eq!(failure.code(), "E-FILE-EXTRA", "{name}");
        let inside = format!("{name}/config");
        let failure = refused(|sealed| tamper::plant(&sealed.model().entry(&inside), "x"));
        assert_eq!(texts(&mismatch(&failure).extra), [inside]);
    }
}

fn allowing(sealed: &Sealed, paths: &[&str]) -> Requirements {
    trusting(sealed.public_key()).allow_unsigned(paths.iter().map(|text| path(text)))
}

#[test]
fn what_may_be_unsigned_is_reported_and_cannot_be_read() {
    let sealed = Sealed::sample();
    tamper::plant(&sealed.model().entry("notes.txt"), "mine");
    tamper::plant(&sealed.model().entry("cache/a/b"), "mine");
    let requirements = allowing(&sealed, &["notes.txt", "cache"]);
    let model = verify_with(&sealed, &requirements, &Hold::Everything, &NoProgress).unwrap();
    let excluded: Vec<_> =
        model.report().excluded.iter().map(|one| (one.path.as_str(), one.reason)).collect();
    let allowed = ExcludedReason::UnsignedAllowed;
    assert_eq!(
        excluded,
        [("cache/a/b", allowed), ("model.sig", ExcludedReason::Signature), ("notes.txt", allowed)]
    );
    for name in ["notes.txt", "cache/a/b"] {
        assert_eq!(model.read(name).unwrap_err().code(), "E-NOT-FOUND");
        assert!(model.manifest().get(name).is_none());
    }
    assert_eq!(code(verify(&sealed)), "E-FILE-EXTRA", "nobody allowed it here");
}

#[test]
fn allowing_unsigned_files_allows_nothing_else() {
    let sealed = Sealed::sample();
    let requirements = allowing(&sealed, &["blob.bin", "tokenizer", "ext", "pipe"]);
    let verify = || verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress);
    verify().unwrap();
    tamper::plant(&sealed.model().entry("ext.bin"), "");
    assert_eq!(code(verify()), "E-FILE-EXTRA", "a name that only begins like an allowed one");
    tamper::remove(&sealed.model().entry("ext.bin"));
    tamper::plant(&sealed.model().entry("pipe"), "");
    tamper::replace_by_fifo(&sealed.model().entry("pipe"));
    let reported = verify().unwrap().report().excluded.clone();
    assert!(reported.iter().any(|one| one.path == "pipe" && one.reason == ExcludedReason::UnsignedAllowed));
    tamper::flip(&sealed.model().entry("blob.bin"), 0);
    assert_eq!(code(verify()), "E-FILE-CHANGED", "a signed file is proven wherever it lies");
    tamper::remove(&sealed.model().entry("blob.bin"));
    assert_eq!(code(verify()), "E-FILE-MISSING");
    tamper::plant(&sealed.model().entry("blob.bin"), "");
    tamper::replace_by_link(&sealed.model().entry("blob.bin"), "config.json");
    assert_ne!(code(verify()), "accepted");
}

#[test]
fn only_the_signature_that_is_verified_may_lie_in_the_model() {
    let failure = refused(|sealed| tamper::plant(&sealed.model().entry("other.sig"), sealed.bundle()));
    assert_eq!((failure.code(), texts(&mismatch(&failure).extra)), ("E-FILE-EXTRA", vec!["other.sig"]));
    let failure = refused(|sealed| tamper::plant(&sealed.model().entry("x/model.sig"), sealed.bundle()));
    assert_eq!((failure.code(), texts(&mismatch(&failure).extra)), ("E-FILE-EXTRA", vec!["x/model.sig"]));
}

#[test]
fn empty_folders_are_reported() {
    let sealed = Sealed::sample();
    assert!(verify(&sealed).unwrap().report().empty_folders.is_empty());
    fs::create_dir_all(sealed.model().entry("empty/inner")).unwrap();
    let model = verify(&sealed).unwrap();
    assert_eq!(texts(&model.report().empty_folders), ["empty/inner"]);
}

#[test]
fn of_several_differences_the_most_telling_gives_the_code_and_all_are_listed() {
    let sealed = Sealed::sample();
    let entry = |name| sealed.model().entry(name);
    verify(&sealed).unwrap();
    tamper::flip(&entry("blob.bin"), 0);
    assert_eq!(code(verify(&sealed)), "E-FILE-CHANGED");
    tamper::grow(&entry("config.json"), b" ");
    assert_eq!(code(verify(&sealed)), "E-FILE-SIZE");
    tamper::plant(&entry("extra"), "x");
    assert_eq!(code(verify(&sealed)), "E-FILE-EXTRA");
    tamper::remove(&entry("x.json"));
    assert_eq!(code(verify(&sealed)), "E-FILE-MISSING");
    tamper::rename(&entry("x/y"), &entry("x/z"));
    assert_eq!(code(verify(&sealed)), "E-FILE-RENAMED");
    fs::write(entry("").join(OsStr::from_bytes(b"\xff")), "").unwrap();
    assert_eq!(code(verify(&sealed)), "E-FILE-NAME");
    tamper::replace_by_fifo(&entry("empty.bin"));
    let failure = verify(&sealed).unwrap_err();
    assert_eq!(failure.code(), "E-FILE-TYPE");
    let found = mismatch(&failure);
    assert_eq!((found.foreign.len(), found.renamed.len()), (2, 1));
    assert_eq!((texts(&found.missing), texts(&found.extra)), (vec!["x.json"], vec!["extra"]));
    assert_eq!(
        (found.size.len(), found.changed.len()),
        (1, 0),
        "names and sizes are compared before any byte"
    );
}

#[test]
fn a_message_stays_short() {
    let sealed = Sealed::sample();
    for number in 0..1000 {
        tamper::plant(&sealed.model().entry(&format!("extra{number:04}")), "");
    }
    let failure = verify(&sealed).unwrap_err();
    assert_eq!(mismatch(&failure).extra.len(), 1000);
    let message = failure.to_string();
    assert!(message.contains("extra0007 is not signed; and 992 more"), "{message}");
    assert!(!message.contains("extra0008"));
}

#[test]
fn a_thousand_files() {
    let sealed = Seal::of(ModelDir::many(1000, 64)).sign();
    assert_eq!(verify(&sealed).unwrap().manifest().len(), 1000);
    tamper::flip(&sealed.model().entry("d007/f00777.bin"), 63);
    let failure = verify(&sealed).unwrap_err();
    assert_eq!(texts(&mismatch(&failure).changed), ["d007/f00777.bin"]);
}
