//! Pulling a signed model.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use lacre_attest::Limits;
use lacre_hash::{ChunkStore, Progress, Sha256Digest};
use lacre_manifest::escape_os;
use lacre_registry_client::{Descriptor, MAX_MANIFEST, ModelArtifact, RegistryError, Store, Target};
use lacre_verify::{Claim, Incoming, Leftovers, Model, Prove, Receiving, Requirements, Signer, Verified};

use crate::DeliverError;
use crate::accept::{Accepted, Attached, accept};
use crate::cache::Cache;
use crate::journal::{Journal, Place};
use crate::staging::{Found, Overwrite, Staging};
use crate::transfer::{Stopped, Transfer};
use crate::{lists, reuse};

/// The name of the signature in a pulled folder.
const SIGNATURE: &str = "model.sig";

/// Parts that are fetched at once, when nothing else is said.
const AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// A model that arrived.
#[derive(Debug)]
pub struct Pulled {
    /// The manifest that the reference led to.
    pub manifest: Descriptor,
    /// The model, proven.
    pub model: Verified<Model>,
    /// Where its bytes came from.
    pub moved: Moved,
    /// Why it could not be kept in the cache, if it was to be and could not.
    pub not_kept: Option<DeliverError>,
}

/// Where the bytes of a model came from. Bytes that had to be fetched again count again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that were fetched from the store.
    pub fetched: u64,
    /// Bytes that were in the cache.
    pub cached: u64,
    /// Bytes that an earlier attempt had written.
    pub resumed: u64,
    /// Bytes that were taken from an older version on this machine.
    pub reused: u64,
}

/// A model that a store offers, under a signature that meets the requirements. Not a byte of its content was read yet.
pub struct Offer<'a> {
    store: &'a dyn Store,
    manifest: Descriptor,
    text: Vec<u8>,
    artifact: ModelArtifact,
    accepted: Accepted,
    prove: Prove,
    cache: Option<(&'a Cache, String)>,
    older: Vec<PathBuf>,
    lists: Option<ChunkStore>,
    at_once: NonZeroUsize,
}

/// Finds the model that `target` names, and a signature over exactly its files that meets the requirements.
///
/// # Errors
/// `E-NO-SIGNATURE` when no model signature is attached; when several are and none is accepted, the refusal that came
/// furthest.
pub fn examine<'a>(
    store: &'a dyn Store,
    target: &Target,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Offer<'a>, DeliverError> {
    let manifest = store.resolve(target)?;
    let text = store.manifest(&manifest)?;
    let artifact = ModelArtifact::parse(&text)?;
    let accepted = accept(store, &manifest, &artifact, requirements, limits)?;
    // A pin by digest is a pin by SHA-256 alone.
    let prove = match target {
        Target::Digest(_) => Prove::Both,
        Target::Only | Target::Tag(_) => requirements.proof(),
    };
    let (cache, older, lists, at_once) = (None, Vec::new(), None, AT_ONCE);
    Ok(Offer { store, manifest, text, artifact, accepted, prove, cache, older, lists, at_once })
}

impl<'a> Offer<'a> {
    /// The manifest that the reference led to.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Who claims what about it.
    pub fn claim(&self) -> &Verified<Claim> {
        &self.accepted.claim
    }

    /// Who, of those that the requirements trust, stands for the manifest itself with a signature as cosign makes it: then
    /// its annotations and its configuration are theirs, too. Nobody, unless as many as are demanded do.
    pub fn manifest_signers(&self) -> &[Signer] {
        &self.accepted.manifest_signers
    }

    /// Takes what is in `cache` from there, and keeps this version in it, as one of `repository`. Both digests prove the
    /// files then.
    #[must_use]
    pub fn cache(mut self, cache: &'a Cache, repository: &str) -> Self {
        self.cache = Some((cache, repository.to_owned()));
        self.prove = Prove::Both;
        self
    }

    /// Takes from the folder of an older version what is the same in this one. It may hold anything: what is taken is
    /// proven like what is fetched.
    #[must_use]
    pub fn reuse(mut self, older: PathBuf) -> Self {
        self.older.push(older);
        self
    }

    /// Looks for chunk lists in this store too, before it asks for them.
    #[must_use]
    pub fn chunk_lists(mut self, lists: ChunkStore) -> Self {
        self.lists = Some(lists);
        self
    }

    /// Fetches so many parts at once; 4 if this is not said.
    #[must_use]
    pub fn at_once(mut self, parts: NonZeroUsize) -> Self {
        self.at_once = parts;
        self
    }

    /// Fetches the files, proves them before they are written, and makes them the folder `into`, together with the
    /// signature.
    ///
    /// What is broken off (the network, the disk, an interruption) is left in a hidden folder beside `into`, and the next
    /// pull of the same manifest goes on there. What is *refused* leaves nothing.
    ///
    /// # Errors
    /// `E-EXISTS` when something is there; the `E-FILE-…` and `E-BLOB-…` codes when the store does not hold what was
    /// signed. Nothing is at `into` then.
    pub fn pull(
        self,
        into: &Path,
        overwrite: Overwrite,
        progress: &dyn Progress,
    ) -> Result<Pulled, DeliverError> {
        let mark = self.manifest.digest.to_string();
        let mut staging = Staging::beside(into, overwrite, mark.get(..16).unwrap_or_default())?;
        match self.fill(&mut staging, progress) {
            Ok((pulled, bundles)) => {
                let mut bundles = bundles.iter();
                if let Some(first) = bundles.next() {
                    staging.write(SIGNATURE, &first.bundle)?;
                }
                staging.expose()?;
                write_others(into, bundles.map(|attached| &attached.bundle))?;
                Ok(pulled)
            }
            Err(error) => {
                let begun = staging.journal().metadata().is_ok_and(|found| found.len() > Journal::EMPTY);
                if begun && error.may_go_on() {
                    staging.leave();
                }
                Err(error)
            }
        }
    }

    /// Fills the hidden folder with the proven model; gives it, and the bundles behind it.
    fn fill(
        self,
        staging: &mut Staging,
        progress: &dyn Progress,
    ) -> Result<(Pulled, Vec<Attached>), DeliverError> {
        let Self { store, manifest, text, artifact, accepted, prove, cache, older, lists, at_once } = self;
        let Accepted { claim, bundles, .. } = accepted;
        let layers: HashMap<&str, &Descriptor> =
            artifact.layers.iter().map(|layer| (layer.path.as_str(), &layer.descriptor)).collect();
        only_own(staging, &layers)?;
        let size_of = |entry: &lacre_manifest::Entry| layers.get(entry.path.as_str()).map(|layer| layer.size);
        let receiving =
            claim.receive(staging.path(), prove, Leftovers::Reuse, size_of).map_err(DeliverError::Refused)?;
        let (journal, noted) = Journal::open(staging.journal(), &manifest.digest)
            .map_err(|source| DeliverError::Output { path: escape_os(staging.path().as_os_str()), source })?;
        lists::learn(receiving.files(), store, &manifest, lists.as_ref());
        let moved = {
            // One to one: examined before.
            let files: Vec<(&Incoming, &Descriptor)> = receiving
                .files()
                .iter()
                .filter_map(|file| Some((file, *layers.get(file.entry().path.as_str())?)))
                .collect();
            progress.begin(files.len() as u64, files.iter().map(|(_, layer)| layer.size).sum());
            let cache = cache.as_ref().map(|(cache, _)| *cache);
            let work = Work { store, files: &files, journal: &journal, cache, at_once, progress };
            work.complete(&noted, &older)
        };
        match moved {
            Ok((moved, cached)) => {
                let model = receiving.finish().map_err(DeliverError::Refused)?;
                let not_kept = cache.and_then(|(cache, repository)| {
                    let missing =
                        artifact.layers.iter().filter(|layer| !cached.contains(&layer.descriptor.digest));
                    let missing =
                        missing.map(|layer| (&layer.descriptor, staging.path().join(layer.path.as_str())));
                    let config = store.small_blob(&artifact.config, MAX_MANIFEST).map_err(DeliverError::from);
                    let kept = config.and_then(|config| {
                        cache.keep(&repository, &text, &config, &missing.collect::<Vec<_>>(), &bundles)
                    });
                    kept.err()
                });
                Ok((Pulled { manifest, model, moved, not_kept }, bundles))
            }
            Err(stopped) => Err(refusal(receiving, stopped)),
        }
    }
}

/// What is needed to bring the files.
struct Work<'a> {
    store: &'a dyn Store,
    files: &'a [(&'a Incoming, &'a Descriptor)],
    journal: &'a Journal<'a>,
    cache: Option<&'a Cache>,
    at_once: NonZeroUsize,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Brings everything: what an earlier attempt wrote, what the cache and older versions hold, and the rest from the store.
    /// Gives the layers that came whole from the cache, too.
    fn complete(
        &self,
        noted: &BTreeSet<Place>,
        older: &[PathBuf],
    ) -> Result<(Moved, HashSet<Sha256Digest>), Stopped> {
        let fetched = AtomicU64::new(0);
        let transfer =
            || Transfer::new(self.store, self.files, self.journal, self.at_once, self.progress, &fetched);
        let noted: Vec<Place> = noted.iter().copied().collect();
        let mut moved = Moved { resumed: transfer().recover(&noted)?, ..Moved::default() };
        let mut cached = HashSet::new();
        for (index, (file, layer)) in self.files.iter().enumerate() {
            let Some(source) = self.cache.and_then(|cache| cache.file(layer)) else { continue };
            let taken = reuse::copy(&source, index, file, self.journal, self.progress)?;
            moved.cached += taken;
            if taken == layer.size && layer.size > 0 {
                cached.insert(layer.digest);
            }
        }
        for older in older {
            moved.reused += reuse::take(older, self.files, self.journal, self.progress)?;
        }
        let mut anew = HashSet::new();
        loop {
            match transfer().run() {
                Ok(()) => return Ok((Moved { fetched: fetched.into_inner(), ..moved }, cached)),
                // What stood already was perhaps not what it was taken for: once more, all of it from the store.
                Err(Stopped::Changed(index))
                    if moved.cached + moved.resumed + moved.reused > 0 && anew.insert(index) =>
                {
                    let Some((file, layer)) = self.files.get(index) else {
                        return Err(Stopped::Changed(index));
                    };
                    file.forget();
                    cached.remove(&layer.digest);
                }
                Err(stopped) => return Err(stopped),
            }
        }
    }
}

fn refusal(receiving: Receiving, stopped: Stopped) -> DeliverError {
    match stopped {
        Stopped::Failed(error) => error,
        Stopped::Unwritten(error) => DeliverError::Refused(receiving.fail(error)),
        Stopped::Changed(index) => match receiving.files().get(index).map(Incoming::changed) {
            Some(error) => DeliverError::Refused(receiving.fail(error)),
            None => RegistryError::Interrupted.into(),
        },
    }
}

/// Throws away what an earlier attempt left if there is anything in it that no attempt makes: it would come to lie in the
/// model, unsigned.
fn only_own(staging: &mut Staging, layers: &HashMap<&str, &Descriptor>) -> Result<(), DeliverError> {
    if staging.found() == Found::Leftovers {
        // The last thing that an attempt writes.
        let _ = fs::remove_file(staging.path().join(SIGNATURE));
        let root = staging.path().to_path_buf();
        let folders = layers.keys().flat_map(|name| name.match_indices('/').map(|(end, _)| &name[..end]));
        if !holds_only(&root, &root, layers, &folders.collect()).unwrap_or(false) {
            return staging.clear();
        }
    }
    Ok(())
}

fn holds_only(
    root: &Path,
    folder: &Path,
    layers: &HashMap<&str, &Descriptor>,
    folders: &HashSet<&str>,
) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = path.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default();
        let own = if kind.is_dir() {
            folders.contains(name) && holds_only(root, &path, layers, folders)?
        } else {
            kind.is_file() && layers.contains_key(name)
        };
        if !own {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts the bundles of further signers where verification looks for them: in `NAME.signatures` beside the folder.
fn write_others<'a>(into: &Path, bundles: impl Iterator<Item = &'a Vec<u8>>) -> Result<(), DeliverError> {
    let mut folder = into.as_os_str().to_owned();
    folder.push(".signatures");
    let folder = Path::new(&folder);
    for bundle in bundles {
        let path = folder.join(format!("{}.sig", Sha256Digest::of(bundle)));
        let written = std::fs::create_dir_all(folder).and_then(|()| match File::create_new(&path) {
            Ok(mut file) => file.write_all(bundle),
            // Of this digest, so with these bytes.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        });
        written.map_err(|source| DeliverError::Output { path: escape_os(path.as_os_str()), source })?;
    }
    Ok(())
}
