//! Pushing what this machine has compared before: nothing is read for that again, and nothing is believed that matters.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_attest::{Bundle, Limits, ModelClaim, Statement};
use lacre_hash::{ChunkStore, Engine, NoProgress, Progress};
use lacre_manifest::{Exclusions, Links, MachineId, Manifest, Root, StampStore, survey};
use lacre_publish::{PublishError, Pushed, Remembered, Signed, prepare};
use lacre_registry_client::{Layout, RegistryName, RegistryOptions, Remote, Repository, Store};
use lacre_testkit::registry::Registry;
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};

use stores::{store, tag};

const LARGE: &str = "large.bin";

fn sealed() -> Sealed {
    Seal::of(ModelDir::new().file("config.json", "{}").file(LARGE, noise(1, (3 << 20) + 5))).sign()
}

fn remembered(sealed: &Sealed) -> Remembered {
    let folder = sealed.model().beside("cache");
    Remembered {
        stamps: StampStore::new(folder.join("stamps"), MachineId::here().unwrap()),
        lists: ChunkStore::at(folder.join("chunks")),
    }
}

/// Counts bytes that were hashed.
#[derive(Default)]
struct Read(AtomicU64);

impl Progress for Read {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Pushes; also gives how many bytes were read before anything was sent.
fn push(sealed: &Sealed, store: &dyn Store, memory: &Remembered) -> Result<(Pushed, u64), PublishError> {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let read = Read::default();
    let prepared = prepare(&model, &Limits::default(), Some(memory), &read)?;
    let read = read.0.into_inner();
    Ok((prepared.push(store, Some(&tag("v1")), &NoProgress)?, read))
}

/// What was signed.
fn signed(sealed: &Sealed) -> Manifest {
    let limits = Limits::default();
    let bundle = Bundle::parse(sealed.bundle(), &limits).unwrap();
    let statement = Statement::parse(bundle.envelope().payload(), &limits).unwrap();
    ModelClaim::from_statement(&statement).unwrap().manifest().clone()
}

/// Has the cache say of the files as they are now that they are those of the signature.
fn lie(sealed: &Sealed, memory: &Remembered) {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let exclusions = Exclusions { ignore: Vec::new(), signature: root.locate(&sealed.signature_path()) };
    let now = survey(&root, &exclusions, &Engine::new(), &NoProgress).unwrap();
    memory.stamps.save(&signed(sealed), &now.stamps).unwrap();
}

fn remote(registry: &Registry) -> Remote {
    Remote::open(
        &RegistryName::parse(&registry.host()).unwrap(),
        &Repository::parse("org/m").unwrap(),
        &RegistryOptions::new(),
    )
}

#[test]
fn what_was_compared_is_not_read_for_that_again() {
    let sealed = sealed();
    let memory = remembered(&sealed);
    let registry = Registry::with().start();
    let (first, read) = push(&sealed, &remote(&registry), &memory).unwrap();
    assert_eq!((first.written, read), ((3 << 20) + 7, (3 << 20) + 7));
    let (again, read) = push(&sealed, &remote(&registry), &memory).unwrap();
    assert_eq!((again.written, again.reused, read), (0, first.written, 0));
    // Another store gets the same, its chunk lists too.
    let layout = store(&sealed);
    let (other, read) = push(&sealed, &layout, &memory).unwrap();
    assert_eq!((other.written, read), (first.written, 0));
    let with_lists = |store: &dyn Store| {
        let all = store.referrers(&first.manifest.digest, None).unwrap();
        let mut all: Vec<_> = all.into_iter().filter_map(|referrer| referrer.artifact_type).collect();
        all.sort();
        all
    };
    assert_eq!(with_lists(&layout).len(), 2, "signature and chunk lists");
    assert_eq!(with_lists(&layout), with_lists(&remote(&registry)));
}

#[test]
fn what_was_touched_is_read() {
    let sealed = sealed();
    let memory = remembered(&sealed);
    let layout = store(&sealed);
    push(&sealed, &layout, &memory).unwrap();
    let path = sealed.path().join(LARGE);
    let times = fs::metadata(&path).unwrap().modified().unwrap();
    tamper::flip(&path, 1 << 20);
    fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
    assert_eq!(push(&sealed, &layout, &memory).unwrap_err().code(), "E-FILE-CHANGED");
    // What was found wanting is not remembered as good.
    assert_eq!(push(&sealed, &layout, &memory).unwrap_err().code(), "E-FILE-CHANGED");
    tamper::flip(&path, 1 << 20);
    let (_, read) = push(&sealed, &layout, &memory).unwrap();
    assert_eq!(read, (3 << 20) + 5, "the one file");
}

#[test]
fn without_its_chunk_list_everything_is_read() {
    let sealed = sealed();
    let memory = remembered(&sealed);
    push(&sealed, &store(&sealed), &memory).unwrap();
    fs::remove_dir_all(sealed.model().beside("cache").join("chunks")).unwrap();
    let (_, read) = push(&sealed, &store(&sealed), &memory).unwrap();
    assert_eq!(read, (3 << 20) + 7);
    let (_, read) = push(&sealed, &store(&sealed), &memory).unwrap();
    assert_eq!(read, 0);
}

#[test]
fn a_memory_that_lies_does_not_get_other_bytes_out() {
    let sealed = sealed();
    let memory = remembered(&sealed);
    let layout = store(&sealed);
    push(&sealed, &Layout::create(&sealed.model().beside("first")).unwrap(), &memory).unwrap();
    tamper::flip(&sealed.path().join(LARGE), 77);
    lie(&sealed, &memory);
    let registry = Registry::with().start();
    for store in [&layout as &dyn Store, &remote(&registry)] {
        assert_eq!(push(&sealed, store, &memory).unwrap_err().code(), "E-FILE-CHANGED");
        assert!(store.tags().unwrap().is_empty());
    }
    let manifest = signed(&sealed);
    let sha256 = manifest.get(LARGE).unwrap().sha256().unwrap();
    assert_eq!(registry.blob("org/m", &format!("sha256:{sha256}")), None);
}
