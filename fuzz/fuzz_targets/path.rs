//! Names of files: one that is accepted stays beneath the folder that it is joined to, and a list of them is a
//! manifest or is refused.

#![no_main]

use std::path::{Component, Path};

use lacre_hash::Sha256Digest;
use lacre_manifest::{Digests, Entry, EntryPath, Manifest, component_order, escape};
use libfuzzer_sys::fuzz_target;

fn one(text: &str) -> Option<EntryPath> {
    let shown = escape(text);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let path = match EntryPath::parse(text) {
        Ok(path) => path,
        Err(error) => {
            assert_eq!(error.code(), "E-PATH");
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return None;
        }
    };
    assert_eq!(path.as_str(), text);
    assert_eq!(path.to_string(), shown);
    assert_eq!(path.components().collect::<Vec<_>>().join("/"), text);
    assert_eq!(path.components().next_back(), Some(path.file_name()));
    assert!(Path::new(text).components().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
    assert_eq!(Path::new(text).components().count(), path.components().count());
    assert!(path.is_or_is_under(&path));
    let written = lacre_json::to_vec(&path);
    assert_eq!(serde_json::from_slice::<EntryPath>(&written).ok().as_ref(), Some(&path));
    Some(path)
}

fuzz_target!(|bytes: &[u8]| {
    // 0xff stands in no UTF-8: it parts the names.
    let texts = bytes.split(|byte| *byte == 0xff).filter_map(|name| std::str::from_utf8(name).ok());
    let paths: Vec<EntryPath> = texts.filter_map(one).collect();
    for pair in paths.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        assert_eq!(component_order(a, b).is_eq(), a == b);
        assert_eq!(component_order(a, b), component_order(b, a).reverse());
        assert_eq!(a.is_or_is_under(b), Path::new(a.as_str()).starts_with(b.as_str()));
    }
    let entries = paths.iter().map(|path| Entry {
        path: path.clone(),
        size: Some(0),
        digests: Digests::Sha256 { sha256: Sha256Digest::of(path.as_str().as_bytes()), blake3: None },
    });
    let Ok(manifest) = Manifest::new(entries.collect()) else { return };
    assert_eq!(manifest.len(), paths.len());
    assert!(manifest.entries().is_sorted_by(|a, b| a.path < b.path));
    for path in &paths {
        assert_eq!(manifest.get(path.as_str()).map(|entry| &entry.path), Some(path));
        // No name of a manifest is the folder of another.
        assert_eq!(paths.iter().filter(|other| other.is_or_is_under(path)).count(), 1, "{path}");
    }
});
