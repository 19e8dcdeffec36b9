//! Every file of a signed model, found as signed.

use lacre_attest::ModelClaim;
use lacre_hash::{Blake3Digest, ChunkList, ChunkStore, Engine, GROUP, Progress};
use lacre_manifest::{
    Entry, Exclusions, Known, Manifest, StampStore, Stamps, Survey, diff, resurvey, survey,
};

use crate::PublishError;
use crate::push::Signed;

/// What this machine remembers of files that it has hashed. A file whose stamp is still the same is not read again to be
/// compared; it is proven all the same while it is sent.
#[derive(Debug)]
pub struct Remembered {
    /// The states of the files in which their digests were made.
    pub stamps: StampStore,
    /// The chunk lists of the files, which prove themselves.
    pub lists: ChunkStore,
}

impl Remembered {
    /// The stamps of the files, unless something is missing that only reading the files can bring.
    fn stamps(&self, signed: &Manifest) -> Option<Stamps> {
        let stamps = self.stamps.load(signed).ok()??;
        (self.trees(signed).count() == large(signed).count()).then_some(stamps)
    }

    fn trees(&self, signed: &Manifest) -> impl Iterator<Item = (Blake3Digest, ChunkList)> {
        large(signed).filter_map(|(root, size)| Some((*root, self.lists.get(root, size)?)))
    }

    /// Remembers the files of a model, each of which was found as signed. Without it the next push takes longer.
    fn note(&self, signed: &Manifest, stamps: &Stamps, read: &Trees) {
        let lists = read.iter().try_for_each(|(root, list)| self.lists.put(root, list));
        if lists.is_ok() {
            let _ = self.stamps.save(signed, stamps);
        }
    }
}

/// The roots and sizes of the files that have a chunk list.
fn large(manifest: &Manifest) -> impl Iterator<Item = (&Blake3Digest, u64)> {
    let entries = manifest.entries().iter().filter_map(|entry| Some((entry.blake3()?, entry.size?)));
    entries.filter(|(_, size)| *size > GROUP)
}

/// BLAKE3 trees, by their roots.
pub(crate) type Trees = Vec<(Blake3Digest, ChunkList)>;

/// Reads every file and finds it as signed; gives the manifest with all sizes, and the BLAKE3 trees.
pub(crate) fn as_signed(
    model: &Signed<'_>,
    claim: &ModelClaim,
    remembered: Option<&Remembered>,
    progress: &dyn Progress,
) -> Result<(Manifest, Trees), PublishError> {
    let exclusions = Exclusions { ignore: claim.ignore_paths().to_vec(), signature: model.signature.clone() };
    let signed = claim.manifest();
    let stamps = remembered.and_then(|remembered| remembered.stamps(signed));
    let known = stamps.as_ref().and_then(|stamps| Known::new(signed, stamps).ok());
    let engine = Engine::new();
    let survey = match &known {
        Some(known) => resurvey(model.root, &exclusions, &engine, progress, known)?.0,
        None => survey(model.root, &exclusions, &engine, progress)?,
    };
    let Survey { manifest: mut found, mut chunks, stamps, .. } = survey;
    if claim.single_file() && model.root.only_file().is_some() {
        found = under_signed_name(&found, claim)?;
    }
    for signed in claim.manifest().entries() {
        let Some(on_disk) = found.get(signed.path.as_str()) else { continue };
        match (signed.size, on_disk.size) {
            (Some(signed_size), Some(size)) if signed_size != size => {
                return Err(PublishError::Size {
                    path: signed.path.clone(),
                    signed: signed_size,
                    found: size,
                });
            }
            _ => {}
        }
        if signed.sha256() == on_disk.sha256()
            && signed.blake3().is_some()
            && signed.blake3() != on_disk.blake3()
        {
            return Err(PublishError::TwoContents { path: signed.path.clone() });
        }
    }
    let difference = diff(claim.manifest(), &found);
    if !difference.is_empty() {
        return Err(PublishError::Differs(Box::new(difference)));
    }
    if let Some(remembered) = remembered {
        remembered.note(signed, &stamps, &chunks);
        if known.is_some() {
            chunks = remembered.trees(signed).collect();
        }
    }
    Ok((found, chunks))
}

/// Signatures of one file made before OMS v1.0 do not bind its name: the file travels under the signed one.
fn under_signed_name(found: &Manifest, claim: &ModelClaim) -> Result<Manifest, PublishError> {
    let signed = claim.manifest().entries().iter().map(|entry| entry.path.clone());
    let entries = signed.zip(found.entries()).map(|(path, entry)| Entry { path, ..entry.clone() });
    Ok(Manifest::new(entries.collect())?)
}
