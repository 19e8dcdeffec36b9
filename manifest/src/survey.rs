//! A walk and one pass over every byte: the manifest of what lies on disk.

use std::fs::File;
use std::io;
use std::sync::OnceLock;

use lacre_hash::{Blake3Digest, ChunkList, DigestSet, Engine, FileDigests, Progress, Source};

use crate::digests::Digests;
use crate::entry::{Entry, Manifest};
use crate::path::EntryPath;
use crate::root::Root;
use crate::stamps::{Known, Patience, Stamp, Stamps, Taken, untouched};
use crate::walk::{Exclusions, Tree, TreeFile, walk};
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
    /// The BLAKE3 trees of what was hashed, by their roots: those of files of more than one group.
    pub chunks: Vec<(Blake3Digest, ChunkList)>,
    /// By which to know at the next signing which files were not touched.
    pub stamps: Stamps,
    /// How many files have no stamp because their file system does not tell the time finely enough.
    pub coarse: usize,
}

/// How much of a survey was taken over from an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reused {
    /// Files that were not hashed again.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Walks the model and hashes every file once, for signing or comparing.
///
/// # Errors
/// Anything that cannot be signed (a link, a device, a name that is not UTF-8) is refused by name:
/// `E-INPUT-TYPE`, `E-INPUT-NAME`; `E-INPUT-MODE` for a set-user-id, set-group-id or sticky bit.
pub fn survey(
    root: &Root,
    exclusions: &Exclusions,
    engine: &Engine,
    progress: &dyn Progress,
) -> Result<Survey, ManifestError> {
    let tree = walk_signable(root, exclusions)?;
    let hashed = hash(root, tree.files.iter(), *engine, progress)?;
    let Hashed { files, chunks, coarse } = hashed;
    // A walk lists in the order of a manifest: the stamps stay beside their entries.
    let (entries, stamps) = files.into_iter().unzip();
    Ok(Survey { manifest: Manifest::new(entries)?, tree, chunks, stamps: Stamps(stamps), coarse })
}

/// The same, but takes the digests of files that were not touched since `known` from there. For signing, under the key
/// that signed what is known, and for sending what is proven again on its way: who verifies wants to know what the bytes
/// are, not what they were.
///
/// A file was not touched when its path is known, its size is the known one, and its stamp (see [`Stamps`]) is the same
/// now as it was when it was hashed. All others are hashed.
///
/// # Errors
/// Those of [`survey`].
pub fn resurvey(
    root: &Root,
    exclusions: &Exclusions,
    engine: &Engine,
    progress: &dyn Progress,
    known: &Known<'_>,
) -> Result<(Survey, Reused), ManifestError> {
    let tree = walk_signable(root, exclusions)?;
    let untouched = untouched(root, &tree.files, known, progress)?;
    let touched =
        tree.files.iter().zip(&untouched).filter(|(_, known)| known.is_none()).map(|(file, _)| file);
    let hashed = hash(root, touched, *engine, progress)?;
    let mut reused = Reused::default();
    let mut files = hashed.files.into_iter();
    let (entries, stamps) = untouched
        .into_iter()
        .filter_map(|untouched| {
            let Some((entry, stamp)) = untouched else { return files.next() };
            reused.files += 1;
            reused.bytes = reused.bytes.saturating_add(entry.size.unwrap_or(0));
            Some((entry.clone(), Some(stamp)))
        })
        .unzip();
    let Hashed { chunks, coarse, .. } = hashed;
    Ok((Survey { manifest: Manifest::new(entries)?, tree, chunks, stamps: Stamps(stamps), coarse }, reused))
}

fn walk_signable(root: &Root, exclusions: &Exclusions) -> Result<Tree, ManifestError> {
    let tree = walk(root, exclusions)?;
    if let Some(foreign) = tree.foreign.first() {
        return Err(ManifestError::Foreign { name: foreign.name.clone(), kind: foreign.kind });
    }
    if let Some(path) = tree.special.first() {
        return Err(ManifestError::SpecialMode { name: path.to_string() });
    }
    if tree.files.is_empty() {
        return Err(ManifestError::Empty { name: escape(root.name()) });
    }
    Ok(tree)
}

/// What was hashed, in the order in which it was given.
struct Hashed {
    files: Vec<(Entry, Option<Stamp>)>,
    chunks: Vec<(Blake3Digest, ChunkList)>,
    coarse: usize,
}

fn hash<'t>(
    root: &Root,
    files: impl Iterator<Item = &'t TreeFile>,
    engine: Engine,
    progress: &dyn Progress,
) -> Result<Hashed, ManifestError> {
    let patience = Patience::from_now();
    let sources: Vec<_> = files
        .map(|file| Stamped {
            file: FileSource::new(root, file.path.clone(), file.size, DigestSet::Both),
            patience,
            taken: OnceLock::new(),
        })
        .collect();
    let digests = engine.run(&sources, progress)?;
    let (mut coarse, mut chunks) = (0, Vec::new());
    let files = sources
        .into_iter()
        .zip(digests)
        .filter_map(|(source, mut digests)| {
            chunks.extend(digests.take_tree());
            let stamp = match source.taken.into_inner() {
                Some(Taken::Stamp(stamp)) => Some(stamp),
                Some(Taken::Coarse) => {
                    coarse += 1;
                    None
                }
                Some(Taken::Unsettled) | None => None,
            };
            Some((entry(source.file.path, &digests)?, stamp))
        })
        .collect();
    Ok(Hashed { files, chunks, coarse })
}

/// The entry of a file that was hashed.
fn entry(path: EntryPath, digests: &FileDigests) -> Option<Entry> {
    let both = Digests::Sha256 { sha256: digests.sha256?, blake3: Some(digests.blake3?) };
    Some(Entry { path, size: Some(digests.size), digests: both })
}

/// A file whose stamp is taken between its opening and its first byte.
struct Stamped<'a> {
    file: FileSource<'a>,
    patience: Patience,
    /// The engine opens every source once.
    taken: OnceLock<Taken>,
}

impl Source for Stamped<'_> {
    fn open(&self) -> io::Result<File> {
        let file = self.file.open()?;
        let taken = Taken::of(&file, self.patience)?;
        self.taken.set(taken).map_err(|_| io::Error::other("it was opened twice"))?;
        Ok(file)
    }

    fn size(&self) -> u64 {
        self.file.size()
    }

    fn name(&self) -> String {
        self.file.name()
    }

    fn digests(&self) -> DigestSet {
        self.file.digests()
    }
}
