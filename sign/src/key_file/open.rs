//! From a path to a key.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lacre_attest::PublicKey;
use zeroize::Zeroizing;

use super::pem::{Block, Label};
use super::{KeyFault, KeyFormat, Passphrase, cosign, openssh, pkcs8, sec1};
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
    /// In which form the file holds the key.
    pub format: KeyFormat,
    /// What keeps a reader of the file from signing.
    pub protection: Protection,
}

/// What keeps whoever reads a key file from signing with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// Nothing: the key is not encrypted.
    None,
    /// Nothing: the key is encrypted with the passphrase of no characters, as cosign does with an empty `COSIGN_PASSWORD`.
    EmptyPassphrase,
    /// A passphrase.
    Passphrase,
}

/// A private key file, read and checked as far as this goes without its passphrase.
pub struct KeyFile {
    origin: PathBuf,
    exposed_mode: Option<u32>,
    format: KeyFormat,
    content: Content,
}

enum Content {
    Open(Box<FileKey>),
    Pkcs8(pkcs8::LockedKey),
    OpenSsh(openssh::LockedKey),
    Cosign(cosign::LockedKey),
}

impl KeyFile {
    /// Reads a private key file: a PEM text (RFC 7468) of at most 64 KiB with exactly one block, of a kind that
    /// [`KeyFormat`] lists. Symbolic links are followed (secrets are often mounted as such), and a pipe is read like a
    /// file.
    ///
    /// Accepted: keys P-256, P-384, P-521 and Ed25519; in PKCS#8, PBES2 (RFC 8018, section 6.2) with AES-128/192/256-CBC
    /// and either scrypt or PBKDF2 with an HMAC of the SHA-2 family; in OpenSSH's form, every cipher of `ssh-keygen -Z`
    /// but 3DES. Bounded before anything is derived, and before a passphrase is asked for ([`SignError::KdfLimit`]):
    /// scrypt N ≤ 2¹⁷ in at most 128 MiB, 10⁷ iterations of PBKDF2, 1024 rounds of bcrypt.
    ///
    /// Refused as [`SignError::Unsupported`]: RSA and every other algorithm. As [`SignError::Convertible`]: DER, keys
    /// encrypted by RFC 1423 (`Proc-Type: 4,ENCRYPTED`), keys with a block `EC PARAMETERS` in front.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let (text, exposed_mode) = read_bounded(path)?;
        Ok(Self { exposed_mode, ..Self::parse(&text, path)? })
    }

    /// The same from the text of a key file, which errors call by the name of its `origin`.
    pub fn parse(text: &[u8], origin: &Path) -> Result<Self, SignError> {
        if text.len() > FILE_LIMIT {
            return Err(SignError::TooLarge { path: origin.to_owned(), limit: FILE_LIMIT });
        }
        let (format, content) = parsed(text).map_err(|fault| fault.in_file(origin))?;
        Ok(Self { origin: origin.to_owned(), exposed_mode: None, format, content })
    }

    /// In which form the file holds the key.
    pub fn format(&self) -> KeyFormat {
        self.format
    }

    /// Whether the key is encrypted, with whatever passphrase.
    pub fn is_encrypted(&self) -> bool {
        !matches!(self.content, Content::Open(_))
    }

    /// The file's permission bits, if they let its group or others read or write it.
    pub fn exposed_mode(&self) -> Option<u32> {
        self.exposed_mode
    }

    /// The public half, if it can be read without a passphrase: of keys that are not encrypted, and of OpenSSH's. What an
    /// encrypted file says of it is proven only by [`KeyFile::unlock`].
    pub fn public_key(&self) -> Option<&PublicKey> {
        match &self.content {
            Content::Open(key) => Some(key.public_key()),
            Content::OpenSsh(locked) => Some(locked.public_key()),
            Content::Pkcs8(_) | Content::Cosign(_) => None,
        }
    }

    /// Gives the key. `passphrase` is asked only for a key that needs one, and once; its answer `None` is
    /// [`SignError::PassphraseMissing`]. cosign encrypts with an empty passphrase where others do not encrypt, so that is
    /// tried first with its keys.
    pub fn unlock(
        self,
        passphrase: &mut dyn FnMut() -> Result<Option<Passphrase>, SignError>,
    ) -> Result<OpenedKey, SignError> {
        let Self { origin, exposed_mode, format, content } = self;
        let mut ask = || passphrase()?.ok_or_else(|| SignError::PassphraseMissing { path: origin.clone() });
        let in_file = |fault: KeyFault| fault.in_file(&origin);
        let (key, protection) = match content {
            Content::Open(key) => (*key, Protection::None),
            Content::Pkcs8(locked) => (locked.unlock(&ask()?).map_err(in_file)?, Protection::Passphrase),
            Content::OpenSsh(locked) => (locked.unlock(&ask()?).map_err(in_file)?, Protection::Passphrase),
            Content::Cosign(locked) => match locked.unlock(b"") {
                Err(KeyFault::WrongPassphrase) => {
                    (locked.unlock(ask()?.as_bytes()).map_err(in_file)?, Protection::Passphrase)
                }
                outcome => (outcome.map_err(in_file)?, Protection::EmptyPassphrase),
            },
        };
        Ok(OpenedKey { key, exposed_mode, format, protection })
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("origin", &self.origin)
            .field("format", &self.format)
            .field("encrypted", &self.is_encrypted())
            .finish_non_exhaustive()
    }
}

/// Reads a private key: [`KeyFile::read`] and [`KeyFile::unlock`] in one.
pub fn read_private_key(
    path: &Path,
    passphrase: &mut dyn FnMut() -> Result<Option<Passphrase>, SignError>,
) -> Result<OpenedKey, SignError> {
    KeyFile::read(path)?.unlock(passphrase)
}

fn parsed(text: &[u8]) -> Result<(KeyFormat, Content), KeyFault> {
    let open = |key| Content::Open(Box::new(key));
    let Block { label, content } = Block::read(text)?;
    Ok(match label {
        Label::Pkcs8 => (KeyFormat::Pkcs8, open(pkcs8::read(&content)?)),
        Label::EncryptedPkcs8 => (KeyFormat::Pkcs8, Content::Pkcs8(pkcs8::LockedKey::parse(&content)?)),
        Label::Sec1 => (KeyFormat::Sec1, open(sec1::read(&content)?)),
        Label::OpenSsh => match openssh::read(&content)? {
            openssh::Read::Open(key) => (KeyFormat::OpenSsh, open(key)),
            openssh::Read::Locked(locked) => (KeyFormat::OpenSsh, Content::OpenSsh(locked)),
        },
        Label::Cosign => (KeyFormat::Cosign, Content::Cosign(cosign::LockedKey::parse(&content)?)),
    })
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
