//! Walking real folders that hold what a model should not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use lacre_hash::{Engine, NoProgress, Sha256Digest};
use lacre_manifest::{
    EntryPath, ExcludedReason, Exclusions, ForeignKind, Links, ManifestError, Root, Tree, survey, walk,
};

fn write(folder: &Path, path: &str, text: &str) {
    let full = folder.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(full, text).unwrap();
}

fn entry(path: &str) -> EntryPath {
    EntryPath::parse(path).unwrap()
}

fn walked(folder: &Path, links: Links, exclusions: &Exclusions) -> Tree {
    walk(&Root::open(folder, links).unwrap(), exclusions).unwrap()
}

fn files(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn lists_files_in_code_point_order_with_sizes_and_empty_folders() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["x/y", "x.z", "x-1", "模型.bin", "deep/er/file", ".hidden"] {
        write(folder.path(), path, path);
    }
    fs::create_dir_all(folder.path().join("empty/inner")).unwrap();
    let tree = walked(folder.path(), Links::Refuse, &Exclusions::default());
    assert_eq!(files(&tree), [".hidden", "deep/er/file", "x-1", "x.z", "x/y", "模型.bin"]);
    assert_eq!(tree.files[1].size, 12);
    assert_eq!(tree.empty_folders, [entry("empty/inner")]);
    assert!(tree.foreign.is_empty() && tree.excluded.is_empty() && tree.links.is_empty());
}

/// What is left out makes no folder less empty: where it is missing, the folder is the same.
#[test]
fn a_folder_with_nothing_but_what_is_left_out_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["weights", "logs/today", "tmp/cache/x", "tmp/model.sig"] {
        write(folder.path(), path, path);
    }
    let ignore = vec![entry("logs/today"), entry("tmp/cache")];
    let exclusions = Exclusions { ignore, signature: Some(entry("tmp/model.sig")) };
    let tree = walked(folder.path(), Links::Refuse, &exclusions);
    assert_eq!(tree.empty_folders, [entry("logs"), entry("tmp")]);
    let tree = walked(folder.path(), Links::Refuse, &Exclusions::default());
    assert!(tree.empty_folders.is_empty());
}

#[test]
fn tells_which_files_have_a_mode_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let modes = [
        ("a", 0o644),
        ("b", 0o755),
        ("c", 0o100),
        // Not the owner: git does not call this executable either.
        ("d", 0o655),
        ("e", 0o4755),
        ("f", 0o2644),
        ("g", 0o1644),
    ];
    for (name, mode) in modes {
        write(folder.path(), name, "x");
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let tree = walked(folder.path(), Links::Refuse, &Exclusions::default());
    assert_eq!(tree.executable, ["b", "c", "e"].map(entry));
    assert_eq!(tree.special, ["e", "f", "g"].map(entry));
    let root = Root::open(folder.path(), Links::Refuse).unwrap();
    let error = survey(&root, &Exclusions::default(), &Engine::new(), &NoProgress).unwrap_err();
    assert_eq!(error.code(), "E-INPUT-MODE");
    assert!(error.to_string().starts_with("e has a set-user-id"), "{error}");
    // A folder's bits say who owns what is made in it: they are nothing of the model.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "shared/f", "x");
    fs::set_permissions(folder.path().join("shared"), fs::Permissions::from_mode(0o3775)).unwrap();
    assert!(walked(folder.path(), Links::Refuse, &Exclusions::default()).special.is_empty());
}

#[test]
fn a_linked_file_has_the_mode_of_what_it_leads_to() {
    let cache = tempfile::tempdir().unwrap();
    write(cache.path(), "models--o--m/blobs/b1", "x");
    let blob = cache.path().join("models--o--m/blobs/b1");
    fs::set_permissions(blob, fs::Permissions::from_mode(0o700)).unwrap();
    let snapshot = cache.path().join("models--o--m/snapshots/r");
    fs::create_dir_all(&snapshot).unwrap();
    symlink("../../blobs/b1", snapshot.join("run")).unwrap();
    assert_eq!(walked(&snapshot, Links::HfCache, &Exclusions::default()).executable, [entry("run")]);
}

#[test]
fn names_everything_that_is_no_signable_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), "real/file", "x");
    symlink("real/file", at("link")).unwrap();
    symlink("real", at("linked-folder")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"bad\xff\x1b")), "x").unwrap();
    fs::write(at("back\\slash"), "x").unwrap();
    let tree = walked(folder.path(), Links::Refuse, &Exclusions::default());
    let found: Vec<_> = tree.foreign.iter().map(|foreign| (foreign.name.as_str(), foreign.kind)).collect();
    assert_eq!(
        found,
        [
            ("back\\\\slash", ForeignKind::Name),
            ("bad\\xff\\u{1b}", ForeignKind::NameNotUtf8),
            ("link", ForeignKind::Symlink),
            ("linked-folder", ForeignKind::Symlink),
            ("pipe", ForeignKind::Fifo),
            ("socket", ForeignKind::Socket),
        ]
    );
    assert_eq!(files(&tree), ["real/file"]);
    drop(socket);
}

#[test]
fn a_survey_refuses_what_it_cannot_sign_by_name() {
    for (name, code) in [(OsStr::new("link"), "E-INPUT-TYPE"), (OsStr::from_bytes(b"\xfe"), "E-INPUT-NAME")] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "file", "x");
        match name.to_str() {
            Some(_) => symlink("file", folder.path().join(name)).unwrap(),
            None => fs::write(folder.path().join(name), "x").unwrap(),
        }
        let root = Root::open(folder.path(), Links::Refuse).unwrap();
        let error = survey(&root, &Exclusions::default(), &Engine::new(), &NoProgress).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(matches!(error, ManifestError::Foreign { .. }), "{error:?}");
    }
}

#[test]
fn leaves_out_exact_paths_and_reports_them() {
    let folder = tempfile::tempdir().unwrap();
    for path in
        [".git/config", ".gitignore", "sub/.git/config", "model.sig", "sub/model.sig", ".github2/x", "w"]
    {
        write(folder.path(), path, "x");
    }
    let exclusions = Exclusions {
        ignore: lacre_manifest::DEFAULT_IGNORES.map(entry).into(),
        signature: Some(entry("model.sig")),
    };
    let tree = walked(folder.path(), Links::Refuse, &exclusions);
    assert_eq!(files(&tree), [".github2/x", "sub/.git/config", "sub/model.sig", "w"]);
    let excluded: Vec<_> = tree.excluded.iter().map(|one| (one.path.as_str(), one.reason)).collect();
    assert_eq!(
        excluded,
        [
            (".git/", ExcludedReason::Ignored),
            (".gitignore", ExcludedReason::Ignored),
            ("model.sig", ExcludedReason::Signature),
        ]
    );
}

/// A cache as `huggingface_hub` lays it out: `blobs/HASH`, `snapshots/REV/NAME -> ../../blobs/HASH`.
fn hf_cache(folder: &Path) -> std::path::PathBuf {
    let snapshot = folder.join("models--org--name/snapshots/abc123");
    fs::create_dir_all(snapshot.join("onnx")).unwrap();
    write(folder, "models--org--name/blobs/aaaa", "weights");
    write(folder, "models--org--name/blobs/bbbb", "config");
    write(folder, "models--org--name/refs/main", "abc123");
    write(folder, "secret", "secret");
    symlink("../../blobs/aaaa", snapshot.join("model.safetensors")).unwrap();
    symlink("../../../blobs/bbbb", snapshot.join("onnx/config.json")).unwrap();
    write(&snapshot, "plain", "plain");
    snapshot
}

#[test]
fn follows_the_links_of_a_hugging_face_snapshot_and_reports_them() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = hf_cache(folder.path());
    let root = Root::open(&snapshot, Links::HfCache).unwrap();
    let found = survey(&root, &Exclusions::default(), &Engine::new(), &NoProgress).unwrap();
    let weights = found.manifest.get("model.safetensors").unwrap();
    assert_eq!(weights.sha256(), Some(&Sha256Digest::of(b"weights")));
    assert_eq!(found.manifest.get("onnx/config.json").unwrap().sha256(), Some(&Sha256Digest::of(b"config")));
    assert_eq!(found.manifest.len(), 3);
    let links: Vec<_> =
        found.tree.links.iter().map(|link| (link.path.as_str(), link.target.as_str())).collect();
    assert_eq!(links, [("model.safetensors", "blobs/aaaa"), ("onnx/config.json", "blobs/bbbb")]);
    assert_eq!(walked(&snapshot, Links::Refuse, &Exclusions::default()).foreign.len(), 2);
}

#[test]
fn refuses_every_other_link_in_a_snapshot() {
    for target in [
        "../../../secret",
        "../../refs/main",
        "../../blobs/../refs/main",
        "../../blobs/gone",
        "../../../blobs/aaaa",
        "../../blobs/sub/x",
        "plain",
        "/etc/hostname",
        "../../blobs",
        "../../blobs/link",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = hf_cache(folder.path());
        symlink("../../../secret", folder.path().join("models--org--name/blobs/link")).unwrap();
        symlink(target, snapshot.join("evil")).unwrap();
        let tree = walked(&snapshot, Links::HfCache, &Exclusions::default());
        let foreign: Vec<_> = tree.foreign.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(foreign, [("evil", ForeignKind::Symlink)], "{target}");
        let root = Root::open(&snapshot, Links::HfCache).unwrap();
        assert_eq!(
            root.open_file(&entry("evil")).map(|_| ()).unwrap_err().code(),
            if target.ends_with("gone") { "E-NOT-FOUND" } else { "E-INPUT-TYPE" },
            "{target}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "model/file", "x");
    let error = Root::open(&folder.path().join("model"), Links::HfCache).unwrap_err();
    assert!(matches!(error, ManifestError::NotHfCache { .. }), "{error:?}");
}
