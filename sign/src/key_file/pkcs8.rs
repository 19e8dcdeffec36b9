//! PKCS#8 (RFC 5958): plain, or encrypted by PBES2 (RFC 8018, section 6.2).

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, ErrorKind, Reader};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, PBES2_OID, Parameters, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{PrivateKeyInfoRef, pkcs5};
use zeroize::Zeroizing;

use super::{KeyFault, Passphrase, kdf, malformed};
use crate::FileKey;

/// AES works on blocks of 16 bytes in every mode that is accepted.
const AES_BLOCK: usize = 16;

/// An encrypted key whose parameters are within the limits.
pub(super) struct LockedKey {
    parameters: Parameters,
    ciphertext: Vec<u8>,
}

/// Reads a key that is not encrypted.
pub(super) fn read(der: &[u8]) -> Result<FileKey, KeyFault> {
    let info =
        PrivateKeyInfoRef::from_der(der).map_err(|error| malformed(format!("it is not PKCS#8 ({error})")))?;
    FileKey::from_pkcs8(info)
}

impl LockedKey {
    pub(super) fn parse(der: &[u8]) -> Result<Self, KeyFault> {
        let (scheme, ciphertext) = AnyRef::from_der(der)
            .and_then(|outer| {
                outer.sequence(|reader| {
                    let scheme: AlgorithmIdentifierRef<'_> = reader.decode()?;
                    let data: &OctetStringRef = reader.decode()?;
                    Ok::<_, pkcs8::der::Error>((scheme, data.as_bytes()))
                })
            })
            .map_err(|error| malformed(format!("it is not encrypted PKCS#8 ({error})")))?;
        let parameters = match (scheme.oid, scheme.parameters) {
            (PBES2_OID, Some(parameters)) => Parameters::try_from(parameters).map_err(parameters_fault)?,
            (PBES2_OID, None) => return Err(malformed("its encryption has no parameters")),
            (other, _) => {
                return Err(KeyFault::Unsupported(format!(
                    "a key encrypted with the old scheme {other} instead of PBES2"
                )));
            }
        };
        check_cipher(&parameters.encryption)?;
        check_cost(&parameters.kdf)?;
        if kdf_length(&parameters.kdf).is_some_and(|length| length != parameters.encryption.key_size()) {
            return Err(malformed("its key derivation makes a key of another length than its cipher takes"));
        }
        // Before the passphrase is asked for: what no passphrase could open is not blamed on the passphrase.
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(AES_BLOCK) {
            return Err(malformed("its ciphertext is not a whole number of blocks"));
        }
        Ok(Self { parameters, ciphertext: ciphertext.to_vec() })
    }

    pub(super) fn unlock(&self, passphrase: &Passphrase) -> Result<FileKey, KeyFault> {
        let mut buffer = Zeroizing::new(self.ciphertext.clone());
        let plain = self.parameters.decrypt_in_place(passphrase.as_bytes(), &mut buffer).map_err(
            |error| match error {
                pkcs5::Error::DecryptFailed => KeyFault::WrongPassphrase,
                other => malformed(other.to_string()),
            },
        )?;
        // One wrong passphrase in 256 leaves padding that looks right, with noise in front of it.
        let info = PrivateKeyInfoRef::from_der(plain).map_err(|_| KeyFault::WrongPassphrase)?;
        FileKey::from_pkcs8(info)
    }
}

fn check_cipher(cipher: &EncryptionScheme) -> Result<(), KeyFault> {
    match cipher {
        EncryptionScheme::Aes128Cbc { .. }
        | EncryptionScheme::Aes192Cbc { .. }
        | EncryptionScheme::Aes256Cbc { .. } => Ok(()),
        other => Err(KeyFault::Unsupported(format!("a key encrypted with the cipher {}", other.oid()))),
    }
}

fn check_cost(scheme: &Kdf) -> Result<(), KeyFault> {
    match scheme {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(KeyFault::Unsupported("a key encrypted with PBKDF2 and HMAC-SHA-1".to_owned()))
        }
        Kdf::Pbkdf2(pbkdf2) => kdf::pbkdf2(pbkdf2.iteration_count.into()),
        Kdf::Scrypt(scrypt) => {
            kdf::scrypt(scrypt.cost_parameter, scrypt.block_size.into(), scrypt.parallelization.into())
        }
        other => {
            Err(KeyFault::Unsupported(format!("a key encrypted with the key derivation {}", other.oid())))
        }
    }
}

fn kdf_length(scheme: &Kdf) -> Option<usize> {
    scheme.key_length().map(usize::from)
}

#[allow(clippy::needless_pass_by_value)] // the signature that map_err wants
fn parameters_fault(error: pkcs8::der::Error) -> KeyFault {
    match error.kind() {
        ErrorKind::OidUnknown { oid } => {
            KeyFault::Unsupported(format!("a key encrypted with the algorithm {oid}"))
        }
        _ => malformed(format!("its encryption parameters are not valid ({error})")),
    }
}
