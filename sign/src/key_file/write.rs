//! From a key to a pair of files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use pkcs8::der::pem;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::pkcs5::scrypt;
use pkcs8::{LineEnding, PrivateKeyInfoRef};
use rustix::fs::{CWD, Mode, OFlags, openat};
use zeroize::Zeroizing;

use super::{Passphrase, cosign};
use crate::{FileKey, SignError};

/// scrypt parameters that are written: N = 2¹⁴ (16 MiB), r = 8, p = 1, which stay under OpenSSL's default limits.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;

const PRIVATE_MODE: Mode = Mode::from_raw_mode(0o600);
const PUBLIC_MODE: Mode = Mode::from_raw_mode(0o644);

/// Writes a key as two new files, `(private, public)`: PKCS#8 PEM with mode 0600, and SPKI PEM with mode 0644.
///
/// With a passphrase the private key is encrypted (scrypt N = 2¹⁴, r = 8, p = 1 and AES-256-CBC, as
/// `openssl pkcs8 -topk8 -scrypt` does). Neither file is ever overwritten, not even through a symbolic link
/// ([`SignError::Exists`]); both are on the disk when this returns; when it fails, neither is left behind.
pub fn write_key_pair(
    (private, public): (&Path, &Path),
    key: &FileKey,
    passphrase: Option<&Passphrase>,
) -> Result<(), SignError> {
    write_pair((private, public), key, &private_pem(key, passphrase)?)
}

/// The same with the private key in cosign's box (`ENCRYPTED SIGSTORE PRIVATE KEY`: scrypt N = 2¹⁶, r = 8, p = 1, and
/// `secretbox`), which `cosign … --key` opens with this passphrase in `COSIGN_PASSWORD`.
///
/// Of use for P-256. With P-384 and P-521, cosign 3.1 signs by the hash of the curve, as OMS demands, and verifies by SHA-256
/// only, so that it does not accept what it signed; with Ed25519 it cannot sign.
pub fn write_cosign_key_pair(
    (private, public): (&Path, &Path),
    key: &FileKey,
    passphrase: &Passphrase,
) -> Result<(), SignError> {
    let content = cosign::locked(key.to_pkcs8()?.as_bytes(), passphrase)?;
    let text = pem::encode_string("ENCRYPTED SIGSTORE PRIVATE KEY", LineEnding::LF, &content)
        .map_err(|error| SignError::bug(format!("encoding a private key: {error}")))?;
    write_pair((private, public), key, &text)
}

fn write_pair((private, public): (&Path, &Path), key: &FileKey, text: &str) -> Result<(), SignError> {
    let mut pair = Unfinished::default();
    // Both names are taken before a byte is written, so that a clash is found before there is anything to undo.
    let mut private_file = pair.create(private, PRIVATE_MODE)?;
    let mut public_file = pair.create(public, PUBLIC_MODE)?;
    put(&mut private_file, text.as_bytes(), private)?;
    put(&mut public_file, key.public_key().to_pem().as_bytes(), public)?;
    sync_folder_of(private)?;
    sync_folder_of(public)?;
    pair.keep();
    Ok(())
}

fn private_pem(key: &FileKey, passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>, SignError> {
    let encode = |error: pkcs8::der::Error| SignError::bug(format!("encoding a private key: {error}"));
    let document = key.to_pkcs8()?;
    let Some(passphrase) = passphrase else {
        return document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(encode);
    };
    let info: PrivateKeyInfoRef<'_> = document.decode_msg().map_err(encode)?;
    info.encrypt_with_params(fresh_parameters()?, passphrase.as_bytes())
        .map_err(|error| SignError::bug(format!("encrypting a private key: {error}")))?
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .map_err(encode)
}

fn fresh_parameters() -> Result<Parameters, SignError> {
    let mut salt = [0_u8; 16];
    let mut iv = [0_u8; 16];
    for bytes in [&mut salt, &mut iv] {
        SysRng.try_fill_bytes(bytes).map_err(|error| SignError::Random { detail: error.to_string() })?;
    }
    let invalid = |error: &dyn std::error::Error| SignError::bug(format!("scrypt parameters: {error}"));
    let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).map_err(|error| invalid(&error))?;
    Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|error| invalid(&error))
}

/// Files that were made and are not complete: removed again unless [`Unfinished::keep`] is reached.
#[derive(Default)]
struct Unfinished(Vec<PathBuf>);

impl Unfinished {
    fn create(&mut self, path: &Path, mode: Mode) -> Result<File, SignError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(CWD, path, flags, mode).map_err(|error| match error {
            rustix::io::Errno::EXIST => SignError::Exists { path: path.to_owned() },
            other => SignError::Write { path: path.to_owned(), source: other.into() },
        })?;
        self.0.push(path.to_owned());
        Ok(file.into())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for path in &self.0 {
            // The error that led here is the one to report.
            let _ = fs::remove_file(path);
        }
    }
}

fn put(file: &mut File, bytes: &[u8], path: &Path) -> Result<(), SignError> {
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| SignError::Write { path: path.to_owned(), source })
}

/// Makes the file's name durable, too.
fn sync_folder_of(path: &Path) -> Result<(), SignError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems have no such operation; the files themselves are synchronised.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        // A folder that may be written and not listed cannot be opened for this.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome.map_err(|source| SignError::Write { path: path.to_owned(), source }),
    }
}
