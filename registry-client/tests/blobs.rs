//! The blobs of a layout: what was altered is refused, and what is wrong never becomes visible.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod models;

use std::fs;
use std::os::unix::fs::symlink;

use lacre_hash::{NoProgress, Progress};
use lacre_registry_client::{Descriptor, ModelArtifact, Presence, Put, RegistryError, Store, Target};

use models::{alter, blob_path, code, layout, leftovers, push, tag};

const FILES: [(&str, &[u8]); 2] = [("config.json", b"{}"), ("model.safetensors", b"weights")];

/// Everything that can be done to a blob behind the store's back, and what reading it then says: as a proven small
/// blob, and as an unproven large one.
const ALTERATIONS: [(&str, &str, &str); 8] = [
    ("flip", "E-BLOB-DIGEST", "ok"),
    ("truncate", "E-BLOB-DIGEST", "E-BLOB-DIGEST"),
    ("grow", "E-BLOB-DIGEST", "E-BLOB-DIGEST"),
    ("remove", "E-BLOB-MISSING", "E-BLOB-MISSING"),
    ("link", "E-LAYOUT", "E-LAYOUT"),
    ("dangling link", "E-LAYOUT", "E-LAYOUT"),
    ("pipe", "E-LAYOUT", "E-LAYOUT"),
    ("folder", "E-LAYOUT", "E-LAYOUT"),
];
#[test]
fn an_altered_blob_is_refused_and_mended_by_the_next_push() {
    for (how, small, large) in ALTERATIONS {
        let folder = tempfile::tempdir().unwrap();
        let store = layout(folder.path());
        let manifest = push(&store, &FILES, Some(&tag("v1")));
        let artifact = ModelArtifact::parse(&store.manifest(&manifest).unwrap()).unwrap();
        let weights = &artifact.layers[1].descriptor;

        alter(&store, weights, how);
        assert_eq!(code(store.small_blob(weights, 100)), small, "{how}");
        assert_eq!(store.blob(weights).map_or_else(|error| error.code(), |_| "ok"), large, "{how}");
        let presence = if how == "flip" { Presence::Present } else { Presence::Absent };
        assert_eq!(store.has_blob(weights).unwrap(), presence, "{how}");

        let mended = store.put_blob(weights, &b"weights".as_slice(), &NoProgress);
        if how == "folder" {
            assert_eq!(code(mended), "E-OUTPUT");
        } else {
            assert_eq!(mended.unwrap(), Put::Written, "{how}");
            assert_eq!(store.small_blob(weights, 100).unwrap(), b"weights", "{how}");
            assert!(blob_path(&store, &weights.digest).symlink_metadata().unwrap().is_file());
        }
        assert!(leftovers(&store).is_empty(), "{how}");
        if how == "link" {
            assert_eq!(fs::read(store.path().with_extension("outside")).unwrap(), b"weights");
        }

        alter(&store, &manifest, how);
        assert_eq!(code(store.manifest(&manifest)), small, "{how}");
        assert_eq!(code(store.tag(&manifest, &tag("v2"))), small, "{how}");
        assert_eq!(code(store.referrers(&weights.digest, None)), small, "{how}");
        assert_eq!(code(store.resolve(&Target::Only)), small, "{how}");
        assert_eq!(store.tags().unwrap().len(), 1, "a broken manifest gets no tag");
    }
}

#[test]
fn a_folder_of_blobs_behind_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let manifest = push(&store, &FILES, None);
    for part in ["blobs/sha256", "blobs"] {
        let (path, outside) = (store.path().join(part), folder.path().join("outside"));
        fs::rename(&path, &outside).unwrap();
        symlink(&outside, &path).unwrap();
        assert_eq!(code(store.manifest(&manifest)), "E-LAYOUT");
        assert_eq!(code(store.put_blob(&manifest, &b"".as_slice(), &NoProgress)), "E-LAYOUT");
        fs::remove_file(&path).unwrap();
        fs::rename(&outside, &path).unwrap();
    }
    assert!(store.manifest(&manifest).is_ok());
}

#[test]
fn wrong_content_is_never_visible() {
    struct Cancelled;
    impl Progress for Cancelled {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let blob = Descriptor::of("application/octet-stream", b"weights");
    let refuse = |content: &dyn lacre_registry_client::BlobContent, progress: &dyn Progress| {
        let code = code(store.put_blob(&blob, content, progress));
        assert_eq!(store.has_blob(&blob).unwrap(), Presence::Absent);
        assert!(leftovers(&store).is_empty(), "{code}: {:?}", leftovers(&store));
        code
    };
    assert_eq!(refuse(&b"Weights".as_slice(), &NoProgress), "E-BLOB-DIGEST");
    assert_eq!(refuse(&b"weight".as_slice(), &NoProgress), "E-BLOB-DIGEST");
    assert_eq!(refuse(&b"weights+".as_slice(), &NoProgress), "E-BLOB-DIGEST");
    let long = folder.path().join("long");
    fs::File::create(&long).unwrap().set_len(64 * 1024 * 1024).unwrap();
    assert_eq!(refuse(&|| fs::File::open(&long), &NoProgress), "E-BLOB-DIGEST");
    let RegistryError::BlobSize { actual, .. } =
        store.put_blob(&blob, &|| fs::File::open(&long), &NoProgress).unwrap_err()
    else {
        panic!("another refusal")
    };
    assert_eq!(actual, 8, "nothing is read beyond the first byte too many");
    assert_eq!(refuse(&|| fs::File::open(folder.path().join("none")), &NoProgress), "E-UNREADABLE");
    assert_eq!(refuse(&|| fs::File::open(folder.path()), &NoProgress), "E-UNREADABLE");
    assert_eq!(refuse(&b"weights".as_slice(), &Cancelled), "E-INTERRUPTED");
    assert_eq!(store.put_blob(&blob, &b"weights".as_slice(), &NoProgress).unwrap(), Put::Written);
}
