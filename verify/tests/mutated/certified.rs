//! Changes of certificates and of timestamps.

use serde_json::{Value, json};

use crate::Class;
use crate::edit::{
    CHAIN, LEAF, MIDDLE, TOKEN, TOKENS, bytes, copy, insert, push, remove, replace, set, text,
};
use crate::good::Kind;

const fn refused(_: Kind) -> &'static str {
    "E-CERTIFICATE"
}

const fn malformed(_: Kind) -> &'static str {
    "E-BUNDLE"
}

const fn unproven(_: Kind) -> &'static str {
    "E-TIMESTAMP"
}

/// How many authorities come with the leaf. The next bundle has one more, or none.
fn authorities(bundle: &Value) -> usize {
    bundle.pointer(CHAIN).and_then(Value::as_array).map_or(0, |chain| chain.len() - 1)
}

pub(crate) const CLASSES: &[Class] = &[
    ("no certificates", |b, _| set(b, CHAIN, json!([])), malformed),
    ("an empty certificate", |b, _| set(b, LEAF, ""), malformed),
    ("a certificate with a line feed", |b, _| text(b, LEAF, |t| t.to_owned() + "\n"), malformed),
    ("a certificate that is a text", |b, _| set(b, CHAIN, json!(["x"])), malformed),
    (
        "an unknown member of a certificate",
        |b, _| insert(b, "/verificationMaterial/x509CertificateChain/certificates/0", "extra", 1),
        malformed,
    ),
    (
        "an unknown member of the chain",
        |b, _| insert(b, "/verificationMaterial/x509CertificateChain", "extra", 1),
        malformed,
    ),
    (
        "seventeen certificates",
        |b, _| {
            let leaf = b.pointer(CHAIN)?[0].clone();
            set(b, CHAIN, vec![leaf; 17])
        },
        |_| "E-LIMIT",
    ),
    ("the last bit of the certificate", |b, _| bytes(b, LEAF, |der| *der.last_mut().unwrap() ^= 1), refused),
    ("a certificate that is cut", |b, _| bytes(b, LEAF, |der| der.truncate(der.len() - 10)), refused),
    ("a byte behind the certificate", |b, _| bytes(b, LEAF, |der| der.push(0)), refused),
    ("another name in the certificate", |b, _| replace(b, LEAF, b"release@", b"Release@"), refused),
    ("another subject in the certificate", |b, _| replace(b, LEAF, b"Release ", b"Retease "), refused),
    ("another beginning in the certificate", |b, _| replace(b, LEAF, b"240101", b"230101"), refused),
    (
        "another purpose in the certificate",
        |b, _| {
            // id-kp-codeSigning to id-kp-serverAuth.
            replace(b, LEAF, &[0x2b, 6, 1, 5, 5, 7, 3, 3], &[0x2b, 6, 1, 5, 5, 7, 3, 1])
        },
        refused,
    ),
    ("words in the place of a certificate", |b, _| bytes(b, LEAF, |der| *der = b"hello".to_vec()), refused),
    (
        "the certificate of another, below another authority",
        |b, o| if authorities(b) < 2 { copy(b, o, LEAF) } else { None },
        |_| "E-SIGNER-UNTRUSTED",
    ),
    (
        "the certificate of another, below the root",
        |b, o| if authorities(b) == 2 { copy(b, o, LEAF) } else { None },
        |_| "E-SIGNATURE-INVALID",
    ),
    ("the last bit of the authority", |b, _| bytes(b, MIDDLE, |der| *der.last_mut().unwrap() ^= 1), refused),
    ("a byte behind the authority", |b, _| bytes(b, MIDDLE, |der| der.push(0)), refused),
    (
        "another name of the authority",
        |b, _| replace(b, MIDDLE, b"Level ", b"level "),
        |_| "E-SIGNER-UNTRUSTED",
    ),
    (
        "no authority",
        |b, _| {
            b.pointer(MIDDLE)?;
            b.pointer_mut(CHAIN)?.as_array_mut()?.truncate(1);
            Some(())
        },
        |_| "E-SIGNER-UNTRUSTED",
    ),
    (
        "the authority first",
        |b, _| {
            b.pointer(MIDDLE)?;
            b.pointer_mut(CHAIN)?.as_array_mut()?.swap(0, 1);
            Some(())
        },
        refused,
    ),
    (
        "the leaf again in the authority's place",
        |b, _| {
            let leaf = b.pointer(LEAF)?.clone();
            b.pointer(MIDDLE)?;
            set(b, MIDDLE, leaf)
        },
        |_| "E-SIGNER-UNTRUSTED",
    ),
    ("a timestamp of zeros", |b, _| bytes(b, TOKEN, |token| token.fill(0)), unproven),
    (
        "the last bit of the timestamp",
        |b, _| bytes(b, TOKEN, |token| *token.last_mut().unwrap() ^= 1),
        unproven,
    ),
    ("a timestamp that is cut", |b, _| bytes(b, TOKEN, |token| token.truncate(token.len() / 2)), unproven),
    ("a byte behind the timestamp", |b, _| bytes(b, TOKEN, |token| token.push(0)), unproven),
    ("an empty timestamp", |b, _| set(b, TOKEN, ""), unproven),
    ("a timestamp of a year before", |b, _| replace(b, TOKEN, b"20250601", b"20240601"), unproven),
    ("the timestamp of another signature", |b, o| copy(b, o, TOKEN), unproven),
    (
        "another imprint",
        |b, _| {
            bytes(b, TOKEN, |token| {
                // SHA-256 with NULL, and the digest behind it.
                let hash = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];
                let at = token.windows(hash.len()).position(|part| part == hash).unwrap();
                token[at + hash.len()] ^= 1;
            })
        },
        unproven,
    ),
    (
        "the timestamp twice",
        |b, _| {
            let token = b.pointer(TOKENS)?[0].clone();
            push(b, TOKENS, token)
        },
        malformed,
    ),
    (
        "33 timestamps",
        |b, _| {
            let token = b.pointer(TOKENS)?[0].clone();
            set(b, TOKENS, vec![token; 33])
        },
        |_| "E-LIMIT",
    ),
    (
        "an unknown member of a timestamp",
        |b, _| insert(b, "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0", "extra", 1),
        malformed,
    ),
    (
        "a timestamp of nobody beside the good one",
        |b, _| {
            b.pointer(TOKEN)?;
            push(b, TOKENS, json!({"signedTimestamp": "MAA="}))
        },
        unproven,
    ),
    ("no timestamps", |b, _| set(b, TOKENS, json!([])), |_| "E-CERTIFICATE-EXPIRED"),
    (
        "no timestamps at all",
        |b, _| remove(b, "/verificationMaterial", "timestampVerificationData"),
        |_| "E-CERTIFICATE-EXPIRED",
    ),
];
