//! Writers at the same time, and writers that die: nothing is lost, nothing half-made is seen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod models;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{Descriptor, Layout, ModelArtifact, Presence, Put, Store};

use models::{attach, code, leftovers, push, signatures, tag, target};

const ROUNDS: usize = 6;
const FOLDER: &str = "LACRE_TEST_LAYOUT";
const WRITER: &str = "LACRE_TEST_WRITER";

/// What one writer does: models of its own under tags of its own, a tag that all fight for, and signatures of its own
/// on a model that all share.
fn write(store: &Layout, writer: usize) {
    let shared = push(store, &[("shared.bin", b"shared")], Some(&tag("shared")));
    for round in 0..ROUNDS {
        let text = format!("{writer}/{round}");
        let own =
            push(store, &[("own.bin", text.as_bytes()), ("shared.bin", b"shared")], Some(&tag("fought-for")));
        store.tag(&own, &tag(&format!("w{writer}-r{round}"))).unwrap();
        attach(store, &shared, text.as_bytes());
    }
}

/// Everything that `writers` wrote is there.
fn check(folder: &Path, writers: usize) {
    let store = Layout::create(folder).unwrap();
    assert!(leftovers(&store).is_empty(), "{:?}", leftovers(&store));
    let tags = store.tags().unwrap();
    assert_eq!(tags.len(), writers * ROUNDS + 2);
    for (tag, descriptor) in &tags {
        let artifact = ModelArtifact::parse(&store.manifest(descriptor).unwrap()).unwrap();
        for layer in &artifact.layers {
            let bytes = store.small_blob(&layer.descriptor, 100).unwrap();
            if let (Some((writer, round)), "own.bin") = (tag.as_str().split_once("-r"), layer.path.as_str()) {
                assert_eq!(format!("w{}", String::from_utf8(bytes).unwrap()), format!("{writer}/{round}"));
            }
        }
    }
    let fought = store.resolve(&target("fought-for")).unwrap();
    assert_eq!(tags.iter().filter(|(_, at)| at.digest == fought.digest).count(), 2, "one writer won it");
    let shared = store.resolve(&target("shared")).unwrap();
    assert_eq!(signatures(&store, &shared).len(), writers * ROUNDS);
}

#[test]
fn eight_threads_that_make_the_layout_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/store");
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                start.wait();
                write(&Layout::create(path).unwrap(), writer);
            });
        }
    });
    check(&path, 8);
}

#[test]
fn eight_threads_on_one_value_and_a_reader_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Layout::create(&path).unwrap();
    push(&store, &[("shared.bin", b"shared")], Some(&tag("shared")));
    let (start, done) = (Barrier::new(9), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            start.wait();
            let mut seen = 0;
            while !done.load(Ordering::Acquire) {
                let store = Layout::open(&path).unwrap();
                let tags = store.tags().unwrap();
                assert!(tags.len() >= seen, "a tag went away");
                seen = tags.len();
                for (_, descriptor) in tags {
                    let artifact = ModelArtifact::parse(&store.manifest(&descriptor).unwrap()).unwrap();
                    for layer in artifact.layers {
                        store.small_blob(&layer.descriptor, 100).unwrap();
                    }
                }
            }
        });
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    write(store, writer);
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Release);
        reader.join().unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
    });
    check(&path, 8);
}

fn child(test: &str, folder: &Path, writer: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .env(FOLDER, folder)
        .env(WRITER, writer.to_string())
        .stdout(io::stderr())
        .spawn()
        .unwrap()
}

fn layout_of_parent() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).unwrap())
}

#[test]
#[ignore = "the process that `four_processes` starts"]
fn process_that_writes() {
    let writer = std::env::var(WRITER).unwrap().parse().unwrap();
    write(&Layout::create(&layout_of_parent()).unwrap(), writer);
}

#[test]
fn four_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let children: Vec<_> = (0..4).map(|writer| child("process_that_writes", &path, writer)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    check(&path, 4);
}

/// 8 MiB that come slowly enough to be interrupted.
fn large() -> (Descriptor, Vec<u8>) {
    let bytes: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|index| index.to_le_bytes()[1]).collect();
    (Descriptor::of("application/octet-stream", &bytes), bytes)
}

#[test]
#[ignore = "the process that `a_writer_killed_in_the_middle` starts"]
fn process_that_is_killed() {
    let folder = layout_of_parent();
    let pipe = folder.parent().unwrap().join("pipe");
    let _ = Layout::create(&folder).unwrap().put_blob(&large().0, &|| File::open(&pipe), &NoProgress);
}

#[test]
fn a_writer_killed_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Layout::create(&path).unwrap();
    let model = push(&store, &[("a", b"1")], Some(&tag("v1")));
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();

    let (blob, bytes) = large();
    let mut child = child("process_that_is_killed", &path, 0);
    let mut feed = File::options().write(true).open(&pipe).unwrap();
    // A pipe holds far less: when this much is through, the writer has written most of it.
    feed.write_all(&bytes[..6 * 1024 * 1024]).unwrap();
    let unfinished = leftovers(&store);
    let [name] = unfinished.as_slice() else { panic!("{unfinished:?}") };
    assert!(name.starts_with('.'), "{name}");
    assert_eq!(store.has_blob(&blob).unwrap(), Presence::Absent);

    // A writer that lives is not swept away.
    Layout::create(&path).unwrap();
    assert_eq!(leftovers(&store), unfinished);

    child.kill().unwrap();
    child.wait().unwrap();
    drop(feed);
    assert_eq!(leftovers(&store), unfinished, "killed, it cannot have tidied up");
    assert_eq!(store.has_blob(&blob).unwrap(), Presence::Absent);
    assert_eq!(code(store.blob(&blob)), "E-BLOB-MISSING");
    assert_eq!(store.resolve(&target("v1")).unwrap().digest, model.digest);

    let store = Layout::create(&path).unwrap();
    assert!(leftovers(&store).is_empty());
    assert_eq!(store.put_blob(&blob, &bytes, &NoProgress).unwrap(), Put::Written);
    assert_eq!(Sha256Digest::of(&store.small_blob(&blob, blob.size).unwrap()), blob.digest);
}

#[test]
fn two_writers_of_one_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = Layout::create(&folder.path().join("store")).unwrap();
    let (blob, bytes) = large();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                store.put_blob(&blob, &bytes, &NoProgress).unwrap();
            });
        }
    });
    assert_eq!(store.small_blob(&blob, blob.size).unwrap(), bytes);
    assert!(leftovers(&store).is_empty());
    assert_eq!(fs::read_dir(store.path().join("blobs/sha256")).unwrap().count(), 1);
}
