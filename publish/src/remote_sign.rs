//! Signing what a store holds, from its manifest alone.

use lacre_attest::{Bundle, Limits, MODEL_PREDICATE_TYPE, ModelClaim};
use lacre_registry_client::{Descriptor, ModelArtifact, Store, Target};
use lacre_sign::{Signer, seal};

use crate::attach::attach;
use crate::{Attached, PublishError};

/// A claim about a model that a store holds. Nobody looked at its content: a raw layer is a file, so the manifest already
/// says which SHA-256 digests the files have, and the claim says that this is where they are from.
#[derive(Debug, Clone)]
pub struct Listed {
    manifest: Descriptor,
    claim: ModelClaim,
}

impl Listed {
    /// Reads the manifest of this digest, and claims of its layers that they are the model `name`.
    ///
    /// The digest is what makes this sound: whoever signs must have it from somebody who knows the model (the pipeline that
    /// pushed it, say), because a tag leads wherever the store leads it.
    ///
    /// # Errors
    /// `E-USAGE` when `target` is no digest; the codes of [`ModelArtifact::parse`] when it is no model; those of
    /// [`ModelClaim::new`] for the name and version.
    pub fn read(
        store: &dyn Store,
        target: &Target,
        name: &str,
        version: Option<String>,
    ) -> Result<Self, PublishError> {
        let Target::Digest(_) = target else { return Err(PublishError::NotPinned) };
        let manifest = store.resolve(target)?;
        let artifact = ModelArtifact::parse(&store.manifest(&manifest)?)?;
        let claim = ModelClaim::new(name, version, artifact.files()?, Vec::new())?.not_inspected()?;
        Ok(Self { manifest, claim })
    }

    /// The manifest that was read.
    pub fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// What will be claimed.
    pub fn claim(&self) -> &ModelClaim {
        &self.claim
    }

    /// Signs the claim.
    pub fn seal(&self, signer: &dyn Signer, limits: &Limits) -> Result<Bundle, PublishError> {
        Ok(seal(&self.claim, signer, limits)?)
    }

    /// Puts a signature beside the model, where a pull finds it.
    pub fn attach(&self, store: &dyn Store, bundle: &[u8]) -> Result<Attached, PublishError> {
        attach(store, &self.manifest, bundle, MODEL_PREDICATE_TYPE)
    }
}
