//! Where on this machine the user's caches are.

use std::ffi::OsString;
use std::path::PathBuf;

use lacre_hash::{Blake3Digest, ChunkList, ChunkStore};
use lacre_manifest::{MachineId, StampStore, StampsError};
use lacre_publish::Remembered;

/// The folder of our caches, which need not exist: `$XDG_CACHE_HOME/lacre`, else `~/.cache/lacre` (XDG Base Directory
/// Specification 0.8). Nothing where there is no home.
pub(crate) fn folder() -> Option<PathBuf> {
    of(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
}

/// The chunk lists that were kept.
pub(crate) fn chunk_lists() -> Option<ChunkStore> {
    folder().map(|folder| ChunkStore::at(folder.join("chunks")))
}

/// The cache of stamps; nothing where there is no home for it.
pub(crate) fn stamps() -> Result<Option<StampStore>, StampsError> {
    let Some(folder) = folder() else { return Ok(None) };
    let machine = MachineId::here().ok_or(StampsError::NoMachineId)?;
    Ok(Some(StampStore::new(folder.join("stamps"), machine)))
}

/// What this machine remembers of the files that it has hashed.
pub(crate) fn remembered() -> Option<Remembered> {
    Some(Remembered { stamps: stamps().ok()??, lists: chunk_lists()? })
}

/// Keeps chunk lists, under the BLAKE3 roots that they prove themselves by, for whoever loads a part of a file later.
/// Nothing needs them, so where they cannot be kept nothing is lost but time.
pub(crate) fn keep_chunk_lists<'a>(lists: impl Iterator<Item = (&'a Blake3Digest, &'a ChunkList)>) {
    let Some(store) = chunk_lists() else { return };
    for (root, list) in lists {
        if store.put(root, list).is_err() {
            return;
        }
    }
}

/// The specification wants paths that are not absolute, and empty ones, to be taken for unset.
fn of(cache: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute(cache).or_else(|| Some(absolute(home)?.join(".cache")))?;
    Some(caches.join("lacre"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read_as_specified() {
        let of = |cache: Option<&str>, home: Option<&str>| {
            of(cache.map(OsString::from), home.map(OsString::from))
                .map(|path| path.into_os_string().into_string().unwrap())
        };
        assert_eq!(of(Some("/c"), Some("/h")).as_deref(), Some("/c/lacre"));
        for unset in [None, Some(""), Some("relative")] {
            assert_eq!(of(unset, Some("/h")).as_deref(), Some("/h/.cache/lacre"));
            assert_eq!(of(unset, None), None);
            assert_eq!(of(unset, Some("")), None);
        }
    }
}
