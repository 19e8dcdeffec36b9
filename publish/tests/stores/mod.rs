//! Pushing what the testkit signed, and looking at a layout from outside.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::Limits;
use lacre_hash::{NoProgress, Sha256Digest};
use lacre_manifest::{EntryPath, Links, Root};
use lacre_publish::{PublishError, Pushed, Signed, prepare};
use lacre_registry_client::{Layout, Tag, Target};
use lacre_testkit::Sealed;

pub(crate) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

pub(crate) fn target(text: &str) -> Target {
    Target::Tag(tag(text))
}

/// A layout beside the model.
pub(crate) fn store(sealed: &Sealed) -> Layout {
    Layout::create(&sealed.model().beside("store")).unwrap()
}

/// Pushes the model with a bundle as `v1`.
pub(crate) fn push_with(sealed: &Sealed, bundle: &[u8], store: &Layout) -> Result<Pushed, PublishError> {
    let root = Root::open(&sealed.path(), Links::Refuse)?;
    let signature = Some(EntryPath::parse(Sealed::SIGNATURE).unwrap());
    let model = Signed { root: &root, bundle, others: &[], signature };
    prepare(&model, &Limits::default(), None, &NoProgress)?.push(store, Some(&tag("v1")), &NoProgress)
}

pub(crate) fn push(sealed: &Sealed, store: &Layout) -> Result<Pushed, PublishError> {
    push_with(sealed, sealed.bundle(), store)
}

/// The path of a blob.
pub(crate) fn blob(store: &Layout, digest: Sha256Digest) -> PathBuf {
    store.path().join("blobs/sha256").join(digest.to_string())
}

/// Every file of a layout, hidden ones too, with its content.
pub(crate) fn snapshot(store: &Layout) -> BTreeMap<PathBuf, Vec<u8>> {
    fn gather(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, into);
            } else {
                into.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    gather(store.path(), &mut files);
    files
}
