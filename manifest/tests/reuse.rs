//! Which files are hashed again, and which stamps are believed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::cell::RefCell;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lacre_hash::{Blake3Digest, Engine, NoProgress, Progress, Sha256Digest};
use lacre_manifest::{
    Digests, Entry, Exclusions, Known, Links, MachineId, Manifest, ManifestError, Reused, Root, StampStore,
    Stamps, StampsError, Survey, diff, resurvey, survey,
};

/// A model of three files, and what was known of it when it was made.
struct Place {
    folder: tempfile::TempDir,
    known: RefCell<Survey>,
}

const FILES: [(&str, &str); 3] = [("a.txt", "alpha"), ("sub/b.txt", "bravo"), ("z.bin", "zulu!")];

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            let path = folder.path().join("model").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::open(&folder.path().join("model"), Links::Refuse).unwrap();
        let known = survey(&root, &Exclusions::default(), &Engine::new(), &NoProgress).unwrap();
        assert_eq!((known.stamps.len(), known.stamps.usable(), known.coarse), (3, 3, 0));
        Self { folder, known: RefCell::new(known) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("model").join(name)
    }

    fn root(&self) -> Root {
        Root::open(&self.path(""), Links::Refuse).unwrap()
    }

    fn again_with(&self, manifest: &Manifest) -> (Survey, Reused) {
        let stamps = &self.known.borrow().stamps;
        let known = Known::new(manifest, stamps).unwrap();
        resurvey(&self.root(), &Exclusions::default(), &Engine::new(), &NoProgress, &known).unwrap()
    }

    /// Surveys again: what was reused must be `reused` files, and the manifest that of a full survey.
    fn again(&self, reused: usize) -> Survey {
        let (found, said) = self.again_with(&self.known.borrow().manifest);
        let full = survey(&self.root(), &Exclusions::default(), &Engine::new(), &NoProgress).unwrap();
        assert_eq!(found.manifest, full.manifest);
        assert_eq!(found.stamps, full.stamps);
        assert_eq!(said.files, reused);
        found
    }

    fn store(&self) -> StampStore {
        StampStore::new(self.folder.path().join("cache/stamps"), machine())
    }
}

fn machine() -> MachineId {
    MachineId::parse("00112233445566778899aabbccddeeff").unwrap()
}

/// Writes other bytes of the same length, and restores the time of modification.
fn poison(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let other: Vec<u8> = fs::read(path).unwrap().iter().map(|byte| byte ^ 1).collect();
    fs::write(path, other).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), modified);
}

/// What was to be hashed.
#[derive(Default)]
struct Told(Mutex<Option<(u64, u64)>>);

impl Progress for Told {
    fn begin(&self, files: u64, bytes: u64) {
        *self.0.lock().unwrap() = Some((files, bytes));
    }
}

#[test]
fn untouched_files_are_not_read() {
    let place = Place::new();
    // Digests that no file has: where they come back, nothing was hashed.
    let entries = place.known.borrow().manifest.entries().to_vec();
    let fake = |entry: Entry| Entry {
        digests: Digests::Sha256 {
            sha256: Sha256Digest::from_bytes([1; 32]),
            blake3: Some(Blake3Digest::from_bytes([2; 32])),
        },
        ..entry
    };
    let signed = Manifest::new(entries.into_iter().map(fake).collect()).unwrap();
    let (found, reused) = place.again_with(&signed);
    assert_eq!(found.manifest, signed);
    assert_eq!(reused, Reused { files: 3, bytes: 15 });
    assert_eq!(found.stamps, place.known.borrow().stamps);

    poison(&place.path("sub/b.txt"));
    let told = Told::default();
    let stamps = place.known.borrow().stamps.clone();
    let known = Known::new(&signed, &stamps).unwrap();
    let (found, reused) =
        resurvey(&place.root(), &Exclusions::default(), &Engine::new(), &told, &known).unwrap();
    assert_eq!(reused, Reused { files: 2, bytes: 10 });
    assert_eq!(*told.0.lock().unwrap(), Some((1, 5)));
    let now = |name| found.manifest.get(name).unwrap().sha256().copied().unwrap();
    assert_eq!(now("sub/b.txt"), Sha256Digest::of(b"cs`wn"));
    assert_eq!(
        (now("a.txt"), now("z.bin")),
        (Sha256Digest::from_bytes([1; 32]), Sha256Digest::from_bytes([1; 32]))
    );
}

#[test]
fn what_was_touched_is_hashed_again_however_it_was_touched() {
    type Touch = fn(&Place);
    let touches: [(&str, usize, Touch); 9] = [
        ("nothing", 3, |_| {}),
        ("bytes, with size and mtime restored", 2, |place| poison(&place.path("z.bin"))),
        ("mode", 2, |place| fs::set_permissions(place.path("a.txt"), Permissions::from_mode(0o600)).unwrap()),
        ("added", 3, |place| fs::write(place.path("sub/a"), "x").unwrap()),
        ("removed", 2, |place| fs::remove_file(place.path("a.txt")).unwrap()),
        ("renamed", 2, |place| fs::rename(place.path("a.txt"), place.path("sub/zz")).unwrap()),
        ("swapped", 1, |place| {
            fs::rename(place.path("a.txt"), place.path("t")).unwrap();
            fs::rename(place.path("sub/b.txt"), place.path("a.txt")).unwrap();
            fs::rename(place.path("t"), place.path("sub/b.txt")).unwrap();
        }),
        ("replaced by a copy", 2, |place| {
            let modified = fs::metadata(place.path("a.txt")).unwrap().modified().unwrap();
            fs::copy(place.path("a.txt"), place.path("t")).unwrap();
            File::options().write(true).open(place.path("t")).unwrap().set_modified(modified).unwrap();
            fs::rename(place.path("t"), place.path("a.txt")).unwrap();
        }),
        ("grown", 2, |place| fs::write(place.path("a.txt"), "alphabet").unwrap()),
    ];
    for (name, reused, touch) in touches {
        let place = Place::new();
        touch(&place);
        let found = place.again(reused);
        let changes = diff(&place.known.borrow().manifest, &found.manifest);
        assert_eq!(changes.is_empty(), ["nothing", "mode", "replaced by a copy"].contains(&name), "{name}");
        // What is known now holds for the next time.
        let files = found.manifest.len();
        place.known.replace(found);
        place.again(files);
    }
}

#[test]
fn an_entry_that_says_too_little_or_another_size_is_hashed() {
    let place = Place::new();
    let edited = |edit: fn(&mut Entry)| {
        let mut entries = place.known.borrow().manifest.entries().to_vec();
        entries.iter_mut().for_each(edit);
        Manifest::new(entries).unwrap()
    };
    for signed in [
        edited(|entry| entry.digests = Digests::Sha256 { sha256: *entry.sha256().unwrap(), blake3: None }),
        edited(|entry| entry.size = None),
        edited(|entry| entry.size = entry.size.map(|size| size + 1)),
    ] {
        let (found, reused) = place.again_with(&signed);
        assert_eq!(reused, Reused::default());
        assert_eq!(found.manifest, place.known.borrow().manifest);
    }
}

/// A followed link is the file that it leads to: to lead it to another one is to change it.
#[test]
fn a_link_of_a_hugging_face_snapshot_that_leads_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("models--o--n");
    let snapshot = cache.join("snapshots/r1");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(cache.join("blobs")).unwrap();
    for blob in ["one", "two"] {
        fs::write(cache.join("blobs").join(blob), blob).unwrap();
    }
    symlink("../../blobs/one", snapshot.join("w.bin")).unwrap();
    let root = Root::open(&snapshot, Links::HfCache).unwrap();
    let exclusions = Exclusions::default();
    let first = survey(&root, &exclusions, &Engine::new(), &NoProgress).unwrap();
    let known = Known::new(&first.manifest, &first.stamps).unwrap();
    let again = || resurvey(&root, &exclusions, &Engine::new(), &NoProgress, &known).unwrap();
    assert_eq!(again().1, Reused { files: 1, bytes: 3 });
    fs::remove_file(snapshot.join("w.bin")).unwrap();
    symlink("../../blobs/two", snapshot.join("w.bin")).unwrap();
    let (found, reused) = again();
    assert_eq!(reused, Reused::default());
    assert_eq!(found.manifest.get("w.bin").unwrap().sha256(), Some(&Sha256Digest::of(b"two")));
}

#[test]
fn stamps_belong_to_as_many_files() {
    let place = Place::new();
    let known = place.known.borrow();
    let fewer = Manifest::new(known.manifest.entries()[1..].to_vec()).unwrap();
    let error = Known::new(&fewer, &known.stamps).unwrap_err();
    assert!(matches!(error, StampsError::Count { expected: 2, found: 3 }), "{error}");
}

#[test]
fn a_resurvey_can_be_interrupted() {
    struct Stop;
    impl Progress for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let place = Place::new();
    let known = place.known.borrow();
    let known = Known::new(&known.manifest, &known.stamps).unwrap();
    let end = resurvey(&place.root(), &Exclusions::default(), &Engine::new(), &Stop, &known);
    assert_eq!(end.unwrap_err().code(), "E-INTERRUPTED");
}

#[test]
fn a_file_that_became_unreadable_is_named() {
    let place = Place::new();
    fs::remove_file(place.path("a.txt")).unwrap();
    symlink("z.bin", place.path("a.txt")).unwrap();
    let known = place.known.borrow();
    let known = Known::new(&known.manifest, &known.stamps).unwrap();
    let error =
        resurvey(&place.root(), &Exclusions::default(), &Engine::new(), &NoProgress, &known).unwrap_err();
    assert!(matches!(&error, ManifestError::Foreign { name, .. } if name == "a.txt"), "{error:?}");
}

#[test]
fn saved_stamps_are_loaded_and_nobody_else_may_read_or_write_them() {
    let place = Place::new();
    let (store, known) = (place.store(), place.known.borrow());
    assert!(store.load(&known.manifest).unwrap().is_none());
    for _ in 0..2 {
        store.save(&known.manifest, &known.stamps).unwrap();
        assert_eq!(store.load(&known.manifest).unwrap().as_ref(), Some(&known.stamps));
    }
    let file = store.path(&known.manifest).unwrap();
    let folder = file.parent().unwrap();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing but the file is left");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&file), mode(folder), mode(folder.parent().unwrap())), (0o600, 0o700, 0o700));
    assert_eq!(file.file_name().unwrap().to_str().unwrap(), known.manifest.identity().unwrap().to_string());
}

#[test]
fn stamps_that_somebody_else_could_have_written_are_refused() {
    let place = Place::new();
    let (store, known) = (place.store(), place.known.borrow());
    store.save(&known.manifest, &known.stamps).unwrap();
    let file = store.path(&known.manifest).unwrap();
    let refused = |why: &str| match store.load(&known.manifest) {
        Err(StampsError::Insecure(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("{why}: {other:?}"),
    };
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        refused("written by others");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert!(store.load(&known.manifest).unwrap().is_some(), "it may be read by all");

    let elsewhere = file.with_file_name("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    refused("symbolic link");
    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused("no regular file");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused("no regular file");
}

#[test]
fn what_belongs_to_another_user_is_neither_read_nor_written() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give a file to another user");
        return;
    }
    let place = Place::new();
    let (store, known) = (place.store(), place.known.borrow());
    store.save(&known.manifest, &known.stamps).unwrap();
    let file = store.path(&known.manifest).unwrap();
    std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
    assert!(matches!(store.load(&known.manifest), Err(StampsError::Insecure("belongs to another user"))));
    let home = place.folder.path().join("home");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(65534), None).unwrap();
    let store = StampStore::new(home.join("cache/stamps"), machine());
    let error = store.save(&known.manifest, &known.stamps).unwrap_err();
    assert!(matches!(error, StampsError::Insecure("lies in a folder of another user")), "{error}");
    assert_eq!(fs::read_dir(home).unwrap().count(), 0);
}

#[test]
fn stamps_of_another_machine_model_or_length_are_refused() {
    let place = Place::new();
    let (store, known) = (place.store(), place.known.borrow());
    store.save(&known.manifest, &known.stamps).unwrap();
    let file = store.path(&known.manifest).unwrap();
    let good = fs::read(&file).unwrap();
    let other = MachineId::parse("ffeeddccbbaa99887766554433221100").unwrap();
    let elsewhere = StampStore::new(file.parent().unwrap().to_owned(), other);
    assert!(matches!(elsewhere.load(&known.manifest), Err(StampsError::OtherMachine)));
    for bad in [good[..good.len() - 1].to_vec(), [good.as_slice(), &[0; 4000]].concat(), Vec::new()] {
        fs::write(&file, bad).unwrap();
        assert!(matches!(store.load(&known.manifest), Err(StampsError::Corrupt(_))));
    }
    // A file of this model under the name of another.
    let fewer = Manifest::new(known.manifest.entries()[1..].to_vec()).unwrap();
    fs::write(store.path(&fewer).unwrap(), &good).unwrap();
    assert!(matches!(store.load(&fewer), Err(StampsError::Corrupt(_))));
    // A good checksum over too many stamps: the reader wants as many as there are files.
    let more = known.stamps.to_bytes(&fewer.identity().unwrap(), &machine());
    let stamps = Stamps::parse(&more, &fewer.identity().unwrap(), &machine()).unwrap();
    assert!(matches!(Known::new(&fewer, &stamps), Err(StampsError::Count { .. })));
}

#[test]
fn a_model_without_sizes_has_no_stamps() {
    let place = Place::new();
    let known = place.known.borrow();
    let mut entries = known.manifest.entries().to_vec();
    entries[0].size = None;
    let foreign = Manifest::new(entries).unwrap();
    assert!(matches!(place.store().load(&foreign), Err(StampsError::NoIdentity)));
    assert!(matches!(place.store().save(&foreign, &known.stamps), Err(StampsError::NoIdentity)));
}
