//! Entries, manifests, and the two digests of a whole model.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;

use lacre_hash::{Blake3Digest, HashError, Sha256, Sha256Digest};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::ManifestError;
use crate::digests::Digests;
use crate::path::EntryPath;

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub path: EntryPath,
    /// Its size in bytes; unknown in signatures of other tools.
    pub size: Option<u64>,
    /// What its bytes are known by.
    pub digests: Digests,
}

impl Entry {
    /// SHA-256 of the whole file, if that is what it is known by.
    pub fn sha256(&self) -> Option<&Sha256Digest> {
        self.digests.sha256()
    }

    /// BLAKE3 of the whole file, if it is known.
    pub fn blake3(&self) -> Option<&Blake3Digest> {
        self.digests.blake3()
    }
}

/// The files of a model, in code-point order of their names.
///
/// A manifest is never empty, and no two of its names are one file on any file system: names that are equal after
/// case folding and normalisation (NFC), and names that make a file of what another name makes a folder, are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

impl Manifest {
    /// Takes the entries, in any order.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, ManifestError> {
        if entries.is_empty() {
            return Err(ManifestError::Empty { name: "the manifest".to_owned() });
        }
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(ManifestError::Duplicate { name: pair[0].path.to_string() });
        }
        refuse_collisions(&entries)?;
        Ok(Self { entries })
    }

    /// The entries, in code-point order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of exactly this path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(found)
    }

    /// The number of files; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a manifest is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sum of all sizes in bytes; `None` when one is unknown or the sum does not fit.
    pub fn total_size(&self) -> Option<u64> {
        self.entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size?))
    }

    /// The root digest of OMS v1.0 (section 6.5) over the entries in code-point order. It does not bind the names:
    /// never take it for an identity.
    pub fn oms_root(&self) -> Sha256Digest {
        let mut hasher = Sha256::new();
        for entry in &self.entries {
            entry.digests.each(|digest| hasher.update(digest));
        }
        Sha256Digest::from_bytes(hasher.finalize())
    }

    /// What this model is, names and sizes included; `None` when a size is unknown, or a SHA-256.
    pub fn identity(&self) -> Option<ModelIdentity> {
        let mut bytes = Vec::with_capacity(self.entries.len() * 112);
        for entry in &self.entries {
            let name = entry.path.as_str().as_bytes();
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&entry.size?.to_le_bytes());
            bytes.extend_from_slice(entry.sha256()?.as_bytes());
            match entry.blake3() {
                Some(blake3) => {
                    bytes.push(1);
                    bytes.extend_from_slice(blake3.as_bytes());
                }
                None => bytes.push(0),
            }
        }
        Some(ModelIdentity(Blake3Digest::derive(IDENTITY_CONTEXT, [bytes.as_slice()])))
    }
}

const IDENTITY_CONTEXT: &str = "lacre 2026 model identity v1";

/// What a model is: a digest that binds the name, size and digests of every file.
///
/// BLAKE3 in key-derivation mode under the context `lacre 2026 model identity v1`, over, for each entry in code-point
/// order: `u64le(length of name) ‖ name ‖ u64le(size) ‖ sha256 ‖ (0x01 ‖ blake3, or 0x00)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelIdentity(Blake3Digest);

impl ModelIdentity {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, HashError> {
        Blake3Digest::from_hex(text).map(Self)
    }

    /// As a digest.
    pub fn digest(&self) -> Blake3Digest {
        self.0
    }
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The order in which the Python reference implementation of OMS lists resources: component by component, so that
/// `x/y` stands before `x.y`.
pub fn component_order(a: &EntryPath, b: &EntryPath) -> Ordering {
    a.components().cmp(b.components())
}

fn refuse_collisions(entries: &[Entry]) -> Result<(), ManifestError> {
    let folded: Vec<String> = entries.iter().map(|entry| fold(entry.path.as_str())).collect();
    let mut files: HashMap<&str, usize> = HashMap::with_capacity(folded.len());
    for (index, name) in folded.iter().enumerate() {
        if let Some(other) = files.insert(name, index) {
            return Err(collision(&entries[other], &entries[index]));
        }
    }
    let mut folders: HashSet<&str> = HashSet::new();
    for (index, name) in folded.iter().enumerate() {
        let mut rest = name.as_str();
        while let Some((parent, _)) = rest.rsplit_once('/') {
            if !folders.insert(parent) {
                break;
            }
            if let Some(&other) = files.get(parent) {
                return Err(collision(&entries[other], &entries[index]));
            }
            rest = parent;
        }
    }
    Ok(())
}

fn collision(first: &Entry, second: &Entry) -> ManifestError {
    ManifestError::Collision { first: first.path.to_string(), second: second.path.to_string() }
}

/// What a file system that ignores case and normal form makes of a name.
pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let composed: String = name.nfc().collect();
    unicase::UniCase::unicode(composed).to_folded_case().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        let sha256 = Sha256Digest::of(path.as_bytes());
        Entry {
            path: EntryPath::parse(path).unwrap(),
            size: Some(3),
            digests: Digests::Sha256 { sha256, blake3: None },
        }
    }

    fn code(paths: &[&str]) -> &'static str {
        Manifest::new(paths.iter().map(|path| entry(path)).collect())
            .map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn refuses_names_that_some_system_takes_for_one() {
        assert_eq!(code(&["a", "b", "a"]), "E-DUPLICATE-NAME");
        for pair in [
            ["README", "Readme"],
            ["caf\u{e9}", "cafe\u{301}"],
            ["STRASSE", "stra\u{df}e"],
            ["\u{c9}", "e\u{301}"],
            ["a", "a/b"],
            ["A", "a/b/c"],
            ["x/y", "X/Y/z"],
        ] {
            assert_eq!(code(&pair), "E-NAME-COLLISION", "{pair:?}");
        }
        assert_eq!(code(&["a/b", "a/c", "A/d", "a.b", "ab"]), "ok");
        assert_eq!(code(&[]), "E-INPUT-EMPTY");
    }

    #[test]
    fn sorts_by_code_point_and_finds() {
        let manifest = Manifest::new(["x/y", "x.z", "x-1", "é", "z"].map(entry).into()).unwrap();
        let names: Vec<_> = manifest.entries().iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(names, ["x-1", "x.z", "x/y", "z", "é"]);
        assert_eq!(manifest.get("x/y").unwrap().path.as_str(), "x/y");
        assert!(manifest.get("x").is_none());
        let (a, b) = (EntryPath::parse("x/y").unwrap(), EntryPath::parse("x.z").unwrap());
        assert_eq!(component_order(&a, &b), Ordering::Less);
        assert_eq!(a.cmp(&b), Ordering::Greater);
    }

    // Golden root of the model `sample_model` of the OMS reference implementation (tests/conftest.py): it is
    // computed there by another program.
    #[test]
    fn oms_root_equals_the_reference_implementation() {
        let mut entries = Vec::new();
        let mut add = |path: String, text: String| {
            let sha256 = Sha256Digest::of(text.as_bytes());
            let digests = Digests::Sha256 { sha256, blake3: None };
            entries.push(Entry { path: EntryPath::parse(&path).unwrap(), size: None, digests });
        };
        for folder in 0..2 {
            for file in 0..3 {
                add(
                    format!("d{folder}/f{folder}{file}"),
                    format!("This is file f{folder}{file} in d{folder}."),
                );
            }
        }
        for file in 0..4 {
            add(format!("f{file}"), format!("This is file f{file} in root."));
        }
        let root = Manifest::new(entries).unwrap().oms_root();
        assert_eq!(root.to_string(), "143cc682e555951649f18e2761c3d526d2502996f5e32dc187ef7f8a614f8df7");
    }

    // Computed by a Python program from the definition in the documentation of `ModelIdentity`, with hashlib and
    // the `blake3` package (derive_key_context).
    #[test]
    fn the_identity_equals_an_independent_computation() {
        let entry = |path: &str, bytes: &[u8], blake3: Option<Blake3Digest>| Entry {
            path: EntryPath::parse(path).unwrap(),
            size: Some(bytes.len() as u64),
            digests: Digests::Sha256 { sha256: Sha256Digest::of(bytes), blake3 },
        };
        let files = [("weights/model.safetensors", b"abc".as_slice()), ("config.json", b"{}")];
        let identity = |blake3: fn(&[u8]) -> Option<Blake3Digest>| {
            let entries = files.map(|(path, bytes)| entry(path, bytes, blake3(bytes)));
            Manifest::new(entries.into()).unwrap().identity().unwrap().to_string()
        };
        assert_eq!(
            identity(|bytes| Some(Blake3Digest::of(bytes))),
            "96dacc559a3d430e74421f4c881cba3ef920807d4d17e4bbc1f78f8a2896d00a"
        );
        assert_eq!(identity(|_| None), "3eb5a2cebae8756b86770b58ccffa5a49ece79fc8fee6f9b84b6a265d7634be5");
    }

    #[test]
    fn the_identity_binds_names_sizes_and_both_digests() {
        let base = [entry("a"), entry("b")];
        let identity = |entries: &[Entry]| Manifest::new(entries.to_vec()).unwrap().identity();
        let original = identity(&base).unwrap();
        let mut swapped = base.clone();
        (swapped[0].digests, swapped[1].digests) = (base[1].digests.clone(), base[0].digests.clone());
        let mut renamed = base.clone();
        renamed[0].path = EntryPath::parse("aa").unwrap();
        let mut grown = base.clone();
        grown[0].size = Some(4);
        let mut with_blake3 = base.clone();
        let blake3 = Some(Blake3Digest::of(b"b"));
        with_blake3[1].digests = Digests::Sha256 { sha256: Sha256Digest::of(b"b"), blake3 };
        for other in [&swapped, &renamed, &grown, &with_blake3] {
            assert_ne!(identity(other).unwrap(), original, "{other:?}");
        }
        let mut unknown = base.clone();
        unknown[0].size = None;
        assert_eq!(identity(&unknown), None);
    }
}
