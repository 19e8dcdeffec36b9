//! cosign's box: PKCS#8 under `secretbox` with a key by scrypt, all of it JSON in PEM.
//!
//! The form is that of `encrypted` in go-securesystemslib, which cosign uses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::generic_array::GenericArray;
use crypto_secretbox::{AeadInPlace, KeyInit, XSalsa20Poly1305};
use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use lacre_json::Limits;
use scrypt::Params;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyFault, Passphrase, kdf, malformed, pkcs8};
use crate::{FileKey, SignError};

/// scrypt parameters that cosign writes since 2023, and the only ones beside N = 2¹⁵ that it reads: N = 2¹⁶ (64 MiB).
const N: u64 = 1 << 16;
const R: u64 = 8;
const P: u64 = 1;

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
const NONCE: usize = 24;
const TAG: usize = 16;

/// The file is not longer than this, and as deep as the structs below.
const JSON: Limits = Limits::new(64 * 1024, 4);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBox {
    cipher: WireCipher,
    ciphertext: String,
    kdf: WireKdf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCipher {
    name: String,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKdf {
    name: String,
    params: WireParams,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireParams {
    #[serde(rename = "N")]
    n: u64,
    p: u64,
    r: u64,
}

/// A box whose parameters are within the limits.
pub(super) struct LockedKey {
    params: Params,
    salt: Vec<u8>,
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

impl LockedKey {
    pub(super) fn parse(json: &[u8]) -> Result<Self, KeyFault> {
        let WireBox { cipher, ciphertext, kdf } = lacre_json::from_slice(json, JSON)
            .map_err(|error| malformed(format!("it is not a box of cosign ({error})")))?;
        for (name, known, what) in [(&kdf.name, KDF, "key derivation"), (&cipher.name, CIPHER, "cipher")] {
            if name != known {
                let name = lacre_manifest::escape(&name.chars().take(64).collect::<String>());
                return Err(KeyFault::Unsupported(format!("a key encrypted with the {what} {name}")));
            }
        }
        let params = params(&kdf.params)?;
        let bytes = |text: &str, what: &str| {
            STANDARD.decode(text).map_err(|_| malformed(format!("its {what} is not base64")))
        };
        let nonce = bytes(&cipher.nonce, "nonce")?
            .try_into()
            .map_err(|_| malformed(format!("its nonce is not {NONCE} bytes long")))?;
        let ciphertext = bytes(&ciphertext, "ciphertext")?;
        if ciphertext.len() <= TAG {
            return Err(malformed("its ciphertext is shorter than any key"));
        }
        Ok(Self { params, salt: bytes(&kdf.salt, "salt")?, nonce, ciphertext })
    }

    /// Opens the box. Unlike with other forms, what was damaged in it looks like a wrong passphrase, and nothing else does.
    pub(super) fn unlock(&self, passphrase: &[u8]) -> Result<FileKey, KeyFault> {
        let secretbox =
            secretbox(passphrase, &self.salt, &self.params).map_err(|error| malformed(error.to_string()))?;
        let mut content = Zeroizing::new(self.ciphertext.clone());
        secretbox
            .decrypt_in_place(GenericArray::from_slice(&self.nonce), b"", &mut *content)
            .map_err(|_| KeyFault::WrongPassphrase)?;
        pkcs8::read(&content)
    }
}

/// The content of the PEM block for `key`, which is PKCS#8 in DER.
pub(super) fn locked(key: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, SignError> {
    let mut salt = [0_u8; 32];
    let mut nonce = [0_u8; NONCE];
    for bytes in [&mut salt[..], &mut nonce[..]] {
        SysRng.try_fill_bytes(bytes).map_err(|error| SignError::Random { detail: error.to_string() })?;
    }
    let failed = |detail: &str| SignError::bug(format!("encrypting a private key: {detail}"));
    let wire_params = WireParams { n: N, p: P, r: R };
    let params = params(&wire_params).map_err(|_| failed("scrypt parameters"))?;
    let secretbox = secretbox(passphrase.as_bytes(), &salt, &params).map_err(|_| failed("scrypt"))?;
    // Room for the tag, so that the buffer does not move and leave a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(key.len() + TAG));
    content.extend_from_slice(key);
    secretbox
        .encrypt_in_place(GenericArray::from_slice(&nonce), b"", &mut *content)
        .map_err(|_| failed("secretbox"))?;
    Ok(lacre_json::to_vec(&WireBox {
        cipher: WireCipher { name: CIPHER.to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(&*content),
        kdf: WireKdf { name: KDF.to_owned(), params: wire_params, salt: STANDARD.encode(salt) },
    }))
}

fn params(wire: &WireParams) -> Result<Params, KeyFault> {
    kdf::scrypt(wire.n, wire.r, wire.p)?;
    // Within the bounds above, every number fits.
    let narrow =
        |number: u64| u32::try_from(number).map_err(|_| malformed("its scrypt parameters are not valid"));
    let log_n = u8::try_from(wire.n.ilog2()).map_err(|_| malformed("its scrypt parameters are not valid"))?;
    Params::new(log_n, narrow(wire.r)?, narrow(wire.p)?).map_err(|error| malformed(error.to_string()))
}

fn secretbox(
    passphrase: &[u8],
    salt: &[u8],
    params: &Params,
) -> Result<XSalsa20Poly1305, scrypt::errors::InvalidOutputLen> {
    let mut key = Zeroizing::new([0_u8; 32]);
    scrypt::scrypt(passphrase, salt, params, &mut *key)?;
    Ok(XSalsa20Poly1305::new(GenericArray::from_slice(&*key)))
}
