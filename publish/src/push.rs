//! Pushing a signed model.

use std::collections::{BTreeMap, HashMap};
use std::io;

use lacre_attest::{Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, MODEL_PREDICATE_TYPE, ModelClaim, Statement};
use lacre_hash::{Blake3Digest, ChunkList, Progress, Sha256Digest};
use lacre_manifest::{Entry, EntryPath, Manifest, Root, escape};
use lacre_registry_client::{
    ArtifactFormat, BlobContent, BuiltArtifact, Content, Descriptor, IMAGE_MANIFEST, Pack, Put,
    RegistryError, Store, Tag, WrittenFormat, attach_chunks, attach_signature, plan,
};

use crate::as_signed::{Remembered, Trees, as_signed};
use crate::attach::attach;
use crate::{Attached, PublishError, packs};

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
    /// The archives, in the order of the artifact's.
    packs: Vec<Pack>,
    /// The chunk lists, as they travel; empty when no file has one.
    lists: Vec<u8>,
    /// The manifest of the same model in the other format.
    sibling: Option<Descriptor>,
    /// A bundle over the manifest's digest.
    manifest_signature: Option<Vec<u8>>,
    /// What that bundle is about, too.
    also: Option<Descriptor>,
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
    prepare_as(WrittenFormat::default(), model, limits, remembered, progress)
}

/// As [`prepare`], for an artifact of this format. Files that travel in archives are read once more: the digest of an
/// archive is not that of its files.
///
/// # Errors
/// As [`prepare`]; `E-ARTIFACT` when a name means something else in an image.
pub fn prepare_as<'a>(
    format: WrittenFormat,
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
    let plan = plan(format, &files, claim.shape())?;
    let packs: Vec<Pack> = plan.packs().iter().map(|planned| planned.pack.clone()).collect();
    let digests = packs::digests(model.root, &packs, &files, progress)?;
    let built = plan.build(&digests, claim.name(), claim.version())?;
    let lists = lists(&claim, &chunks);
    let sibling = if format == WrittenFormat::Image { modelpack(&files, &claim) } else { None };
    Ok(Prepared { model, claim, built, packs, lists, sibling, manifest_signature: None, also: None })
}

/// The manifest of the model as a `ModelPack` artifact, where it follows from the signed digests alone: above 5000 files
/// archives would have to be read for it.
fn modelpack(files: &Manifest, claim: &ModelClaim) -> Option<Descriptor> {
    let plan = plan(WrittenFormat::ModelPack, files, claim.shape()).ok()?;
    Some(plan.build(&[], claim.name(), claim.version()).ok()?.descriptor())
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

    /// In which form the model will be stored.
    pub fn format(&self) -> ArtifactFormat {
        self.built.artifact.format
    }

    /// The manifest that the same model has, or would have, as a `ModelPack` artifact, if this is an image of at most 5000
    /// files.
    pub fn sibling(&self) -> Option<&Descriptor> {
        self.sibling.as_ref()
    }

    /// Attaches this bundle too, a signature of the [manifest](Self::manifest) as cosign makes it. It is made before anything
    /// is sent: so nothing is sent in vain, and no token grows old meanwhile.
    #[must_use]
    pub fn with_manifest_signature(self, bundle: Vec<u8>) -> Self {
        Self { manifest_signature: Some(bundle), ..self }
    }

    /// The signature of the manifest is about this one as well, which the store holds: it is attached there first, so that
    /// whoever finds it beside this model need not look there.
    #[must_use]
    pub fn and_of(self, also: Descriptor) -> Self {
        Self { also: Some(also), ..self }
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
        let (written, reused) = put_all(self, store, progress)?;
        store.put_blob(&built.artifact.config, &built.config, progress)?;
        let manifest = store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)?;
        let (signature, put) =
            attach_signature(store, &manifest, model.bundle, MODEL_PREDICATE_TYPE, &now())?;
        for bundle in model.others {
            attach_signature(store, &manifest, bundle, MODEL_PREDICATE_TYPE, &now())?;
        }
        let manifest_signature = self.manifest_signature.as_deref();
        if let (Some(bundle), Some(also)) = (manifest_signature, &self.also) {
            attach(store, also, bundle, COSIGN_SIGN_PREDICATE_TYPE)?;
        }
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
        let files = self.claim.manifest().len();
        Ok(Pushed { manifest, signature, signature_existed, manifest_signature, files, written, reused })
    }

    /// What has to be put: every distinct blob once.
    fn blobs(&self) -> Vec<(&Descriptor, What<'_>)> {
        let artifact = &self.built.artifact;
        let files = artifact.layers.iter().map(|layer| (&layer.descriptor, What::File(&layer.path)));
        let packs = artifact.packs.iter().zip(&self.packs);
        let packs = packs.map(|(layer, pack)| (&layer.descriptor, What::Pack(pack)));
        let distinct: BTreeMap<Sha256Digest, _> =
            files.chain(packs).map(|blob| (blob.0.digest, blob)).collect();
        distinct.into_values().collect()
    }
}

/// What a blob is made of.
#[derive(Clone, Copy)]
enum What<'a> {
    File(&'a EntryPath),
    Pack(&'a Pack),
}

/// The chunk lists of the files that have one, in the order of the signed names.
fn lists(claim: &ModelClaim, chunks: &Trees) -> Vec<u8> {
    let chunks: HashMap<&Blake3Digest, &ChunkList> = chunks.iter().map(|(root, list)| (root, list)).collect();
    let roots = claim.manifest().entries().iter().filter_map(Entry::blake3);
    roots.filter_map(|root| chunks.get(root)).flat_map(|list| list.to_bytes()).collect()
}

/// Puts every distinct blob once, several at a time; counts bytes written and bytes that were there.
fn put_all(
    prepared: &Prepared<'_>,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<(u64, u64), PublishError> {
    let blobs = prepared.blobs();
    progress.begin(blobs.len() as u64, blobs.iter().map(|(descriptor, _)| descriptor.size).sum());
    let put = packs::together(&blobs, |(descriptor, what)| {
        let put = match what {
            What::File(path) => put_file(prepared, descriptor, path, store, progress)?,
            What::Pack(pack) => packs::put(prepared.model.root, pack, descriptor, store, progress)?,
        };
        Ok((put, descriptor.size))
    })?;
    Ok(put.into_iter().fold((0, 0), |(written, reused), (put, size)| match put {
        Put::Written => (written + size, reused),
        Put::Existed => (written, reused + size),
    }))
}

fn put_file(
    prepared: &Prepared<'_>,
    descriptor: &Descriptor,
    path: &EntryPath,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<Put, PublishError> {
    progress.file(&escape(path.as_str()));
    let root = prepared.model.root;
    let blake3 = prepared.claim.manifest().get(path.as_str()).and_then(Entry::blake3).copied();
    let content = SignedFile { root, path: root.only_file().unwrap_or(path), blake3 };
    match store.put_blob(descriptor, &content, progress) {
        Ok(put) => Ok(put),
        // The file was as signed a moment ago.
        Err(
            RegistryError::BlobDigest { .. }
            | RegistryError::BlobSize { .. }
            | RegistryError::BlobChanged { .. },
        ) => Err(PublishError::Changed { path: path.clone() }),
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
