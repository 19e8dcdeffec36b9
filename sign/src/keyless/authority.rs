//! Fulcio: a certificate for a key, in exchange for a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::Token;
use crate::certificate::{is_for, pem_blocks};
use crate::service::{Answer, Service};
use crate::{FileKey, SignError, Signer};

/// The longest answer, in bytes.
const ANSWER_LIMIT: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    signed_certificate_embedded_sct: Option<Issued>,
}

#[derive(Deserialize)]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// Asks for a certificate for `key` (Fulcio's API v2, `CreateSigningCertificate`), and gives the leaf in DER.
pub(super) fn certify(service: &Service, token: &Token, key: &FileKey) -> Result<Vec<u8>, SignError> {
    let proof = key.sign(token.challenge().as_bytes())?;
    let request = json!({
        "credentials": {"oidcIdentityToken": token.secret()},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": key.public_key().to_pem()},
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    let answer = service.at("api/v2/signingCert")?.post(
        "application/json",
        request.to_string().into_bytes(),
        ANSWER_LIMIT,
    )?;
    if !answer.is_success() {
        return Err(refusal(service, &answer));
    }
    let leaf = leaf_of(&answer).ok_or_else(|| {
        service.odd(format!(
            "{}, in which there is no certificate with a promise of a certificate log",
            answer.summary()
        ))
    })?;
    let certificate = Certificate::from_der(&leaf)
        .map_err(|error| service.odd(format!("issued a certificate that cannot be read: {error}")))?;
    is_for(&certificate, key.public_key()).map_err(|_| SignError::Issued {
        detail: format!(
            "the certificate authority at {} issued a certificate for another key",
            service.url()
        ),
    })?;
    Ok(leaf)
}

fn leaf_of(answer: &Answer) -> Option<Vec<u8>> {
    let wire: Wire = serde_json::from_slice(&answer.body).ok()?;
    let first = wire.signed_certificate_embedded_sct?.chain.certificates.into_iter().next()?;
    pem_blocks(&first).ok()?.into_iter().next()
}

/// Fulcio says 400 to a token that it does not believe, others 401 or 403.
fn refusal(service: &Service, answer: &Answer) -> SignError {
    match answer.status {
        400 | 401 | 403 if answer.content_type != "text/html" => SignError::Token {
            detail: format!(
                "was refused: the certificate authority at {} {}",
                service.url(),
                answer.summary()
            ),
        },
        _ => service.odd(answer.summary()),
    }
}
