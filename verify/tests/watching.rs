//! What wakes a service that watches its model, and what does not.
//!
//! A change must wake it within a minute; it takes a fraction of a second. That nothing wakes it is asked without
//! waiting: the kernel queues an event before the call that caused it returns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::cell::Cell;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use lacre_testkit::{Sealed, tamper};
use lacre_verify::{Hold, Links, Watch, Woken};

use verifying::{code, trusting, verify, verify_with};

const NEVER: &dyn Fn() -> bool = &|| false;

fn watching(path: &Path) -> Watch {
    let mut watch = Watch::new(path, None, Links::Refuse);
    assert!(watch.trouble().is_none());
    watch
}

#[track_caller]
fn wakes(watch: &mut Watch) {
    assert_eq!(watch.wait(Duration::from_mins(1), NEVER), Woken::Changed);
}

#[track_caller]
fn sleeps(watch: &mut Watch) {
    assert_eq!(watch.wait(Duration::ZERO, NEVER), Woken::Due);
}

#[test]
fn every_kind_of_change_wakes_once() {
    let sealed = Sealed::sample();
    let file = sealed.model().entry("config.json");
    let beside = sealed.model().beside("beside");
    let mut watch = watching(&sealed.path());
    sleeps(&mut watch);
    let changes: [&dyn Fn(); 10] = [
        &|| tamper::flip(&file, 0),
        &|| tamper::truncate(&file, 1),
        &|| tamper::grow(&file, b"x"),
        &|| tamper::replace(&file, "other"),
        &|| fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap(),
        &|| tamper::plant(&sealed.model().entry("new"), "x"),
        &|| tamper::remove(&sealed.model().entry("new")),
        &|| tamper::rename(&file, &beside),
        &|| tamper::rename(&beside, &file),
        &|| tamper::replace(&sealed.signature_path(), "x"),
    ];
    for (number, change) in changes.iter().enumerate() {
        change();
        assert_eq!(watch.wait(Duration::from_mins(1), NEVER), Woken::Changed, "change {number}");
        assert_eq!(watch.wait(Duration::ZERO, NEVER), Woken::Due, "change {number}");
    }
}

#[test]
fn proving_and_reading_wake_nobody() {
    let sealed = Sealed::sample();
    let mut watch = watching(&sealed.path());
    let verified =
        verify_with(&sealed, &trusting(sealed.public_key()), &Hold::Everything, &lacre_verify::NoProgress)
            .unwrap();
    for entry in verified.claim().manifest().entries() {
        verified.read(entry.path.as_str()).unwrap();
        fs::read(sealed.model().entry(entry.path.as_str())).unwrap();
    }
    sleeps(&mut watch);
}

#[test]
fn what_changes_while_a_proof_is_running_wakes_afterwards() {
    let sealed = Sealed::sample();
    let mut watch = watching(&sealed.path());
    let planted = sealed.model().entry("late");
    // After the walk: this proof cannot see it.
    let meddler = verifying::Watch::new(|_| fs::write(&planted, "x").unwrap());
    verify_with(&sealed, &trusting(sealed.public_key()), &Hold::Nothing, &meddler).unwrap();
    wakes(&mut watch);
    assert_eq!(code(verify(&sealed)), "E-FILE-EXTRA");
}

#[test]
fn new_folders_are_watched_however_they_come() {
    let sealed = Sealed::sample();
    let model = sealed.model();
    fs::create_dir_all(model.beside("made/in")).unwrap();
    let mut watch = watching(&sealed.path());
    fs::create_dir_all(model.entry("a/b/c")).unwrap();
    wakes(&mut watch);
    fs::write(model.entry("a/b/c/f"), "x").unwrap();
    wakes(&mut watch);
    fs::rename(model.beside("made"), model.entry("a/made")).unwrap();
    wakes(&mut watch);
    fs::write(model.entry("a/made/in/f"), "x").unwrap();
    wakes(&mut watch);
    fs::rename(model.entry("a"), model.entry("z")).unwrap();
    wakes(&mut watch);
    fs::create_dir(model.entry("z/b/new")).unwrap();
    wakes(&mut watch);
    fs::write(model.entry("z/b/new/f"), "x").unwrap();
    wakes(&mut watch);
    // What was moved out is no part of the model any more.
    fs::rename(model.entry("z"), model.beside("gone")).unwrap();
    wakes(&mut watch);
    fs::write(model.beside("gone/b/f"), "x").unwrap();
    sleeps(&mut watch);
}

#[test]
fn a_model_that_comes_goes_or_is_replaced_wakes() {
    let sealed = Sealed::sample();
    let place = sealed.model().beside("not/yet/there");
    let mut watch = watching(&place);
    fs::create_dir(sealed.model().beside("other")).unwrap();
    sleeps(&mut watch);
    fs::create_dir(sealed.model().beside("not")).unwrap();
    wakes(&mut watch);
    fs::create_dir(sealed.model().beside("not/yet")).unwrap();
    wakes(&mut watch);
    fs::rename(sealed.path(), &place).unwrap();
    wakes(&mut watch);
    tamper::replace(&place.join("model.sig"), "x");
    wakes(&mut watch);
    fs::rename(&place, sealed.path()).unwrap();
    wakes(&mut watch);
    fs::create_dir(&place).unwrap();
    wakes(&mut watch);
    fs::write(place.join("f"), "x").unwrap();
    wakes(&mut watch);
    fs::remove_dir_all(sealed.model().beside("not")).unwrap();
    wakes(&mut watch);
}

#[test]
fn a_link_that_is_turned_to_another_version_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("v1")).unwrap();
    fs::create_dir(at("v2")).unwrap();
    symlink("v1", at("current")).unwrap();
    let mut watch = watching(&at("current"));
    fs::write(at("v2/f"), "x").unwrap();
    sleeps(&mut watch);
    symlink("v2", at("next")).unwrap();
    fs::rename(at("next"), at("current")).unwrap();
    wakes(&mut watch);
    fs::write(at("v2/f"), "y").unwrap();
    wakes(&mut watch);
    fs::write(at("v1/f"), "y").unwrap();
    sleeps(&mut watch);
}

#[test]
fn of_one_file_only_it_and_its_signature_wake() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("m.gguf"), "x").unwrap();
    let mut watch = watching(&at("m.gguf"));
    fs::write(at("other"), "x").unwrap();
    sleeps(&mut watch);
    tamper::grow(&at("m.gguf"), b"y");
    wakes(&mut watch);
    fs::write(at("m.gguf.sig"), "x").unwrap();
    wakes(&mut watch);
    tamper::replace(&at("m.gguf"), "z");
    wakes(&mut watch);
    tamper::grow(&at("m.gguf"), b"y");
    wakes(&mut watch);
}

#[test]
fn a_signature_elsewhere_wakes_where_it_lies_and_where_it_leads() {
    let sealed = Sealed::sample();
    let at = |name: &str| sealed.model().beside(name);
    fs::create_dir(at("signatures")).unwrap();
    fs::write(at("signatures/s"), sealed.bundle()).unwrap();
    symlink("signatures/s", at("link")).unwrap();
    let mut watch = Watch::new(&sealed.path(), Some(&at("link")), Links::Refuse);
    fs::write(at("signatures/unrelated"), "x").unwrap();
    sleeps(&mut watch);
    tamper::grow(&at("signatures/s"), b"x");
    wakes(&mut watch);
    tamper::remove(&at("link"));
    wakes(&mut watch);
}

#[test]
fn the_blobs_of_a_hugging_face_cache_wake() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("models--org--mini-lm");
    let snapshot = cache.join("snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir(cache.join("blobs")).unwrap();
    fs::write(cache.join("blobs/b"), "x").unwrap();
    symlink("../../blobs/b", snapshot.join("config.json")).unwrap();
    let mut watch = Watch::new(&snapshot, None, Links::HfCache);
    sleeps(&mut watch);
    tamper::overwrite(&cache.join("blobs/b"), b'y');
    wakes(&mut watch);
}

#[test]
fn a_queue_that_overflows_is_a_change_like_any_other() {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let files: Vec<File> = ["a", "b"].map(|name| File::create(at(name)).unwrap()).into();
    let mut watch = watching(folder.path());
    // Equal events behind one another are one: two files in turn make each its own.
    for number in 0..most {
        (&files[number % 2]).write_all(b"x").unwrap();
    }
    fs::create_dir(at("unseen")).unwrap();
    wakes(&mut watch);
    fs::write(at("unseen/f"), "x").unwrap();
    wakes(&mut watch);
}

#[test]
fn a_copy_that_goes_on_wakes_once_and_may_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Cell::new(0);
    let copying = || {
        // Asked before the first event, and then while it waits for quiet.
        asked.set(asked.get() + 1);
        if asked.get() < 4 {
            fs::write(folder.path().join("f"), "x").unwrap();
        }
        false
    };
    let mut watch = watching(folder.path());
    assert_eq!(watch.wait(Duration::from_mins(1), &copying), Woken::Changed);
    assert!(asked.get() > 1, "asked {} times", asked.get());
    sleeps(&mut watch);
    fs::write(folder.path().join("f"), "y").unwrap();
    asked.set(0);
    let second = || asked.replace(asked.get() + 1) > 0;
    assert_eq!(watch.wait(Duration::from_mins(1), &second), Woken::Interrupted);
}

#[test]
fn who_asks_to_stop_is_heard_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = watching(folder.path());
    fs::write(folder.path().join("f"), "x").unwrap();
    assert_eq!(watch.wait(Duration::MAX, &|| true), Woken::Interrupted);
    wakes(&mut watch);
}
