//! Rekor: an entry for the signature, with the proof that it is there.

use sigstore_sign::crypto::sha256;
use sigstore_sign::rekor::{
    DsseEntry, HashedRekord, HashedRekordV2, LogEntry, RekorApiVersion, RekorV2KeyDetails,
};
use sigstore_sign::types::{
    DerCertificate, DsseEnvelope, DsseSignature, KeyId, KindVersion, PayloadBytes, SignatureBytes,
    TransparencyLogEntry,
};

use lacre_attest::IN_TOTO_PAYLOAD_TYPE;
use lacre_manifest::escape;
use serde_json::Value;

use super::{Logged, TrustConfig};
use crate::SignError;
use crate::service::Service;

/// The longest answer, in bytes. A log of 2⁶⁴ entries has proofs of 4 KiB.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Logs the signature over `what`, and gives the entry as bundles carry it, in JSON.
///
/// Rekor v2 is told the digest of what was signed (`hashedrekord` 0.0.2) and nothing of the statement; `dsse` 0.0.2 is
/// written by one client and read by few.
pub(super) fn submit(
    config: &TrustConfig,
    certificate: &[u8],
    what: &Logged<'_>,
    signature: &[u8],
) -> Result<Vec<u8>, SignError> {
    let (service, version) = config.log();
    let certificate = DerCertificate::from_bytes(certificate);
    let signature = SignatureBytes::from_bytes(signature);
    let encode = |error: &dyn std::fmt::Display| SignError::bug(format!("writing a log entry: {error}"));
    let entry = match version {
        RekorApiVersion::V2 => {
            let request = HashedRekordV2::new_with_certificate(
                &sha256(what.message()),
                &signature,
                &certificate,
                RekorV2KeyDetails::PkixEcdsaP256Sha256,
            );
            let request = serde_json::to_vec(&request).map_err(|error| encode(&error))?;
            answered::<TransparencyLogEntry>(service, "api/v2/log/entries", request)?
        }
        RekorApiVersion::V1 => {
            let (request, kind) = match what {
                Logged::Statement { payload, .. } => {
                    let envelope = DsseEnvelope::new(
                        IN_TOTO_PAYLOAD_TYPE.to_owned(),
                        PayloadBytes::from_bytes(payload),
                        DsseSignature::new(signature, KeyId::default()),
                    );
                    let entry = DsseEntry::new(&envelope, &certificate).map_err(|error| encode(&error))?;
                    (serde_json::to_vec(&entry), KindVersion::DsseV001)
                }
                Logged::Message(message) => {
                    let entry = HashedRekord::new(&sha256(message), &signature, &certificate);
                    (serde_json::to_vec(&entry), KindVersion::HashedRekordV001)
                }
            };
            let entries = answered::<std::collections::BTreeMap<String, LogEntry>>(
                service,
                "api/v1/log/entries",
                request.map_err(|error| encode(&error))?,
            )?;
            let entry = entries.into_values().next();
            entry
                .ok_or_else(|| service.odd("answered with no entry"))?
                .to_bundle_entry(kind)
                .map_err(|error| odd(service, &error))?
        }
        _ => return Err(SignError::bug("a log of a version that was not chosen")),
    };
    let mut entry = serde_json::to_value(&entry).map_err(|error| encode(&error))?;
    if let Value::Object(members) = &mut entry {
        // Absent means the same, but some readers want it.
        members.entry("integratedTime").or_insert_with(|| "0".into());
    }
    serde_json::to_vec(&entry).map_err(|error| encode(&error))
}

fn answered<T: serde::de::DeserializeOwned>(
    service: &Service,
    path: &str,
    request: Vec<u8>,
) -> Result<T, SignError> {
    let answer = service.at(path)?.post("application/json", request, ANSWER_LIMIT)?;
    if !answer.is_success() {
        return Err(service.odd(answer.summary()));
    }
    serde_json::from_slice(&answer.body).map_err(|error| match answer.content_type.as_str() {
        "text/html" => service.odd(answer.summary()),
        _ => odd(service, &error),
    })
}

fn odd(service: &Service, error: &dyn std::fmt::Display) -> SignError {
    service.odd(format!("answered with something that is no log entry: {}", escape(&error.to_string())))
}
