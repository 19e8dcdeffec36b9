//! What changed between two manifests.

use std::collections::HashMap;

use serde::Serialize;

use crate::digests::Key;
use crate::entry::Manifest;
use crate::path::EntryPath;

/// What changed from one manifest to another. All lists are in code-point order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Files that only the second manifest has.
    pub added: Vec<EntryPath>,
    /// Files that only the first manifest has.
    pub removed: Vec<EntryPath>,
    /// Files that both have, with different bytes.
    pub changed: Vec<EntryPath>,
    /// Files whose bytes stand under another name.
    pub renamed: Vec<Renamed>,
}

/// The same bytes under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// The name in the first manifest.
    pub from: EntryPath,
    /// The name in the second manifest.
    pub to: EntryPath,
}

impl Diff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && self.renamed.is_empty()
    }
}

/// Compares two manifests, by SHA-256 where that is what they hold. A file that is gone and one that is new, with equal
/// bytes, are one renamed file; of several candidates the first in order is taken. Digests of two kinds say nothing of
/// each other: a file that has another kind in the second manifest counts as changed.
pub fn diff(before: &Manifest, after: &Manifest) -> Diff {
    let mut result = Diff::default();
    let mut gone: HashMap<Key<'_>, Vec<&EntryPath>> = HashMap::new();
    // In reverse order, so that the first of several equal files is taken from the end of its list.
    for entry in before.entries().iter().rev() {
        match after.get(entry.path.as_str()) {
            None => gone.entry(entry.digests.key()).or_default().push(&entry.path),
            Some(same) if same.digests.key() != entry.digests.key() => {
                result.changed.push(entry.path.clone());
            }
            Some(_) => {}
        }
    }
    for entry in after.entries() {
        if before.get(entry.path.as_str()).is_none() {
            match gone.get_mut(&entry.digests.key()).and_then(Vec::pop) {
                Some(from) => result.renamed.push(Renamed { from: from.clone(), to: entry.path.clone() }),
                None => result.added.push(entry.path.clone()),
            }
        }
    }
    result.removed = gone.into_values().flatten().cloned().collect();
    result.removed.sort_unstable();
    result.changed.sort_unstable();
    result.renamed.sort_unstable_by(|a, b| a.from.cmp(&b.from));
    result
}

#[cfg(test)]
mod tests {
    use lacre_hash::Sha256Digest;

    use super::*;
    use crate::digests::Digests;
    use crate::entry::Entry;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let entry = |&(path, text): &(&str, &str)| Entry {
            path: EntryPath::parse(path).unwrap(),
            size: None,
            digests: Digests::Sha256 { sha256: Sha256Digest::of(text.as_bytes()), blake3: None },
        };
        Manifest::new(files.iter().map(entry).collect()).unwrap()
    }

    fn paths(list: &[EntryPath]) -> Vec<&str> {
        list.iter().map(EntryPath::as_str).collect()
    }

    #[test]
    fn tells_added_removed_changed_and_renamed_apart() {
        let before = manifest(&[
            ("same", "0"),
            ("edit", "1"),
            ("gone", "2"),
            ("old", "3"),
            ("twin1", "4"),
            ("twin2", "4"),
        ]);
        let after =
            manifest(&[("same", "0"), ("edit", "9"), ("new", "5"), ("moved/old", "3"), ("twin3", "4")]);
        let found = diff(&before, &after);
        assert_eq!(paths(&found.added), ["new"]);
        assert_eq!(paths(&found.removed), ["gone", "twin2"]);
        assert_eq!(paths(&found.changed), ["edit"]);
        let renamed: Vec<_> = found.renamed.iter().map(|r| (r.from.as_str(), r.to.as_str())).collect();
        assert_eq!(renamed, [("old", "moved/old"), ("twin1", "twin3")]);
        assert!(diff(&before, &before).is_empty());
    }

    #[test]
    fn swapped_contents_are_changes_not_renames() {
        let found = diff(&manifest(&[("a", "1"), ("b", "2")]), &manifest(&[("a", "2"), ("b", "1")]));
        assert_eq!(paths(&found.changed), ["a", "b"]);
        assert!(found.renamed.is_empty());
    }
}
