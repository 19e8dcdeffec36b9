//! Which of the attached bundles count: those over exactly the artifact's files that meet the requirements.

use std::collections::BTreeMap;
use std::rc::Rc;

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, Limits, MODEL_PREDICATE_TYPE};
use lacre_manifest::{Manifest, diff, escape};
use lacre_registry_client::{Descriptor, ModelArtifact, SignatureReferrer, Store};
use lacre_verify::{
    Claim, Endorsement, Failure, HowFar, ManifestSignature, Requirements, Signer, Unverified, Verified,
};

use crate::DeliverError;
use crate::bundles::{Attached, Bundles, MOST_BUNDLES};
use crate::transfer::packed;

/// The longest bundle over a manifest, in bytes. A statement that names a thousand of them has 100 kB.
pub(crate) const MANIFEST_BUNDLE_LIMIT: u64 = 4 * 1024 * 1024;

pub(crate) struct Accepted {
    pub(crate) claim: Verified<Claim>,
    /// The bundles behind the claim, at least one.
    pub(crate) bundles: Vec<Rc<Attached>>,
    /// Who stands for the manifest itself; as many as are demanded, or nobody.
    pub(crate) manifest_signers: Vec<Signer>,
}

/// Finds signatures over exactly the artifact's files that meet the requirements.
pub(crate) fn accept(
    from: &Bundles<'_>,
    artifact: &ModelArtifact,
    requirements: &Requirements,
) -> Result<Accepted, DeliverError> {
    let (store, manifest, limits) = (from.store, from.manifest, from.limits);
    let referrers = from.signatures()?;
    let wanted = requirements.wanted_signers().get();
    let mut refusal: Option<DeliverError> = None;
    let (mut endorsements, mut bundles) = (Vec::new(), Vec::new());
    for referrer in referrers {
        match candidate(from, referrer, artifact, requirements) {
            Ok(Some(Candidate { endorsement, attached })) => {
                endorsements.push(Ok(endorsement));
                bundles.push(attached);
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
        return Err(match refusal {
            Some(refusal) => refusal,
            None => from.none()?,
        });
    }
    let claim = Verified::unite(endorsements, requirements).map_err(DeliverError::Refused)?;
    let manifest_signers = manifest_signers(store, manifest, &from.attached, requirements, limits)?;
    Ok(Accepted { claim, bundles, manifest_signers })
}

impl Bundles<'_> {
    /// That no model signature is here, and what is instead.
    pub(crate) fn none(&self) -> Result<DeliverError, DeliverError> {
        let others = others(self.store, self.manifest)?;
        Ok(DeliverError::NoSignature { manifest: self.manifest.digest, others })
    }
}

/// Who of the trusted stands for the manifest itself. What is refused only does not count: nobody demands it.
fn manifest_signers(
    store: &dyn Store,
    manifest: &Descriptor,
    bundles: &[Descriptor],
    requirements: &Requirements,
    limits: &Limits,
) -> Result<Vec<Signer>, DeliverError> {
    let signatures = bundles.iter().filter(|it| it.announced_predicate() == Some(COSIGN_SIGN_PREDICATE_TYPE));
    let mut found = Vec::new();
    for referrer in signatures.take(MOST_BUNDLES) {
        let Ok(signature) = SignatureReferrer::parse(&store.manifest(referrer)?) else { continue };
        if signature.bundle.size > MANIFEST_BUNDLE_LIMIT {
            continue;
        }
        let bundle = match store.small_blob(&signature.bundle, MANIFEST_BUNDLE_LIMIT) {
            Ok(bundle) => bundle,
            Err(error) if ["E-BLOB-DIGEST", "E-BLOB-MISSING"].contains(&error.code()) => continue,
            Err(error) => return Err(error.into()),
        };
        let verified =
            Unverified::<ManifestSignature>::parse(&bundle, limits).and_then(|one| one.verify(requirements));
        found.extend(verified);
    }
    Ok(Verified::<ManifestSignature>::signers_of(&manifest.digest, found, requirements))
}

/// What is attached instead of a model signature: how many of which kind, as they call themselves.
fn others(store: &dyn Store, manifest: &Descriptor) -> Result<Vec<String>, DeliverError> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for referrer in store.referrers(&manifest.digest, None)? {
        let kind = match (referrer.announced_predicate(), referrer.artifact_type.as_deref()) {
            (Some(COSIGN_SIGN_PREDICATE_TYPE), _) => "a cosign signature of the manifest".to_owned(),
            (Some(predicate), _) => format!("an attestation ({})", escape(predicate)),
            (None, Some(kind)) => escape(kind),
            (None, None) => "something of no stated type".to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let words = |(kind, number)| if number == 1 { kind } else { format!("{kind}, {number} times") };
    Ok(kinds.into_iter().map(words).collect())
}

/// A bundle that meets the requirements, as far as one can.
struct Candidate {
    endorsement: Verified<Endorsement>,
    attached: Rc<Attached>,
}

/// One bundle; nothing when it is said to hold something else than a model signature.
fn candidate(
    from: &Bundles<'_>,
    referrer: &Descriptor,
    artifact: &ModelArtifact,
    requirements: &Requirements,
) -> Result<Option<Candidate>, DeliverError> {
    let Some(attached) = from.fetch(referrer, &|kind| kind == MODEL_PREDICATE_TYPE)? else { return Ok(None) };
    let endorsement = Unverified::<Endorsement>::parse(&attached.bundle, from.limits)
        .and_then(|one| one.verify(requirements))
        .map_err(DeliverError::Refused)?;
    let signed = signed_digests(&endorsement)?;
    if artifact.packs.is_empty() {
        one_to_one(&artifact.files()?, signed)?;
    } else {
        packed(artifact, signed)?;
    }
    Ok(Some(Candidate { endorsement, attached }))
}

/// Layers are known by SHA-256: nothing else can be compared with them before they are fetched.
pub(crate) fn signed_digests(one: &Verified<Endorsement>) -> Result<&Manifest, DeliverError> {
    one.claim().sha256_manifest().map_err(|error| {
        let report = one.report().clone();
        DeliverError::Refused(Box::new(Failure { error: error.into(), report }))
    })
}

/// Whether the artifact's layers are the signed files: each of them, under its name, and nothing else.
pub(crate) fn one_to_one(files: &Manifest, signed: &Manifest) -> Result<(), DeliverError> {
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
pub(crate) fn how_far(error: &DeliverError) -> (u8, Option<HowFar>) {
    match error {
        DeliverError::Mismatch { .. } => (2, None),
        DeliverError::Refused(failure) => (1, Some(failure.how_far())),
        _ => (0, None),
    }
}
