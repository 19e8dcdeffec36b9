//! How the files on disk differ from the files that were signed.

use std::collections::HashSet;
use std::fmt;

use lacre_manifest::{EntryPath, Foreign, ForeignKind, Renamed};
use serde::Serialize;

use crate::VerifyError;

/// How the files differ from what was signed. Lists are in code-point order, names in the `String`s safe for a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContentMismatch {
    /// Files of the right size with other bytes.
    pub changed: Vec<EntryPath>,
    /// Files that are not signed.
    pub extra: Vec<EntryPath>,
    /// Things that are no files, or have names that cannot be signed.
    pub foreign: Vec<Foreign>,
    /// Signed files that are not there.
    pub missing: Vec<EntryPath>,
    /// Signed bytes under another name.
    pub renamed: Vec<Renamed>,
    /// Files of another size.
    pub size: Vec<WrongSize>,
}

/// A file of another size than signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongSize {
    /// The file.
    pub path: EntryPath,
    /// Its signed size in bytes.
    pub signed: u64,
    /// Its size on disk in bytes.
    pub found: u64,
}

impl ContentMismatch {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A signed file that is now a folder, a link or a pipe is not missing: it is of another kind.
    pub(crate) fn tell_folders_from_missing(&mut self, empty_folders: &[EntryPath]) {
        let folders: HashSet<&str> = self
            .extra
            .iter()
            .flat_map(|path| path.as_str().match_indices('/').map(|(end, _)| &path.as_str()[..end]))
            .chain(empty_folders.iter().map(EntryPath::as_str))
            .collect();
        let (now_folders, missing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.missing).into_iter().partition(|path| folders.contains(path.as_str()));
        let foreign =
            now_folders.iter().map(|path| Foreign { name: path.to_string(), kind: ForeignKind::Folder });
        self.foreign.extend(foreign);
        let others: HashSet<&str> = self.foreign.iter().map(|one| one.name.as_str()).collect();
        self.missing =
            missing.into_iter().filter(|path| !others.contains(path.to_string().as_str())).collect();
    }

    /// The code of the most telling difference: a thing that should not exist before one that is missing, a missing
    /// one before one that is changed.
    pub fn code(&self) -> &'static str {
        if self.foreign.iter().any(|foreign| !foreign.kind.is_about_the_name()) {
            "E-FILE-TYPE"
        } else if !self.foreign.is_empty() {
            "E-FILE-NAME"
        } else if !self.renamed.is_empty() {
            "E-FILE-RENAMED"
        } else if !self.missing.is_empty() {
            "E-FILE-MISSING"
        } else if !self.extra.is_empty() {
            "E-FILE-EXTRA"
        } else if !self.size.is_empty() {
            "E-FILE-SIZE"
        } else {
            "E-FILE-CHANGED"
        }
    }
}

/// How many differences a message names.
const SHOWN: usize = 8;

impl fmt::Display for ContentMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut differences: Vec<String> = Vec::new();
        differences.extend(self.foreign.iter().map(|one| format!("{} {}", one.name, one.kind)));
        differences.extend(self.renamed.iter().map(|one| format!("{} is now {}", one.from, one.to)));
        differences.extend(self.missing.iter().map(|path| format!("{path} is missing")));
        differences.extend(self.extra.iter().map(|path| format!("{path} is not signed")));
        let sizes = self.size.iter();
        differences
            .extend(sizes.map(|one| format!("{} has {} bytes, not {}", one.path, one.found, one.signed)));
        differences.extend(self.changed.iter().map(|path| format!("{path} has other bytes")));
        let more = differences.len().saturating_sub(SHOWN);
        differences.truncate(SHOWN);
        formatter.write_str(&differences.join("; "))?;
        if more > 0 { write!(formatter, "; and {more} more") } else { Ok(()) }
    }
}

pub(crate) fn wrong_size(path: &EntryPath, signed: u64, found: u64) -> VerifyError {
    let size = vec![WrongSize { path: path.clone(), signed, found }];
    VerifyError::Content(Box::new(ContentMismatch { size, ..ContentMismatch::default() }))
}
