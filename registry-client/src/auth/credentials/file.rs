//! Files with secrets in them: read to a limit, wiped afterwards.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::auth::AuthProblem;

/// The longest file, in bytes. Those of docker have a few kilobytes.
const LIMIT: usize = 1024 * 1024;
/// A buffer that is big enough at once leaves no half-filled copies behind.
const FIRST: usize = 64 * 1024;

/// A file's bytes, and who else can get at them.
pub(super) struct Text {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    mode: u32,
}

impl Text {
    /// What is wrong with the permissions of `place`.
    pub(super) fn warning(&self, place: &str) -> Option<String> {
        const OTHERS_WRITE: u32 = 0o022;
        const OTHERS_READ: u32 = 0o044;
        let who = match self.mode {
            mode if mode & OTHERS_WRITE != 0 => "can be changed",
            mode if mode & OTHERS_READ != 0 => "can be read",
            _ => return None,
        };
        Some(format!("{place} holds credentials and {who} by other users: chmod 600 it"))
    }
}

/// Reads a file; nothing if there is none.
pub(super) fn read(path: &Path, place: &str) -> Result<Option<Text>, AuthProblem> {
    let refuse = |detail: String| AuthProblem::Credentials { place: place.to_owned(), detail };
    let unreadable = |error: io::Error| refuse(format!("cannot be read: {error}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let meta = file.metadata().map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(FIRST));
    file.take(LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LIMIT {
        return Err(refuse(format!("more than the limit of {LIMIT} bytes")));
    }
    // A pipe's permissions say nothing.
    let mode = if meta.is_file() { meta.permissions().mode() } else { 0 };
    Ok(Some(Text { bytes, mode }))
}
