//! The index of an image layout: what is read can be listed, and nothing outside of the folder is opened.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lacre_hash::Sha256Digest;
use lacre_registry_client::{CODES, Layout, RegistryError, Store as _, Target};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const MANIFEST: &[u8] = b"{}";

fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            Layout::create(folder.path()).expect("a layout");
            let blobs = folder.path().join("blobs/sha256");
            fs::create_dir_all(&blobs).expect("a folder of blobs");
            fs::write(blobs.join(Sha256Digest::of(MANIFEST).to_string()), MANIFEST).expect("a blob");
            folder
        })
        .path()
}

fn known(error: &RegistryError) {
    assert!(CODES.contains(&error.code()), "{error:?}");
}

fuzz_target!(|index: &[u8]| {
    fs::write(folder().join("index.json"), index).expect("a place to write");
    let layout = match Layout::open(folder()) {
        Ok(layout) => layout,
        Err(error) => return known(&error),
    };
    let tags = match layout.tags() {
        Ok(tags) => tags,
        Err(error) => return known(&error),
    };
    for (tag, descriptor) in tags {
        // The same index is read again: a tag stands for what it is listed for, or twice, which is refused.
        match layout.resolve(&Target::Tag(tag)) {
            Ok(found) => assert_eq!(found.digest, descriptor.digest),
            Err(error) => known(&error),
        }
        match layout.manifest(&descriptor) {
            Ok(bytes) => assert_eq!(bytes, MANIFEST),
            Err(error) => known(&error),
        }
    }
});
