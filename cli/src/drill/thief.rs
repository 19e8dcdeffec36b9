//! What a thief of the timestamp's keys signs: files that no publisher would write.

use lacre_hash::Sha256Digest;
use lacre_publish::channel::{FileName, Repository, VerifiedRepository};
use lacre_sign::Signer as _;
use serde_json::{Value, json};

use super::scratch::Scratch;
use crate::error::CliError;

/// The files of the copy under a newer timestamp that says what `change` makes of it.
pub(super) fn timestamp(scratch: &Scratch, change: impl FnOnce(&mut Value)) -> Result<Repository, CliError> {
    let mut files = scratch.live.repository().clone();
    let mut file = read(&files, FileName::Timestamp)?;
    let version = file["signed"]["version"].as_u64().unwrap_or_default();
    file["signed"]["version"] = json!(version + 1);
    change(&mut file["signed"]);
    let message = lacre_release::canonical_json(&file["signed"])?;
    for entry in file["signatures"].as_array_mut().into_iter().flatten() {
        let key = entry["keyid"].as_str().and_then(|id| scratch.crew.by_id(id));
        let signature = key.ok_or_else(|| odd("a signature of nobody"))?.sign(&message)?;
        entry["sig"] = json!(hex(&signature));
    }
    files.insert(FileName::Timestamp, lacre_json::to_vec(&file))?;
    Ok(files)
}

/// The snapshot that an earlier state leads to, with its name.
pub(super) fn snapshot(state: &VerifiedRepository) -> Result<(FileName, Vec<u8>), CliError> {
    let timestamp = read(state.repository(), FileName::Timestamp)?;
    let version = timestamp["signed"]["meta"]["snapshot.json"]["version"].as_u64();
    let name = FileName::Snapshot(version.ok_or_else(|| odd("a timestamp without a snapshot"))?);
    let bytes = state.repository().get(name).ok_or_else(|| odd("a snapshot that is not there"))?;
    Ok((name, bytes.to_vec()))
}

/// What a timestamp says of a snapshot.
pub(super) fn pin(bytes: &[u8], version: u64) -> Value {
    json!({
        "hashes": { "sha256": Sha256Digest::of(bytes).to_string() },
        "length": bytes.len(),
        "version": version,
    })
}

fn read(files: &Repository, name: FileName) -> Result<Value, CliError> {
    let bytes = files.get(name).ok_or_else(|| odd("a file that is not there"))?;
    serde_json::from_slice(bytes).map_err(|_| odd("a file that is no JSON"))
}

/// The copy is our own: what is missing in it is our fault.
pub(super) fn odd(what: &str) -> CliError {
    CliError::Bug { detail: format!("the copy has {what}") }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
