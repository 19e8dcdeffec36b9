//! Changing a bundle in one place, named by a JSON pointer. What is not there is not changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub(crate) const MATERIAL: &str = "/verificationMaterial";
pub(crate) const HINT: &str = "/verificationMaterial/publicKey/hint";
pub(crate) const CHAIN: &str = "/verificationMaterial/x509CertificateChain/certificates";
pub(crate) const LEAF: &str = "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes";
pub(crate) const MIDDLE: &str = "/verificationMaterial/x509CertificateChain/certificates/1/rawBytes";
pub(crate) const TOKENS: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
pub(crate) const TOKEN: &str =
    "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
pub(crate) const ENVELOPE: &str = "/dsseEnvelope";
pub(crate) const PAYLOAD: &str = "/dsseEnvelope/payload";
pub(crate) const SIGNATURES: &str = "/dsseEnvelope/signatures";
pub(crate) const SIG: &str = "/dsseEnvelope/signatures/0/sig";

pub(crate) fn set(bundle: &mut Value, place: &str, value: impl Into<Value>) -> Option<()> {
    *bundle.pointer_mut(place)? = value.into();
    Some(())
}

pub(crate) fn insert(bundle: &mut Value, place: &str, name: &str, value: impl Into<Value>) -> Option<()> {
    bundle.pointer_mut(place)?.as_object_mut()?.insert(name.to_owned(), value.into());
    Some(())
}

pub(crate) fn remove(bundle: &mut Value, place: &str, name: &str) -> Option<()> {
    bundle.pointer_mut(place)?.as_object_mut()?.remove(name).map(drop)
}

pub(crate) fn push(bundle: &mut Value, place: &str, value: impl Into<Value>) -> Option<()> {
    bundle.pointer_mut(place)?.as_array_mut()?.push(value.into());
    Some(())
}

pub(crate) fn copy(bundle: &mut Value, other: &Value, place: &str) -> Option<()> {
    let value = other.pointer(place)?.clone();
    if bundle.pointer(place)? == &value {
        return None;
    }
    set(bundle, place, value)
}

pub(crate) fn text(bundle: &mut Value, place: &str, change: impl FnOnce(&str) -> String) -> Option<()> {
    let before = bundle.pointer(place)?.as_str()?.to_owned();
    let after = change(&before);
    if after == before { None } else { set(bundle, place, after) }
}

pub(crate) fn bytes(bundle: &mut Value, place: &str, change: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
    text(bundle, place, |text| {
        let mut bytes = STANDARD.decode(text).unwrap();
        change(&mut bytes);
        STANDARD.encode(bytes)
    })
}

/// Replaces the first `from` by `to`, of the same length.
pub(crate) fn replace(bundle: &mut Value, place: &str, from: &[u8], to: &[u8]) -> Option<()> {
    bytes(bundle, place, |bytes| {
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
    })
}
