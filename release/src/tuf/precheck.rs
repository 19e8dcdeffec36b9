//! Strict reading: what two readers could take for two things is refused before anything is believed of it.
//!
//! Members that the specification does not know are accepted, as it demands.

use std::collections::BTreeSet;

use lacre_json::Limits;
use serde::Deserialize;
use sigstore_tuf::{DelegatedRole, MetaFile, Metadata, Root, Snapshot, Targets, Timestamp};

use crate::ReleaseError;

use super::key;
use super::name::{TOP, is_delegated_name, plain};
use super::refusal;

/// Deepest nesting of metadata.
const DEPTH: usize = 32;
/// Most signatures of one file.
const SIGNATURES: usize = 256;
/// Most roles that one role delegates to.
const DELEGATIONS: usize = 8192;
/// Longest pattern of paths, in bytes.
const PATTERN: usize = 512;
/// Most `*` of one pattern: each multiplies the work of a match.
const STARS: usize = 8;

/// A role's payload that can be read.
pub(super) trait Payload: sigstore_tuf::Role {
    /// The longest file, in bytes.
    const LIMIT: usize;

    /// Checks what the library's type leaves open.
    fn check(&self, file: &str) -> Result<(), ReleaseError>;
}

#[derive(Deserialize)]
struct Head {
    signatures: Vec<HeadSignature>,
    signed: HeadSigned,
}

#[derive(Deserialize)]
struct HeadSignature {
    keyid: String,
}

#[derive(Deserialize)]
struct HeadSigned {
    expires: String,
    version: u64,
}

/// Reads the metadata in `bytes`, which is called `file` in refusals. No signature is looked at.
pub(super) fn read<T: Payload>(bytes: &[u8], file: &str) -> Result<Metadata<T>, ReleaseError> {
    let head: Head = lacre_json::from_slice(bytes, Limits::new(T::LIMIT, DEPTH))
        .map_err(|source| ReleaseError::TufJson { file: plain(file), source })?;
    if head.signed.version == 0 {
        return malformed(file, "its version is 0");
    }
    if !is_date(&head.signed.expires) {
        return malformed(file, "its expiry is not written as YYYY-MM-DDTHH:MM:SSZ");
    }
    if head.signatures.len() > SIGNATURES {
        return Err(ReleaseError::TufLimit {
            what: "signatures of one file".to_owned(),
            limit: SIGNATURES as u64,
        });
    }
    let mut ids = BTreeSet::new();
    if !head.signatures.iter().all(|signature| ids.insert(signature.keyid.as_str())) {
        return Err(ReleaseError::TufKeys {
            role: plain(file),
            reason: "it is signed twice with one key id",
        });
    }
    let metadata = Metadata::<T>::from_slice(bytes).map_err(|error| refusal::of(file, &error))?;
    metadata.signed().check(file)?;
    Ok(metadata)
}

impl Payload for Root {
    const LIMIT: usize = 512 << 10;

    fn check(&self, file: &str) -> Result<(), ReleaseError> {
        if !TOP.iter().all(|role| self.roles.contains_key(*role)) {
            return malformed(file, "it does not name all four roles");
        }
        key::check(
            &self.keys,
            self.roles.iter().map(|(name, role)| (name.as_str(), role.keyids.as_slice(), role.threshold)),
        )
    }
}

impl Payload for Timestamp {
    const LIMIT: usize = 16 << 10;

    fn check(&self, file: &str) -> Result<(), ReleaseError> {
        match self.snapshot_meta() {
            Some(pin) => check_pins(std::iter::once(pin), file),
            None => malformed(file, "it names no snapshot"),
        }
    }
}

impl Payload for Snapshot {
    const LIMIT: usize = 2 << 20;

    fn check(&self, file: &str) -> Result<(), ReleaseError> {
        if !self.meta.contains_key("targets.json") {
            return malformed(file, "it names no targets");
        }
        check_pins(self.meta.values(), file)
    }
}

impl Payload for Targets {
    const LIMIT: usize = 5 << 20;

    fn check(&self, file: &str) -> Result<(), ReleaseError> {
        let Some(delegations) = &self.delegations else { return Ok(()) };
        let roles = &delegations.roles;
        if roles.len() > DELEGATIONS {
            return Err(ReleaseError::TufLimit {
                what: "delegations of one file".to_owned(),
                limit: DELEGATIONS as u64,
            });
        }
        let mut names = BTreeSet::new();
        for role in roles {
            if !is_delegated_name(&role.name) {
                return malformed(file, "it delegates to a role whose name is none");
            }
            if !names.insert(role.name.as_str()) {
                return malformed(file, "it delegates to one role twice");
            }
            check_paths(role, file)?;
        }
        key::check(
            &delegations.keys,
            roles.iter().map(|role| (role.name.as_str(), role.keyids.as_slice(), role.threshold)),
        )
    }
}

fn check_pins<'a>(mut pins: impl Iterator<Item = &'a MetaFile>, file: &str) -> Result<(), ReleaseError> {
    if pins.all(|pin| pin.version > 0) { Ok(()) } else { malformed(file, "it names a version 0") }
}

fn check_paths(role: &DelegatedRole, file: &str) -> Result<(), ReleaseError> {
    if role.paths.is_some() == role.path_hash_prefixes.is_some() {
        return malformed(file, "a delegation has either paths or prefixes of hashes");
    }
    for pattern in role.paths.iter().flatten() {
        if pattern.len() > PATTERN || pattern.matches('*').count() > STARS {
            return Err(ReleaseError::TufLimit {
                what: "length of a path pattern".to_owned(),
                limit: PATTERN as u64,
            });
        }
    }
    Ok(())
}

/// Whether `text` is of the one form that the specification gives dates.
fn is_date(text: &str) -> bool {
    let form = b"0000-00-00T00:00:00Z";
    text.len() == form.len()
        && text
            .bytes()
            .zip(form)
            .all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form })
}

fn malformed<T>(file: &str, reason: &str) -> Result<T, ReleaseError> {
    Err(ReleaseError::TufMetadata { file: plain(file), reason: reason.to_owned() })
}
