//! Pushing a signed model.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lacre_attest::{Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, MODEL_PREDICATE_TYPE, ModelClaim, Statement};
use lacre_hash::{Blake3Digest, ChunkList, Progress, Sha256Digest};
use lacre_manifest::{Entry, EntryPath, Root, escape};
use lacre_registry_client::{
    BlobContent, BuiltArtifact, Content, Descriptor, IMAGE_MANIFEST, ModelLayer, Put, RegistryError, Store,
    Tag, attach_chunks, attach_signature, build,
};

use crate::as_signed::{Remembered, Trees, as_signed};
use crate::attach::attach;
use crate::{Attached, PublishError};

/// Blobs that are put at once.
const AT_ONCE: usize = 4;

/// A model on disk and the bundle that is to travel with it.
#[derive(Debug)]
pub struct Signed<'a> {
    /// The model.
    pub root: &'a Root,
    /// The bytes of the bundle; they travel as they are.
    pub bundle: &'a [u8],
    /// The bundles of further signers of the same claim.
    pub others: &'a [Vec<u8>],
    /// Where the bundle lies, if it lies in the model.
    pub signature: Option<EntryPath>,
}

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest of the model. Its digest names this model for ever; a tag can move.
    pub manifest: Descriptor,
    /// The manifest that carries the signature.
    pub signature: Descriptor,
    /// Whether that signature was there already.
    pub signature_existed: bool,
    /// What carries the signature of the manifest itself, if there was to be one.
    pub manifest_signature: Option<Attached>,
    /// Number of files.
    pub files: usize,
    /// Bytes of the files that were written.
    pub written: u64,
    /// Bytes of the files that were there already.
    pub reused: u64,
}

/// A signed model whose every file was found to be as signed, ready to be sent.
#[derive(Debug)]
pub struct Prepared<'a> {
    model: &'a Signed<'a>,
    claim: ModelClaim,
    built: BuiltArtifact,
    /// The chunk lists, as they travel; empty when no file has one.
    lists: Vec<u8>,
    /// A bundle over the manifest's digest.
    manifest_signature: Option<Vec<u8>>,
}

/// Reads every file of a signed model and compares it, under both digests, with what was signed. Writes nothing but what
/// is `remembered`, and reads no file again that was not touched since its digests were made on this machine.
///
/// # Errors
/// The `E-FILE-…` codes when the files are not those that were signed; the codes of the bundle and its claim; `E-LIMIT`
/// when there are more files than a manifest can list.
pub fn prepare<'a>(
    model: &'a Signed<'a>,
    limits: &Limits,
    remembered: Option<&Remembered>,
    progress: &dyn Progress,
) -> Result<Prepared<'a>, PublishError> {
    let bundle = Bundle::parse(model.bundle, limits)?;
    let claim = ModelClaim::from_statement(&Statement::parse(bundle.envelope().payload(), limits)?)?;
    claim.sha256_manifest()?;
    for other in model.others {
        let bundle = Bundle::parse(other, limits)?;
        let other = ModelClaim::from_statement(&Statement::parse(bundle.envelope().payload(), limits)?)?;
        if other.name() != claim.name()
            || other.version() != claim.version()
            || other.manifest() != claim.manifest()
            || other.shape() != claim.shape()
        {
            return Err(PublishError::OtherClaim);
        }
    }
    let (files, chunks) = as_signed(model, &claim, remembered, progress)?;
    let built = build(&files, claim.name(), claim.version())?;
    let lists = lists(&claim, &chunks);
    Ok(Prepared { model, claim, built, lists, manifest_signature: None })
}

impl Prepared<'_> {
    /// What is claimed about the model. Nobody has judged the signature under it.
    pub fn claim(&self) -> &ModelClaim {
        &self.claim
    }

    /// The manifest that a push will store.
    pub fn manifest(&self) -> Descriptor {
        self.built.descriptor()
    }

    /// Attaches this bundle too, a signature of the [manifest](Self::manifest) as cosign makes it. It is made before anything
    /// is sent: so nothing is sent in vain, and no token grows old meanwhile.
    #[must_use]
    pub fn with_manifest_signature(self, bundle: Vec<u8>) -> Self {
        Self { manifest_signature: Some(bundle), ..self }
    }

    /// Puts the model and its signatures into `store`, then moves `tag` to it.
    ///
    /// Every file is read once more while it is written: one that was changed since it was compared is caught.
    pub fn push(
        &self,
        store: &dyn Store,
        tag: Option<&Tag>,
        progress: &dyn Progress,
    ) -> Result<Pushed, PublishError> {
        let Self { model, built, .. } = self;
        let (written, reused) = put_layers(self, store, progress)?;
        store.put_blob(&built.artifact.config, &built.config, progress)?;
        let manifest = store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)?;
        let (signature, put) =
            attach_signature(store, &manifest, model.bundle, MODEL_PREDICATE_TYPE, &now())?;
        for bundle in model.others {
            attach_signature(store, &manifest, bundle, MODEL_PREDICATE_TYPE, &now())?;
        }
        let manifest_signature = self.manifest_signature.as_deref();
        let manifest_signature = manifest_signature
            .map(|bundle| attach(store, &manifest, bundle, COSIGN_SIGN_PREDICATE_TYPE))
            .transpose()?;
        if !self.lists.is_empty() {
            attach_chunks(store, &manifest, &self.lists)?;
        }
        if let Some(tag) = tag {
            store.tag(&manifest, tag)?;
        }
        let signature_existed = put == Put::Existed;
        let files = built.artifact.layers.len();
        Ok(Pushed { manifest, signature, signature_existed, manifest_signature, files, written, reused })
    }
}

/// The chunk lists of the files that have one, in the order of the signed names.
fn lists(claim: &ModelClaim, chunks: &Trees) -> Vec<u8> {
    let chunks: HashMap<&Blake3Digest, &ChunkList> = chunks.iter().map(|(root, list)| (root, list)).collect();
    let roots = claim.manifest().entries().iter().filter_map(Entry::blake3);
    roots.filter_map(|root| chunks.get(root)).flat_map(|list| list.to_bytes()).collect()
}

/// Puts every distinct blob once, several at a time; counts bytes written and bytes that were there.
fn put_layers(
    prepared: &Prepared<'_>,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<(u64, u64), PublishError> {
    let layers = &prepared.built.artifact.layers;
    let distinct: BTreeMap<Sha256Digest, &ModelLayer> =
        layers.iter().map(|layer| (layer.descriptor.digest, layer)).collect();
    let distinct: Vec<&ModelLayer> = distinct.into_values().collect();
    progress.begin(distinct.len() as u64, distinct.iter().map(|layer| layer.descriptor.size).sum());
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new(Ok((0_u64, 0_u64)));
    let work = || {
        while let Some(layer) = distinct.get(next.fetch_add(1, Ordering::Relaxed)) {
            let put = put_layer(prepared, layer, store, progress);
            let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match (&mut *outcome, put) {
                (Ok((written, _)), Ok(Put::Written)) => *written += layer.descriptor.size,
                (Ok((_, reused)), Ok(Put::Existed)) => *reused += layer.descriptor.size,
                (Ok(_), Err(error)) => *outcome = Err(error),
                (Err(_), _) => {}
            }
            if outcome.is_err() {
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(distinct.len()) {
            scope.spawn(work);
        }
    });
    outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn put_layer(
    prepared: &Prepared<'_>,
    layer: &ModelLayer,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<Put, PublishError> {
    progress.file(&escape(layer.path.as_str()));
    let root = prepared.model.root;
    let blake3 = prepared.claim.manifest().get(layer.path.as_str()).and_then(Entry::blake3).copied();
    let content = SignedFile { root, path: root.only_file().unwrap_or(&layer.path), blake3 };
    match store.put_blob(&layer.descriptor, &content, progress) {
        Ok(put) => Ok(put),
        // The file was as signed a moment ago.
        Err(
            RegistryError::BlobDigest { .. }
            | RegistryError::BlobSize { .. }
            | RegistryError::BlobChanged { .. },
        ) => Err(PublishError::Changed { path: layer.path.clone() }),
        Err(error) => Err(error.into()),
    }
}

/// A file that was found as signed, on its way into a store.
struct SignedFile<'a> {
    root: &'a Root,
    path: &'a EntryPath,
    blake3: Option<Blake3Digest>,
}

impl BlobContent for SignedFile<'_> {
    fn open(&self) -> io::Result<Content<'_>> {
        self.root.open_file(self.path).map(Content::File).map_err(io::Error::other)
    }

    fn blake3(&self) -> Option<Blake3Digest> {
        self.blake3
    }
}

/// The current time as RFC 3339 writes it, in whole seconds, or `SOURCE_DATE_EPOCH` if that is set
/// (reproducible-builds.org).
pub(crate) fn now() -> String {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let time = epoch.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
