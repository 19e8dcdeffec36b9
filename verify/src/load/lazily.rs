//! A model whose content is proven only where it is read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_attest::ModelClaim;
use lacre_hash::{Blake3Digest, ChunkList, ChunkStore, DigestSet, FileDigests, NoProgress, Progress};
use lacre_manifest::{Entry, EntryPath, FileSource, Links, Root};

use super::lazy::{self, LazyFile, ListFrom, Proof};
use super::limit::Budget;
use super::place::{Shelf, SignedFile, blame};
use super::sealed;
use super::{LoadOptions, SealedFiles};
use crate::content::{self, Scene};
use crate::model;
use crate::proof::{Claim, Model, ModelInput, Standing, Unverified, Verified};
use crate::prove::Prove;
use crate::report::{Report, Step};
use crate::signature::Signer;
use crate::{Failure, Requirements, VerifyError};

/// A model of which the claim is verified, and of whose files on disk the names and sizes are the signed ones. No byte of them
/// was read: each is proven when it is given out.
///
/// ```compile_fail
/// // It is no model: there may be nothing as signed in its files.
/// # use lacre_verify::*;
/// fn model(lazy: Verified<Lazy>) -> Verified<Model> {
///     lazy
/// }
/// ```
/// ```compile_fail
/// // It gives no file whose bytes are proven already.
/// fn read(lazy: lacre_verify::Verified<lacre_verify::Lazy>) {
///     lazy.read("model.safetensors");
/// }
/// ```
/// ```compile_fail
/// // Nor a path.
/// fn path(lazy: lacre_verify::Verified<lacre_verify::Lazy>) {
///     lazy.path_unpinned_danger("model.safetensors");
/// }
/// ```
#[derive(Debug)]
pub struct Lazy {
    signed: ModelClaim,
    signers: Vec<Signer>,
    report: Report,
    root: Root,
    prove: Prove,
    options: LoadOptions,
    budget: Arc<Budget>,
    store: Option<ChunkStore>,
    lists: Mutex<HashMap<Blake3Digest, ChunkList>>,
}

impl Unverified<Model> {
    /// Verifies the claim, and then that the files have the signed names and sizes; their bytes are proven when they are
    /// read. `store` keeps the lists that prove parts of files (the command-line program keeps them in the user's cache
    /// whenever it signs, verifies or pulls).
    ///
    /// ```no_run
    /// use lacre_verify::{Links, LoadOptions, ProvenFile as _, Requirements, Unverified};
    ///
    /// fn shard(requirements: &Requirements) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    ///     let model = Unverified::open("mini-lm".as_ref(), None, Links::Refuse, requirements)?
    ///         .verify_lazily(requirements, None, &LoadOptions::new())?;
    ///     let weights = model.file("model.safetensors")?;
    ///     Ok(weights.bytes(0..weights.size() / 8)?.into_owned())
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`verify`](Self::verify), but for `E-FILE-CHANGED`.
    pub fn verify_lazily(
        self,
        requirements: &Requirements,
        store: Option<ChunkStore>,
        options: &LoadOptions,
    ) -> Result<Verified<Lazy>, Box<Failure>> {
        let ModelInput { first, others, root, signature } = self.input;
        model::unite(first, &others, requirements)?.lazily_in(root, signature, requirements, store, options)
    }
}

impl Verified<Claim> {
    /// The model at `path` (a folder or a file), if its files have the names and sizes of the claim; their bytes are proven
    /// when they are read. A bundle in its usual place is not taken for a file of the model.
    ///
    /// # Errors
    /// Those of [`Unverified::open`] for the model, and those of [`Unverified::verify_lazily`].
    pub fn lazily(
        self,
        path: &Path,
        links: Links,
        requirements: &Requirements,
        store: Option<ChunkStore>,
        options: &LoadOptions,
    ) -> Result<Verified<Lazy>, Box<Failure>> {
        let opened = Root::open(path, links).map_err(VerifyError::from).and_then(|root| {
            let (_, signature) = model::default_signature(path, &root)?;
            Ok((root, signature))
        });
        match opened {
            Ok((root, signature)) => self.lazily_in(root, signature, requirements, store, options),
            Err(error) => Err(self.proven.report.fail(Step::Content, error)),
        }
    }

    pub(crate) fn lazily_in(
        self,
        root: Root,
        signature: Option<EntryPath>,
        requirements: &Requirements,
        store: Option<ChunkStore>,
        options: &LoadOptions,
    ) -> Result<Verified<Lazy>, Box<Failure>> {
        let Claim { signed, signers, mut report, .. } = self.proven;
        let prove = requirements.proof();
        let engine = options.engine();
        let scene = Scene { root: &root, claim: &signed, signature, requirements, engine: &engine };
        let met = content::meet(&scene, &mut report, &NoProgress).and_then(|_| {
            // What could never be read is refused now.
            signed.manifest().entries().iter().try_for_each(|entry| {
                lazy::signed_root(entry, prove)?;
                lazy::signed_size(entry).map(drop)
            })
        });
        if let Err(error) = met {
            return Err(report.fail(Step::Content, error));
        }
        report.meet(signed.manifest());
        let budget = options.budget();
        let (options, lists) = (*options, Mutex::default());
        Ok(Verified::strict(Lazy { signed, signers, report, root, prove, options, budget, store, lists }))
    }
}

impl<S: Standing> Verified<Lazy, S> {
    /// What was claimed about the model.
    pub fn claim(&self) -> &ModelClaim {
        &self.proven.signed
    }

    /// Who signed it: as many distinct signers as were demanded, or more.
    pub fn signers(&self) -> &[Signer] {
        &self.proven.signers
    }

    /// What was checked: not the content.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }

    /// Takes the chunk list of the signed file `name` from whoever has one ([`ChunkList::to_bytes`]): it is believed only if
    /// it gives the signed digest.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed; `E-CHUNKS` when it is another file's list, or none.
    pub fn learn(&self, name: &str, list: &[u8]) -> Result<(), VerifyError> {
        let entry = super::entry(self.proven.signed.manifest(), name)?;
        let root = lazy::signed_root(entry, self.proven.prove)?;
        let list = ChunkList::prove(list, lazy::signed_size(entry)?, &root)?;
        self.proven.keep(root, &list);
        Ok(())
    }

    /// The signed file `name`, ready to prove what is read of it: by a list that was learned, by one of the store, or by one that
    /// is made now, from one pass over the whole file. That pass costs what verifying the file costs, keeps nothing of it in
    /// memory, and is made once: the list goes into the store. A list in the store that is not the file's is not
    /// believed, and made anew.
    ///
    /// All files of this model share its memory limit. Each call opens the file anew, with a cache of its own.
    ///
    /// Guarantee and cost: as [`lazy`](Verified::lazy).
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed; `E-FILE-SIZE` when it has another size by now, `E-FILE-CHANGED` when a
    /// list was to be made and the content is another one; a code of the disk. When ranges are read: `E-FILE-CHANGED`,
    /// `E-FILE-SIZE`, `E-MEMORY-LIMIT`.
    pub fn file(&self, name: &str) -> Result<LazyFile, VerifyError> {
        let Lazy { signed, root: folder, prove, options, budget, .. } = &self.proven;
        let entry = super::entry(signed.manifest(), name)?;
        let root = lazy::signed_root(entry, *prove)?;
        let proof = match lazy::by_digest(entry, root)? {
            Some(proof) => proof,
            None => self.proven.list(entry, root)?,
        };
        LazyFile::open(folder, entry, proof, options, Arc::clone(budget))
    }

    /// Seals every file, each proven while it is written, and so the whole model: what one pass over the content can give to
    /// worker processes, and to loaders that insist on paths. See [`sealed`](Verified::sealed).
    ///
    /// # Errors
    /// Those of [`seal_all`](Verified::seal_all).
    pub fn seal(self, options: &LoadOptions) -> Result<(Verified<Model, S>, SealedFiles), Box<Failure>> {
        self.seal_watched(options, &NoProgress)
    }

    /// The same, told to `progress`, which can end it.
    pub(crate) fn seal_watched(
        self,
        options: &LoadOptions,
        progress: &dyn Progress,
    ) -> Result<(Verified<Model, S>, SealedFiles), Box<Failure>> {
        let Self { proven: Lazy { signed, signers, mut report, root, prove, store, .. }, standing } = self;
        let files = Shelf { root: &root, signed: &signed, prove, held: None };
        let entries: Vec<&Entry> = signed.manifest().entries().iter().collect();
        let (sealed, mut found) = match sealed::seal(&files, &entries, options, progress) {
            Ok(sealed) => sealed,
            Err(error) => return Err(report.fail(Step::Content, error)),
        };
        let sealed = entries.into_iter().map(|entry| entry.path.clone()).zip(sealed).collect();
        let chunks: Vec<_> = found.iter_mut().filter_map(FileDigests::take_tree).collect();
        for (root, list) in store.iter().flat_map(|_| &chunks) {
            // A list that cannot be kept is made again another time.
            let _ = store.as_ref().map(|store| store.put(root, list));
        }
        let manifest = signed.manifest().clone();
        report.prove(&manifest, Some(DigestSet::Blake3), ", proven while sealed");
        let held = BTreeMap::new();
        let model = Model { signed, signers, report, root, manifest, prove, held, chunks };
        Ok((Verified { proven: model, standing }, sealed))
    }
}

impl Lazy {
    fn list(&self, entry: &Entry, root: Blake3Digest) -> Result<(Proof, ListFrom), VerifyError> {
        if let Some(list) = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&root) {
            return Ok((Proof::List(list.clone()), ListFrom::Known));
        }
        let size = lazy::signed_size(entry)?;
        if let Some(list) = self.store.as_ref().and_then(|store| store.get(&root, size)) {
            self.keep(root, &list);
            return Ok((Proof::List(list), ListFrom::Store));
        }
        let list = self.pass(entry, root)?;
        self.keep(root, &list);
        if let Some(store) = &self.store {
            // A list that cannot be kept is made again another time.
            let _ = store.put(&root, &list);
        }
        Ok((Proof::List(list), ListFrom::Pass))
    }

    fn keep(&self, root: Blake3Digest, list: &ChunkList) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(root, list.clone());
    }

    /// Makes the list of a file from all of it.
    fn pass(&self, entry: &Entry, root: Blake3Digest) -> Result<ChunkList, VerifyError> {
        let on_disk = self.root.only_file().unwrap_or(&entry.path).clone();
        let file = FileSource::new(&self.root, on_disk, lazy::signed_size(entry)?, DigestSet::Blake3);
        let source = SignedFile { file, keeper: None };
        let mut found = self.options.engine().run(&[source], &NoProgress).map_err(blame)?;
        content::compare(std::iter::once(entry).zip(&found))?;
        let made = found.first_mut().and_then(FileDigests::take_tree);
        // The entry agreed with what was found, so this is its tree.
        made.filter(|(of, _)| *of == root)
            .map(|(_, list)| list)
            .ok_or_else(|| VerifyError::DigestNotSigned { digest: "BLAKE3", path: entry.path.clone() })
    }
}
