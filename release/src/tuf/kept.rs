//! What a client stores between refreshes.

use std::collections::BTreeMap;

use crate::ReleaseError;

use super::name::{TOP, file_of, is_delegated_name, plain, unquote};

/// Files as they were accepted, byte for byte: what a client stores between refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The root: the anchor, or the newest that was reached from it.
    pub root: Vec<u8>,
    /// The timestamp.
    pub timestamp: Option<Vec<u8>>,
    /// The snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The roles that name targets, by their names: `targets`, and those that it delegates to.
    pub roles: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    /// Nothing but an anchor.
    pub fn anchor(root: Vec<u8>) -> Self {
        Self { root, timestamp: None, snapshot: None, roles: BTreeMap::new() }
    }

    /// The same as files without versions in their names, as in `root.json`. No name leaves its folder.
    pub fn files(&self) -> BTreeMap<String, &[u8]> {
        let pair = [("timestamp", &self.timestamp), ("snapshot", &self.snapshot)];
        let pair = pair.into_iter().filter_map(|(role, bytes)| Some((role, bytes.as_deref()?)));
        let roles = self.roles.iter().map(|(role, bytes)| (role.as_str(), bytes.as_slice()));
        let all = std::iter::once(("root", self.root.as_slice())).chain(pair).chain(roles);
        all.map(|(role, bytes)| (file_of(role, None), bytes)).collect()
    }

    /// Reads what [`files`](Self::files) gave.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, ReleaseError> {
        let mut kept = Self::anchor(Vec::new());
        let mut root = None;
        for (file, bytes) in files {
            let role = file.strip_suffix(".json").and_then(unquote);
            match role.as_deref() {
                Some("root") => root = Some(bytes),
                Some("timestamp") => kept.timestamp = Some(bytes),
                Some("snapshot") => kept.snapshot = Some(bytes),
                Some(role) if role == TOP[3] || is_delegated_name(role) => {
                    kept.roles.insert(role.to_owned(), bytes);
                }
                _ => {
                    let reason = "no role has a file of this name".to_owned();
                    return Err(ReleaseError::TufMetadata { file: plain(&file), reason });
                }
            }
        }
        kept.root = root.ok_or_else(|| ReleaseError::TufMissing { file: "root.json".to_owned() })?;
        Ok(kept)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a broken check must fail its test")]
mod tests {
    use std::collections::BTreeMap;

    use super::Kept;

    #[test]
    fn files_are_named_in_one_folder_and_read_again() {
        let mut kept = Kept::anchor(b"r".to_vec());
        kept.snapshot = Some(b"s".to_vec());
        kept.roles.insert("targets".to_owned(), b"t".to_vec());
        kept.roles.insert("../a".to_owned(), b"a".to_vec());
        let files: BTreeMap<String, Vec<u8>> =
            kept.files().into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["..%2Fa.json", "root.json", "snapshot.json", "targets.json"]);
        assert_eq!(Kept::from_files(files.clone()).unwrap(), kept);

        let mut without = files.clone();
        without.remove("root.json");
        assert_eq!(Kept::from_files(without).unwrap_err().code(), "E-TUF-MISSING");
        for name in ["a.txt", ".json", "../a.json"] {
            let mut with = files.clone();
            with.insert(name.to_owned(), Vec::new());
            assert_eq!(Kept::from_files(with).unwrap_err().code(), "E-TUF-METADATA", "{name}");
        }
    }
}
