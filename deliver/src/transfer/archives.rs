//! Files that travel in archives.
//!
//! ```text
//! archive ─► head of a file ─► signed, of that size, not there yet?
//!                                 ├─ small, or compressed ─► its groups, as they come by ─► Incoming::put ─► Written
//!                                 └─ large, and as it is  ─► its place in the blob, for the spans of the transfer
//! ```
//!
//! Nothing of an archive is believed but where bytes stand. Every signed file must come, once; nothing else may.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lacre_hash::Sha256Digest;
use lacre_manifest::{Entry, Manifest, ManifestError, escape};
use lacre_registry_client::{
    ArchiveReader, BlobReader, Descriptor, LayerSource, ModelArtifact, Packed, PackedLayer, RegistryError,
    Store,
};
use lacre_verify::{Arrival, Incoming};

use super::{Stopped, Transfer};
use crate::DeliverError;

/// Larger files that stand in a blob as they are can be fetched in several parts at once, and are.
const LARGE: u64 = 4 * 1024 * 1024;

/// A store, and the archives among the layers that are fetched from it.
pub(crate) struct Archives<'a> {
    store: &'a dyn Store,
    layers: &'a [PackedLayer],
    /// In which archive, and where in it, the bytes of a file stand, by the digest that is signed for it.
    places: Mutex<HashMap<Sha256Digest, (usize, u64)>>,
}

impl<'a> Archives<'a> {
    pub(crate) fn new(store: &'a dyn Store, layers: &'a [PackedLayer]) -> Self {
        Self { store, layers, places: Mutex::default() }
    }

    /// Opens a part of a file, wherever its bytes are.
    pub(super) fn range(&self, file: &Descriptor, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        let place = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(&file.digest).copied();
        match place.and_then(|(layer, at)| Some((self.layers.get(layer)?, at))) {
            Some((layer, at)) => self.store.blob_range(&layer.descriptor, at + range.start..at + range.end),
            None => self.store.blob_range(file, range),
        }
    }

    fn note(&self, file: &Descriptor, layer: usize, at: u64) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(file.digest, (layer, at));
    }
}

/// The signed files that must lie in the artifact's archives, as blobs would be described that hold them.
///
/// # Errors
/// `E-ARTIFACT-MISMATCH` when a layer is not the signed file of its name, or when the archives cannot hold the rest.
pub(crate) fn packed(
    artifact: &ModelArtifact,
    signed: &Manifest,
) -> Result<Vec<(Entry, Descriptor)>, DeliverError> {
    let mismatch = |detail: String| DeliverError::Mismatch { detail };
    let mut layers = HashSet::new();
    for layer in &artifact.layers {
        let path = &layer.path;
        let Some(entry) = signed.get(path.as_str()) else {
            return Err(mismatch(format!("{path} has a layer and is not signed")));
        };
        if entry.sha256() != Some(&layer.descriptor.digest) {
            return Err(mismatch(format!("the layer of {path} has another digest")));
        }
        if entry.size.is_some_and(|size| size != layer.descriptor.size) {
            return Err(mismatch(format!("the layer of {path} has another size")));
        }
        layers.insert(path.as_str());
    }
    let mut packed = Vec::new();
    for entry in signed.entries().iter().filter(|entry| !layers.contains(entry.path.as_str())) {
        // SHA-256 is what layers are known by, so every entry has it.
        let Some(sha256) = entry.sha256().filter(|_| !artifact.packs.is_empty()) else {
            return Err(mismatch(format!("{} is signed and has no layer", entry.path)));
        };
        packed.push((entry.clone(), Descriptor::new(MEMBER, *sha256, entry.size.unwrap_or_default())));
    }
    Ok(packed)
}

/// What a file in an archive is called where a media type is wanted.
const MEMBER: &str = "application/octet-stream";

/// Tells the sizes of files of which none is signed, by the heads in the archives.
///
/// # Errors
/// The codes of reading an archive; `E-ARTIFACT-MISMATCH` for a file that is not among `packed`.
pub(crate) fn learn_sizes(
    store: &dyn Store,
    layers: &[PackedLayer],
    packed: &mut [(Entry, Descriptor)],
) -> Result<(), DeliverError> {
    if packed.iter().all(|(entry, _)| entry.size.is_some()) {
        return Ok(());
    }
    let count = packed.len();
    let mut files: HashMap<String, &mut (Entry, Descriptor)> =
        packed.iter_mut().map(|file| (file.0.path.as_str().to_owned(), file)).collect();
    for layer in layers {
        let mut archive = layer.read(store, count)?;
        while let Some(found) = archive.next_file().map_err(|fault| layer.blame(fault))? {
            let file = files.get_mut(found.path.as_str()).ok_or_else(|| unsigned(&found))?;
            file.1.size = found.size;
        }
    }
    Ok(())
}

fn unsigned(found: &Packed) -> DeliverError {
    DeliverError::Mismatch { detail: format!("{} lies in an archive and is not signed", found.path) }
}

/// What is wanted from the archives.
struct Wanted<'a> {
    /// The files by their names, those that are layers of their own too. After the files of the transfer come those that
    /// nobody wants, and that have to be there all the same.
    files: HashMap<&'a str, usize>,
    /// The sizes of those.
    unwanted: Vec<u64>,
    came: Mutex<HashSet<usize>>,
}

impl Wanted<'_> {
    /// Which file this is. It comes for the first time, and has the size that is expected.
    fn place(&self, transfer: &Transfer<'_>, found: &Packed) -> Result<usize, DeliverError> {
        let index = *self.files.get(found.path.as_str()).ok_or_else(|| unsigned(found))?;
        let size = match transfer.files.get(index) {
            Some((_, layer)) => Some(layer.size),
            None => self.unwanted.get(index - transfer.files.len()).copied(),
        };
        if size != Some(found.size) {
            let detail = format!("{} has {} bytes in its archive", found.path, found.size);
            return Err(DeliverError::Mismatch { detail });
        }
        if !self.came.lock().unwrap_or_else(PoisonError::into_inner).insert(index) {
            let source = ManifestError::Duplicate { name: found.path.to_string() };
            return Err(RegistryError::Files { source }.into());
        }
        Ok(index)
    }
}

impl Transfer<'_> {
    /// Reads all archives, several at once: takes what comes by and is missing, and finds the places of the rest.
    pub(crate) fn unpack(&self, raw: &HashSet<&str>, others: &[(&str, u64)]) -> Result<(), Stopped> {
        let layers = self.archives.layers;
        if layers.is_empty() {
            return Ok(());
        }
        let names = self.files.iter().map(|(file, _)| file.entry().path.as_str());
        let names = names.chain(others.iter().map(|(name, _)| *name));
        let files: HashMap<&str, usize> = names.zip(0..).collect();
        let came = raw.iter().filter_map(|name| files.get(name).copied()).collect();
        let unwanted = others.iter().map(|(_, size)| *size).collect();
        let wanted = Wanted { files, unwanted, came: Mutex::new(came) };
        let next = AtomicUsize::new(0);
        self.together(|| {
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(layer) = layers.get(position) else { return Ok(()) };
                self.unpack_one(position, layer, &wanted)?;
            }
        })?;
        let came = wanted.came.into_inner().unwrap_or_else(PoisonError::into_inner);
        match wanted.files.iter().filter(|(_, index)| !came.contains(index)).map(|(name, _)| *name).min() {
            None => Ok(()),
            Some(name) => {
                let detail = format!("{} is signed, and is in no layer", escape(name));
                Err(Stopped::Failed(DeliverError::Mismatch { detail }))
            }
        }
    }

    fn unpack_one(&self, position: usize, layer: &PackedLayer, wanted: &Wanted<'_>) -> Result<(), Stopped> {
        let mut archive = layer.read(self.archives.store, wanted.files.len())?;
        while let Some(found) = archive.next_file().map_err(|fault| layer.blame(fault))? {
            self.go_on()?;
            let index = wanted.place(self, &found).map_err(Stopped::Failed)?;
            let Some((file, descriptor)) = self.files.get(index) else { continue };
            if file.missing().is_empty() {
                continue;
            }
            if let Some(at) = found.at.filter(|_| found.size > LARGE) {
                self.archives.note(descriptor, position, at);
                continue;
            }
            self.progress.file(&escape(file.entry().path.as_str()));
            if self.take_all(index, file, layer, &mut archive)? == Arrival::Kept {
                continue;
            }
            match found.at {
                // Perhaps it comes better the second time; the transfer asks for that group alone.
                Some(at) if file.judges_groups() => self.archives.note(descriptor, position, at),
                _ => return Err(Stopped::Changed(index)),
            }
        }
        Ok(())
    }

    /// Takes the groups of a file that are missing, as they come by.
    fn take_all(
        &self,
        index: usize,
        file: &Incoming,
        layer: &PackedLayer,
        archive: &mut ArchiveReader<LayerSource<'_>>,
    ) -> Result<Arrival, Stopped> {
        let missing = file.missing();
        let mut buffer = Vec::new();
        for group in 0..file.groups() {
            self.go_on()?;
            let Range { start, end } = file.place(group);
            buffer.resize(usize::try_from(end - start).unwrap_or_default(), 0);
            archive.content(&mut buffer).map_err(|fault| layer.blame(fault))?;
            if !missing.iter().any(|range| range.contains(&group)) {
                continue;
            }
            self.fetched.fetch_add(end - start, Ordering::Relaxed);
            if file.put(group, &buffer).map_err(Stopped::Unwritten)? == Arrival::Refused {
                return Ok(Arrival::Refused);
            }
            self.written.note(index, group);
            self.progress.advance(end - start);
        }
        Ok(file.verdict().unwrap_or(Arrival::Kept))
    }
}
