//! Sigstore bundle, version 0.3 (`sigstore_bundle.proto` of sigstore/protobuf-specs), with a DSSE envelope.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lacre_json::JsonError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dsse::{Envelope, WireEnvelope, WrittenEnvelope};
use crate::error::quoted;
use crate::wire::{Base64, Bounded, Object, Present, Verbatim, decode_base64, encode_base64, to_json};
use crate::{AttestError, KeyHint, Limits, PublicKey};

/// The media type of the one version that is read and written.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What the media types of all versions begin with.
const MEDIA_TYPE_FAMILY: &str = "application/vnd.dev.sigstore.bundle";
/// At most this many transparency log entries, and timestamps (sigstore-go has the same bound).
const EVIDENCE_LIMIT: usize = 32;
/// At most this many certificates in a chain.
const CHAIN_LIMIT: usize = 16;
/// The longest certificate, in bytes.
const CERTIFICATE_LIMIT: usize = 64 * 1024;
/// The longest transparency log entry that is written, in bytes.
const LOG_ENTRY_LIMIT: usize = 512 * 1024;
/// The longest key hint, in bytes.
const HINT_LIMIT: usize = 4096;

/// About what stands beside the envelope in a bundle that is written, in bytes; more is no error.
const BESIDE_ENVELOPE: usize = 4096;

/// By what the signature is to be verified. Nothing in it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Material {
    /// A public key that the verifier must already have.
    PublicKey(KeyHint),
    /// Certificates, as they stand in the bundle. They are recognised, not verified.
    Certificates(CertificateMaterial),
}

/// Certificates of a bundle: DER bytes that nobody has parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMaterial {
    form: CertificateForm,
    certificates: Vec<Vec<u8>>,
}

/// In which member of the bundle certificates stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateForm {
    /// `certificate`: the leaf alone, as Sigstore's keyless signing writes it.
    Leaf,
    /// `x509CertificateChain`: the leaf and what the signer sent with it, as OMS's certificate method writes it.
    Chain,
}

impl CertificateMaterial {
    /// Certificates in DER, leaf first, to be written into a bundle. They are not parsed.
    ///
    /// Refused: none or an empty one, more than one in the form [`CertificateForm::Leaf`] (`E-BUNDLE`), and what
    /// [`Bundle::parse`] would find too large (`E-LIMIT`).
    pub fn new(form: CertificateForm, certificates: Vec<Vec<u8>>) -> Result<Self, AttestError> {
        within("certificates", certificates.len(), CHAIN_LIMIT)?;
        if certificates.is_empty() {
            return Err(malformed("the certificate chain is empty"));
        }
        if form == CertificateForm::Leaf && certificates.len() > 1 {
            return Err(malformed("only one certificate can stand alone"));
        }
        for der in &certificates {
            within("bytes of certificate", der.len(), CERTIFICATE_LIMIT)?;
            if der.is_empty() {
                return Err(malformed("a certificate is empty"));
            }
        }
        Ok(Self { form, certificates })
    }

    /// The member in which the certificates stand.
    pub fn form(&self) -> CertificateForm {
        self.form
    }

    /// The certificates in DER, leaf first; at least one.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
}

/// A bundle: an envelope and by what to verify it. Parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    material: Material,
    envelope: Envelope,
    log_entries: Vec<Verbatim>,
    timestamps: Vec<Verbatim>,
}

impl Bundle {
    /// Makes a bundle with no log entries and no timestamps.
    pub fn new(material: Material, envelope: Envelope) -> Self {
        Self { material, envelope, log_entries: Vec::new(), timestamps: Vec::new() }
    }

    /// Puts in one more RFC 3161 timestamp: the DER of a whole `TimeStampResp`. It is not looked into.
    pub fn with_timestamp(mut self, response: &[u8]) -> Result<Self, AttestError> {
        within("timestamps", self.timestamps.len() + 1, EVIDENCE_LIMIT)?;
        let text = to_json(&WrittenTimestamp { signed_timestamp: Base64(response) }, response.len() * 2);
        self.timestamps.push(verbatim(text)?);
        Ok(self)
    }

    /// Puts in one more entry of a transparency log: the JSON of a `TransparencyLogEntry` (`sigstore_rekor.proto`). It
    /// must be an object in which no key stands twice; beyond that it is not looked into.
    pub fn with_log_entry(mut self, entry: &[u8]) -> Result<Self, AttestError> {
        within("transparency log entries", self.log_entries.len() + 1, EVIDENCE_LIMIT)?;
        let limits = lacre_json::Limits::new(LOG_ENTRY_LIMIT, Limits::default().depth);
        let Object(members) =
            lacre_json::from_slice::<Object<BTreeMap<String, serde_json::Value>>>(entry, limits)
                .map_err(|source| AttestError::Json { part: "transparency log entry", source })?;
        self.log_entries.push(verbatim(to_json(&members, entry.len()))?);
        Ok(self)
    }

    /// Reads a bundle, strictly: media type [`BUNDLE_MEDIA_TYPE`], exactly one kind of verification material, a
    /// `dsseEnvelope` and no `messageSignature`, exactly one signature, no unknown members, canonical base64.
    ///
    /// Bundles of OMS before model-signing 1.1 (`publicKey` with `rawBytes`, no `tlogEntries`) are read too.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, AttestError> {
        let Object(wire) = lacre_json::from_slice::<Object<WireBundle<'_>>>(text, limits.bundle_json())
            .map_err(|error| match error {
                JsonError::Shape { .. } => malformed(error.to_string()),
                source => AttestError::Json { part: "bundle", source },
            })?;
        if wire.media_type != BUNDLE_MEDIA_TYPE {
            let found = quoted(&wire.media_type);
            return Err(if wire.media_type.starts_with(MEDIA_TYPE_FAMILY) {
                AttestError::Unsupported { what: "the bundle version", found }
            } else {
                malformed(format!("the media type is {found}, not {BUNDLE_MEDIA_TYPE}"))
            });
        }
        let envelope = match (wire.dsse_envelope, wire.message_signature.0) {
            (Some(Object(envelope)), false) => Envelope::from_wire(envelope, limits)?,
            (Some(_), true) => return Err(malformed("it holds a messageSignature beside the dsseEnvelope")),
            (None, true) => {
                return Err(malformed("it signs bytes (messageSignature), not a statement (dsseEnvelope)"));
            }
            (None, false) => return Err(malformed("it holds no dsseEnvelope")),
        };
        let Object(material) = wire.verification_material;
        let log_entries = material.tlog_entries.unwrap_or_default();
        within("transparency log entries", log_entries.count, EVIDENCE_LIMIT)?;
        let timestamps = material
            .timestamp_verification_data
            .and_then(|Object(data)| data.rfc3161_timestamps)
            .unwrap_or_default();
        within("timestamps", timestamps.count, EVIDENCE_LIMIT)?;
        let material = match (material.public_key, material.certificate, material.x509_certificate_chain) {
            (Some(Object(key)), None, None) => Material::PublicKey(key_hint(key)?),
            (None, Some(leaf), None) => {
                certificates(CertificateForm::Leaf, Bounded { kept: vec![leaf], count: 1 })?
            }
            (None, None, Some(Object(chain))) => certificates(CertificateForm::Chain, chain.certificates)?,
            (None, None, None) => return Err(malformed("it holds no verification material")),
            _ => return Err(malformed("it holds more than one kind of verification material")),
        };
        Ok(Self {
            material,
            envelope,
            log_entries: log_entries.kept.into_iter().map(Verbatim::from).collect(),
            timestamps: timestamps.kept.into_iter().map(Verbatim::from).collect(),
        })
    }

    /// The bundle as JSON: compact, keys in code-point order, so that equal bundles have equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let mut material = WrittenMaterial {
            timestamp_verification_data: (!self.timestamps.is_empty())
                .then_some(WrittenTimestamps { rfc3161_timestamps: &self.timestamps }),
            tlog_entries: &self.log_entries,
            ..WrittenMaterial::default()
        };
        match &self.material {
            Material::PublicKey(hint) => material.public_key = Some(WrittenPublicKey::from(hint)),
            Material::Certificates(held) => {
                let mut written =
                    held.certificates.iter().map(|der| WrittenCertificate::from(der.as_slice()));
                match held.form {
                    CertificateForm::Leaf => material.certificate = written.next(),
                    CertificateForm::Chain => {
                        material.x509_certificate_chain =
                            Some(WrittenChain { certificates: written.collect() });
                    }
                }
            }
        }
        let bundle = WrittenBundle {
            dsse_envelope: self.envelope.to_wire(),
            media_type: BUNDLE_MEDIA_TYPE,
            verification_material: material,
        };
        // Written from structs whose members stand in order: a tree of values would copy the payload twice more.
        to_json(&bundle, self.envelope.json_length() + BESIDE_ENVELOPE)
    }

    /// By what the signature is to be verified.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// The signed envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The media type: always [`BUNDLE_MEDIA_TYPE`].
    pub fn media_type(&self) -> &str {
        BUNDLE_MEDIA_TYPE
    }

    /// How many transparency log entries it carries. They are not verified.
    pub fn log_entries(&self) -> usize {
        self.log_entries.len()
    }

    /// The transparency log entries, each as the JSON that stands in the bundle. Not verified, and not even read: only
    /// that they are JSON with no key twice is known.
    pub fn log_entries_json(&self) -> impl ExactSizeIterator<Item = &str> {
        self.log_entries.iter().map(Verbatim::get)
    }

    /// The RFC 3161 timestamps, each as the JSON that stands in the bundle, as little read as the log entries.
    pub fn timestamps_json(&self) -> impl ExactSizeIterator<Item = &str> {
        self.timestamps.iter().map(Verbatim::get)
    }

    /// How many RFC 3161 timestamps it carries. They are not verified.
    pub fn timestamps(&self) -> usize {
        self.timestamps.len()
    }
}

fn key_hint(key: WirePublicKey<'_>) -> Result<KeyHint, AttestError> {
    let WirePublicKey { hint, raw_bytes, key_details } = key;
    let Some(raw_bytes) = raw_bytes else {
        if key_details.is_some() {
            return Err(malformed("publicKey holds keyDetails without rawBytes"));
        }
        let hint = hint.unwrap_or_default();
        within("bytes of key hint", hint.len(), HINT_LIMIT)?;
        return Ok(KeyHint::parse(&hint));
    };
    if hint.is_some() {
        return Err(malformed("publicKey holds a hint beside rawBytes"));
    }
    let bytes = decode_base64(&raw_bytes).map_err(|why| malformed(format!("publicKey.rawBytes is {why}")))?;
    let text = String::from_utf8(bytes).map_err(|_| malformed("publicKey.rawBytes is not a PEM text"))?;
    let key = PublicKey::from_pem(&text)?;
    match key_details {
        Some(details) if details != key.algorithm().key_details() => Err(malformed(format!(
            "publicKey.keyDetails is {}, but the key is {}",
            quoted(&details),
            key.algorithm().key_details()
        ))),
        _ => Ok(KeyHint::Key(key)),
    }
}

fn certificates(
    form: CertificateForm,
    list: Bounded<Object<WireCertificate<'_>>, CHAIN_LIMIT>,
) -> Result<Material, AttestError> {
    within("certificates", list.count, CHAIN_LIMIT)?;
    if list.count == 0 {
        return Err(malformed("the certificate chain is empty"));
    }
    let mut certificates = Vec::with_capacity(list.kept.len());
    for Object(certificate) in list.kept {
        within("bytes of certificate", certificate.raw_bytes.len() / 4 * 3, CERTIFICATE_LIMIT + 2)?;
        let der = decode_base64(&certificate.raw_bytes)
            .map_err(|why| malformed(format!("a certificate is {why}")))?;
        within("bytes of certificate", der.len(), CERTIFICATE_LIMIT)?;
        if der.is_empty() {
            return Err(malformed("a certificate is empty"));
        }
        certificates.push(der);
    }
    Ok(Material::Certificates(CertificateMaterial { form, certificates }))
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Bundle { detail: detail.into() }
}

fn verbatim(text: Vec<u8>) -> Result<Verbatim, AttestError> {
    Verbatim::from_json(text).ok_or_else(|| malformed("evidence that is no JSON"))
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), AttestError> {
    if size > limit { Err(AttestError::Limit { what, size, limit }) } else { Ok(()) }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireBundle<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    #[serde(borrow)]
    verification_material: Object<WireMaterial<'a>>,
    #[serde(borrow, default)]
    dsse_envelope: Option<Object<WireEnvelope<'a>>>,
    #[serde(default)]
    message_signature: Present,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireMaterial<'a> {
    #[serde(borrow, default)]
    public_key: Option<Object<WirePublicKey<'a>>>,
    #[serde(borrow, default)]
    certificate: Option<Object<WireCertificate<'a>>>,
    #[serde(borrow, default)]
    x509_certificate_chain: Option<Object<WireChain<'a>>>,
    #[serde(borrow, default)]
    tlog_entries: Option<Bounded<&'a RawValue, EVIDENCE_LIMIT>>,
    #[serde(borrow, default)]
    timestamp_verification_data: Option<Object<WireTimestamps<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WirePublicKey<'a> {
    #[serde(borrow, default)]
    hint: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    raw_bytes: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    key_details: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireCertificate<'a> {
    #[serde(borrow)]
    raw_bytes: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireChain<'a> {
    #[serde(borrow)]
    certificates: Bounded<Object<WireCertificate<'a>>, CHAIN_LIMIT>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireTimestamps<'a> {
    #[serde(borrow, default)]
    rfc3161_timestamps: Option<Bounded<&'a RawValue, EVIDENCE_LIMIT>>,
}

// Members of the written types stand in code-point order of their names.

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenBundle<'a> {
    dsse_envelope: WrittenEnvelope<'a>,
    media_type: &'static str,
    verification_material: WrittenMaterial<'a>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMaterial<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<WrittenCertificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<WrittenPublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<WrittenTimestamps<'a>>,
    #[serde(skip_serializing_if = "<[Verbatim]>::is_empty")]
    tlog_entries: &'a [Verbatim],
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<WrittenChain>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenTimestamps<'a> {
    rfc3161_timestamps: &'a [Verbatim],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenTimestamp<'a> {
    signed_timestamp: Base64<'a>,
}

#[derive(Debug, Serialize)]
struct WrittenChain {
    certificates: Vec<WrittenCertificate>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCertificate {
    raw_bytes: String,
}

impl From<&[u8]> for WrittenCertificate {
    fn from(der: &[u8]) -> Self {
        Self { raw_bytes: encode_base64(der) }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPublicKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_details: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_bytes: Option<String>,
}

impl From<&KeyHint> for WrittenPublicKey {
    fn from(hint: &KeyHint) -> Self {
        match hint {
            KeyHint::Key(key) => Self {
                hint: None,
                key_details: Some(key.algorithm().key_details()),
                raw_bytes: Some(encode_base64(key.to_pem().as_bytes())),
            },
            other => Self { hint: other.text(), ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests;
