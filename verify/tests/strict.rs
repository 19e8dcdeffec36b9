//! What is signed beside names and bytes, and what a strict caller refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lacre_attest::Limits;
use lacre_testkit::{ModelDir, Seal, Sealed, tamper};
use lacre_verify::{
    Claim, Endorsement, Hold, Leftovers, NoProgress, Prove, Requirements, ShapeMismatch, Trust, Unverified,
    Verified,
};

use verifying::{Outcome, code, path, texts, trusting, verify, verify_with};

fn chmod(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

/// A model with an executable file and an empty folder.
fn shaped() -> ModelDir {
    let model = ModelDir::sample().file("bin/run.sh", "#!/bin/sh\n");
    chmod(&model.entry("bin/run.sh"), 0o755);
    fs::create_dir_all(model.entry("logs/old")).unwrap();
    model
}

fn sealed() -> Sealed {
    Seal::of(shaped()).sign()
}

fn strictly(sealed: &Sealed) -> Outcome {
    let requirements = trusting(sealed.public_key()).strict();
    verify_with(sealed, &requirements, &Hold::Nothing, &NoProgress)
}

/// What a change comes to: told to who is lax, and refused with `expected` to who is strict.
#[track_caller]
fn differs(change: impl FnOnce(&ModelDir), expected: &str) -> ShapeMismatch {
    let sealed = sealed();
    strictly(&sealed).unwrap();
    change(sealed.model());
    let failure = strictly(&sealed).unwrap_err();
    assert_eq!(failure.code(), expected);
    let model = verify(&sealed).unwrap();
    let report = model.report();
    assert_eq!(report.deviations, failure.report.deviations);
    let warning = format!("not as signed, though no byte differs: {}", report.deviations);
    assert_eq!(report.warnings, [warning]);
    report.deviations.clone()
}

#[test]
fn what_is_as_signed_is_accepted_without_a_word() {
    let sealed = sealed();
    for outcome in [strictly(&sealed), verify(&sealed)] {
        let model = outcome.unwrap();
        let report = model.report();
        assert!(
            report.deviations.is_empty() && report.warnings.is_empty() && report.empty_folders.is_empty()
        );
        assert!(report.model.as_ref().unwrap().modes_signed);
        let shape = model.claim().shape().unwrap();
        assert_eq!(
            (texts(shape.executable()), texts(shape.empty_folders())),
            (vec!["bin/run.sh"], vec!["logs/old"])
        );
    }
    // Only what git keeps of a mode is signed, so that a umask makes no difference.
    chmod(&sealed.model().entry("bin/run.sh"), 0o700);
    chmod(&sealed.model().entry("config.json"), 0o604);
    strictly(&sealed).unwrap();
}

#[test]
fn every_difference_has_its_code() {
    let found = differs(|model| chmod(&model.entry("config.json"), 0o744), "E-FILE-MODE");
    assert_eq!(texts(&found.now_executable), ["config.json"]);
    let found = differs(|model| chmod(&model.entry("bin/run.sh"), 0o644), "E-FILE-MODE");
    assert_eq!(texts(&found.not_executable), ["bin/run.sh"]);
    for bits in [0o4000, 0o2000, 0o1000] {
        let found = differs(|model| chmod(&model.entry("config.json"), 0o644 | bits), "E-FILE-MODE");
        assert_eq!(texts(&found.special), ["config.json"]);
    }
    // The folder above is empty now; what differs is the one in it.
    let found = differs(|model| fs::remove_dir(model.entry("logs/old")).unwrap(), "E-FOLDER-MISSING");
    assert_eq!((texts(&found.missing_folders), texts(&found.extra_folders)), (vec!["logs/old"], vec![]));
}

#[test]
fn folders_come_and_go() {
    let found = differs(|model| fs::remove_dir_all(model.entry("logs")).unwrap(), "E-FOLDER-MISSING");
    assert_eq!(texts(&found.missing_folders), ["logs/old"]);
    let found = differs(|model| fs::create_dir(model.entry("cache")).unwrap(), "E-FOLDER-EXTRA");
    assert_eq!(texts(&found.extra_folders), ["cache"]);
    // Still there, but no longer empty: the new one is what differs.
    let found = differs(|model| fs::create_dir(model.entry("logs/old/er")).unwrap(), "E-FOLDER-EXTRA");
    assert_eq!((texts(&found.extra_folders), found.missing_folders.len()), (vec!["logs/old/er"], 0));
}

#[test]
fn a_file_in_an_empty_folder_is_a_file_that_is_not_signed() {
    let sealed = sealed();
    tamper::plant(&sealed.model().entry("logs/old/today"), "x");
    assert_eq!(code(verify(&sealed)), "E-FILE-EXTRA");
    assert_eq!(code(strictly(&sealed)), "E-FILE-EXTRA");
    // Where it is allowed, the folder is there.
    let lax = trusting(sealed.public_key()).allow_unsigned([path("logs")]);
    let model = verify_with(&sealed, &lax, &Hold::Nothing, &NoProgress).unwrap();
    assert!(model.report().deviations.is_empty());
    // Nothing that may be there unsigned is asked about its mode.
    chmod(&sealed.model().entry("logs/old/today"), 0o4755);
    fs::create_dir(sealed.model().entry("logs/new")).unwrap();
    let model = verify_with(&sealed, &lax, &Hold::Nothing, &NoProgress).unwrap();
    assert!(model.report().deviations.is_empty());
    let excluded: Vec<_> = model.report().excluded.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(excluded, ["logs/new/", "logs/old/today", "model.sig"]);
    let strict = lax.strict();
    assert_eq!(code(verify_with(&sealed, &strict, &Hold::Nothing, &NoProgress)), "E-EXCLUDED");
}

#[test]
fn what_is_not_signed_is_not_compared_and_not_enough_for_who_is_strict() {
    let sealed = Seal::of(shaped()).without_modes().sign();
    assert_eq!(code(strictly(&sealed)), "E-MODES-NOT-SIGNED");
    chmod(&sealed.model().entry("config.json"), 0o755);
    let model = verify(&sealed).unwrap();
    assert!(model.report().deviations.is_empty());
    assert!(!model.report().model.as_ref().unwrap().modes_signed);
    assert_eq!(texts(&model.report().empty_folders), ["logs/old"]);
}

#[test]
fn what_a_signature_leaves_out_is_told_and_refused_when_it_is_there() {
    let model = shaped().file(".git/HEAD", "ref").file("notes/a", "mine");
    let sealed = Seal::of(model).ignore(&[".git", ".github", "notes"]).sign();
    let failure = strictly(&sealed).unwrap_err();
    assert_eq!(failure.code(), "E-EXCLUDED");
    assert!(failure.to_string().ends_with(": .git/, notes/"), "{failure}");
    let lax = verify(&sealed).unwrap();
    for report in [&failure.report, lax.report()] {
        let excluded: Vec<_> = report.excluded.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(excluded, [".git/", "model.sig", "notes/"]);
        assert_eq!(texts(&report.model.as_ref().unwrap().ignore_paths), [".git", ".github", "notes"]);
    }
    fs::remove_dir_all(sealed.model().entry("notes")).unwrap();
    assert_eq!(code(strictly(&sealed)), "E-EXCLUDED");
    fs::remove_dir_all(sealed.model().entry(".git")).unwrap();
    strictly(&sealed).unwrap();
}

#[test]
fn nothing_is_hashed_for_a_shape_that_is_refused() {
    let sealed = sealed();
    chmod(&sealed.model().entry("config.json"), 0o755);
    let watch = verifying::Watch::new(|_| {});
    let requirements = trusting(sealed.public_key()).strict();
    assert_eq!(code(verify_with(&sealed, &requirements, &Hold::Nothing, &watch)), "E-FILE-MODE");
    assert!(watch.begun.lock().unwrap().is_empty());
}

fn claim(sealed: &Sealed, requirements: &Requirements) -> Verified<Claim> {
    Unverified::<Claim>::parse(sealed.bundle(), &Limits::default()).unwrap().verify(requirements).unwrap()
}

#[test]
fn what_is_received_gets_its_shape_when_its_bytes_are_proven() {
    let sealed = sealed();
    let into = ModelDir::new();
    let strict = trusting(sealed.public_key()).strict();
    let receiving =
        claim(&sealed, &strict).receive(&into.path(), Prove::Both, Leftovers::Refuse, |_| None).unwrap();
    for file in receiving.files().iter().filter(|file| file.groups() > 0) {
        file.put(0, &sealed.model().read(file.entry().path.as_str())).unwrap();
    }
    assert!(!into.entry("logs/old").exists(), "not before all is proven");
    let model = receiving.finish().unwrap();
    assert!(model.report().deviations.is_empty() && model.report().warnings.is_empty());
    let plain = mode(&into.entry("config.json"));
    assert_eq!(plain & 0o111, 0);
    assert_eq!(mode(&into.entry("bin/run.sh")), plain | (plain & 0o444) >> 2, "run by whoever may read");
    assert!(into.entry("logs/old").is_dir());
    fs::copy(sealed.signature_path(), into.entry("model.sig")).unwrap();
    let again = Unverified::open(&into.path(), None, lacre_verify::Links::Refuse, &strict).unwrap();
    again.verify(&strict, &Hold::Nothing, &NoProgress).unwrap();

    let into = ModelDir::new();
    let receiving =
        claim(&sealed, &strict).receive(&into.path(), Prove::Both, Leftovers::Refuse, |_| None).unwrap();
    for file in receiving.files().iter().filter(|file| file.groups() > 0) {
        if file.entry().path.as_str() != "blob.bin" {
            file.put(0, &sealed.model().read(file.entry().path.as_str())).unwrap();
        }
    }
    assert_eq!(code(receiving.finish()), "E-FILE-MISSING");
    assert_eq!(mode(&into.entry("bin/run.sh")) & 0o111, 0);
    assert!(!into.entry("logs").exists());
}

#[test]
fn signers_who_signed_other_modes_do_not_count_together() {
    let one = sealed();
    chmod(&one.model().entry("config.json"), 0o755);
    fs::remove_file(one.signature_path()).unwrap();
    let model = shaped();
    chmod(&model.entry("config.json"), 0o755);
    let other = Seal::of(model).sign();
    let third = Seal::of(shaped()).sign();
    let trust = Trust::keys([&one, &other, &third].map(|sealed| sealed.public_key().clone()));
    let requirements = Requirements::new(trust.unwrap().signers(2.try_into().unwrap()));
    let unite = |bundles: [&Sealed; 2]| {
        let endorsed = bundles.map(|sealed| {
            Unverified::<Endorsement>::parse(sealed.bundle(), &Limits::default())?.verify(&requirements)
        });
        Verified::unite(endorsed, &requirements)
    };
    unite([&one, &third]).unwrap();
    assert_eq!(code(unite([&one, &other])), "E-TOO-FEW-SIGNERS");
}
