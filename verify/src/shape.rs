//! Executable files and empty folders: as signed, or how they differ.
//!
//! They travel less well than bytes: registries, other tools and some file systems lose them. So a difference is told, and
//! refused only where the caller is strict.

use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lacre_attest::ModelClaim;
use lacre_manifest::{EntryPath, Exclusions, Root, Shape, Tree, escape_os, walk};
use serde::Serialize;

use crate::VerifyError;

/// How executable files and empty folders differ from what was signed. Lists are in code-point order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShapeMismatch {
    /// Folders without files that are not signed.
    pub extra_folders: Vec<EntryPath>,
    /// Signed folders that are not there.
    pub missing_folders: Vec<EntryPath>,
    /// Files that their owner may execute, and that were signed as others.
    pub now_executable: Vec<EntryPath>,
    /// Files that were signed as executable, and are not.
    pub not_executable: Vec<EntryPath>,
    /// Files with a set-user-id, set-group-id or sticky bit, which are never signed.
    pub special: Vec<EntryPath>,
}

impl ShapeMismatch {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The code of the most telling difference: what can be run before what is there or not.
    pub fn code(&self) -> &'static str {
        let modes = [&self.special, &self.now_executable, &self.not_executable];
        if modes.iter().any(|list| !list.is_empty()) {
            "E-FILE-MODE"
        } else if !self.missing_folders.is_empty() {
            "E-FOLDER-MISSING"
        } else {
            "E-FOLDER-EXTRA"
        }
    }
}

/// How many differences a message names.
const SHOWN: usize = 8;

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (&self.special, "has a set-user-id, set-group-id or sticky bit"),
            (&self.now_executable, "is executable and was not"),
            (&self.not_executable, "is not executable and was"),
            (&self.missing_folders, "is an empty folder that is missing"),
            (&self.extra_folders, "is an empty folder that is not signed"),
        ];
        let number: usize = all.iter().map(|(list, _)| list.len()).sum();
        let differences = all.iter().flat_map(|(list, how)| list.iter().map(move |path| (path, how)));
        for (index, (path, how)) in differences.take(SHOWN).enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(formatter, "{between}{path} {how}")?;
        }
        if number > SHOWN { write!(formatter, "; and {} more", number - SHOWN) } else { Ok(()) }
    }
}

/// What was met on disk, beside names and bytes. All lists are in code-point order.
pub(crate) struct Met {
    pub(crate) empty_folders: Vec<EntryPath>,
    pub(crate) executable: Vec<EntryPath>,
    pub(crate) special: Vec<EntryPath>,
    /// What else lies there, by the caller's leave: the folders above it exist, and are not empty.
    pub(crate) others: Vec<EntryPath>,
}

impl Met {
    /// Takes what a walk found of these things.
    pub(crate) fn take(tree: &mut Tree) -> Self {
        Self {
            empty_folders: std::mem::take(&mut tree.empty_folders),
            executable: std::mem::take(&mut tree.executable),
            special: std::mem::take(&mut tree.special),
            others: Vec::new(),
        }
    }

    /// How this differs from what is signed. Only signed files are looked at.
    pub(crate) fn compare(&self, shape: &Shape, claim: &ModelClaim) -> ShapeMismatch {
        let signed = |path: &&EntryPath| claim.manifest().get(path.as_str()).is_some();
        let executable: Vec<&EntryPath> = self.executable.iter().filter(signed).collect();
        let is_signed_folder = |folder: &&EntryPath| shape.empty_folders().binary_search(folder).is_ok();
        let holds_signed = |folder: &&EntryPath| lies_in(shape.empty_folders(), folder);
        let exists = |folder: &&EntryPath| {
            self.empty_folders.binary_search(folder).is_ok()
                || lies_in(&self.empty_folders, folder)
                || lies_in(&self.others, folder)
        };
        ShapeMismatch {
            extra_folders: self
                .empty_folders
                .iter()
                .filter(|folder| !is_signed_folder(folder) && !holds_signed(folder))
                .cloned()
                .collect(),
            missing_folders: shape.empty_folders().iter().filter(|folder| !exists(folder)).cloned().collect(),
            now_executable: executable
                .iter()
                .filter(|path| shape.executable().binary_search(path).is_err())
                .map(|path| (*path).clone())
                .collect(),
            not_executable: shape
                .executable()
                .iter()
                .filter(|path| executable.binary_search(path).is_err())
                .cloned()
                .collect(),
            special: self.special.iter().filter(signed).cloned().collect(),
        }
    }
}

/// Whether one of `sorted` lies beneath `folder`.
fn lies_in(sorted: &[EntryPath], folder: &EntryPath) -> bool {
    let beneath = format!("{}/", folder.as_str());
    let next = sorted.partition_point(|path| path.as_str() < beneath.as_str());
    sorted.get(next).is_some_and(|path| path.as_str().starts_with(&beneath))
}

/// Makes what was received of `shape`, the signed one or what concerns a part of it: empty folders, and files that may be
/// run by whoever may read them. To be called when the bytes are proven; gives what the file system made of it.
pub(crate) fn recreate(
    claim: &ModelClaim,
    shape: &Shape,
    root: &Root,
    into: &Path,
) -> Result<ShapeMismatch, VerifyError> {
    for folder in shape.empty_folders() {
        let folder = into.join(folder.as_str());
        fs::create_dir_all(&folder)
            .map_err(|source| VerifyError::Store { name: escape_os(folder.as_os_str()), source })?;
    }
    for path in shape.executable() {
        let file = root.open_file(path)?;
        let made = file.metadata().and_then(|found| {
            let mode = found.permissions().mode();
            file.set_permissions(Permissions::from_mode(mode | (mode & 0o444) >> 2))
        });
        made.map_err(|source| VerifyError::Store { name: path.to_string(), source })?;
    }
    // Some file systems keep no modes, or have one for all.
    let mut tree = walk(root, &Exclusions::default())?;
    Ok(Met::take(&mut tree).compare(shape, claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_few_and_counts_the_rest() {
        let paths = |from: u32, to: u32| {
            (from..to).map(|number| EntryPath::parse(&format!("f{number}")).unwrap()).collect()
        };
        let few = ShapeMismatch { now_executable: paths(0, 2), ..ShapeMismatch::default() };
        assert_eq!(few.to_string(), "f0 is executable and was not; f1 is executable and was not");
        let many =
            ShapeMismatch { special: paths(0, 7), extra_folders: paths(7, 10), ..ShapeMismatch::default() };
        assert!(many.to_string().ends_with("f7 is an empty folder that is not signed; and 2 more"), "{many}");
        assert_eq!((few.code(), many.code()), ("E-FILE-MODE", "E-FILE-MODE"));
    }
}
