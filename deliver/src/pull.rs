//! Pulling a signed model.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use lacre_attest::{Limits, MODEL_PREDICATE_TYPE};
use lacre_hash::{HashError, Progress, Sha256Digest};
use lacre_manifest::{Manifest, diff, escape_os};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, ModelArtifact, RegistryError, SignatureReferrer, Store, Target,
};
use lacre_verify::{
    Claim, Endorsement, Failure, HowFar, Model, Prove, Requirements, Unverified, Verified, VerifyError,
};

use crate::DeliverError;
use crate::staging::{Overwrite, Staging};

/// Bundles that are looked at. Whoever can write to the registry can attach any number.
const MOST_BUNDLES: usize = 64;

/// The name of the signature in a pulled folder.
const SIGNATURE: &str = "model.sig";

/// A model that arrived.
#[derive(Debug)]
pub struct Pulled {
    /// The manifest that the reference led to.
    pub manifest: Descriptor,
    /// The model, proven.
    pub model: Verified<Model>,
}

/// A model that a store offers, under a signature that meets the requirements. Not a byte of its content was read yet.
pub struct Offer<'a> {
    store: &'a dyn Store,
    manifest: Descriptor,
    artifact: ModelArtifact,
    accepted: Accepted,
    prove: Prove,
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
    let artifact = ModelArtifact::parse(&store.manifest(&manifest)?)?;
    let accepted = accept(store, &manifest, &artifact, requirements, limits)?;
    // A pin by digest is a pin by SHA-256 alone.
    let prove = match target {
        Target::Digest(_) => Prove::Both,
        Target::Only | Target::Tag(_) => requirements.proof(),
    };
    Ok(Offer { store, manifest, artifact, accepted, prove })
}

impl Offer<'_> {
    /// The manifest that the reference led to.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Who claims what about it.
    pub fn claim(&self) -> &Verified<Claim> {
        &self.accepted.claim
    }

    /// Fetches the files, proves them while they are written, and makes them the folder `into`, together with the
    /// signature.
    ///
    /// # Errors
    /// `E-EXISTS` when something is there; the `E-FILE-…` and `E-BLOB-…` codes when the store does not hold what was
    /// signed. Nothing is left at `into` then.
    pub fn pull(
        self,
        into: &Path,
        overwrite: Overwrite,
        progress: &dyn Progress,
    ) -> Result<Pulled, DeliverError> {
        let Self { store, manifest, artifact, accepted, prove } = self;
        let staging = Staging::beside(into, overwrite)?;
        let layers: HashMap<&str, &Descriptor> =
            artifact.layers.iter().map(|layer| (layer.path.as_str(), &layer.descriptor)).collect();
        let fetch = |entry: &lacre_manifest::Entry| {
            let layer = layers.get(entry.path.as_str()).ok_or(io::ErrorKind::NotFound)?;
            let blob = store.blob(layer).map_err(io::Error::other)?;
            blob.into_file().map_err(|_| io::Error::other("the blob is no file"))
        };
        let model = accepted.claim.receive(staging.path(), prove, fetch, progress).map_err(from_refusal)?;
        let mut bundles = accepted.bundles.iter();
        if let Some(first) = bundles.next() {
            staging.write(SIGNATURE, first)?;
        }
        staging.expose()?;
        write_others(into, bundles)?;
        Ok(Pulled { manifest, model })
    }
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

struct Accepted {
    claim: Verified<Claim>,
    /// The bundles behind the claim, at least one.
    bundles: Vec<Vec<u8>>,
}

/// Finds signatures over exactly the artifact's files that meet the requirements.
fn accept(
    store: &dyn Store,
    manifest: &Descriptor,
    artifact: &ModelArtifact,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Accepted, DeliverError> {
    let referrers = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
    if referrers.len() > MOST_BUNDLES {
        return Err(DeliverError::TooManyBundles { found: referrers.len(), limit: MOST_BUNDLES });
    }
    let files = artifact.files()?;
    let wanted = requirements.wanted_signers().get();
    let mut refusal: Option<DeliverError> = None;
    let (mut endorsements, mut bundles) = (Vec::new(), Vec::new());
    for referrer in referrers {
        match candidate(store, &referrer, &files, requirements, limits) {
            Ok(Some(Candidate { endorsement, bundle })) => {
                endorsements.push(Ok(endorsement));
                bundles.push(bundle);
                if wanted == 1 {
                    break;
                }
            }
            Ok(None) => {}
            Err(error) => {
                if refusal.as_ref().is_none_or(|old| how_far(&error) > how_far(old)) {
                    refusal = Some(error);
                }
            }
        }
    }
    if endorsements.is_empty() {
        return Err(refusal.unwrap_or(DeliverError::NoSignature { manifest: manifest.digest }));
    }
    let claim = Verified::unite(endorsements, requirements).map_err(DeliverError::Refused)?;
    Ok(Accepted { claim, bundles })
}

/// A bundle that meets the requirements, as far as one can.
struct Candidate {
    endorsement: Verified<Endorsement>,
    bundle: Vec<u8>,
}

/// One bundle; nothing when it is said to hold something else than a model signature.
fn candidate(
    store: &dyn Store,
    referrer: &Descriptor,
    files: &Manifest,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Option<Candidate>, DeliverError> {
    let signature = SignatureReferrer::parse(&store.manifest(referrer)?)?;
    if signature.predicate_type.is_some_and(|predicate| predicate != MODEL_PREDICATE_TYPE) {
        return Ok(None);
    }
    let bundle = store.small_blob(&signature.bundle, limits.bundle() as u64)?;
    let endorsement = Unverified::<Endorsement>::parse(&bundle, limits)
        .and_then(|one| one.verify(requirements))
        .map_err(DeliverError::Refused)?;
    one_to_one(files, signed_digests(&endorsement)?)?;
    Ok(Some(Candidate { endorsement, bundle }))
}

/// Layers are known by SHA-256: nothing else can be compared with them before they are fetched.
fn signed_digests(one: &Verified<Endorsement>) -> Result<&Manifest, DeliverError> {
    one.claim().sha256_manifest().map_err(|error| {
        let report = one.report().clone();
        DeliverError::Refused(Box::new(Failure { error: error.into(), report }))
    })
}

/// Whether the artifact's layers are the signed files: each of them, under its name, and nothing else.
fn one_to_one(files: &Manifest, signed: &Manifest) -> Result<(), DeliverError> {
    let mismatch = |detail: String| Err(DeliverError::Mismatch { detail });
    let found = diff(signed, files);
    if let Some(path) = found.removed.first() {
        return mismatch(format!("{path} is signed and has no layer"));
    }
    if let Some(path) = found.added.first() {
        return mismatch(format!("{path} has a layer and is not signed"));
    }
    if let Some(path) = found.changed.first() {
        return mismatch(format!("the layer of {path} has another digest"));
    }
    if let Some(renamed) = found.renamed.first() {
        return mismatch(format!("the layer of {} is named {}", renamed.from, renamed.to));
    }
    for entry in signed.entries() {
        let layer = files.get(entry.path.as_str()).and_then(|layer| layer.size);
        if entry.size.is_some() && entry.size != layer {
            return mismatch(format!("the layer of {} has another size", entry.path));
        }
    }
    Ok(())
}

/// Of several refusals the one that came furthest says most.
fn how_far(error: &DeliverError) -> (u8, Option<HowFar>) {
    match error {
        DeliverError::Mismatch { .. } => (2, None),
        DeliverError::Refused(failure) => (1, Some(failure.how_far())),
        _ => (0, None),
    }
}

/// A blob that could not be opened is the store's failure, not one of the content.
fn from_refusal(failure: Box<Failure>) -> DeliverError {
    let Failure { error, report } = *failure;
    match error {
        VerifyError::Hash(HashError::Read { index, name, source }) => {
            match source.downcast::<RegistryError>() {
                Ok(error) => DeliverError::Registry(error),
                Err(source) => {
                    let error = HashError::Read { index, name, source }.into();
                    DeliverError::Refused(Box::new(Failure { error, report }))
                }
            }
        }
        error => DeliverError::Refused(Box::new(Failure { error, report })),
    }
}
