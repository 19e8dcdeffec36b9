//! A state on a real disk: damaged at every byte, deleted, swapped, without a right to write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{code, document, id, now};
use lacre_hash::Sha256Digest;
use lacre_release::{Record, ReleaseError, Seen, StateError, StateStore, Tear, WayOut};
use serde_json::Value;
use tempfile::TempDir;

fn record() -> Record {
    let mut record = Record::new(id(), Sha256Digest::of(b"root"), now());
    record.see(Seen::of(&document())).unwrap();
    record.keep_file("root.json", b"a root".to_vec()).unwrap();
    record.keep_file("org~name~stable.json", b"a delegation".to_vec()).unwrap();
    record
}

struct OnDisk {
    parent: TempDir,
    folder: PathBuf,
}

impl OnDisk {
    fn new() -> Self {
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("org/name/stable");
        StateStore::create(&folder, &record()).unwrap();
        Self { parent, folder }
    }

    fn read(&self) -> Result<Record, ReleaseError> {
        StateStore::open(&self.folder, &id())?.read()
    }

    fn update(&self) -> Result<(), ReleaseError> {
        StateStore::open(&self.folder, &id())?.update(|_| Ok(()))
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    fn kept(&self, bytes: &[u8]) -> PathBuf {
        self.folder.join("kept").join(Sha256Digest::of(bytes).to_string())
    }

    /// What reading and updating both say.
    fn refused(&self) -> StateError {
        let error = self.update().unwrap_err();
        match (self.read(), error) {
            (Err(ReleaseError::State(error)), ReleaseError::State(same)) => {
                assert_eq!(error.to_string(), same.to_string());
                error
            }
            other => panic!("{other:?}"),
        }
    }

    fn tear(&self) -> Tear {
        match self.refused() {
            error @ StateError::Torn { .. } => {
                assert_eq!((error.code(), error.way_out()), ("E-STATE-TORN", WayOut::TrustAgainAndImport));
                let StateError::Torn { tear, .. } = error else { panic!("{error:?}") };
                tear
            }
            other => panic!("{other:?}"),
        }
    }
}

/// `state.json` with another value of a member, under a good checksum.
fn forge(path: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let mut members: serde_json::Map<String, Value> =
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    members.remove("checksum").unwrap();
    change(&mut members);
    let checksum = Sha256Digest::of(&serde_json::to_vec(&members).unwrap());
    members.insert("checksum".to_owned(), checksum.to_string().into());
    fs::write(path, serde_json::to_vec(&members).unwrap()).unwrap();
}

#[test]
fn what_is_created_is_read_by_its_owner_alone() {
    let disk = OnDisk::new();
    assert_eq!(disk.read().unwrap(), record());
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&disk.folder), mode(&disk.folder.join("kept"))), (0o700, 0o700));
    for file in [disk.state(), disk.folder.join("lock"), disk.kept(b"a root")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_second_first_use_is_refused() {
    let disk = OnDisk::new();
    let mut newer = record();
    newer.keep_file("root.json", b"another root".to_vec()).unwrap();
    let error = StateStore::create(&disk.folder, &newer).unwrap_err();
    assert_eq!(error.code(), "E-STATE-EXISTS");
    assert_eq!(disk.read().unwrap(), record());
    // Damage is no absence.
    fs::write(disk.state(), b"").unwrap();
    assert_eq!(code(StateStore::create(&disk.folder, &newer)), "E-STATE-EXISTS");
}

#[test]
fn a_state_that_is_gone_is_no_first_use() {
    let nowhere = TempDir::new().unwrap();
    let never = StateStore::open(&nowhere.path().join("never"), &id());
    assert_eq!(code(never), "E-STATE-MISSING");
    assert!(fs::read_dir(nowhere.path()).unwrap().next().is_none());

    let disk = OnDisk::new();
    let opened = StateStore::open(&disk.folder, &id()).unwrap();
    fs::remove_file(disk.state()).unwrap();
    assert_eq!(disk.refused().code(), "E-STATE-MISSING");
    assert_eq!(disk.refused().way_out(), WayOut::Trust);
    assert_eq!(code(opened.read()), "E-STATE-MISSING");
    assert_eq!(code(opened.update(|_| Ok(()))), "E-STATE-MISSING");
    fs::remove_dir_all(&disk.folder).unwrap();
    assert_eq!(disk.refused().code(), "E-STATE-MISSING");
    assert_eq!(code(opened.update(|_| Ok(()))), "E-STATE-TORN");
    assert!(!disk.folder.exists());
}

#[test]
fn a_state_that_is_cut_short_anywhere_is_torn() {
    let disk = OnDisk::new();
    for file in [disk.state(), disk.kept(b"a root"), disk.kept(b"a delegation")] {
        let whole = fs::read(&file).unwrap();
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            disk.tear();
        }
        fs::write(&file, [whole.as_slice(), b"\n"].concat()).unwrap();
        disk.tear();
        fs::write(&file, whole).unwrap();
    }
    assert_eq!(disk.read().unwrap(), record());
}

#[test]
fn a_state_with_one_other_byte_is_torn() {
    let disk = OnDisk::new();
    for file in [disk.state(), disk.kept(b"a root")] {
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            for flip in [0x01, 0x20, 0xff] {
                let mut other = whole.clone();
                other[at] ^= flip;
                fs::write(&file, &other).unwrap();
                assert_eq!(code(disk.read()), "E-STATE-TORN", "byte {at} ^ {flip:#x}");
            }
        }
        fs::write(&file, whole).unwrap();
    }
    assert_eq!(disk.read().unwrap(), record());
}

#[test]
fn a_state_without_one_of_its_files_is_torn() {
    for name in ["lock", "kept"] {
        let disk = OnDisk::new();
        fs::rename(disk.folder.join(name), disk.folder.join("away")).unwrap();
        assert_eq!(disk.tear(), Tear::Absent, "{name}");
    }
    let disk = OnDisk::new();
    fs::remove_file(disk.kept(b"a root")).unwrap();
    assert_eq!(disk.tear(), Tear::Absent);
}

#[test]
fn what_is_no_file_is_not_followed() {
    let disk = OnDisk::new();
    let copy = disk.folder.join("copy");
    for file in [disk.state(), disk.kept(b"a root")] {
        fs::rename(&file, &copy).unwrap();
        symlink(&copy, &file).unwrap();
        assert_eq!(disk.tear(), Tear::NoFile);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(disk.tear(), Tear::NoFile);
        fs::remove_dir(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(disk.tear(), Tear::NoFile);
        fs::remove_file(&file).unwrap();
        fs::rename(&copy, &file).unwrap();
    }
    let kept = disk.folder.join("kept");
    fs::rename(&kept, &copy).unwrap();
    symlink(&copy, &kept).unwrap();
    assert_eq!(disk.tear(), Tear::NoFile);
}

#[test]
fn what_is_too_large_is_not_read() {
    let disk = OnDisk::new();
    let whole = fs::read(disk.state()).unwrap();
    fs::write(disk.state(), vec![b' '; (1 << 20) + 1]).unwrap();
    assert_eq!(disk.tear(), Tear::TooLarge);
    fs::write(disk.state(), whole).unwrap();
    forge(&disk.state(), |members| members["files"]["root.json"]["size"] = ((8 << 20) + 1).into());
    assert_eq!(disk.tear(), Tear::TooLarge);
    let mut record = record();
    assert_eq!(code(record.keep_file("big", vec![0; (8 << 20) + 1])), "E-STATE-IO");
    record.keep_file("big", vec![0; 8 << 20]).unwrap();
    assert_eq!(code(record.keep_file("a/b", Vec::new())), "E-STATE-IO");
    for at in 0..61 {
        record.keep_file(&at.to_string(), Vec::new()).unwrap();
    }
    assert_eq!(code(record.keep_file("one-more", Vec::new())), "E-STATE-IO");
    record.keep_file("big", Vec::new()).unwrap();
}

#[test]
fn a_state_that_says_what_cannot_be_is_torn_even_with_a_good_checksum() {
    let disk = OnDisk::new();
    let whole = fs::read(disk.state()).unwrap();
    let forged = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        fs::write(disk.state(), &whole).unwrap();
        forge(&disk.state(), |members| change(members));
    };
    forged(&|_| {});
    assert_eq!(fs::read(disk.state()).unwrap(), whole);
    forged(&|members| members["lastSeen"] = "2026-11-23T10:00:00.5Z".into());
    assert_eq!(disk.tear(), Tear::Nonsense);
    forged(&|members| {
        let files = members["files"].as_object_mut().unwrap();
        let file = files.remove("root.json").unwrap();
        files.insert("../root.json".to_owned(), file);
    });
    assert_eq!(disk.tear(), Tear::Nonsense);
    forged(&|members| drop(members.insert("more".to_owned(), 1.into())));
    assert_eq!(disk.tear(), Tear::Nonsense);
    forged(&|members| drop(members.remove("anchor")));
    assert_eq!(disk.tear(), Tear::Nonsense);
    forged(&|members| drop(members.remove("schemaVersion")));
    assert_eq!(disk.tear(), Tear::Nonsense);
    // Nothing was seen, yet a release of what was seen is accepted.
    forged(&|members| {
        let position = serde_json::json!({ "epoch": 1, "sequence": 1 });
        let manifest = members["anchor"].clone();
        members["accepted"] =
            serde_json::json!({ "floor": 1, "manifest": manifest, "position": position, "version": "1" });
    });
    disk.read().unwrap();
    forge(&disk.state(), |members| members["document"] = Value::Null);
    assert_eq!(disk.tear(), Tear::Nonsense);
}

#[test]
fn a_newer_schema_and_another_channel_are_told_from_damage() {
    let disk = OnDisk::new();
    forge(&disk.state(), |members| {
        members["schemaVersion"] = 2.into();
        members.insert("more".to_owned(), 1.into());
    });
    let error = disk.refused();
    assert_eq!((error.code(), error.way_out()), ("E-STATE-SCHEMA", WayOut::Upgrade));
    assert!(matches!(error, StateError::Schema { found: 2, .. }), "{error:?}");

    let disk = OnDisk::new();
    let other = StateStore::open(&disk.folder, &"org/name@beta".parse().unwrap()).unwrap();
    assert_eq!(code(other.read()), "E-STATE-OTHER");
    assert_eq!(code(other.update(|_| Ok(()))), "E-STATE-OTHER");
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let disk = OnDisk::new();
    let store = StateStore::open(&disk.folder, &id()).unwrap();
    let failed: Result<(), _> = store.update(|record| {
        record.keep_file("root.json", b"new".to_vec())?;
        Err(record.see(Seen::of(&document().older())).unwrap_err())
    });
    assert_eq!(code(failed), "E-REPLAY");
    assert_eq!(store.read().unwrap(), record());
    store.update(|record| record.keep_file("root.json", b"new".to_vec())).unwrap();
    assert_eq!(store.read().unwrap().file("root.json"), Some(b"new".as_slice()));
    assert!(!disk.kept(b"a root").exists());
}

trait Older {
    fn older(self) -> Self;
}

impl Older for lacre_release::ChannelDocument {
    fn older(mut self) -> Self {
        self.sequence -= 1;
        self
    }
}

const READ_ONLY: &str = "LACRE_TEST_READ_ONLY_STATE";

/// The other half of the next test, in a process that is not root, for whom modes mean nothing.
#[test]
#[ignore = "started by the test below"]
fn reads_and_cannot_write() {
    let Some(folder) = std::env::var_os(READ_ONLY) else { return };
    let store = StateStore::open(Path::new(&folder), &id()).unwrap();
    assert_eq!(store.read().unwrap(), record());
    let refused: Result<(), _> = store.update(|_| panic!("it was to be refused before"));
    let Err(ReleaseError::State(error @ StateError::ReadOnly { .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((error.code(), error.way_out()), ("E-STATE-READ-ONLY", WayOut::MakeWritable));
    let elsewhere = StateStore::create(&Path::new(&folder).join("below"), &record());
    assert_eq!(code(elsewhere), "E-STATE-READ-ONLY");
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    let disk = OnDisk::new();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for entry in walk(&disk.folder) {
        set(&entry, if entry.is_dir() { 0o555 } else { 0o444 });
    }
    // The test itself, where somebody else can run it.
    let parent = disk.parent.path();
    set(parent, 0o755);
    for above in [parent.join("org"), parent.join("org/name")] {
        set(&above, 0o755);
    }
    let program = parent.join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    set(&program, 0o755);
    let before = listing(&disk.folder);
    let mut child = Command::new(&program);
    child.args(["reads_and_cannot_write", "--exact", "--ignored"]).env(READ_ONLY, &disk.folder);
    if rustix::process::geteuid().is_root() {
        child.uid(65_534).gid(65_534);
    }
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
    assert_eq!(listing(&disk.folder), before);
    for entry in walk(&disk.folder) {
        set(&entry, 0o700);
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

fn listing(folder: &Path) -> Vec<(PathBuf, i64, i64)> {
    let stamp = |path: PathBuf| {
        let found = fs::metadata(&path).unwrap();
        (path, found.mtime(), found.mtime_nsec())
    };
    let mut all: Vec<_> = walk(folder).into_iter().map(stamp).collect();
    all.sort();
    all
}
