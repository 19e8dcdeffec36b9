//! What is put beside a manifest that a store holds: pinning it, not signing it twice, attaching.

use lacre_attest::{Bundle, Limits, Material};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, Put, SignatureReferrer, Store, Target, attach_signature,
};
use lacre_sign::Signer;

use crate::PublishError;
use crate::push::now;

/// Bundles that are looked into for one that was made before. Anybody can add more; then one more signature is made.
const LOOKED_INTO: usize = 64;

/// A signature that was put beside what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The manifest that carries the signature.
    pub signature: Descriptor,
    /// Whether that very signature was there already.
    pub existed: bool,
}

/// A signature that need not be made if it is there.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The statement, byte for byte.
    pub payload: &'a [u8],
    /// Its predicate type.
    pub predicate_type: &'a str,
    /// Who must have signed it, and in the same way (with a key, or with this certificate).
    pub signer: &'a dyn Signer,
    /// What must stand beside the signature.
    pub evidence: Evidence,
}

/// What must stand beside a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing.
    Any,
    /// A timestamp at least.
    Timestamp,
}

/// Finds the manifest that `target` names, once, and that its bytes are there. From here on it goes by its digest: a tag may
/// lead elsewhere in the next moment, so whoever asked by a tag should be told what it led to.
///
/// # Errors
/// Those of [`Store::resolve`] and [`Store::manifest`].
pub fn pin(store: &dyn Store, target: &Target) -> Result<Descriptor, PublishError> {
    let found = store.resolve(target)?;
    store.manifest(&found)?;
    Ok(found)
}

/// Looks beside `manifest` for a signature that says the same already: so a pipeline that runs twice leaves one.
///
/// What cannot be read is not the wanted one. Whose bundle it is shows the signature, by the signer's own key; nothing else
/// in it counts.
///
/// # Errors
/// Those of [`Store::referrers`] and of reading what it lists.
pub fn find(
    store: &dyn Store,
    manifest: &Descriptor,
    wanted: &Wanted<'_>,
) -> Result<Option<Attached>, PublishError> {
    // Exactly this payload, so not more than fits around it.
    let limits = Limits { statement: wanted.payload.len(), ..Limits::default() };
    let referrers = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
    let announced = referrers
        .into_iter()
        .filter(|it| it.announced_predicate().is_none_or(|announced| announced == wanted.predicate_type));
    for referrer in announced.take(LOOKED_INTO) {
        let Ok(found) = SignatureReferrer::parse(&store.manifest(&referrer)?) else { continue };
        if found.bundle.size > limits.bundle() as u64 {
            continue;
        }
        let bundle = match store.small_blob(&found.bundle, found.bundle.size) {
            Ok(bundle) => bundle,
            // It is listed and is not there, or not as it was: what it said is lost.
            Err(error) if ["E-BLOB-MISSING", "E-BLOB-DIGEST"].contains(&error.code()) => continue,
            Err(error) => return Err(error.into()),
        };
        if Bundle::parse(&bundle, &limits).is_ok_and(|bundle| wanted.is(&bundle)) {
            return Ok(Some(Attached { signature: referrer, existed: true }));
        }
    }
    Ok(None)
}

impl Wanted<'_> {
    fn is(&self, bundle: &Bundle) -> bool {
        let key = self.signer.public_key();
        let same_way = match (bundle.material(), self.signer.material()) {
            (Material::PublicKey(hint), Material::PublicKey(_)) => hint.names(key) == Some(true),
            (found, wanted) => *found == wanted,
        };
        let vouched = match self.evidence {
            Evidence::Any => true,
            Evidence::Timestamp => bundle.timestamps() > 0,
        };
        same_way
            && vouched
            && bundle.envelope().payload() == self.payload
            && bundle.envelope().verify(key).is_ok()
    }
}

/// Puts a bundle beside `manifest`, as cosign does, where a pull finds it.
///
/// # Errors
/// Those of [`attach_signature`].
pub fn attach(
    store: &dyn Store,
    manifest: &Descriptor,
    bundle: &[u8],
    predicate_type: &str,
) -> Result<Attached, PublishError> {
    let (signature, put) = attach_signature(store, manifest, bundle, predicate_type, &now())?;
    Ok(Attached { signature, existed: put == Put::Existed })
}
