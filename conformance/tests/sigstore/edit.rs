//! Changing a bundle in one place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) const MATERIAL: &str = "/verificationMaterial";
pub(crate) const ENTRIES: &str = "/verificationMaterial/tlogEntries";
pub(crate) const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
pub(crate) const PROOF: &str = "/verificationMaterial/tlogEntries/0/inclusionProof";
pub(crate) const PROMISE: &str = "/verificationMaterial/tlogEntries/0/inclusionPromise";
pub(crate) const TOKENS: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
pub(crate) const TOKEN: &str =
    "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

/// Places are JSON pointers. An edit of what is not there does not apply, and says so by `None`.
pub(crate) type Edited = Option<()>;

pub(crate) fn at<'a>(bundle: &'a mut Value, place: &str) -> Option<&'a mut Value> {
    bundle.pointer_mut(place).filter(|value| !value.is_null())
}

pub(crate) fn set(bundle: &mut Value, place: &str, value: impl Into<Value>) -> Edited {
    *at(bundle, place)? = value.into();
    Some(())
}

pub(crate) fn text(bundle: &mut Value, place: &str, change: impl FnOnce(&str) -> String) -> Edited {
    let value = at(bundle, place)?;
    let changed = change(value.as_str()?);
    if value.as_str() == Some(changed.as_str()) {
        return None;
    }
    *value = changed.into();
    Some(())
}

pub(crate) fn bytes(bundle: &mut Value, place: &str, change: impl FnOnce(&mut Vec<u8>)) -> Edited {
    text(bundle, place, |text| {
        let mut bytes = STANDARD.decode(text).unwrap();
        change(&mut bytes);
        STANDARD.encode(bytes)
    })
}

/// Flips a bit, counted from the end if `byte` is negative.
pub(crate) fn flip(bundle: &mut Value, place: &str, byte: isize) -> Edited {
    bytes(bundle, place, |bytes| {
        let length = bytes.len();
        let byte = if byte < 0 { length - byte.unsigned_abs() } else { byte.unsigned_abs() };
        bytes[byte] ^= 1;
    })
}

pub(crate) fn remove(bundle: &mut Value, place: &str, name: &str) -> Edited {
    at(bundle, place)?.as_object_mut()?.remove(name).map(drop)
}

pub(crate) fn insert(bundle: &mut Value, place: &str, name: &str, value: impl Into<Value>) -> Edited {
    let before = at(bundle, place)?.as_object_mut()?.insert(name.to_owned(), value.into());
    assert!(before.is_none(), "{place} has {name} already");
    Some(())
}

pub(crate) fn push(bundle: &mut Value, place: &str, value: Value) -> Edited {
    at(bundle, place)?.as_array_mut()?.push(value);
    Some(())
}

/// Adds to an integer that is written as a text.
pub(crate) fn add(bundle: &mut Value, place: &str, delta: i64) -> Edited {
    text(bundle, place, |text| (text.parse::<i64>().unwrap() + delta).to_string())
}

/// Changes the one member of a body that is found by its place, and writes the body as a log does.
pub(crate) fn body(bundle: &mut Value, change: impl FnOnce(&mut Value) -> Edited) -> Edited {
    let place = format!("{ENTRY}/canonicalizedBody");
    let mut body: Value =
        serde_json::from_slice(&STANDARD.decode(at(bundle, &place)?.as_str()?).unwrap()).unwrap();
    change(&mut body)?;
    set(bundle, &place, STANDARD.encode(lacre_json::to_vec(&body)))
}

/// The place of the signature.
pub(crate) fn signature(bundle: &Value) -> &'static str {
    if bundle.get("dsseEnvelope").is_some() {
        "/dsseEnvelope/signatures/0/sig"
    } else {
        "/messageSignature/signature"
    }
}

/// The place of the signing certificate.
pub(crate) fn leaf(bundle: &Value) -> &'static str {
    if bundle.pointer("/verificationMaterial/certificate").is_some() {
        "/verificationMaterial/certificate/rawBytes"
    } else {
        "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes"
    }
}

/// The bytes at the first place where `pattern` stands are replaced by as many others.
pub(crate) fn replace(bytes: &mut [u8], pattern: &[u8], by: &[u8]) {
    assert_eq!(pattern.len(), by.len());
    let at = bytes.windows(pattern.len()).position(|part| part == pattern).expect("the pattern is there");
    bytes[at..at + by.len()].copy_from_slice(by);
}

/// The order of P-256.
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// The other signature that verifies with the same key over the same message: `s` becomes `n - s`.
pub(crate) fn malleate(signature: &mut Vec<u8>) {
    let (r, rest) = integer(&signature[2..]);
    let (s, _) = integer(rest);
    let n: Vec<u8> =
        (0..32).map(|byte| u8::from_str_radix(&N[2 * byte..2 * byte + 2], 16).unwrap()).collect();
    let mut padded = vec![0; 32 - s.len().min(32)];
    padded.extend_from_slice(&s);
    let mut borrow = 0;
    let mut other = vec![0; 32];
    for byte in (0..32).rev() {
        let difference = i32::from(n[byte]) - i32::from(padded[byte]) - borrow;
        borrow = i32::from(difference < 0);
        other[byte] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let mut body = Vec::new();
    for number in [r, other] {
        let mut number: Vec<u8> = number.into_iter().skip_while(|byte| *byte == 0).collect();
        if number[0] >= 0x80 {
            number.insert(0, 0);
        }
        body.extend([2, u8::try_from(number.len()).unwrap()]);
        body.extend(number);
    }
    *signature = [0x30, u8::try_from(body.len()).unwrap()].into_iter().chain(body).collect();
}

/// A DER integer without leading zeros, and what stands behind it.
fn integer(der: &[u8]) -> (Vec<u8>, &[u8]) {
    assert_eq!(der[0], 2);
    let length = usize::from(der[1]);
    (der[2..2 + length].iter().copied().skip_while(|byte| *byte == 0).collect(), &der[2 + length..])
}

/// Something that stands nowhere.
pub(crate) fn unknown() -> Value {
    json!({"x": 1})
}

/// Flips a bit of bytes that are in base64 twice.
pub(crate) fn flip_twice(body: &mut Value, place: &str) -> Edited {
    bytes(body, place, |outer| {
        let mut inner = STANDARD.decode(&*outer).unwrap();
        inner[8] ^= 1;
        *outer = STANDARD.encode(inner).into_bytes();
    })
}

/// Flips a bit of the first hash of the proof.
pub(crate) fn flip_hash(bundle: &mut Value) -> Edited {
    flip(bundle, &format!("{PROOF}/hashes/0"), 5)
}
