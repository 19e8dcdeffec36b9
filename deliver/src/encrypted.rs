//! Encrypted artifacts: whose they are is proven before anything is decrypted.

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, Limits};
use lacre_encrypt::Identities;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, EncryptedArtifact, Revealed, SignatureReferrer, Store, Target,
};
use lacre_verify::{ManifestSignature, Requirements, Signer, Unverified, Verified};

use crate::DeliverError;
use crate::accept::MANIFEST_BUNDLE_LIMIT;
use crate::bundles::MOST_BUNDLES;

/// An encrypted artifact whose manifest trusted signers stand for, opened.
#[derive(Debug)]
pub struct Envelope<'a> {
    manifest: Descriptor,
    signers: Vec<Signer>,
    target: Target,
    content: Revealed<'a>,
}

/// Finds the encrypted artifact that `target` names, and a signature over its manifest that meets the requirements; only then
/// decrypts the index of it.
///
/// Who can read what is for a recipient can also write what is for that recipient. So the signature is demanded: without it
/// anybody could have anything decrypted, and learn from what becomes of it.
///
/// # Errors
/// `E-NO-MANIFEST-SIGNATURE` when nobody signed the manifest; when no signature is accepted, the refusal that came furthest, and
/// `E-ARTIFACT-MISMATCH` when that is one over another manifest; `E-TOO-FEW-SIGNERS`; `E-ARTIFACT` when the artifact is not encrypted; `E-NOT-RECIPIENT` when none of the identities opens it; `E-CIPHERTEXT`.
pub fn reveal<'a>(
    store: &'a dyn Store,
    target: &Target,
    identities: Identities,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Envelope<'a>, DeliverError> {
    let manifest = store.resolve(target)?;
    let artifact = EncryptedArtifact::parse(&store.manifest(&manifest)?)?;
    let signers = signers(store, &manifest, requirements, limits)?;
    let content = Revealed::open(store, &artifact, identities)?;
    // What pins the envelope pins what is in it, in the same way: by SHA-256.
    let target = match target {
        Target::Digest(_) => Target::Digest(content.resolve(&Target::Only)?.digest),
        Target::Only | Target::Tag(_) => Target::Only,
    };
    Ok(Envelope { manifest, signers, target, content })
}

impl Envelope<'_> {
    /// The manifest that the reference led to.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Who stands for it: as many distinct signers as were demanded, or more.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// What is in it: as any store that somebody else keeps, to be [examined](crate::examine).
    pub fn store(&self) -> &dyn Store {
        &self.content
    }

    /// Where in the store the model is.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// Who stands for the manifest: as many distinct signers as are demanded, or it is an error.
fn signers(
    store: &dyn Store,
    manifest: &Descriptor,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Vec<Signer>, DeliverError> {
    let attached = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
    let may_be =
        |it: &&Descriptor| it.announced_predicate().is_none_or(|kind| kind == COSIGN_SIGN_PREDICATE_TYPE);
    let referrers: Vec<&Descriptor> = attached.iter().filter(may_be).collect();
    if referrers.is_empty() {
        return Err(DeliverError::ManifestNotSigned { manifest: manifest.digest });
    }
    if referrers.len() > MOST_BUNDLES {
        return Err(DeliverError::TooManyBundles { found: referrers.len(), limit: MOST_BUNDLES });
    }
    let (mut accepted, mut refusal) = (Vec::new(), None::<DeliverError>);
    for referrer in referrers {
        match signature(store, referrer, requirements, limits) {
            Ok(one) if one.manifests().contains(&manifest.digest) => accepted.push(one),
            Ok(_) => further(&mut refusal, DeliverError::OtherManifest { manifest: manifest.digest }),
            Err(error) => further(&mut refusal, error),
        }
    }
    if accepted.is_empty() {
        return Err(refusal.unwrap_or(DeliverError::ManifestNotSigned { manifest: manifest.digest }));
    }
    let signers = Verified::<ManifestSignature>::signers_of(&manifest.digest, accepted, requirements);
    if signers.is_empty() {
        // Somebody signed, so they are fewer than are demanded.
        let wanted = requirements.wanted_signers().get();
        let why = refusal.map(|refusal| refusal.to_string());
        return Err(DeliverError::TooFewManifestSigners { manifest: manifest.digest, wanted, why });
    }
    Ok(signers)
}

/// One bundle, which is to be a signature over manifests by somebody trusted.
fn signature(
    store: &dyn Store,
    referrer: &Descriptor,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Verified<ManifestSignature>, DeliverError> {
    let signature = SignatureReferrer::parse(&store.manifest(referrer)?)?;
    let bundle = store.small_blob(&signature.bundle, MANIFEST_BUNDLE_LIMIT)?;
    Unverified::<ManifestSignature>::parse(&bundle, limits)
        .and_then(|one| one.verify(requirements))
        .map_err(DeliverError::Refused)
}

/// Keeps the refusal that came further.
fn further(kept: &mut Option<DeliverError>, error: DeliverError) {
    let how_far = |error: &DeliverError| match error {
        DeliverError::OtherManifest { .. } => (2, None),
        DeliverError::Refused(failure) => (1, Some(failure.how_far())),
        _ => (0, None),
    };
    if kept.as_ref().is_none_or(|old| how_far(&error) > how_far(old)) {
        *kept = Some(error);
    }
}
