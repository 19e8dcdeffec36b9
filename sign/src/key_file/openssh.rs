//! OpenSSH's own form of private keys (its PROTOCOL.key), plain or encrypted.

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_manifest::escape;
use ssh_cipher::{Cipher, Tag};
use zeroize::Zeroizing;

use super::{KeyFault, Passphrase, kdf, malformed};
use crate::FileKey;

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Every cipher of `ssh-keygen -Z` but `3des-cbc`.
const CIPHERS: [Cipher; 9] = [
    Cipher::Aes128Cbc,
    Cipher::Aes192Cbc,
    Cipher::Aes256Cbc,
    Cipher::Aes128Ctr,
    Cipher::Aes192Ctr,
    Cipher::Aes256Ctr,
    Cipher::Aes128Gcm,
    Cipher::Aes256Gcm,
    Cipher::ChaCha20Poly1305,
];

/// What the file holds.
pub(super) enum Read {
    Open(FileKey),
    Locked(LockedKey),
}

/// An encrypted key whose parameters are within the limits.
pub(super) struct LockedKey {
    public: PublicKey,
    cipher: Cipher,
    salt: Vec<u8>,
    rounds: u32,
    ciphertext: Vec<u8>,
    tag: Option<Tag>,
}

/// Reads PROTOCOL.key, sections 1 and 2.
pub(super) fn read(bytes: &[u8]) -> Result<Read, KeyFault> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| malformed("it is not an OpenSSH key, version 1"))?;
    let mut wire = Wire(rest);
    let cipher = wire.string()?;
    let kdf = wire.string()?;
    let mut options = Wire(wire.string()?);
    if wire.number()? != 1 {
        return Err(malformed("it holds more than one key, or none"));
    }
    let public = public_key(wire.string()?)?;
    let section = wire.string()?;
    match (cipher, kdf) {
        (b"none", b"none") => {
            options.end()?;
            wire.end()?;
            private_key(section, &public).map(Read::Open)
        }
        (b"none", _) | (_, b"none") => {
            Err(malformed("it has a cipher without a key derivation, or the reverse"))
        }
        (name, b"bcrypt") => {
            let cipher = cipher_of(name)?;
            let salt = options.string()?.to_vec();
            let rounds = options.number()?;
            options.end()?;
            if salt.is_empty() {
                return Err(malformed("its salt is empty"));
            }
            kdf::bcrypt(rounds.into())?;
            if section.is_empty() || !section.len().is_multiple_of(cipher.block_size()) {
                return Err(malformed("its ciphertext is not a whole number of blocks"));
            }
            let tag = if cipher.has_tag() { Some(Tag::from(wire.array::<16>()?)) } else { None };
            wire.end()?;
            Ok(Read::Locked(LockedKey { public, cipher, salt, rounds, ciphertext: section.to_vec(), tag }))
        }
        (_, other) => {
            Err(KeyFault::Unsupported(format!("a key encrypted with the key derivation {}", shown(other))))
        }
    }
}

impl LockedKey {
    /// What the file says of its public half, outside of what is encrypted.
    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn unlock(&self, passphrase: &Passphrase) -> Result<FileKey, KeyFault> {
        let (key_length, iv_length) =
            self.cipher.key_and_iv_size().ok_or_else(|| malformed("its cipher takes no key"))?;
        let mut derived = Zeroizing::new(vec![0; key_length + iv_length]);
        bcrypt_pbkdf::bcrypt_pbkdf(passphrase.as_bytes(), &self.salt, self.rounds, &mut derived)
            .map_err(|error| malformed(error.to_string()))?;
        let (key, iv) = derived.split_at_mut(key_length);
        if self.cipher == Cipher::ChaCha20Poly1305 {
            // A sequence number on the wire, and always zero in files.
            iv.fill(0);
        }
        let mut section = Zeroizing::new(self.ciphertext.clone());
        self.cipher.decrypt(key, iv, &mut section, self.tag).map_err(|_| KeyFault::WrongPassphrase)?;
        // Most ciphers carry no tag. The two equal numbers in front are there to tell a wrong passphrase.
        let mut wire = Wire(&section);
        if wire.number()? != wire.number()? {
            return Err(KeyFault::WrongPassphrase);
        }
        private_key(&section, &self.public)
    }
}

/// Reads PROTOCOL.key, section 3: the key behind its public half, which must be the one outside.
fn private_key(section: &[u8], public: &PublicKey) -> Result<FileKey, KeyFault> {
    let mut wire = Wire(section);
    if wire.number()? != wire.number()? {
        return Err(malformed("its two check numbers differ"));
    }
    // Name, curve and point stand in the same form in both places.
    wire.0 = wire
        .0
        .strip_prefix(public.to_openssh_blob().as_slice())
        .ok_or_else(|| malformed("its public key does not belong to its private key"))?;
    let secret = wire.string()?;
    let scalar = match public.algorithm() {
        KeyAlgorithm::EcdsaP256 => padded(secret, 32)?,
        KeyAlgorithm::EcdsaP384 => padded(secret, 48)?,
        KeyAlgorithm::EcdsaP521 => padded(secret, 66)?,
        // The seed, and the public key once more.
        _ => match secret.split_at_checked(32) {
            Some((seed, again)) if public.to_der().ends_with(again) && again.len() == 32 => {
                Zeroizing::new(seed.to_vec())
            }
            _ => return Err(malformed("its Ed25519 key is not a seed and a public key")),
        },
    };
    let _comment = wire.string()?;
    // Blocks have 16 bytes at most; the bound is that of the counter.
    let padding = wire.0;
    if padding.len() >= 255 || !padding.iter().zip(1_u8..).all(|(pad, count)| *pad == count) {
        return Err(malformed("its padding is not 1, 2, 3, …"));
    }
    let key = FileKey::from_scalar(public.algorithm(), &scalar)?;
    if key.public_key() == public {
        Ok(key)
    } else {
        Err(malformed("its public key does not belong to its private key"))
    }
}

/// A positive `mpint` (RFC 4251, section 5) as a number of `length` bytes. Scalars that begin with zeros are written shorter.
fn padded(mpint: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let digits = match mpint {
        [0, digits @ ..] if digits.first().is_some_and(|first| *first >= 0x80) => digits,
        [1..0x80, ..] => mpint,
        _ => return Err(malformed("its secret is not a positive number in its shortest form")),
    };
    let missing = length
        .checked_sub(digits.len())
        .ok_or_else(|| malformed("its secret is longer than its curve allows"))?;
    let mut scalar = Zeroizing::new(vec![0; length]);
    scalar[missing..].copy_from_slice(digits);
    Ok(scalar)
}

/// The public half; algorithms that are not signed with are named.
fn public_key(blob: &[u8]) -> Result<PublicKey, KeyFault> {
    let name = Wire(blob).string()?;
    let unsupported = |found: &str| Err(KeyFault::Unsupported(found.to_owned()));
    match name {
        b"ssh-ed25519" | b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521" => {
            PublicKey::from_openssh_blob(blob).map_err(|error| malformed(error.to_string()))
        }
        b"ssh-rsa" => unsupported("an RSA key"),
        b"ssh-dss" => unsupported("a DSA key"),
        name if name.starts_with(b"sk-") => unsupported("a key of a hardware token (FIDO)"),
        other => Err(KeyFault::Unsupported(format!("a key of the algorithm {}", shown(other)))),
    }
}

fn cipher_of(name: &[u8]) -> Result<Cipher, KeyFault> {
    CIPHERS
        .into_iter()
        .find(|cipher| cipher.as_str().as_bytes() == name)
        .ok_or_else(|| KeyFault::Unsupported(format!("a key encrypted with the cipher {}", shown(name))))
}

/// A name from the file as an error shows it.
fn shown(name: &[u8]) -> String {
    escape(&String::from_utf8_lossy(name).chars().take(64).collect::<String>())
}

/// What is left of a text in the encoding of RFC 4251, section 5.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyFault> {
        let (array, rest) = self.0.split_first_chunk().ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(*array)
    }

    fn number(&mut self) -> Result<u32, KeyFault> {
        self.array().map(u32::from_be_bytes)
    }

    fn string(&mut self) -> Result<&'a [u8], KeyFault> {
        let length = usize::try_from(self.number()?).map_err(|_| ends_early())?;
        let (string, rest) = self.0.split_at_checked(length).ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(string)
    }

    fn end(&self) -> Result<(), KeyFault> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("there are bytes behind its end")) }
    }
}

fn ends_early() -> KeyFault {
    malformed("it ends early, or a length in it is wrong")
}
