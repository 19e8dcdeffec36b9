//! Files that the protocols name, read no further than they can be of use.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::Refusal;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Refusal> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let said = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let mut bytes = Vec::new();
    if said <= limit {
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    }
    if said > limit || bytes.len() as u64 > limit {
        return Err(Refusal::new("E-LIMIT", format!("{} has more than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Refusal> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| Refusal::new("E-UNREADABLE", format!("{} is no text", path.display())))
}

/// Writes a bundle.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    std::fs::write(path, bytes)
        .map_err(|error| Refusal::new("E-OUTPUT", format!("cannot write {}: {error}", path.display())))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new("E-UNREADABLE", format!("cannot read {}: {error}", path.display()))
}
