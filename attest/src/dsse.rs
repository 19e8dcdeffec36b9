//! Dead Simple Signing Envelope, version 1.0.2 (<https://github.com/secure-systems-lab/dsse>).

use std::borrow::Cow;

use lacre_json::JsonError;
use serde::{Deserialize, Serialize};

use crate::error::quoted;
use crate::wire::{Base64, Bounded, Object, decode_base64, to_json};
use crate::{AttestError, Limits, PublicKey};

/// The payload type of an in-toto statement in JSON (in-toto attestation framework v1, envelope layer).
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The longest signature, in bytes. ECDSA on P-521 takes 139; the largest ML-DSA takes 4 627.
const SIGNATURE_LIMIT: usize = 16 * 1024;
/// The longest key id, in bytes.
const KEY_ID_LIMIT: usize = 4096;

/// The pre-authentication encoding: the bytes that are signed (DSSE protocol, «Signature Definition»).
///
/// ```
/// let pae = lacre_attest::pae("http://example.com/HelloWorld", b"hello world");
/// assert_eq!(pae, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut encoding = Vec::with_capacity(head.len() + payload.len());
    encoding.extend_from_slice(head.as_bytes());
    encoding.extend_from_slice(payload);
    encoding
}

/// An envelope with an in-toto payload and exactly one signature, which has not been checked.
///
/// The payload's bytes are kept as they were signed and never written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signature: Vec<u8>,
    key_id: Option<String>,
}

impl Envelope {
    /// Puts a payload and the signature over its [`pae`] into an envelope without key id.
    ///
    /// Refused: a type that is not [`IN_TOTO_PAYLOAD_TYPE`] (`E-PAYLOAD-TYPE`), an empty payload or signature
    /// (`E-ENVELOPE`), a signature of more than 16 KiB (`E-LIMIT`).
    pub fn new(payload_type: &str, payload: Vec<u8>, signature: Vec<u8>) -> Result<Self, AttestError> {
        if payload_type != IN_TOTO_PAYLOAD_TYPE {
            return Err(AttestError::PayloadType {
                found: quoted(payload_type),
                expected: IN_TOTO_PAYLOAD_TYPE,
            });
        }
        if payload.is_empty() {
            return Err(malformed("the payload is empty"));
        }
        if signature.is_empty() {
            return Err(malformed("the signature is empty"));
        }
        within("bytes of signature", signature.len(), SIGNATURE_LIMIT)?;
        Ok(Self { payload, signature, key_id: None })
    }

    /// Reads an envelope in JSON, strictly: members that are not in the DSSE specification are refused, and base64 is of
    /// the standard alphabet, padded and canonical.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, AttestError> {
        let Object(wire) =
            lacre_json::from_slice(text, limits.bundle_json()).map_err(|error| match error {
                JsonError::Shape { .. } => malformed(error.to_string()),
                source => AttestError::Json { part: "envelope", source },
            })?;
        Self::from_wire(wire, limits)
    }

    /// The envelope as JSON: compact, keys in code-point order.
    pub fn to_json(&self) -> Vec<u8> {
        // Written from a struct whose members stand in order: a tree of values would copy the payload twice more.
        to_json(&self.to_wire(), self.json_length())
    }

    /// About as many bytes as the envelope has in JSON, and not less.
    pub(crate) fn json_length(&self) -> usize {
        const BESIDE: usize = 256;
        (self.payload.len() + self.signature.len()) / 3 * 4
            + self.key_id.as_ref().map_or(0, String::len)
            + BESIDE
    }

    /// The type of the payload: always [`IN_TOTO_PAYLOAD_TYPE`].
    pub fn payload_type(&self) -> &str {
        IN_TOTO_PAYLOAD_TYPE
    }

    /// The payload, as it was signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature. What its bytes are depends on the key: see [`PublicKey::verify`].
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The key id beside the signature, which nobody signed; `None` if it is absent, `null` or empty.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Checks the signature with `key`: `E-SIGNATURE-INVALID` if it is not a signature of this payload by this key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), AttestError> {
        key.verify(&pae(IN_TOTO_PAYLOAD_TYPE, &self.payload), &self.signature)
    }

    pub(crate) fn from_wire(wire: WireEnvelope<'_>, limits: &Limits) -> Result<Self, AttestError> {
        let WireEnvelope { payload, payload_type, signatures } = wire;
        let count = signatures.count;
        let [Object(signature)] = <[_; 1]>::try_from(signatures.kept)
            .ok()
            .filter(|_| count == 1)
            .ok_or(AttestError::SignatureCount { count })?;
        // Base64 of n bytes has at least n / 3 * 4 characters: refuse by length before decoding.
        within("bytes of statement", payload.len() / 4 * 3, limits.statement.saturating_add(2))?;
        let payload = decode_base64(&payload).map_err(|why| malformed(format!("the payload is {why}")))?;
        within("bytes of statement", payload.len(), limits.statement)?;
        within("bytes of signature", signature.sig.len() / 4 * 3, SIGNATURE_LIMIT + 2)?;
        let sig =
            decode_base64(&signature.sig).map_err(|why| malformed(format!("the signature is {why}")))?;
        let key_id = signature.keyid.unwrap_or_default();
        within("bytes of key id", key_id.len(), KEY_ID_LIMIT)?;
        let envelope = Self::new(&payload_type, payload, sig)?;
        Ok(Self { key_id: (!key_id.is_empty()).then(|| key_id.into_owned()), ..envelope })
    }

    pub(crate) fn to_wire(&self) -> WrittenEnvelope<'_> {
        WrittenEnvelope {
            payload: Base64(&self.payload),
            payload_type: IN_TOTO_PAYLOAD_TYPE,
            signatures: [WrittenSignature { keyid: self.key_id(), sig: Base64(&self.signature) }],
        }
    }
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Envelope { detail: detail.into() }
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), AttestError> {
    if size > limit { Err(AttestError::Limit { what, size, limit }) } else { Ok(()) }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WireEnvelope<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    signatures: Bounded<Object<WireSignature<'a>>, 1>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature<'a> {
    #[serde(borrow)]
    sig: Cow<'a, str>,
    // Python before model-signing 1.1 writes null, later an empty text; Go and cosign write nothing.
    #[serde(borrow, default)]
    keyid: Option<Cow<'a, str>>,
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenEnvelope<'a> {
    payload: Base64<'a>,
    payload_type: &'static str,
    signatures: [WrittenSignature<'a>; 1],
}

#[derive(Debug, Serialize)]
struct WrittenSignature<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    keyid: Option<&'a str>,
    sig: Base64<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_base64;

    const LIMITS: Limits = Limits { statement: 32, depth: 8 };
    const GOOD: &str =
        r#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AQI="}]}"#;

    fn code(text: &str) -> &'static str {
        Envelope::parse(text.as_bytes(), &LIMITS).map_or_else(|error| error.code(), |_| "ok")
    }

    /// `GOOD` with one part of it replaced.
    fn with(part: &str, replacement: &str) -> String {
        assert_eq!(GOOD.matches(part).count(), 1, "{part}");
        GOOD.replace(part, replacement)
    }

    #[test]
    fn pae_is_that_of_the_specification() {
        // DSSE protocol.md, «Test vectors».
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), expected);
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
        // Lengths count bytes.
        assert_eq!(pae("é", "模".as_bytes()), "DSSEv1 2 é 3 模".as_bytes());
    }

    #[test]
    fn reads_and_writes_the_same_bytes() {
        let envelope = Envelope::parse(GOOD.as_bytes(), &LIMITS).unwrap();
        assert_eq!(envelope.payload(), b"{}");
        assert_eq!(envelope.signature(), [1, 2]);
        assert_eq!(envelope.payload_type(), IN_TOTO_PAYLOAD_TYPE);
        assert_eq!(envelope.to_json(), GOOD.as_bytes());
        assert_eq!(Envelope::new(IN_TOTO_PAYLOAD_TYPE, b"{}".to_vec(), vec![1, 2]), Ok(envelope));
    }

    #[test]
    fn reads_every_key_order_and_escape_that_peers_write() {
        let other_order = r#" { "signatures" : [ { "keyid" : "", "sig" : "AQI=" } ],
            "payloadType":"application\/vnd.in-toto\u002bjson", "payload":"\u00653\u0030=" } "#;
        let envelope = Envelope::parse(other_order.as_bytes(), &LIMITS).unwrap();
        assert_eq!(envelope.to_json(), GOOD.as_bytes());
    }

    #[test]
    fn a_key_id_may_be_absent_null_or_empty() {
        for (keyid, read) in [("null", None), ("\"\"", None), ("\"k1\"", Some("k1"))] {
            let text = with(r#"{"sig":"AQI="}"#, &format!(r#"{{"keyid":{keyid},"sig":"AQI="}}"#));
            let envelope = Envelope::parse(text.as_bytes(), &LIMITS).unwrap();
            assert_eq!(envelope.key_id(), read);
            assert_eq!(Envelope::parse(&envelope.to_json(), &LIMITS), Ok(envelope));
        }
    }

    #[test]
    fn refuses_other_counts_of_signatures_than_one() {
        let signature = r#"[{"sig":"AQI="}]"#;
        assert_eq!(code(&with(signature, "[]")), "E-SIGNATURE-COUNT");
        let two = with(signature, r#"[{"sig":"AQI="},{"sig":"AQI="}]"#);
        let error = Envelope::parse(two.as_bytes(), &LIMITS).unwrap_err();
        assert_eq!(error, AttestError::SignatureCount { count: 2 });
    }

    #[test]
    fn refuses_what_is_malformed() {
        for (part, replacement, expected) in [
            ("application/vnd.in-toto+json", "application/json", "E-PAYLOAD-TYPE"),
            ("application/vnd.in-toto+json", "application/vnd.in-toto+json ", "E-PAYLOAD-TYPE"),
            ("application/vnd.in-toto+json", "", "E-PAYLOAD-TYPE"),
            ("e30=", "e30", "E-ENVELOPE"),
            ("e30=", "e31=", "E-ENVELOPE"),
            ("e30=", "e30=\\n", "E-ENVELOPE"),
            ("e30=", "-_-_", "E-ENVELOPE"),
            ("e30=", "", "E-ENVELOPE"),
            ("AQI=", "AQI", "E-ENVELOPE"),
            ("AQI=", "AQJ=", "E-ENVELOPE"),
            ("AQI=", "_-I=", "E-ENVELOPE"),
            ("AQI=", "", "E-ENVELOPE"),
            ("\"AQI=\"", "null", "E-ENVELOPE"),
            ("\"e30=\"", "{}", "E-ENVELOPE"),
            ("{\"payload\"", "{\"extra\":1,\"payload\"", "E-ENVELOPE"),
            ("{\"sig\"", "{\"cert\":\"\",\"sig\"", "E-ENVELOPE"),
            ("{\"payload\"", "{\"payload\":\"e30=\",\"payload\"", "E-DUPLICATE-KEY"),
            ("{\"sig\"", "{\"s\\u0069g\":\"AA==\",\"sig\"", "E-DUPLICATE-KEY"),
            ("}]}", "}]", "E-JSON"),
            ("}]}", "}]}}", "E-JSON"),
            ("[{\"sig\":\"AQI=\"}]", "[[\"AQI=\"]]", "E-ENVELOPE"),
            ("\"payload\":\"e30=\",", "", "E-ENVELOPE"),
        ] {
            assert_eq!(code(&with(part, replacement)), expected, "{part} -> {replacement}");
        }
        assert_eq!(code(r#"["e30=","application/vnd.in-toto+json",[{"sig":"AQI="}]]"#), "E-ENVELOPE");
        assert_eq!(code(""), "E-JSON");
    }

    #[test]
    fn limits_are_exact() {
        let of = |bytes: usize| with("e30=", &encode_base64(&vec![b'x'; bytes]));
        assert_eq!(code(&of(32)), "ok");
        assert_eq!(code(&of(33)), "E-LIMIT");
        assert_eq!(code(&of(4000)), "E-LIMIT");
        let signed = |bytes: usize| with("AQI=", &encode_base64(&vec![1; bytes]));
        assert_eq!(code(&signed(SIGNATURE_LIMIT)), "ok");
        assert_eq!(code(&signed(SIGNATURE_LIMIT + 1)), "E-LIMIT");
        let named =
            |bytes: usize| with("{\"sig\"", &format!("{{\"keyid\":\"{}\",\"sig\"", "k".repeat(bytes)));
        assert_eq!(code(&named(KEY_ID_LIMIT)), "ok");
        assert_eq!(code(&named(KEY_ID_LIMIT + 1)), "E-LIMIT");
        assert_eq!(code(&with("e30=", &"x".repeat(LIMITS.bundle()))), "E-LIMIT");
        let deep = with("{\"sig\"", &format!("{{\"x\":{}{},\"sig\"", "[".repeat(8), "]".repeat(8)));
        assert_eq!(code(&deep), "E-LIMIT");
    }

    #[test]
    fn an_envelope_cannot_be_made_of_nothing_or_of_another_type() {
        let code = |kind: &str, payload: &[u8], signature: &[u8]| {
            Envelope::new(kind, payload.to_vec(), signature.to_vec()).unwrap_err().code()
        };
        assert_eq!(code("text/plain", b"{}", b"s"), "E-PAYLOAD-TYPE");
        assert_eq!(code(IN_TOTO_PAYLOAD_TYPE, b"", b"s"), "E-ENVELOPE");
        assert_eq!(code(IN_TOTO_PAYLOAD_TYPE, b"{}", b""), "E-ENVELOPE");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(payload in proptest::collection::vec(0_u8.., 1..32), signature in proptest::collection::vec(0_u8.., 1..200)) {
            let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload, signature).unwrap();
            proptest::prop_assert_eq!(Envelope::parse(&envelope.to_json(), &LIMITS), Ok(envelope));
        }
    }
}
