//! What is to become a release: an artifact in a store, and what is signed beside it.

use lacre_attest::{
    Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, MODEL_PREDICATE_TYPE, ModelClaim, PublicKey, Statement,
};
use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, ModelArtifact, SignatureReferrer, Store, Target,
};
use lacre_release::{AttestationRef, ChannelId, Contents, ManifestRef, Version};

use super::ChannelProblem;
use super::edit::{Launch, Publication};
use crate::PublishError;

/// Bundles that are looked into. Anybody can add more.
const LOOKED_INTO: usize = 64;
/// What a document lists of a release's attestations.
const MOST_ATTESTATIONS: usize = 64;

/// An artifact whose layers are the files of a signed model. Whose signature it is was checked only if keys were
/// given: what is listed in a channel still has to be believed by every client, by its own trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    manifest: Descriptor,
    name: String,
    version: Option<String>,
    contents: Contents,
    attestations: Vec<AttestationRef>,
    signatures: usize,
}

/// What one bundle beside the artifact is.
enum Beside {
    Model(Box<ModelClaim>),
    Attestation(AttestationRef),
    Other,
}

impl Candidate {
    /// Looks at the artifact that `target` names: its layers have to be the files of every signature of a model beside
    /// it, or, with `keys`, of those that one of them made.
    ///
    /// # Errors
    /// `E-NO-SIGNATURE` when none fits; `E-CLAIMS-DIFFER` when those that fit claim different contents, names or
    /// versions; those of reading the artifact and its referrers.
    pub fn look(
        store: &dyn Store,
        target: &Target,
        keys: &[PublicKey],
        limits: &Limits,
    ) -> Result<Self, PublishError> {
        let manifest = store.resolve(target)?;
        let artifact = ModelArtifact::parse(&store.manifest(&manifest)?)?;
        let unsigned = |reason: String| ChannelProblem::Unsigned { manifest: manifest.digest, reason };
        let mut reason = "there is none".to_owned();
        let mut found: Option<Self> = None;
        let mut attestations = Vec::new();
        let referrers = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
        for referrer in referrers.iter().take(LOOKED_INTO) {
            let claim = match beside(store, &manifest.digest, referrer, keys, limits) {
                Ok(Beside::Model(claim)) => claim,
                Ok(Beside::Attestation(attestation)) => {
                    attestations.push(attestation);
                    continue;
                }
                Ok(Beside::Other) => continue,
                // Anybody can put something there; what cannot be read counts for nothing.
                Err(error) => {
                    reason = error.to_string();
                    continue;
                }
            };
            let one = match Self::of(&manifest, &artifact, &claim) {
                Ok(one) => one,
                Err(what) => {
                    reason = what;
                    continue;
                }
            };
            match &mut found {
                None => found = Some(one),
                Some(first) if first.says_what(&one) => first.signatures += 1,
                Some(_) => return Err(ChannelProblem::Ambiguous { manifest: manifest.digest }.into()),
            }
        }
        let mut found = found.ok_or_else(|| unsigned(reason))?;
        attestations.sort_by_key(|one| (one.predicate_type.clone(), one.sha256));
        attestations.dedup();
        attestations.truncate(MOST_ATTESTATIONS);
        found.attestations = attestations;
        Ok(found)
    }

    /// The release that it becomes. The signed name has to be that of the channel's model, and the signed version, if
    /// there is one, that of the release (`E-NAME-MISMATCH`, `E-VERSION-MISMATCH`).
    pub fn publication(
        &self,
        id: &ChannelId,
        version: Version,
        counter: Option<u64>,
        launch: Launch,
        repository: Option<String>,
    ) -> Result<Publication, PublishError> {
        let called = |what, signed: &str, wanted: &str| {
            let (signed, wanted) = (signed.chars().take(200).collect(), wanted.to_owned());
            Err(ChannelProblem::Called { what, signed, wanted }.into())
        };
        if self.name != id.model.as_str() {
            return called("name", &self.name, id.model.as_str());
        }
        if let Some(signed) = self.version.as_deref().filter(|signed| *signed != version.as_str()) {
            return called("version", signed, version.as_str());
        }
        let Descriptor { media_type, digest, size, .. } = self.manifest.clone();
        let manifest = ManifestRef { media_type, repository, sha256: digest, size };
        let (model_digests, attestations) = (self.contents, self.attestations.clone());
        Ok(Publication { version, counter, manifest, model_digests, attestations, launch })
    }

    /// The manifest of the artifact.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// How many signatures of the model fit.
    pub fn signatures(&self) -> usize {
        self.signatures
    }

    /// The attestations that lie beside it and are about it. Nobody was asked whose they are.
    pub fn attestations(&self) -> &[AttestationRef] {
        &self.attestations
    }

    /// What `claim` says of the artifact, if its files are the artifact's layers.
    fn of(manifest: &Descriptor, artifact: &ModelArtifact, claim: &ModelClaim) -> Result<Self, String> {
        let signed = claim.sha256_manifest().map_err(|error| error.to_string())?;
        for layer in &artifact.layers {
            let entry = signed.get(layer.path.as_str());
            if entry.and_then(|entry| entry.sha256()) != Some(&layer.descriptor.digest) {
                return Err(format!("{} is not as it was signed", layer.path));
            }
        }
        // What is in archives, the manifest does not tell.
        if artifact.packs.is_empty() && signed.len() != artifact.layers.len() {
            return Err("a signed file is not in the artifact".to_owned());
        }
        let size_of = |path: &lacre_manifest::EntryPath| {
            let layer = artifact.layers.iter().find(|layer| layer.path == *path);
            layer.map(|layer| layer.descriptor.size)
        };
        let identity = claim.identity_by(size_of).ok_or("the sizes of its files are not known")?;
        Ok(Self {
            manifest: manifest.clone(),
            name: claim.name().to_owned(),
            version: claim.version().map(str::to_owned),
            contents: Contents { lacre: identity.digest(), sha256: *claim.root() },
            attestations: Vec::new(),
            signatures: 1,
        })
    }

    fn says_what(&self, other: &Self) -> bool {
        (&self.name, &self.version, self.contents) == (&other.name, &other.version, other.contents)
    }
}

fn beside(
    store: &dyn Store,
    manifest: &Sha256Digest,
    referrer: &Descriptor,
    keys: &[PublicKey],
    limits: &Limits,
) -> Result<Beside, PublishError> {
    let found = SignatureReferrer::parse(&store.manifest(referrer)?)?;
    let bytes = store.small_blob(&found.bundle, limits.bundle() as u64)?;
    let bundle = Bundle::parse(&bytes, limits)?;
    let payload = bundle.envelope().payload();
    let statement = Statement::parse_any_version(payload, limits)?;
    let kind = statement.predicate_type();
    if kind == MODEL_PREDICATE_TYPE {
        let claim = ModelClaim::from_statement(&Statement::parse(payload, limits)?)?;
        if !keys.is_empty() && !keys.iter().any(|key| bundle.envelope().verify(key).is_ok()) {
            return Ok(Beside::Other);
        }
        return Ok(Beside::Model(Box::new(claim)));
    }
    let hex = manifest.to_string();
    let is_about = statement.subjects().iter().any(|subject| subject.digest.get("sha256") == Some(&hex));
    if !is_about || kind == COSIGN_SIGN_PREDICATE_TYPE {
        return Ok(Beside::Other);
    }
    let predicate_type = kind.to_owned();
    Ok(Beside::Attestation(AttestationRef { predicate_type, sha256: Sha256Digest::of(&bytes) }))
}
