//! Models to put into stores, and ways to look at a layout from outside.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, BuiltArtifact, Descriptor, IMAGE_MANIFEST, Layout, Put, RegistryError, Store, Tag,
    Target, attach_signature, build,
};

pub(crate) const PREDICATE: &str = "https://model_signing/signature/v1.0";
pub(crate) const CREATED: &str = "2026-11-23T03:01:18Z";

pub(crate) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

pub(crate) fn target(text: &str) -> Target {
    Target::Tag(tag(text))
}

pub(crate) fn model(files: &[(&str, &[u8])]) -> BuiltArtifact {
    let entry = |&(path, bytes): &(&str, &[u8])| Entry {
        path: EntryPath::parse(path).unwrap(),
        size: Some(bytes.len() as u64),
        digests: Digests::Sha256 { sha256: Sha256Digest::of(bytes), blake3: None },
    };
    build(&Manifest::new(files.iter().map(entry).collect()).unwrap(), "org/mini", Some("1.0.0")).unwrap()
}

/// Stores the blobs of a model, but not its manifest.
pub(crate) fn put_blobs(store: &dyn Store, files: &[(&str, &[u8])]) -> BuiltArtifact {
    let built = model(files);
    for layer in &built.artifact.layers {
        let (_, bytes) = files.iter().find(|(path, _)| *path == layer.path.as_str()).unwrap();
        store.put_blob(&layer.descriptor, bytes, &NoProgress).unwrap();
    }
    store.put_blob(&built.artifact.config, &built.config, &NoProgress).unwrap();
    built
}

pub(crate) fn push(store: &dyn Store, files: &[(&str, &[u8])], tag: Option<&Tag>) -> Descriptor {
    let built = put_blobs(store, files);
    store.put_manifest(IMAGE_MANIFEST, &built.manifest, tag).unwrap()
}

pub(crate) fn attach(store: &dyn Store, subject: &Descriptor, bundle: &[u8]) -> (Descriptor, Put) {
    attach_signature(store, subject, bundle, PREDICATE, CREATED).unwrap()
}

pub(crate) fn signatures(store: &dyn Store, subject: &Descriptor) -> Vec<Sha256Digest> {
    let found = store.referrers(&subject.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap();
    found.into_iter().map(|referrer| referrer.digest).collect()
}

pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T, RegistryError>) -> &'static str {
    let code = outcome.unwrap_err().code();
    assert!(lacre_registry_client::CODES.contains(&code), "{code} is not announced");
    code
}

pub(crate) fn layout(folder: &Path) -> Layout {
    Layout::create(&folder.join("store")).unwrap()
}

pub(crate) fn blob_path(store: &Layout, digest: &Sha256Digest) -> PathBuf {
    store.path().join("blobs/sha256").join(digest.to_string())
}

/// All names in the layout's folder and in its folder of blobs that are not a blob's or the layout's own.
pub(crate) fn leftovers(store: &Layout) -> Vec<String> {
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let own = ["oci-layout", "index.json", "blobs"];
    let mut found = names(store.path().to_owned());
    found.retain(|name| !own.contains(&name.as_str()));
    let mut blobs = names(store.path().join("blobs/sha256"));
    blobs.retain(|name| Sha256Digest::from_hex(name).is_err());
    found.extend(blobs);
    found
}

pub(crate) fn index_text(store: &Layout) -> String {
    fs::read_to_string(store.path().join("index.json")).unwrap()
}

/// Does to a blob what can be done behind the store's back.
pub(crate) fn alter(store: &Layout, blob: &Descriptor, how: &str) {
    let path = blob_path(store, &blob.digest);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    match how {
        "flip" => {
            let mut flipped = bytes;
            flipped[0] ^= 1;
            fs::write(&path, flipped).unwrap();
        }
        "truncate" => fs::write(&path, &bytes[1..]).unwrap(),
        "grow" => fs::write(&path, [bytes.as_slice(), b"+"].concat()).unwrap(),
        "remove" => {}
        "link" => {
            // To the very bytes: it is the link that is refused.
            fs::write(store.path().with_extension("outside"), bytes).unwrap();
            std::os::unix::fs::symlink(store.path().with_extension("outside"), &path).unwrap();
        }
        "dangling link" => std::os::unix::fs::symlink("/nonexistent", &path).unwrap(),
        "pipe" => rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap(),
        "folder" => fs::create_dir(&path).unwrap(),
        other => panic!("{other}"),
    }
}
