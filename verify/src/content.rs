//! The files on disk against the files that were signed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use lacre_attest::ModelClaim;
use lacre_hash::{Blake3Digest, ChunkList, DigestSet, Engine, FileDigests, HashError, Progress, Source};
use lacre_manifest::{
    Entry, EntryPath, Excluded, ExcludedReason, Exclusions, FileSource, Manifest, Renamed, Root, Tree,
    TreeFile, walk,
};

use crate::load::ProvenBytes;
use crate::mismatch::{ContentMismatch, WrongSize};
use crate::report::Report;
use crate::shape::Met;
use crate::{Requirements, VerifyError};

/// Which files are kept in private memory while they are verified, so that they need not be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Every signed file.
    Everything,
    /// These files.
    Files(Vec<EntryPath>),
    /// None.
    Nothing,
}

/// What is compared.
pub(crate) struct Scene<'a> {
    pub(crate) root: &'a Root,
    pub(crate) claim: &'a ModelClaim,
    pub(crate) signature: Option<EntryPath>,
    pub(crate) requirements: &'a Requirements,
    pub(crate) engine: &'a Engine,
}

/// What was found to be as signed.
pub(crate) struct Proven {
    pub(crate) manifest: Manifest,
    pub(crate) held: BTreeMap<EntryPath, ProvenBytes>,
    pub(crate) chunks: Vec<(Blake3Digest, ChunkList)>,
}

/// Compares names and sizes first, which costs nothing, and hashes only when they are right.
pub(crate) fn prove(
    scene: &Scene<'_>,
    kept: &Hold,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Proven, VerifyError> {
    let exclusions =
        Exclusions { ignore: scene.claim.ignore_paths().to_vec(), signature: scene.signature.clone() };
    let mut tree = walk(scene.root, &exclusions)?;
    report.excluded = std::mem::take(&mut tree.excluded);
    report.links = std::mem::take(&mut tree.links);
    let mut met = Met::take(&mut tree);
    let files = scene.match_names(tree, &mut met, report, progress)?;
    let strictness = scene.requirements.strictness();
    report.refuse_excluded(strictness)?;
    if let Some(shape) = scene.claim.shape() {
        let differs = met.compare(shape, scene.claim);
        report.empty_folders.clone_from(&differs.extra_folders);
        report.tell_shape(differs, strictness)?;
    } else {
        report.empty_folders = met.empty_folders;
    }
    let places = hold_places(kept, scene.claim)?;
    let prove = scene.requirements.proof();
    let sources: Vec<SignedFile<'_>> = files
        .iter()
        .map(|(entry, file)| {
            let digests = prove.digests(entry)?;
            let file = FileSource::new(scene.root, file.path.clone(), file.size, digests);
            Ok(SignedFile { file, hold: places.get(&entry.path) })
        })
        .collect::<Result<_, VerifyError>>()?;
    let mut digests = scene.engine.run(&sources, progress).map_err(blame)?;
    let proven_by = sources.first().map(Source::digests);
    drop(sources);
    let manifest = compare(files.iter().map(|(entry, _)| *entry).zip(&digests))?;
    report.prove(&manifest, proven_by, "");
    let held = places.into_iter().map(|(path, place)| (path, place.into_proven())).collect();
    let chunks = digests.iter_mut().filter_map(FileDigests::take_tree).collect();
    Ok(Proven { manifest, held, chunks })
}

/// Compares what was read with what was signed; gives the signed entries with the sizes that were seen.
pub(crate) fn compare<'a>(
    read: impl Iterator<Item = (&'a Entry, &'a FileDigests)>,
) -> Result<Manifest, VerifyError> {
    let mut mismatch = ContentMismatch::default();
    let mut entries = Vec::new();
    for (entry, found) in read {
        if let Some(signed) = entry.size.filter(|&signed| signed != found.size) {
            mismatch.size.push(WrongSize { path: entry.path.clone(), signed, found: found.size });
        } else if !entry.digests.agree(found) {
            mismatch.changed.push(entry.path.clone());
        }
        entries.push(Entry { size: Some(found.size), ..entry.clone() });
    }
    if mismatch.is_empty() {
        Ok(Manifest::new(entries)?)
    } else {
        Err(VerifyError::Content(Box::new(mismatch)))
    }
}

impl<'a> Scene<'a> {
    /// Pairs every signed entry with its file, or says how the two sets differ.
    fn match_names(
        &self,
        tree: Tree,
        met: &mut Met,
        report: &mut Report,
        progress: &dyn Progress,
    ) -> Result<Vec<(&'a Entry, TreeFile)>, VerifyError> {
        let mut mismatch = ContentMismatch::default();
        let mut unmatched: HashMap<EntryPath, TreeFile> = HashMap::with_capacity(tree.files.len());
        for file in tree.files {
            // Signatures of one file made before OMS v1.0 do not bind its name ("."): any name stands for it.
            let signed = self.legacy_single().map_or(&file.path, |entry| &entry.path);
            unmatched.insert(signed.clone(), file);
        }
        let mut files = Vec::with_capacity(self.claim.manifest().len());
        for entry in self.claim.manifest().entries() {
            match unmatched.remove(&entry.path) {
                None => mismatch.missing.push(entry.path.clone()),
                Some(file) => match entry.size.filter(|&signed| signed != file.size) {
                    Some(signed) => {
                        mismatch.size.push(WrongSize { path: file.path, signed, found: file.size });
                    }
                    None => files.push((entry, file)),
                },
            }
        }
        let allowed = |path: &EntryPath| self.allows_unsigned(path);
        let mut sizes = HashMap::new();
        for (path, file) in unmatched {
            if allowed(&path) {
                let reason = ExcludedReason::UnsignedAllowed;
                report.excluded.push(Excluded { path: path.to_string(), reason });
                met.others.push(path);
            } else {
                sizes.insert(path.clone(), file.size);
                mismatch.extra.push(path);
            }
        }
        mismatch.foreign = tree.foreign;
        mismatch.foreign.retain(|foreign| {
            // A foreign thing whose escaped name is a path is the path itself; any other was not allowed by name.
            let path = EntryPath::parse(&foreign.name).ok().filter(&allowed);
            let is_allowed = path.is_some();
            if let Some(path) = path {
                let reason = ExcludedReason::UnsignedAllowed;
                report.excluded.push(Excluded { path: foreign.name.clone(), reason });
                met.others.push(path);
            }
            !is_allowed
        });
        met.empty_folders.retain(|folder| {
            let is_allowed = allowed(folder);
            if is_allowed {
                let reason = ExcludedReason::UnsignedAllowed;
                report.excluded.push(Excluded { path: format!("{folder}/"), reason });
                met.others.push(folder.clone());
            }
            !is_allowed
        });
        met.others.sort_unstable();
        report.excluded.sort_by(|a, b| a.path.cmp(&b.path));
        mismatch.extra.sort_unstable();
        mismatch.tell_folders_from_missing(&met.empty_folders);
        if mismatch.is_empty() {
            return Ok(files);
        }
        self.recognise_renamed(&mut mismatch, sizes, progress);
        Err(VerifyError::Content(Box::new(mismatch)))
    }

    fn legacy_single(&self) -> Option<&'a Entry> {
        let entries = self.claim.manifest().entries();
        entries.first().filter(|_| self.claim.single_file() && self.root.only_file().is_some())
    }

    fn allows_unsigned(&self, path: &EntryPath) -> bool {
        self.requirements.allowed_unsigned().iter().any(|allowed| path.is_or_is_under(allowed))
    }

    /// Files that are missing may stand under another name. This only words the refusal better, so it looks at few
    /// files, each once, and what cannot be read stays where it is.
    fn recognise_renamed(
        &self,
        mismatch: &mut ContentMismatch,
        sizes: HashMap<EntryPath, u64>,
        progress: &dyn Progress,
    ) {
        const MOST: usize = 64;
        let signed = |path: &EntryPath| self.claim.manifest().get(path.as_str());
        let wanted: HashSet<Option<u64>> =
            mismatch.missing.iter().filter_map(signed).map(|entry| entry.size).collect();
        // All files of a signature are known by the same digests.
        let Some(first) = self.claim.manifest().entries().first() else { return };
        let wanted_digests = first.digests.all();
        let candidates: Vec<FileSource<'_>> = sizes
            .into_iter()
            .filter(|(_, size)| wanted.contains(&Some(*size)) || wanted.contains(&None))
            .map(|(path, size)| FileSource::new(self.root, path, size, wanted_digests))
            .collect();
        if candidates.is_empty() || candidates.len() > MOST {
            return;
        }
        let Ok(digests) = self.engine.run(&candidates, progress) else { return };
        for missing in std::mem::take(&mut mismatch.missing) {
            let digests_of = signed(&missing).map(|entry| &entry.digests);
            let same = candidates.iter().zip(&digests).find_map(|(candidate, found)| {
                let index = mismatch.extra.iter().position(|extra| extra == candidate.path())?;
                digests_of.is_some_and(|signed| signed.agree(found)).then_some(index)
            });
            match same {
                Some(index) => {
                    mismatch.renamed.push(Renamed { from: missing, to: mismatch.extra.remove(index) });
                }
                None => mismatch.missing.push(missing),
            }
        }
    }
}

/// A signed file, and where its bytes are kept, if they are.
pub(crate) struct SignedFile<'a> {
    pub(crate) file: FileSource<'a>,
    pub(crate) hold: Option<&'a Place>,
}

impl Source for SignedFile<'_> {
    fn open(&self) -> std::io::Result<std::fs::File> {
        self.file.open()
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

    fn keep(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        match self.hold {
            Some(place) => place.take(offset, self.size(), bytes),
            None => Ok(()),
        }
    }
}

/// The file goes on beyond the size that it had when room was made for it.
#[derive(Debug, thiserror::Error)]
#[error("it grew")]
struct Grown;

/// A file that grew is a file that changed, not a failure to keep its bytes.
pub(crate) fn blame(error: HashError) -> VerifyError {
    match error {
        HashError::Keep { index, name, source }
            if source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Grown>) =>
        {
            HashError::Changed { index, name, detail: Grown.to_string() }.into()
        }
        other => other.into(),
    }
}

/// Where the bytes of one file are collected while they are hashed.
#[derive(Default)]
pub(crate) struct Place(Mutex<Vec<u8>>);

impl Place {
    /// Takes a piece; the pieces come in any order, each byte once.
    pub(crate) fn take(&self, offset: u64, size: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.is_empty() {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            kept.try_reserve_exact(size)
                .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
            kept.resize(size, 0);
        }
        // A file that grows is refused when it has been read; it must not fill the memory until then.
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let place = start.checked_add(bytes.len()).and_then(|end| kept.get_mut(start..end));
        place.ok_or_else(|| std::io::Error::other(Grown))?.copy_from_slice(bytes);
        Ok(())
    }

    /// Called only when the digests of these bytes were found to be the signed ones.
    pub(crate) fn into_proven(self) -> ProvenBytes {
        ProvenBytes::new(self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

fn hold_places(hold: &Hold, claim: &ModelClaim) -> Result<BTreeMap<EntryPath, Place>, VerifyError> {
    let all = claim.manifest().entries().iter().map(|entry| entry.path.clone());
    let paths: Vec<EntryPath> = match hold {
        Hold::Everything => all.collect(),
        Hold::Files(files) => files.clone(),
        Hold::Nothing => Vec::new(),
    };
    paths
        .into_iter()
        .map(|path| match claim.manifest().get(path.as_str()) {
            Some(_) => Ok((path, Place::default())),
            None => Err(VerifyError::NotSigned { what: "the file", name: path.as_str().to_owned() }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_pieces_in_any_order_and_no_more_than_there_is_room_for() {
        let place = Place::default();
        place.take(3, 5, b"de").unwrap();
        place.take(0, 5, b"abc").unwrap();
        for (offset, bytes) in [(5, b"f".as_slice()), (4, b"ef"), (u64::MAX, b"f")] {
            let source = place.take(offset, 5, bytes).unwrap_err();
            let error = blame(HashError::Keep { index: 0, name: "f".to_owned(), source });
            assert_eq!(error.code(), "E-INPUT-CHANGED");
        }
        assert_eq!(&*place.into_proven(), b"abcde");
    }

    #[test]
    fn a_size_that_no_memory_holds_is_an_error() {
        let source = Place::default().take(0, u64::MAX, b"a").unwrap_err();
        assert_eq!(source.kind(), std::io::ErrorKind::OutOfMemory);
        let error = blame(HashError::Keep { index: 0, name: "f".to_owned(), source });
        assert_eq!(error.code(), "E-OUTPUT");
    }
}
