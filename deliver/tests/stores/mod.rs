//! Stores with a signed model in them, and pulling from them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Overwrite, Pulled, examine};
use lacre_hash::{NoProgress, Progress, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Links, Manifest, Root};
use lacre_publish::{Pushed, Signed, prepare};
use lacre_registry_client::{
    Descriptor, IMAGE_MANIFEST, Layout, Store, Tag, Target, attach_signature, build,
};
use lacre_testkit::Sealed;
use lacre_verify::{PublicKey, Requirements, Trust};

pub(crate) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

pub(crate) fn v1() -> Target {
    Target::Tag(tag("v1"))
}

/// A layout beside the model, with the model in it as `v1`.
pub(crate) fn pushed(sealed: &Sealed) -> (Layout, Pushed) {
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let pushed = push(sealed, &store);
    (store, pushed)
}

pub(crate) fn push(sealed: &Sealed, store: &Layout) -> Pushed {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    prepared.push(store, Some(&tag("v1")), &NoProgress).unwrap()
}

/// Stores an artifact of these files as `v1`, with no signature: what anyone who can write to the store can do.
pub(crate) fn artifact(store: &Layout, files: &[(String, Vec<u8>)]) -> Descriptor {
    let entry = |(path, bytes): &(String, Vec<u8>)| Entry {
        path: EntryPath::parse(path).unwrap(),
        size: Some(bytes.len() as u64),
        digests: Digests::Sha256 { sha256: Sha256Digest::of(bytes), blake3: None },
    };
    let built =
        build(&Manifest::new(files.iter().map(entry).collect()).unwrap(), "org/mini-lm", Some("1.0.0"))
            .unwrap();
    for layer in &built.artifact.layers {
        let (_, bytes) = files.iter().find(|(path, _)| path == layer.path.as_str()).unwrap();
        store.put_blob(&layer.descriptor, bytes, &NoProgress).unwrap();
    }
    store.put_blob(&built.artifact.config, &built.config, &NoProgress).unwrap();
    store.put_manifest(IMAGE_MANIFEST, &built.manifest, Some(&tag("v1"))).unwrap()
}

/// The signed files of the model.
pub(crate) fn files(sealed: &Sealed) -> Vec<(String, Vec<u8>)> {
    let names = sealed.model().names().into_iter().filter(|name| name != Sealed::SIGNATURE);
    names.map(|name| (name.clone(), sealed.model().read(&name))).collect()
}

/// Attaches a bundle as a model signature, at a time that makes the referrer another one.
pub(crate) fn attach(store: &dyn Store, subject: &Descriptor, bundle: &[u8]) -> Descriptor {
    let predicate = "https://model_signing/signature/v1.0";
    attach_signature(store, subject, bundle, predicate, "2026-11-23T03:01:18Z").unwrap().0
}

pub(crate) fn trusting(key: &PublicKey) -> Requirements {
    Requirements::new(Trust::keys([key.clone()]).unwrap())
}

/// Pulls `v1` into the folder `downloads/model` beside the model, as a user does who knows nothing but the key.
pub(crate) fn pull(sealed: &Sealed, store: &Layout) -> Result<Pulled, DeliverError> {
    pull_with(store, &v1(), &trusting(sealed.public_key()), &wanted(sealed), Overwrite::Refuse, &NoProgress)
}

pub(crate) fn pull_with(
    store: &Layout,
    target: &Target,
    requirements: &Requirements,
    into: &Path,
    overwrite: Overwrite,
    progress: &dyn Progress,
) -> Result<Pulled, DeliverError> {
    examine(store, target, requirements, &Limits::default())?.pull(into, overwrite, progress)
}

/// A folder that holds nothing but what is pulled.
pub(crate) fn downloads(sealed: &Sealed) -> PathBuf {
    let folder = sealed.model().beside("downloads");
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn wanted(sealed: &Sealed) -> PathBuf {
    downloads(sealed).join("model")
}

/// The names in a folder, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let listed = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file in a folder is of the model, and the other way round; the signature byte for byte.
#[track_caller]
pub(crate) fn assert_is_model(folder: &Path, sealed: &Sealed) {
    fn gather(root: &Path, folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.push((name, fs::read(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    gather(folder, folder, &mut found);
    found.sort();
    let mut expected = files(sealed);
    expected.push((Sealed::SIGNATURE.to_owned(), sealed.bundle().to_vec()));
    expected.sort();
    assert!(found == expected, "{:?}", found.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

/// The path of a blob.
pub(crate) fn blob(store: &Layout, digest: Sha256Digest) -> PathBuf {
    store.path().join("blobs/sha256").join(digest.to_string())
}

/// The path of the blob of a signed file.
pub(crate) fn layer(sealed: &Sealed, store: &Layout, name: &str) -> PathBuf {
    blob(store, Sha256Digest::of(&sealed.model().read(name)))
}
