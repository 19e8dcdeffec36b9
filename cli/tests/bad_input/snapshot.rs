//! What lies in a folder, to be compared with what lies there later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lacre_hash::Sha256Digest;

/// Everything beneath a folder: names, kinds, modes, contents.
#[derive(Debug)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Node>);

#[derive(Debug, PartialEq, Eq)]
enum Node {
    File {
        mode: u32,
        size: usize,
        sha256: Sha256Digest,
    },
    Folder {
        mode: u32,
    },
    Link(PathBuf),
    /// A FIFO or a device: looked at, never opened.
    Other {
        mode: u32,
    },
}

impl Snapshot {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let found = fs::symlink_metadata(&path).unwrap();
                let mode = found.permissions().mode();
                let node = if found.is_dir() {
                    folders.push(path.clone());
                    Node::Folder { mode }
                } else if found.is_symlink() {
                    Node::Link(fs::read_link(&path).unwrap())
                } else if found.is_file() {
                    let bytes = fs::read(&path).unwrap();
                    Node::File { mode, size: bytes.len(), sha256: Sha256Digest::of(&bytes) }
                } else {
                    Node::Other { mode }
                };
                nodes.insert(path, node);
            }
        }
        Self(nodes)
    }

    /// The paths at which the two differ.
    pub(crate) fn changes(&self, later: &Self) -> Vec<PathBuf> {
        let paths: BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        paths.into_iter().filter(|path| self.0.get(*path) != later.0.get(*path)).cloned().collect()
    }
}

#[test]
fn a_snapshot_sees_names_kinds_modes_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b");
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(&file, "x").unwrap();
    let seen = || Snapshot::of(folder.path());
    let first = seen();
    assert_eq!(first.changes(&seen()), [""; 0].map(PathBuf::from));
    fs::write(&file, "y").unwrap();
    let other_bytes = seen();
    assert_eq!(first.changes(&other_bytes), [&*file]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    let other_mode = seen();
    assert_eq!(other_bytes.changes(&other_mode), [&*file]);
    fs::write(folder.path().join(".hidden"), "").unwrap();
    assert_eq!(other_mode.changes(&seen()), [folder.path().join(".hidden")]);
    fs::remove_file(&file).unwrap();
    assert_eq!(first.changes(&seen()).len(), 2);
}
