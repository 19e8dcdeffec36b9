//! What is signed of a tree beside names and bytes: which files may be executed, and which folders are empty.

use std::collections::HashMap;

use crate::ManifestError;
use crate::entry::{Manifest, fold};
use crate::path::EntryPath;

/// Most empty folders in one model.
const MAX_EMPTY_FOLDERS: usize = 1_000_000;

/// Which files of a manifest may be executed by their owner, and which folders hold no file: both lists in code-point
/// order, without a name twice.
///
/// An executable file is a file of the manifest. An empty folder holds neither a file of the manifest nor another
/// empty folder, not even on a file system that ignores case or normal form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    executable: Vec<EntryPath>,
    empty_folders: Vec<EntryPath>,
}

impl Shape {
    /// Takes both lists, in any order.
    ///
    /// # Errors
    /// `E-DUPLICATE-NAME` for a name that stands twice in a list; `E-NOT-FOUND` for an executable that is no file of
    /// `manifest`; `E-NAME-COLLISION` for a folder that is not empty, or that is a file; `E-LIMIT` for more than a
    /// million folders.
    pub fn new(
        manifest: &Manifest,
        mut executable: Vec<EntryPath>,
        mut empty_folders: Vec<EntryPath>,
    ) -> Result<Self, ManifestError> {
        if empty_folders.len() > MAX_EMPTY_FOLDERS {
            return Err(ManifestError::Limit { what: "empty folders", limit: MAX_EMPTY_FOLDERS });
        }
        for list in [&mut executable, &mut empty_folders] {
            list.sort_unstable();
            if let Some(pair) = list.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(ManifestError::Duplicate { name: pair[0].to_string() });
            }
        }
        if let Some(path) = executable.iter().find(|path| manifest.get(path.as_str()).is_none()) {
            return Err(ManifestError::NotListed { name: path.to_string() });
        }
        if !empty_folders.is_empty() {
            refuse_inhabited(manifest, &empty_folders)?;
        }
        Ok(Self { executable, empty_folders })
    }

    /// The files that their owner may execute. None of them: modes are known, and no file is executable.
    pub fn executable(&self) -> &[EntryPath] {
        &self.executable
    }

    /// The folders that hold no file; of folders in folders the innermost.
    pub fn empty_folders(&self) -> &[EntryPath] {
        &self.empty_folders
    }
}

/// Refuses folders that are not empty. The folders are the few and the files the many, so the folders are looked up.
fn refuse_inhabited(manifest: &Manifest, folders: &[EntryPath]) -> Result<(), ManifestError> {
    let folded: Vec<String> = folders.iter().map(|folder| fold(folder.as_str())).collect();
    let mut empty: HashMap<&str, &EntryPath> = HashMap::with_capacity(folders.len());
    for (folder, name) in folders.iter().zip(&folded) {
        if let Some(other) = empty.insert(name, folder) {
            return Err(ManifestError::Collision { first: other.to_string(), second: folder.to_string() });
        }
    }
    let not_empty = |folder: &EntryPath, inside: &EntryPath| ManifestError::NotEmpty {
        folder: folder.to_string(),
        inside: inside.to_string(),
    };
    let mut above: HashMap<&str, &EntryPath> = HashMap::new();
    for (folder, name) in folders.iter().zip(&folded) {
        for parent in parents(name) {
            if let Some(outer) = empty.get(parent) {
                return Err(not_empty(outer, folder));
            }
            above.insert(parent, folder);
        }
    }
    for entry in manifest.entries() {
        let name = fold(entry.path.as_str());
        if let Some(folder) = empty.get(name.as_str()).or_else(|| above.get(name.as_str())) {
            let (first, second) = (entry.path.to_string(), folder.to_string());
            return Err(ManifestError::Collision { first, second });
        }
        if let Some(folder) = parents(&name).find_map(|parent| empty.get(parent)) {
            return Err(not_empty(folder, &entry.path));
        }
    }
    Ok(())
}

/// The folders above a name, innermost first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.rmatch_indices('/').map(|(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use lacre_hash::Sha256Digest;

    use super::*;
    use crate::digests::Digests;
    use crate::entry::Entry;

    fn paths(names: &[&str]) -> Vec<EntryPath> {
        names.iter().map(|name| EntryPath::parse(name).unwrap()).collect()
    }

    fn manifest() -> Manifest {
        let digests = Digests::Sha256 { sha256: Sha256Digest::of(b"x"), blake3: None };
        let entry = |path| Entry { path, size: None, digests: digests.clone() };
        Manifest::new(paths(&["bin/run", "café/x", "weights"]).into_iter().map(entry).collect()).unwrap()
    }

    fn code(executable: &[&str], empty_folders: &[&str]) -> &'static str {
        Shape::new(&manifest(), paths(executable), paths(empty_folders))
            .map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn lists_are_sorted() {
        let shape = Shape::new(&manifest(), paths(&["weights", "bin/run"]), paths(&["b", "a/z"])).unwrap();
        assert_eq!(shape.executable(), paths(&["bin/run", "weights"]));
        assert_eq!(shape.empty_folders(), paths(&["a/z", "b"]));
    }

    #[test]
    fn an_executable_is_a_file_and_stands_once() {
        assert_eq!(code(&[], &[]), "ok");
        assert_eq!(code(&["weights", "weights"], &[]), "E-DUPLICATE-NAME");
        assert_eq!(code(&["bin"], &[]), "E-NOT-FOUND");
        assert_eq!(code(&["Weights"], &[]), "E-NOT-FOUND");
    }

    #[test]
    fn an_empty_folder_is_empty_everywhere() {
        assert_eq!(code(&[], &["bin/logs", "logs"]), "ok");
        for (folders, expected) in [
            (&["logs", "logs"][..], "E-DUPLICATE-NAME"),
            (&["logs", "LOGS"], "E-NAME-COLLISION"),
            (&["logs", "logs/old"], "E-NAME-COLLISION"),
            (&["LOGS", "logs/old"], "E-NAME-COLLISION"),
            (&["bin"], "E-NAME-COLLISION"),
            (&["BIN"], "E-NAME-COLLISION"),
            (&["cafe\u{301}"], "E-NAME-COLLISION"),
            (&["weights"], "E-NAME-COLLISION"),
            (&["weights/old"], "E-NAME-COLLISION"),
            (&["Weights/old/older"], "E-NAME-COLLISION"),
            (&["bin/run"], "E-NAME-COLLISION"),
        ] {
            assert_eq!(code(&[], folders), expected, "{folders:?}");
        }
    }
}
