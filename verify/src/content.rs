//! The files on disk against the files that were signed.

use std::collections::{BTreeMap, HashMap, HashSet};

use lacre_attest::ModelClaim;
use lacre_hash::{Blake3Digest, ChunkList, Engine, FileDigests, Progress, Source};
use lacre_manifest::{
    Entry, EntryPath, Excluded, ExcludedReason, Exclusions, FileSource, Manifest, Renamed, Root, Tree,
    TreeFile, walk,
};

use crate::load::{Keep, MemoryLimit, Place, ProvenBytes, SignedFile, blame};
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

/// Compares names, sizes and the shape of the tree, and no byte of any file.
pub(crate) fn meet<'a>(
    scene: &Scene<'a>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<(&'a Entry, TreeFile)>, VerifyError> {
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
    Ok(files)
}

/// Compares names and sizes first, which costs nothing, and hashes only when they are right.
pub(crate) fn prove(
    scene: &Scene<'_>,
    kept: &Hold,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Proven, VerifyError> {
    let files = meet(scene, report, progress)?;
    let places = hold_places(kept, scene.claim)?;
    if !places.is_empty() {
        let held = files.iter().filter(|(entry, _)| places.contains_key(&entry.path));
        let total = held.fold(0_u64, |sum, (_, file)| sum.saturating_add(file.size));
        MemoryLimit::of_machine().allow(total)?;
    }
    let prove = scene.requirements.proof();
    let sources: Vec<SignedFile<'_>> = files
        .iter()
        .map(|(entry, file)| {
            let digests = prove.digests(entry)?;
            let file = FileSource::new(scene.root, file.path.clone(), file.size, digests);
            Ok(SignedFile { file, keeper: places.get(&entry.path).map(|place| place as &dyn Keep) })
        })
        .collect::<Result<_, VerifyError>>()?;
    let mut digests = scene.engine.run(&sources, progress).map_err(blame)?;
    let proven_by = sources.first().map(Source::digests);
    drop(sources);
    let manifest = compare(files.iter().map(|(entry, _)| *entry).zip(&digests))?;
    report.prove(&manifest, proven_by, "");
    let held = places.into_iter().map(|(path, place)| Ok((path, place.into_proven()?)));
    let held = held.collect::<Result<_, VerifyError>>()?;
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
