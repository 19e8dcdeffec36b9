//! Encrypted artifacts: whose they are is proven before anything is decrypted.

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, Limits};
use lacre_encrypt::Identities;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, EncryptedArtifact, RegistryError, Revealed, SignatureReferrer, Store, Target,
};
use lacre_verify::{Artifact, Requirements, Unverified, Verified};

use crate::DeliverError;
use crate::accept::MOST_BUNDLES;

/// The longest statement that signs manifests, in bytes: some hundred of them.
const LONGEST_STATEMENT: usize = 64 * 1024;

/// An encrypted artifact whose manifest trusted signers stand for, opened.
#[derive(Debug)]
pub struct Envelope<'a> {
    manifest: Descriptor,
    signed: Verified<Artifact>,
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
/// `E-NO-MANIFEST-SIGNATURE` when nobody signed the manifest; when no signature is accepted, the refusal that came furthest;
/// `E-ARTIFACT` when the artifact is not encrypted; `E-NOT-RECIPIENT` when none of the identities opens it; `E-CIPHERTEXT`.
pub fn reveal<'a>(
    store: &'a dyn Store,
    target: &Target,
    identities: Identities,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Envelope<'a>, DeliverError> {
    let manifest = store.resolve(target)?;
    let artifact = EncryptedArtifact::parse(&store.manifest(&manifest)?)?;
    let signed = signed(store, &manifest, requirements, limits)?;
    let content = Revealed::open(store, &artifact, identities)?;
    // What pins the envelope pins what is in it, in the same way: by SHA-256.
    let target = match target {
        Target::Digest(_) => Target::Digest(content.resolve(&Target::Only)?.digest),
        Target::Only | Target::Tag(_) => Target::Only,
    };
    Ok(Envelope { manifest, signed, target, content })
}

impl Envelope<'_> {
    /// The manifest that the reference led to.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Who stands for it.
    pub fn signed(&self) -> &Verified<Artifact> {
        &self.signed
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

/// Finds who stands for the manifest.
fn signed(
    store: &dyn Store,
    manifest: &Descriptor,
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Verified<Artifact>, DeliverError> {
    let referrers = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
    if referrers.len() > MOST_BUNDLES {
        return Err(DeliverError::TooManyBundles { found: referrers.len(), limit: MOST_BUNDLES });
    }
    let limits = Limits { statement: limits.statement.min(LONGEST_STATEMENT), ..*limits };
    let (mut bundles, mut unreadable) = (Unverified::<Artifact>::manifest(manifest.digest), None);
    let mut found = 0;
    for referrer in referrers {
        match bundle(store, &referrer, &limits) {
            Ok(Some(bundle)) => {
                found += 1;
                bundles = bundles.and_bundle(&bundle, &limits);
            }
            Ok(None) => {}
            Err(error) => unreadable = Some(error),
        }
    }
    if found == 0 {
        return Err(match unreadable {
            Some(error) => error.into(),
            None => DeliverError::ManifestNotSigned { manifest: manifest.digest },
        });
    }
    bundles.verify(requirements).map_err(DeliverError::Refused)
}

/// A bundle; nothing when it is said to hold something else than a signature over manifests.
fn bundle(store: &dyn Store, referrer: &Descriptor, limits: &Limits) -> Result<Option<Vec<u8>>, RegistryError> {
    let signature = SignatureReferrer::parse(&store.manifest(referrer)?)?;
    if signature.predicate_type.is_some_and(|predicate| predicate != COSIGN_SIGN_PREDICATE_TYPE) {
        return Ok(None);
    }
    store.small_blob(&signature.bundle, limits.bundle() as u64).map(Some)
}
