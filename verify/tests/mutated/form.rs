//! Changes of form: what is no bundle, or could be read as two.

use serde_json::json;

use crate::Class;
use crate::edit::{
    ENVELOPE, MATERIAL, PAYLOAD, SIG, SIGNATURES, bytes, copy, insert, push, remove, set, text,
};
use crate::signed::signature;

pub(crate) const CLASSES: &[Class] = &[
    ("an unknown member of the bundle", |b, _| insert(b, "", "extra", 1), |_| "E-BUNDLE"),
    ("an unknown member of the material", |b, _| insert(b, MATERIAL, "extra", 1), |_| "E-BUNDLE"),
    ("an unknown member of the envelope", |b, _| insert(b, ENVELOPE, "extra", 1), |_| "E-BUNDLE"),
    (
        "an unknown member of the signature",
        |b, _| insert(b, "/dsseEnvelope/signatures/0", "cert", 1),
        |_| "E-BUNDLE",
    ),
    (
        "a message beside the statement",
        |b, _| insert(b, "", "messageSignature", json!({"signature": "AAAA"})),
        |_| "E-BUNDLE",
    ),
    ("no content", |b, _| remove(b, "", "dsseEnvelope"), |_| "E-BUNDLE"),
    ("a content of nothing", |b, _| set(b, ENVELOPE, json!(null)), |_| "E-BUNDLE"),
    ("a content that is a list", |b, _| set(b, ENVELOPE, json!([])), |_| "E-BUNDLE"),
    ("no material at all", |b, _| remove(b, "", "verificationMaterial"), |_| "E-BUNDLE"),
    ("a material that is a list", |b, _| set(b, MATERIAL, json!([])), |_| "E-BUNDLE"),
    (
        "nothing that verifies",
        |b, _| remove(b, MATERIAL, "publicKey").or_else(|| remove(b, MATERIAL, "x509CertificateChain")),
        |_| "E-BUNDLE",
    ),
    (
        "a key and a certificate",
        |b, _| {
            let (name, value) = match b.pointer("/verificationMaterial/publicKey") {
                Some(_) => ("x509CertificateChain", json!({"certificates": [{"rawBytes": "MAA="}]})),
                None => ("publicKey", json!({"hint": "x"})),
            };
            insert(b, MATERIAL, name, value)
        },
        |_| "E-BUNDLE",
    ),
    (
        "a lone certificate beside",
        |b, _| insert(b, MATERIAL, "certificate", json!({"rawBytes": "MAA="})),
        |_| "E-BUNDLE",
    ),
    ("another media type", |b, _| set(b, "/mediaType", "application/json"), |_| "E-BUNDLE"),
    (
        "a media type of the next version",
        |b, _| set(b, "/mediaType", "application/vnd.dev.sigstore.bundle.v0.4+json"),
        |_| "E-UNSUPPORTED",
    ),
    ("no media type", |b, _| remove(b, "", "mediaType"), |_| "E-BUNDLE"),
    ("a media type that is a number", |b, _| set(b, "/mediaType", 3), |_| "E-BUNDLE"),
    (
        "another payload type",
        |b, _| set(b, "/dsseEnvelope/payloadType", "application/json"),
        |_| "E-PAYLOAD-TYPE",
    ),
    ("no payload type", |b, _| remove(b, ENVELOPE, "payloadType"), |_| "E-BUNDLE"),
    ("no payload", |b, _| remove(b, ENVELOPE, "payload"), |_| "E-BUNDLE"),
    ("an empty payload", |b, _| set(b, PAYLOAD, ""), |_| "E-ENVELOPE"),
    ("a payload with a line feed", |b, _| text(b, PAYLOAD, |t| t.to_owned() + "\n"), |_| "E-ENVELOPE"),
    ("a payload that is no text", |b, _| set(b, PAYLOAD, json!({})), |_| "E-BUNDLE"),
    ("no signature", |b, _| set(b, SIGNATURES, json!([])), |_| "E-SIGNATURE-COUNT"),
    (
        "the signature twice",
        |b, _| {
            let signature = b.pointer("/dsseEnvelope/signatures/0")?.clone();
            push(b, SIGNATURES, signature)
        },
        |_| "E-SIGNATURE-COUNT",
    ),
    (
        "another signature before its own",
        |b, o| {
            let other = o.pointer("/dsseEnvelope/signatures/0")?.clone();
            b.pointer_mut(SIGNATURES)?.as_array_mut()?.insert(0, other);
            Some(())
        },
        |_| "E-SIGNATURE-COUNT",
    ),
    ("signatures that are an object", |b, _| set(b, SIGNATURES, json!({})), |_| "E-BUNDLE"),
    ("a signature with a line feed", |b, _| text(b, SIG, |t| t.to_owned() + "\n"), |_| "E-ENVELOPE"),
    (
        "a signature without padding",
        |b, _| text(b, SIG, |t| t.trim_end_matches('=').to_owned()),
        |_| "E-ENVELOPE",
    ),
    (
        "a signature in the other alphabet",
        |b, _| {
            bytes(b, SIG, |signature| signature.extend([0xfb, 0xff, 0xbf]))?;
            text(b, SIG, |t| t.replace('+', "-").replace('/', "_"))
        },
        |_| "E-ENVELOPE",
    ),
    ("a signature that is a number", |b, _| set(b, SIG, 7), |_| "E-BUNDLE"),
    ("33 entries", |b, _| set(b, "/verificationMaterial/tlogEntries", vec![json!({}); 33]), |_| "E-LIMIT"),
    ("entries that are a text", |b, _| set(b, "/verificationMaterial/tlogEntries", "x"), |_| "E-BUNDLE"),
    ("the whole envelope of another", |b, o| copy(b, o, ENVELOPE), signature),
];
