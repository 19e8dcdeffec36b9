//! The strict reading that comes before the well-known one: what of a bundle's evidence two programs could read
//! differently, or what would cost more than a signature is worth, is refused here.
//!
//! Wire format: `sigstore_rekor.proto` and `sigstore_common.proto` of sigstore/protobuf-specs, in the protobuf JSON
//! mapping.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::members::{HASH_LIMIT, Members, malformed, within};
use crate::VerifyError;
use lacre_attest::AttestError;
use lacre_manifest::escape;

/// At most this many log entries, and this many timestamps (sigstore-go has the same bounds).
const EVIDENCE_LIMIT: usize = 32;
/// The longest body of a log entry, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// The deepest nesting of a body, in levels.
const BODY_DEPTH: usize = 16;
/// The longest checkpoint, in bytes: some dozen witnesses.
const CHECKPOINT_LIMIT: usize = 64 * 1024;
/// The longest signature of a log, in bytes.
const PROMISE_LIMIT: usize = 16 * 1024;
/// The longest timestamp token, in bytes; its certificates may be in it.
const TOKEN_LIMIT: usize = 64 * 1024;
/// A path of more hashes belongs to no tree of 2^63 leaves.
const PATH_LIMIT: usize = 64;

/// The versions of the bundle format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`: entries come with the promise of their log.
    V01,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.2`: entries come with a proof.
    V02,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`.
    V03,
}

/// The evidence of a bundle, read and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) entries: Vec<LogEntry>,
    /// RFC 3161 responses or tokens in DER.
    pub(super) timestamps: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEntry {
    /// Below 2^63.
    pub(super) index: u64,
    pub(super) log: [u8; 32],
    pub(super) kind: EntryKind,
    /// Seconds since 1970; only the promise vouches for it.
    pub(super) integrated: Option<i64>,
    pub(super) promise: Option<Vec<u8>>,
    pub(super) proof: Option<Proof>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    HashedRekord1,
    HashedRekord2,
    Dsse1,
    Intoto2,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) root: [u8; 32],
    pub(super) size: u64,
    pub(super) path: Vec<[u8; 32]>,
    pub(super) checkpoint: String,
}

impl Evidence {
    /// Reads the evidence of a bundle of `version`.
    ///
    /// # Errors
    /// `E-BUNDLE` for what is malformed or stands twice, `E-LIMIT` for what is too much, `E-UNSUPPORTED` for kinds of
    /// entries that are not read, `E-LOG` for an entry without the proof that its version demands.
    pub(super) fn read<'a>(
        version: Version,
        entries: impl ExactSizeIterator<Item = &'a str>,
        timestamps: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<Self, VerifyError> {
        within("transparency log entries", entries.len(), EVIDENCE_LIMIT)?;
        within("timestamps", timestamps.len(), EVIDENCE_LIMIT)?;
        let mut read = Self { entries: Vec::new(), timestamps: Vec::new() };
        for (number, text) in entries.enumerate() {
            let place = format!("tlogEntries[{number}]");
            let entry = LogEntry::read(Members::parse(place.clone(), text)?)?;
            entry.has_what_is_demanded(version, &place)?;
            // The outer index of an entry without promise is nobody's word, so the body counts as well.
            if read.entries.iter().any(|other| {
                other.log == entry.log && (other.index == entry.index || other.body == entry.body)
            }) {
                return Err(malformed(format!("{place} stands twice")));
            }
            read.entries.push(entry);
        }
        for (number, text) in timestamps.enumerate() {
            let place = format!("rfc3161Timestamps[{number}]");
            let mut members = Members::parse(place.clone(), text)?;
            let token = members
                .bytes("signedTimestamp", TOKEN_LIMIT)?
                .ok_or_else(|| members.error("signedTimestamp", "is missing"))?;
            members.end()?;
            if read.timestamps.contains(&token) {
                return Err(malformed(format!("{place} stands twice")));
            }
            read.timestamps.push(token);
        }
        Ok(read)
    }
}

impl Evidence {
    /// Demands that every log entry is about this signature, before anything that the entry proves is believed, be it
    /// only a time. Logs write the signature in base64, and `intoto` entries in base64 of base64.
    pub(super) fn is_about(&self, signature: &[u8]) -> Result<(), VerifyError> {
        let once = STANDARD.encode(signature);
        for entry in &self.entries {
            let wanted = if entry.kind == EntryKind::Intoto2 { STANDARD.encode(&once) } else { once.clone() };
            // Bodies are canonical JSON (RFC 8785): the text stands there as it is, in quotes.
            let wanted = format!("\"{wanted}\"");
            if !entry.body.windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
                return Err(VerifyError::Log { detail: "an entry is about another signature".to_owned() });
            }
        }
        Ok(())
    }
}

impl LogEntry {
    fn read(mut members: Members) -> Result<Self, VerifyError> {
        let missing = |members: &Members, name: &str| members.error(name, "is missing");
        let mut log = members.object("logId")?.ok_or_else(|| missing(&members, "logId"))?;
        let key_id = log.array("keyId")?;
        log.end()?;
        let mut kind = members.object("kindVersion")?.ok_or_else(|| missing(&members, "kindVersion"))?;
        let (name, version) =
            (kind.text("kind")?.unwrap_or_default(), kind.text("version")?.unwrap_or_default());
        kind.end()?;
        let integrated = match members.integer("integratedTime")? {
            0 => None,
            seconds => {
                Some(i64::try_from(seconds).map_err(|_| members.error("integratedTime", "is out of range"))?)
            }
        };
        let promise = match members.object("inclusionPromise")? {
            None => None,
            Some(mut promise) => {
                let signature = promise
                    .bytes("signedEntryTimestamp", PROMISE_LIMIT)?
                    .ok_or_else(|| missing(&promise, "signedEntryTimestamp"))?;
                promise.end()?;
                Some(signature)
            }
        };
        let proof = members.object("inclusionProof")?.map(Proof::read).transpose()?;
        let body = members
            .bytes("canonicalizedBody", BODY_LIMIT)?
            .ok_or_else(|| missing(&members, "canonicalizedBody"))?;
        // Whoever reads the body next would take the last of two equal keys, or the first.
        lacre_json::check(&body, lacre_json::Limits::new(BODY_LIMIT, BODY_DEPTH))
            .map_err(|source| AttestError::Json { part: "body of a log entry", source })?;
        let entry = Self {
            index: members.integer("logIndex")?,
            log: key_id,
            kind: EntryKind::read(&name, &version)?,
            integrated,
            promise,
            proof,
            body,
        };
        members.end()?;
        Ok(entry)
    }

    /// Every entry must prove itself. One that does not would be believed for the sake of another.
    fn has_what_is_demanded(&self, version: Version, place: &str) -> Result<(), VerifyError> {
        let lacks = |what: &str| Err(VerifyError::Log { detail: format!("{place} has no {what}") });
        match version {
            Version::V01 if self.promise.is_none() => lacks("inclusion promise"),
            Version::V02 | Version::V03 if self.proof.is_none() => lacks("inclusion proof"),
            _ => Ok(()),
        }
    }
}

impl EntryKind {
    fn read(name: &str, version: &str) -> Result<Self, VerifyError> {
        match (name, version) {
            ("hashedrekord", "0.0.1") => Ok(Self::HashedRekord1),
            ("hashedrekord", "0.0.2") => Ok(Self::HashedRekord2),
            ("dsse", "0.0.1") => Ok(Self::Dsse1),
            ("intoto", "0.0.2") => Ok(Self::Intoto2),
            _ => {
                let kind: String = format!("{name}/{version}").chars().take(64).collect();
                Err(VerifyError::UnsupportedEvidence {
                    detail: format!("a log entry of kind {}", escape(&kind)),
                })
            }
        }
    }
}

impl Proof {
    fn read(mut members: Members) -> Result<Self, VerifyError> {
        let path = members
            .texts("hashes", PATH_LIMIT)?
            .iter()
            .map(|text| {
                <[u8; 32]>::try_from(members.decode("hashes", text, HASH_LIMIT)?)
                    .map_err(|_| members.error("hashes", "holds one that has not 32 bytes"))
            })
            .collect::<Result<_, _>>()?;
        let checkpoint = match members.object("checkpoint")? {
            None => String::new(),
            Some(mut checkpoint) => {
                let envelope = checkpoint.text("envelope")?.unwrap_or_default();
                checkpoint.end()?;
                envelope
            }
        };
        within("bytes of checkpoint", checkpoint.len(), CHECKPOINT_LIMIT)?;
        // A note ends with its signatures. What stands behind a second blank line is signed by nobody.
        if checkpoint.matches("\n\n").count() > 1 {
            return Err(VerifyError::Log { detail: "a checkpoint has more than one blank line".to_owned() });
        }
        let proof = Self {
            index: members.integer("logIndex")?,
            root: members.array("rootHash")?,
            size: members.integer("treeSize")?,
            path,
            checkpoint,
        };
        members.end()?;
        Ok(proof)
    }
}

#[cfg(test)]
mod tests;
