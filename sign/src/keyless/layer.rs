//! Sigstore's own layer: keyless signatures over anything. Nothing here says anything about a model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{BUNDLE_MEDIA_TYPE, IN_TOTO_PAYLOAD_TYPE, Limits, Statement, pae};
use lacre_hash::Sha256Digest;
use serde_json::{Value, json};

use super::{Decision, Identity, Logged, Signed, Token, TrustConfig, certified, check};
use crate::SignError;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// The bytes of a statement (in-toto v1), in a DSSE envelope.
    Statement(&'a [u8]),
    /// Any bytes, as they are (`messageSignature`).
    Message(&'a [u8]),
}

/// Signs `content` as [`seal_keyless`](crate::seal_keyless) signs a claim about a model, and with its errors; gives
/// the bundle (version 0.3) in JSON. A statement must have a subject with a SHA-256 digest (`E-STATEMENT`).
pub fn sign(
    content: Content<'_>,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
    limits: &Limits,
) -> Result<Vec<u8>, SignError> {
    match content {
        Content::Statement(payload) => {
            let digest = subject(payload, limits)?;
            let message = pae(IN_TOTO_PAYLOAD_TYPE, payload);
            let signed =
                certified(&Logged::Statement { payload, message: &message }, config, token, confirm)?;
            let bundle = signed.bundle_of(payload.to_vec())?.to_json();
            check::verify(&bundle, digest, config, &signed.identity)?;
            Ok(bundle)
        }
        Content::Message(message) => {
            let digest = Sha256Digest::of(message);
            let signed = certified(&Logged::Message(message), config, token, confirm)?;
            let bundle = message_bundle(&signed, digest)?;
            check::verify(&bundle, digest, config, &signed.identity)?;
            Ok(bundle)
        }
    }
}

/// What the first subject that has a SHA-256 digest has.
pub(super) fn subject(payload: &[u8], limits: &Limits) -> Result<Sha256Digest, SignError> {
    let statement = Statement::parse(payload, limits)?;
    let digest = statement.subjects().iter().find_map(|subject| subject.digest.get("sha256"));
    digest.and_then(|hex| Sha256Digest::from_hex(hex).ok()).ok_or_else(|| {
        let detail = "no subject has a SHA-256 digest".to_owned();
        lacre_attest::AttestError::Statement { detail }.into()
    })
}

/// A bundle of a message. The product's own type of bundles has no room for one, and must not.
fn message_bundle(signed: &Signed, digest: Sha256Digest) -> Result<Vec<u8>, SignError> {
    let ours = |error: serde_json::Error| SignError::bug(format!("writing a bundle: {error}"));
    let entry: Value = serde_json::from_slice(&signed.entry).map_err(ours)?;
    let mut material = json!({
        "certificate": { "rawBytes": STANDARD.encode(&signed.certificate) },
        "tlogEntries": [entry],
    });
    if let Some(timestamp) = &signed.timestamp {
        material["timestampVerificationData"] =
            json!({ "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(timestamp.response()) }] });
    }
    let bundle = json!({
        "mediaType": BUNDLE_MEDIA_TYPE,
        "messageSignature": {
            "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(digest.as_bytes()) },
            "signature": STANDARD.encode(&signed.signature),
        },
        "verificationMaterial": material,
    });
    serde_json::to_vec(&bundle).map_err(ours)
}
