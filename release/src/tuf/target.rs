//! A target: what the signed metadata says of it, and whether bytes are it.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use serde_json::Value;
use sha2::{Digest as _, Sha512};
use sigstore_tuf::TargetFile;

use crate::ReleaseError;

use super::name::plain;

/// The longest target, in bytes.
pub(super) const LIMIT: u64 = 16 << 20;

/// What the signed metadata says of a target.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TufTarget {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// What its publisher adds.
    pub custom: Option<Value>,
    /// The roles that vouch for it, from `targets` to the one that names it.
    pub roles: Vec<String>,
    hashes: BTreeMap<String, String>,
}

/// A target whose bytes are proven to be the ones that the signed metadata names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProvenTarget {
    /// What the signed metadata says of it.
    pub target: TufTarget,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl TufTarget {
    pub(super) fn new(path: &str, file: &TargetFile, roles: Vec<String>) -> Self {
        let (length, custom, hashes) = (file.length, file.custom.clone(), file.hashes.clone());
        Self { path: path.to_owned(), length, custom, roles, hashes }
    }

    /// Its SHA-256, if the metadata has it.
    pub fn sha256(&self) -> Option<Sha256Digest> {
        sha256_of(Some(&self.hashes))
    }

    /// Whether `bytes` are this target: its length, and all of its digests that are SHA-256 or SHA-512, at least one.
    pub fn check(&self, bytes: &[u8]) -> Result<(), ReleaseError> {
        matches(bytes, Some(self.length), Some(&self.hashes)).map_err(|reason| ReleaseError::TufMismatch {
            file: plain(&self.path),
            reason: reason.to_owned(),
        })
    }

    /// Where it lies, below the folder of targets.
    pub(super) fn place(&self, consistent_snapshot: bool) -> Result<String, ReleaseError> {
        if !consistent_snapshot {
            return Ok(self.path.clone());
        }
        let hash = self.hashes.get("sha256").or_else(|| self.hashes.get("sha512")).ok_or_else(|| {
            ReleaseError::TufMismatch { file: plain(&self.path), reason: UNKNOWN_HASH.to_owned() }
        })?;
        if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ReleaseError::TufMetadata {
                file: plain(&self.path),
                reason: "its digest is not hexadecimal".to_owned(),
            });
        }
        Ok(match self.path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/{hash}.{name}"),
            None => format!("{hash}.{}", self.path),
        })
    }
}

const UNKNOWN_HASH: &str = "no digest of it is SHA-256 or SHA-512";

/// The SHA-256 among these digests.
pub(super) fn sha256_of(hashes: Option<&BTreeMap<String, String>>) -> Option<Sha256Digest> {
    Sha256Digest::from_hex(&hashes?.get("sha256")?.to_ascii_lowercase()).ok()
}

/// Whether `bytes` have this length and these digests, and if not, why.
pub(super) fn matches(
    bytes: &[u8],
    length: Option<u64>,
    hashes: Option<&BTreeMap<String, String>>,
) -> Result<(), &'static str> {
    if length.is_some_and(|length| length != bytes.len() as u64) {
        return Err("its length differs");
    }
    let Some(hashes) = hashes else { return Ok(()) };
    let mut known = false;
    for (algorithm, wanted) in hashes {
        let found = match algorithm.as_str() {
            "sha256" => Sha256Digest::of(bytes).to_string(),
            "sha512" => hex(&Sha512::digest(bytes)),
            _ => continue,
        };
        if !found.eq_ignore_ascii_case(wanted) {
            return Err("its digest differs");
        }
        known = true;
    }
    if known { Ok(()) } else { Err(UNKNOWN_HASH) }
}

fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}
