//! From a path to a key.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::Passphrase;
use super::pem::PemKey;
use crate::{FileKey, SignError};

/// Largest accepted key file in bytes. A P-521 key with a long preamble has less than 2 KiB.
const FILE_LIMIT: usize = 64 * 1024;

/// Bits that let the group or others read or write a file.
const EXPOSED: u32 = 0o066;

/// A private key that was read from a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedKey {
    /// The key.
    pub key: FileKey,
    /// The file's permission bits, if they let its group or others read or write it. That deserves a warning; it
    /// is no reason to refuse, since only the caller knows how the folder above is protected.
    pub exposed_mode: Option<u32>,
}

/// Reads a private key: PKCS#8 in PEM, `PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`.
///
/// `passphrase` is asked only for an encrypted key, once, after the file's parameters were found acceptable; its
/// answer `None` is [`SignError::PassphraseMissing`]. Symbolic links are followed (secrets are often mounted as
/// such), and a pipe is read like a file.
///
/// Accepted: files of at most 64 KiB; one PEM block; keys P-256, P-384, P-521 and Ed25519; PBES2 (RFC 8018,
/// section 6.2) with AES-128/192/256-CBC and either scrypt (N ≤ 2¹⁷, at most 128 MiB) or PBKDF2 with an HMAC of the
/// SHA-2 family (at most 10⁷ iterations). The limits are checked before anything is derived.
pub fn read_private_key(
    path: &Path,
    passphrase: &mut dyn FnMut() -> Result<Option<Passphrase>, SignError>,
) -> Result<OpenedKey, SignError> {
    let (text, exposed_mode) = read_bounded(path)?;
    let key = match PemKey::parse(&text).map_err(|fault| fault.in_file(path))? {
        PemKey::Plain(key) => key,
        PemKey::Encrypted(locked) => {
            let passphrase =
                passphrase()?.ok_or_else(|| SignError::PassphraseMissing { path: path.to_owned() })?;
            locked.unlock(&passphrase).map_err(|fault| fault.in_file(path))?
        }
    };
    Ok(OpenedKey { key, exposed_mode })
}

fn read_bounded(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<u32>), SignError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SignError::NotFound { path: path.to_owned() },
        _ => SignError::Unreadable { path: path.to_owned(), source },
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let exposed_mode =
        (metadata.is_file() && metadata.mode() & EXPOSED != 0).then_some(metadata.mode() & 0o7777);

    // The whole capacity at once: a buffer that grew would leave copies of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_LIMIT + 1));
    file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() > FILE_LIMIT {
        return Err(SignError::TooLarge { path: path.to_owned(), limit: FILE_LIMIT });
    }
    Ok((text, exposed_mode))
}
