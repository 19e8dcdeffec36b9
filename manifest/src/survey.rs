//! A walk and one pass over every byte: the manifest of what lies on disk.

use std::fs::File;
use std::io;

use lacre_hash::{DigestSet, Engine, Progress, Source};

use crate::digests::Digests;
use crate::entry::{Entry, Manifest};
use crate::path::EntryPath;
use crate::root::Root;
use crate::walk::{Exclusions, Tree, walk};
use crate::{ManifestError, escape};

/// A file of a model, to be hashed.
#[derive(Debug, Clone)]
pub struct FileSource<'a> {
    root: &'a Root,
    path: EntryPath,
    size: u64,
    digests: DigestSet,
}

impl<'a> FileSource<'a> {
    /// The file `path` of `root`, expected to have `size` bytes.
    pub fn new(root: &'a Root, path: EntryPath, size: u64, digests: DigestSet) -> Self {
        Self { root, path, size, digests }
    }

    /// Where it lies.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }
}

impl Source for FileSource<'_> {
    fn open(&self) -> io::Result<File> {
        self.root.open_file(&self.path).map_err(|error| match error {
            ManifestError::Unreadable { source, .. } => source,
            ManifestError::NotFound { .. } => io::ErrorKind::NotFound.into(),
            other => io::Error::other(other),
        })
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn name(&self) -> String {
        self.path.to_string()
    }

    fn digests(&self) -> DigestSet {
        self.digests
    }
}

/// What lies on disk, and its digests.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Every file with its size and both digests.
    pub manifest: Manifest,
    /// Everything else that was met.
    pub tree: Tree,
}

/// Walks the model and hashes every file once, for signing or comparing.
///
/// # Errors
/// Anything that cannot be signed (a link, a device, a name that is not UTF-8) is refused by name:
/// `E-INPUT-TYPE`, `E-INPUT-NAME`.
pub fn survey(
    root: &Root,
    exclusions: &Exclusions,
    engine: &Engine,
    progress: &dyn Progress,
) -> Result<Survey, ManifestError> {
    let tree = walk(root, exclusions)?;
    if let Some(foreign) = tree.foreign.first() {
        return Err(ManifestError::Foreign { name: foreign.name.clone(), kind: foreign.kind });
    }
    if tree.files.is_empty() {
        return Err(ManifestError::Empty { name: escape(root.name()) });
    }
    let sources: Vec<_> = tree
        .files
        .iter()
        .map(|file| FileSource::new(root, file.path.clone(), file.size, DigestSet::Both))
        .collect();
    let digests = engine.run(&sources, progress)?;
    let entries = sources
        .into_iter()
        .zip(digests)
        .filter_map(|(source, digests)| {
            Some(Entry {
                path: source.path,
                size: Some(digests.size),
                digests: Digests::Sha256 { sha256: digests.sha256?, blake3: Some(digests.blake3?) },
            })
        })
        .collect();
    Ok(Survey { manifest: Manifest::new(entries)?, tree })
}
