//! From a claim to a signed bundle.

use lacre_attest::{
    AttestError, Bundle, Declaration, Envelope, IN_TOTO_PAYLOAD_TYPE, KeyHint, Limits, ManifestClaim,
    Material, ModelClaim, pae,
};
use lacre_hash::Sha256Digest;

use crate::{SignError, Signer};

/// Signs a claim about a model: statement bytes, DSSE pre-authentication encoding, signature, bundle.
///
/// The signature is verified with the signer's own public key before the bundle is returned, because a token or a
/// key service can answer with a signature by another key, over another hash, or with garbage; nobody should find
/// that out from a verifier, after the release. That refusal is [`SignError::SelfCheck`].
///
/// A statement that is longer than `limits` allow is refused (`E-LIMIT`) before anything is signed: a verifier with the
/// same limits would refuse it.
pub fn seal(claim: &ModelClaim, signer: &dyn Signer, limits: &Limits) -> Result<Bundle, SignError> {
    sealed(statement(claim, limits)?, signer, signer.material())
}

/// Signs a claim about manifests of a store, as [`seal`] signs one about a model. A key is named in cosign's way: such
/// bundles are for cosign and its kin, and OMS knows nothing of them.
pub fn seal_manifests(
    claim: &ManifestClaim,
    signer: &dyn Signer,
    limits: &Limits,
) -> Result<Bundle, SignError> {
    sealed(claim.to_statement(limits)?, signer, cosign_material(signer))
}

/// Signs a checkpoint or a summary, as [`seal_manifests`] signs a claim about manifests.
pub fn seal_declaration(declaration: &Declaration, signer: &dyn Signer) -> Result<Bundle, SignError> {
    sealed(declaration.payload().to_vec(), signer, cosign_material(signer))
}

fn cosign_material(signer: &dyn Signer) -> Material {
    match signer.material() {
        Material::PublicKey(_) => {
            Material::PublicKey(KeyHint::CosignBase64(Sha256Digest::of(signer.public_key().to_der())))
        }
        other => other,
    }
}

fn sealed(payload: Vec<u8>, signer: &dyn Signer, material: Material) -> Result<Bundle, SignError> {
    let message = pae(IN_TOTO_PAYLOAD_TYPE, &payload);
    let signature = signer.sign(&message)?;
    signer.public_key().verify(&message, &signature).map_err(|_| SignError::SelfCheck)?;
    let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload, signature)
        .map_err(|error| SignError::bug(format!("putting a signature into its envelope: {error}")))?;
    Ok(Bundle::new(material, envelope))
}

/// The statement of a claim, if it is not longer than `limits` allow.
pub(crate) fn statement(claim: &ModelClaim, limits: &Limits) -> Result<Vec<u8>, SignError> {
    let payload = claim.to_statement()?;
    if payload.len() > limits.statement {
        let (what, size) = ("bytes of statement", payload.len());
        return Err(AttestError::Limit { what, size, limit: limits.statement }.into());
    }
    Ok(payload)
}
