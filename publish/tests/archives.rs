//! Pushing what travels in archives: the bytes that were signed, found so again each time they are read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use lacre_attest::Limits;
use lacre_hash::{NoProgress, Progress};
use lacre_manifest::{Links, Root};
use lacre_publish::{PublishError, Signed, prepare_as};
use lacre_registry_client::{ArtifactFormat, Layout, ModelArtifact, Store, WrittenFormat};
use lacre_testkit::{ModelDir, Seal, Sealed, noise};

use stores::{store, tag, target};

fn image(sealed: &Sealed, store: &Layout, between: impl FnOnce()) -> Result<(), PublishError> {
    let root = Root::open(&sealed.path(), Links::Refuse)?;
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare_as(WrittenFormat::Image, &model, &Limits::default(), None, &NoProgress)?;
    assert_eq!(prepared.format(), ArtifactFormat::Image);
    between();
    prepared.push(store, Some(&tag("v1")), &NoProgress).map(drop)
}

#[test]
fn a_file_that_changes_before_it_is_sent_is_not_pushed() {
    let other = noise(7, 100_000);
    for bytes in [other.as_slice(), &other[1..], &[other.as_slice(), b"x"].concat(), b""] {
        let sealed = Sealed::sample();
        let store = store(&sealed);
        let error = image(&sealed, &store, || sealed.model().put("blob.bin", bytes)).unwrap_err();
        assert_eq!(error.code(), "E-FILE-CHANGED");
        assert!(error.to_string().contains("blob.bin"), "{error}");
        assert!(store.resolve(&target("v1")).is_err(), "nothing that is half new can be found");
    }
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let gone = || fs::remove_file(sealed.model().entry("blob.bin")).unwrap();
    assert_eq!(image(&sealed, &store, gone).unwrap_err().code(), "E-UNREADABLE");
}

/// Changes a file as soon as the archives are begun, when every file was found as signed.
struct Meddler<'a> {
    sealed: &'a Sealed,
    bytes: &'a [u8],
    begun: AtomicU32,
}

impl Progress for Meddler<'_> {
    fn begin(&self, _files: u64, _bytes: u64) {
        if self.begun.fetch_add(1, Ordering::Relaxed) == 1 {
            self.sealed.model().put("blob.bin", self.bytes);
        }
    }
}

#[test]
fn a_file_that_changes_before_its_archive_is_hashed_gets_no_digest() {
    let other = noise(7, 100_000);
    for bytes in [other.as_slice(), &other[1..], b""] {
        let sealed = Sealed::sample();
        let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
        let signature = root.locate(&sealed.signature_path());
        let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
        let meddler = Meddler { sealed: &sealed, bytes, begun: AtomicU32::new(0) };
        let outcome = prepare_as(WrittenFormat::Image, &model, &Limits::default(), None, &meddler);
        let error = outcome.err().unwrap();
        assert_eq!(error.code(), "E-FILE-CHANGED", "{error}");
        assert!(error.to_string().contains("blob.bin"), "{error}");
        assert!(meddler.begun.load(Ordering::Relaxed) >= 2);
    }
}

struct Impatient;

impl Progress for Impatient {
    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn hashing_archives_can_be_interrupted() {
    let sealed = Sealed::sample();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let outcome = prepare_as(WrittenFormat::Image, &model, &Limits::default(), None, &Impatient);
    assert_eq!(outcome.err().unwrap().code(), "E-INTERRUPTED");
}

/// The same model in both formats: other artifacts, one signature, one model.
#[test]
fn the_bytes_of_an_image_depend_on_nothing_but_the_model() {
    let sealed = Seal::of(ModelDir::sample()).sign();
    let store = store(&sealed);
    image(&sealed, &store, || {}).unwrap();
    let first = store.resolve(&target("v1")).unwrap();
    // Other times and other modes of what is not executable.
    let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    let file = fs::File::options().write(true).open(sealed.model().entry("blob.bin")).unwrap();
    file.set_times(times).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(sealed.model().entry("config.json"), mode).unwrap();
    image(&sealed, &store, || {}).unwrap();
    assert_eq!(store.resolve(&target("v1")).unwrap(), first);
    let artifact = ModelArtifact::parse(&store.manifest(&first).unwrap()).unwrap();
    let config = store.small_blob(&artifact.config, 100_000).unwrap();
    let said = artifact.parse_config(&config).unwrap();
    assert_eq!((said.name.as_deref(), said.version.as_deref()), (Some("org/mini-lm"), Some("1.0.0")));
}
