//! Sigstore bundles of every version and content, read as strictly as the product reads its own.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{Envelope, Limits};
use lacre_verify::sigstore_layer_that_proves_no_model::{MessageHash, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Refusal;

/// At most this many certificates.
const CHAIN_LIMIT: usize = 16;

/// A bundle, read and not verified.
#[derive(Debug)]
pub(crate) struct AnyBundle<'a> {
    pub(crate) version: Version,
    pub(crate) content: AnyContent,
    pub(crate) material: AnyMaterial,
    pub(crate) entries: Vec<&'a str>,
    pub(crate) timestamps: Vec<&'a str>,
}

#[derive(Debug)]
pub(crate) enum AnyContent {
    Statement(Envelope),
    Message { signature: Vec<u8>, digest: Option<(MessageHash, Vec<u8>)> },
}

#[derive(Debug)]
pub(crate) enum AnyMaterial {
    Leaf(Vec<u8>),
    Chain(Vec<Vec<u8>>),
    Key,
}

impl<'a> AnyBundle<'a> {
    pub(crate) fn read(text: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        let text = lacre_json::check(text, lacre_json::Limits::new(limits.bundle(), limits.depth))
            .map_err(|error| Refusal { code: error.code(), detail: error.to_string() })?;
        let wire: WireBundle<'a> = object(text)?;
        let material: WireMaterial<'a> = object(wire.verification_material.get())?;
        let version = match wire.media_type.as_ref() {
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Version::V01,
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Version::V02,
            "application/vnd.dev.sigstore.bundle+json;version=0.3"
            | "application/vnd.dev.sigstore.bundle.v0.3+json" => Version::V03,
            other => return Err(malformed(format!("the media type is {other:?}"))),
        };
        let content = match (wire.dsse_envelope, wire.message_signature) {
            (Some(envelope), None) => AnyContent::Statement(
                Envelope::parse(envelope.get().as_bytes(), limits)
                    .map_err(|error| Refusal { code: error.code(), detail: error.to_string() })?,
            ),
            (None, Some(message)) => message_content(message)?,
            (Some(_), Some(_)) => return Err(malformed("it holds two contents")),
            (None, None) => return Err(malformed("it holds no content")),
        };
        let timestamps = match material.timestamp_verification_data {
            None => Vec::new(),
            Some(data) => object::<WireTimestamps<'a>>(data.get())?.rfc3161_timestamps.unwrap_or_default(),
        };
        let material_of = match (material.certificate, material.x509_certificate_chain, material.public_key) {
            (Some(certificate), None, None) => AnyMaterial::Leaf(certificate_der(certificate)?),
            (None, Some(chain), None) => {
                let certificates = object::<WireChain<'_>>(chain.get())?.certificates;
                if certificates.len() > CHAIN_LIMIT {
                    return Err(malformed(format!("it holds {} certificates", certificates.len())));
                }
                AnyMaterial::Chain(certificates.into_iter().map(certificate_der).collect::<Result<_, _>>()?)
            }
            (None, None, Some(key)) => {
                object::<WireKey<'_>>(key.get())?;
                AnyMaterial::Key
            }
            _ => return Err(malformed("it does not hold exactly one kind of verification material")),
        };
        Ok(Self {
            version,
            content,
            material: material_of,
            entries: texts(material.tlog_entries),
            timestamps: texts(Some(timestamps)),
        })
    }
}

fn texts(values: Option<Vec<&RawValue>>) -> Vec<&str> {
    values.unwrap_or_default().into_iter().map(RawValue::get).collect()
}

fn message_content(message: &RawValue) -> Result<AnyContent, Refusal> {
    let wire: WireMessage<'_> = object(message.get())?;
    let digest = match wire.message_digest {
        None => None,
        Some(digest) => {
            let WireDigest { algorithm, digest } = object(digest.get())?;
            let hash = match algorithm.as_ref() {
                "SHA2_256" => MessageHash::Sha256,
                "SHA2_384" => MessageHash::Sha384,
                "SHA2_512" => MessageHash::Sha512,
                other => return Err(malformed(format!("the digest is by {other:?}"))),
            };
            Some((hash, decode(&digest)?))
        }
    };
    Ok(AnyContent::Message { signature: decode(&wire.signature)?, digest })
}

fn certificate_der(certificate: &RawValue) -> Result<Vec<u8>, Refusal> {
    decode(&object::<WireCertificate<'_>>(certificate.get())?.raw_bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|error| malformed(format!("not canonical base64: {error}")))
}

/// A type from an object. Alone, serde fills a type from an array as well.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    if !text.trim_start().starts_with('{') {
        return Err(malformed("an object is wanted"));
    }
    serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal { code: "E-BUNDLE", detail: detail.into() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireBundle<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    #[serde(borrow)]
    verification_material: &'a RawValue,
    #[serde(borrow, default)]
    dsse_envelope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message_signature: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireMaterial<'a> {
    #[serde(borrow, default)]
    certificate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x509_certificate_chain: Option<&'a RawValue>,
    #[serde(borrow, default)]
    public_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tlog_entries: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    timestamp_verification_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireTimestamps<'a> {
    #[serde(borrow, default)]
    rfc3161_timestamps: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireChain<'a> {
    #[serde(borrow)]
    certificates: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireCertificate<'a> {
    #[serde(borrow)]
    raw_bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKey<'a> {
    /// Which key it was: the protocol says that by itself.
    #[serde(borrow, default, rename = "hint")]
    _hint: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireMessage<'a> {
    #[serde(borrow, default)]
    message_digest: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDigest<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    digest: Cow<'a, str>,
}
