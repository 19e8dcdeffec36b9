//! Changes of what is signed, and of the signature.

use serde_json::json;

use crate::Class;
use crate::edit::{HINT, MATERIAL, PAYLOAD, SIG, bytes, copy, insert, remove, replace, set, text};
use crate::good::Kind;

const fn invalid(_: Kind) -> &'static str {
    "E-SIGNATURE-INVALID"
}

/// A timestamp is one of the signature: another signature is not the one that it is of.
pub(crate) const fn signature(kind: Kind) -> &'static str {
    match kind {
        Kind::Timestamped => "E-TIMESTAMP",
        Kind::Key | Kind::Certificate => "E-SIGNATURE-INVALID",
    }
}

/// A DER signature of two numbers.
fn is_der(signature: &[u8]) -> bool {
    signature.first() == Some(&0x30) && signature.len() > 65
}

pub(crate) const CLASSES: &[Class] = &[
    ("the last bit of the signature", |b, _| bytes(b, SIG, |sig| *sig.last_mut().unwrap() ^= 1), signature),
    ("the first byte of the signature", |b, _| bytes(b, SIG, |sig| sig[0] ^= 1), signature),
    ("a bit in the middle of the signature", |b, _| bytes(b, SIG, |sig| sig[20] ^= 4), signature),
    ("a signature that is cut", |b, _| bytes(b, SIG, |sig| sig.truncate(sig.len() - 1)), signature),
    ("a byte behind the signature", |b, _| bytes(b, SIG, |sig| sig.push(0)), signature),
    ("a signature of zeros", |b, _| bytes(b, SIG, |sig| sig.fill(0)), signature),
    (
        "a signature of the numbers zero",
        |b, _| bytes(b, SIG, |sig| *sig = vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        signature,
    ),
    (
        "a signature of the numbers one",
        |b, _| bytes(b, SIG, |sig| *sig = vec![0x30, 6, 2, 1, 1, 2, 1, 1]),
        signature,
    ),
    ("a signature of one byte", |b, _| bytes(b, SIG, |sig| sig.truncate(1)), signature),
    (
        "a signature with a length in the long form",
        |b, _| {
            bytes(b, SIG, |sig| {
                if is_der(sig) && sig[1] < 0x80 {
                    sig.insert(1, 0x81);
                }
            })
        },
        signature,
    ),
    (
        "a number with a zero before it",
        |b, _| {
            bytes(b, SIG, |sig| {
                if is_der(sig) && sig[1] < 0x7f {
                    sig[1] += 1;
                    sig[3] += 1;
                    sig.insert(4, 0);
                }
            })
        },
        signature,
    ),
    (
        "a signature as two numbers side by side",
        |b, _| {
            bytes(b, SIG, |sig| {
                if is_der(sig) && sig[1] < 0x80 {
                    let first = usize::from(sig[3]);
                    let second = sig[6 + first..].to_vec();
                    *sig = [&sig[4..4 + first], &second].concat();
                }
            })
        },
        signature,
    ),
    ("the signature of another", |b, o| copy(b, o, SIG), signature),
    ("the payload of another", |b, o| copy(b, o, PAYLOAD), invalid),
    ("a line feed behind the payload", |b, _| bytes(b, PAYLOAD, |payload| payload.push(b'\n')), invalid),
    ("a blank before the payload", |b, _| bytes(b, PAYLOAD, |payload| payload.insert(0, b' ')), invalid),
    (
        "another digest in the payload",
        |b, _| {
            bytes(b, PAYLOAD, |payload| {
                let at = payload.windows(10).position(|part| part == b"\"digest\":\"").unwrap() + 10;
                payload[at] = if payload[at] == b'0' { b'1' } else { b'0' };
            })
        },
        invalid,
    ),
    (
        "another name in the payload",
        |b, _| replace(b, PAYLOAD, b"\"name\":\"org", b"\"name\":\"evi"),
        invalid,
    ),
    ("another predicate type in the payload", |b, _| replace(b, PAYLOAD, b"v1.0", b"v1.1"), invalid),
    (
        "a payload that is cut",
        |b, _| bytes(b, PAYLOAD, |payload| payload.truncate(payload.len() - 1)),
        invalid,
    ),
    ("a payload of nothing much", |b, _| bytes(b, PAYLOAD, |payload| *payload = b"{}".to_vec()), invalid),
    ("the hint of another key", |b, o| copy_hint(b, o), |_| "E-SIGNER-UNTRUSTED"),
    ("a hint that means nothing", |b, _| set(b, HINT, "release key"), |_| "E-SIGNER-UNTRUSTED"),
    ("a hint with a blank", |b, _| text(b, HINT, |hint| format!(" {hint}")), |_| "E-SIGNER-UNTRUSTED"),
    (
        "half of a hint",
        |b, _| text(b, HINT, |hint| hint[..hint.len() / 2].to_owned()),
        |_| "E-SIGNER-UNTRUSTED",
    ),
    ("a hint that is a number", |b, _| set(b, HINT, 7), |_| "E-BUNDLE"),
    ("a hint in a list", |b, _| set(b, HINT, json!(["x"])), |_| "E-BUNDLE"),
    (
        "an unknown member of the key",
        |b, _| insert(b, "/verificationMaterial/publicKey", "extra", 1),
        |_| "E-BUNDLE",
    ),
    (
        "a certificate in the place of the key",
        |b, _| {
            remove(b, MATERIAL, "publicKey")?;
            insert(b, MATERIAL, "certificate", json!({"rawBytes": "MAA="}))
        },
        |_| "E-SIGNER-UNTRUSTED",
    ),
    (
        "a chain in the place of the key",
        |b, _| {
            remove(b, MATERIAL, "publicKey")?;
            insert(b, MATERIAL, "x509CertificateChain", json!({"certificates": [{"rawBytes": "MAA="}]}))
        },
        |_| "E-SIGNER-UNTRUSTED",
    ),
    (
        "a key in the place of the certificates",
        |b, _| {
            remove(b, MATERIAL, "x509CertificateChain")?;
            insert(b, MATERIAL, "publicKey", json!({"hint": "x"}))
        },
        |_| "E-SIGNER-UNTRUSTED",
    ),
];

/// Of another algorithm: the bundles of one key differ in how they name it.
fn copy_hint(bundle: &mut serde_json::Value, other: &serde_json::Value) -> Option<()> {
    let lengths = [bundle, other].map(|one| one.pointer(SIG).and_then(|sig| sig.as_str()).map(str::len));
    if lengths[0] == lengths[1] { None } else { copy(bundle, other, HINT) }
}
