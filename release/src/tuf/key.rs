//! What a key is, whatever it is called.

use std::collections::{BTreeMap, BTreeSet};

use pkcs8::SubjectPublicKeyInfoRef;
use pkcs8::der::asn1::UintRef;
use pkcs8::der::{Decode as _, Reader as _, SliceReader, pem};
use sigstore_tuf::{Key, RoleKeys};

use crate::ReleaseError;

use super::name::plain;

/// Most keys that one file lists.
const KEYS: usize = 1024;
/// Most keys of one role.
const KEYS_OF_ROLE: usize = 64;

const ED25519: &str = "1.3.101.112";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const RSA: &str = "1.2.840.113549.1.1.1";

/// The number or the point that a key is. One key has one, however it is written and whatever its id is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Material(Vec<u8>);

impl Material {
    /// The material of a key whose signatures count: Ed25519, ECDSA over P-256 or P-384, RSA-PSS.
    pub(super) fn of(key: &Key) -> Option<Self> {
        let public = key.keyval.public.trim();
        if key.scheme == "ed25519" && !public.starts_with('-') {
            return unhex(public).filter(|raw| raw.len() == 32).map(Self);
        }
        let (label, der) = pem::decode_vec(public.as_bytes()).ok()?;
        if label != "PUBLIC KEY" {
            return None;
        }
        let spki = SubjectPublicKeyInfoRef::try_from(der.as_slice()).ok()?;
        let bits = spki.subject_public_key.as_bytes()?;
        let algorithm = spki.algorithm.oid.to_string();
        let curve = || spki.algorithm.parameters_oid().ok().map(|curve| curve.to_string());
        let point = |length: usize| bits.first() == Some(&4) && bits.len() == length;
        let material = match key.scheme.as_str() {
            "ed25519" if algorithm == ED25519 && bits.len() == 32 => bits,
            "ecdsa-sha2-nistp256" if algorithm == EC && curve()? == P256 && point(65) => bits,
            "ecdsa-sha2-nistp384" if algorithm == EC && curve()? == P384 && point(97) => bits,
            "rsassa-pss-sha256" | "rsassa-pss-sha384" | "rsassa-pss-sha512" if algorithm == RSA => {
                modulus(bits)?
            }
            _ => return None,
        };
        Some(Self(material.to_vec()))
    }
}

/// Those of `keys` whose signatures count for `role`.
pub(super) fn counted(keys: &BTreeMap<String, Key>, role: &RoleKeys) -> BTreeMap<String, Key> {
    let named = role.keyids.iter().filter_map(|id| keys.get_key_value(id));
    named.filter(|(_, key)| Material::of(key).is_some()).map(|(id, key)| (id.clone(), key.clone())).collect()
}

/// Checks what a root or a delegation says about the keys of its roles: no id and no key twice for one role, and a
/// threshold that asks for a signature.
pub(super) fn check<'a>(
    keys: &BTreeMap<String, Key>,
    roles: impl Iterator<Item = (&'a str, &'a [String], usize)>,
) -> Result<(), ReleaseError> {
    if keys.len() > KEYS {
        return Err(ReleaseError::TufLimit { what: "keys of one file".to_owned(), limit: KEYS as u64 });
    }
    let materials: BTreeMap<&str, Material> =
        keys.iter().filter_map(|(id, key)| Some((id.as_str(), Material::of(key)?))).collect();
    for (role, ids, threshold) in roles {
        let refusal = |reason| Err(ReleaseError::TufKeys { role: plain(role), reason });
        if threshold == 0 {
            return refusal("its threshold is 0");
        }
        if ids.len() > KEYS_OF_ROLE || threshold > KEYS_OF_ROLE {
            return Err(ReleaseError::TufLimit {
                what: "keys of one role".to_owned(),
                limit: KEYS_OF_ROLE as u64,
            });
        }
        let (mut named, mut held) = (BTreeSet::new(), BTreeSet::new());
        for id in ids {
            if !named.insert(id) {
                return refusal("it lists one key id twice");
            }
            if materials.get(id.as_str()).is_some_and(|material| !held.insert(material)) {
                return refusal("it lists one key under two ids");
            }
        }
    }
    Ok(())
}

/// The modulus of an RSA key (RFC 8017, A.1.1).
fn modulus(bits: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(bits).ok()?;
    let (modulus, _exponent) = reader
        .sequence(|reader| Ok::<_, pkcs8::der::Error>((UintRef::decode(reader)?, UintRef::decode(reader)?)))
        .ok()?;
    reader.is_finished().then_some(modulus.as_bytes())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}
