//! Pulling a signed model.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lacre_attest::Limits;
use lacre_hash::{ChunkStore, Progress, Sha256Digest};
use lacre_manifest::{Entry, EntryPath, escape, escape_os};
use lacre_registry_client::{Descriptor, MAX_MANIFEST, ModelArtifact, RegistryError, Store, Target};
use lacre_verify::{Claim, Extent, Incoming, Model, Part, Prove, Receiving, Requirements, Signer, Verified};

use crate::DeliverError;
use crate::accept::{Accepted, accept};
use crate::arriving::{Arriving, Pulled};
use crate::bundles::{Attached, Bundles};
use crate::cache::Cache;
use crate::journal::Journal;
use crate::lists;
use crate::selection::Selection;
use crate::staging::{Found, Overwrite, Staging};
use crate::transfer::{Archives, Stopped, learn_sizes, packed};
use crate::work::Work;
use crate::written::Written;

/// The name of the signature in a pulled folder.
const SIGNATURE: &str = "model.sig";

/// Parts that are fetched at once, when nothing else is said.
const AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// A model that a store offers, under a signature that meets the requirements; or a [`Part`] of it. Not a byte of its
/// content was read yet.
pub struct Offer<'a, T = Model> {
    store: &'a dyn Store,
    manifest: Descriptor,
    text: Vec<u8>,
    artifact: ModelArtifact,
    accepted: Accepted,
    selection: Option<Selection>,
    prove: Prove,
    cache: Option<(&'a Cache, String)>,
    older: Vec<PathBuf>,
    lists: Option<ChunkStore>,
    at_once: NonZeroUsize,
    becomes: PhantomData<T>,
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
    let accepted = accept(&Bundles::of(store, &manifest, limits)?, &artifact, requirements)?;
    Ok(Offer::new((store, target), (manifest, text, artifact), accepted, requirements))
}

impl<'a> Offer<'a> {
    /// What was found at `target`, under signatures that are accepted.
    pub(crate) fn new(
        (store, target): (&'a dyn Store, &Target),
        (manifest, text, artifact): (Descriptor, Vec<u8>, ModelArtifact),
        accepted: Accepted,
        requirements: &Requirements,
    ) -> Self {
        // A pin by digest is a pin by SHA-256 alone.
        let prove = match target {
            Target::Digest(_) => Prove::Both,
            Target::Only | Target::Tag(_) => requirements.proof(),
        };
        Self {
            store,
            manifest,
            text,
            artifact,
            accepted,
            selection: None,
            prove,
            cache: None,
            older: Vec::new(),
            lists: None,
            at_once: AT_ONCE,
            becomes: PhantomData,
        }
    }

    /// Offers the selected files alone. All that was found about the whole stays found: the signature, the signers, and that
    /// the artifact holds exactly the signed files.
    ///
    /// # Errors
    /// `E-NO-MATCH` when a pattern means no signed file.
    pub fn part(self, selection: Selection) -> Result<Offer<'a, Part>, DeliverError> {
        let entries = self.accepted.claim.claim().manifest().entries();
        let names: Vec<&EntryPath> = entries.iter().map(|entry| &entry.path).collect();
        if let Some(pattern) = selection.idle(&names) {
            return Err(DeliverError::NoMatch { pattern: escape(pattern), files: names.len() });
        }
        let Self { store, manifest, text, artifact, accepted, prove, cache, older, lists, at_once, .. } =
            self;
        let (selection, becomes) = (Some(selection), PhantomData);
        Ok(Offer {
            store,
            manifest,
            text,
            artifact,
            accepted,
            selection,
            prove,
            cache,
            older,
            lists,
            at_once,
            becomes,
        })
    }
}

impl<'a, T: Arriving> Offer<'a, T> {
    /// The manifest that the reference led to.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Which files are wanted, if not all of them are.
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// The signed files that are wanted.
    pub fn files(&self) -> impl Iterator<Item = &Entry> {
        self.accepted.claim.claim().manifest().entries().iter().filter(|entry| self.wants(&entry.path))
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

    /// Takes what is in `cache` from there, and keeps this version in it, as one of `repository`; a part is not kept, as a
    /// cache holds whole versions. Both digests prove the files then.
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
    ) -> Result<Pulled<T>, DeliverError> {
        self.pull_if(into, overwrite, progress, &mut |_| Ok(()))
    }

    /// The same, if `allow` lets what was proven appear: it is asked when every byte is there, and nothing is at `into` yet.
    ///
    /// # Errors
    /// Those of [`pull`](Self::pull), and what `allow` refuses.
    pub fn pull_if(
        self,
        into: &Path,
        overwrite: Overwrite,
        progress: &dyn Progress,
        allow: &mut dyn FnMut(&Verified<T>) -> Result<(), DeliverError>,
    ) -> Result<Pulled<T>, DeliverError> {
        let mark = self.what().to_string();
        let mut staging = Staging::beside(into, overwrite, mark.get(..16).unwrap_or_default())?;
        let filled = self.fill(&mut staging, progress).and_then(|(pulled, bundles)| {
            allow(&pulled.model)?;
            Ok((pulled, bundles))
        });
        match filled {
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
                    return Err(DeliverError::BrokenOff(Box::new(error)));
                }
                Err(error)
            }
        }
    }

    fn wants(&self, name: &EntryPath) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.wants(name))
    }

    /// What is being fetched: the manifest, or these files of it. Who fetches other files goes on nowhere: what one attempt
    /// left could come to lie in the other's folder.
    fn what(&self) -> Sha256Digest {
        if self.selection.is_none() {
            return self.manifest.digest;
        }
        let mut what = format!("a part of sha256:{}", self.manifest.digest).into_bytes();
        for entry in self.files() {
            what.push(0);
            what.extend(entry.path.as_str().as_bytes());
        }
        Sha256Digest::of(&what)
    }

    /// Fills the hidden folder with the proven model; gives it, and the bundles behind it.
    fn fill(
        self,
        staging: &mut Staging,
        progress: &dyn Progress,
    ) -> Result<(Pulled<T>, Vec<Rc<Attached>>), DeliverError> {
        let what = self.what();
        let Self { store, manifest, text, artifact, accepted, selection, prove, .. } = self;
        let (cache, older, lists, at_once) = (self.cache, self.older, self.lists, self.at_once);
        let Accepted { claim, bundles, .. } = accepted;
        let wants = |name: &EntryPath| selection.as_ref().is_none_or(|selection| selection.wants(name));
        let signed = claim.claim().manifest();
        let mut packed = packed(&artifact, signed)?;
        learn_sizes(store, &artifact.packs, &mut packed)?;
        let raw: HashSet<&str> = artifact.layers.iter().map(|layer| layer.path.as_str()).collect();
        let all: HashMap<&str, &Descriptor> = artifact
            .layers
            .iter()
            .map(|layer| (layer.path.as_str(), &layer.descriptor))
            .chain(packed.iter().map(|(entry, member)| (entry.path.as_str(), member)))
            .collect();
        let unwanted: HashSet<String> = (signed.entries().iter())
            .filter(|entry| !wants(&entry.path))
            .map(|entry| entry.path.as_str().to_owned())
            .collect();
        let is_unwanted = |name: &str| unwanted.contains(name);
        let layers: HashMap<&str, &Descriptor> =
            all.iter().filter(|(name, _)| !is_unwanted(name)).map(|(name, layer)| (*name, *layer)).collect();
        let others: Vec<(&str, u64)> = all
            .iter()
            .filter(|(name, _)| is_unwanted(name))
            .map(|(name, layer)| (*name, layer.size))
            .collect();
        only_own(staging, &layers)?;
        let size_of = |entry: &Entry| all.get(entry.path.as_str()).map(|layer| layer.size);
        let places = lists::Places::of(claim.claim().manifest().entries(), size_of);
        let wanted = |entry: &Entry| wants(&entry.path);
        let receiving =
            T::receive(claim, staging.path(), prove, size_of, wanted).map_err(DeliverError::Refused)?;
        let (journal, noted) = Journal::open(staging.journal(), &what)
            .map_err(|source| DeliverError::Output { path: escape_os(staging.path().as_os_str()), source })?;
        lists::learn(receiving.files(), &places, store, &manifest, lists.as_ref());
        let moved = {
            // One to one: examined before.
            let files: Vec<(&Incoming, &Descriptor)> = receiving
                .files()
                .iter()
                .filter_map(|file| Some((file, *layers.get(file.entry().path.as_str())?)))
                .collect();
            progress.begin(files.len() as u64, files.iter().map(|(_, layer)| layer.size).sum());
            let cache = cache.as_ref().map(|(cache, _)| *cache);
            let archives = &Archives::new(store, &artifact.packs);
            let (raw, others, files) = (&raw, &others[..], &files[..]);
            Written::during(staging.path(), &journal, |written| {
                let work = Work { archives, raw, others, files, written, cache, at_once, progress };
                work.complete(&noted, &older)
            })
        };
        match moved {
            Ok((moved, cached)) => {
                let model = receiving.finish().map_err(DeliverError::Refused)?;
                let whole = cache.filter(|_| selection.is_none());
                let not_kept = whole.and_then(|(cache, repository)| {
                    if !artifact.packs.is_empty() {
                        // Its archives were never here as a whole.
                        let (what, found) = ("keeping an artifact of the format", artifact.format.name());
                        return Some(RegistryError::Unsupported { what, found: found.to_owned() }.into());
                    }
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

fn refusal<T: Extent>(receiving: Receiving<T>, stopped: Stopped) -> DeliverError {
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
