//! From the text of a key file to a key: labels, encryption parameters and their bounds, decryption.

use lacre_manifest::escape;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, ErrorKind, Reader};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, PBES2_OID, Parameters, Pbkdf2Prf, ScryptParams};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{PrivateKeyInfoRef, SecretDocument, pkcs5};
use zeroize::Zeroizing;

use super::{KeyFault, Passphrase};
use crate::FileKey;

/// Largest accepted scrypt cost N (RFC 7914): eight times what is written here.
const SCRYPT_N_LIMIT: u64 = 1 << 17;
/// Largest memory that scrypt may take, 128·r·N and 128·r·p bytes, in bytes.
const SCRYPT_MEMORY_LIMIT: u64 = 128 << 20;
/// Largest accepted product N·r·p, which the time of scrypt is proportional to.
const SCRYPT_WORK_LIMIT: u64 = 1 << 22;
/// Largest accepted count of PBKDF2 iterations (RFC 8018, section 5.2).
const PBKDF2_LIMIT: u64 = 10_000_000;

/// AES works on blocks of 16 bytes in every mode that is accepted.
const AES_BLOCK: usize = 16;

/// What the one PEM block of a key file holds.
pub(super) enum PemKey {
    Plain(FileKey),
    Encrypted(LockedKey),
}

/// An encrypted key whose parameters are within the limits.
pub(super) struct LockedKey {
    parameters: Parameters,
    ciphertext: Vec<u8>,
}

impl PemKey {
    pub(super) fn parse(text: &[u8]) -> Result<Self, KeyFault> {
        let text = std::str::from_utf8(text).map_err(|_| malformed("it is not a PEM text"))?;
        let encrypted = check_label(text)?;
        let (_, document) = SecretDocument::from_pem(text)
            .map_err(|error| malformed(format!("its PEM block is damaged ({error})")))?;
        if encrypted {
            LockedKey::parse(document.as_bytes()).map(Self::Encrypted)
        } else {
            let info = PrivateKeyInfoRef::from_der(document.as_bytes())
                .map_err(|error| malformed(format!("it is not PKCS#8 ({error})")))?;
            FileKey::from_pkcs8(info).map(Self::Plain)
        }
    }
}

impl LockedKey {
    fn parse(der: &[u8]) -> Result<Self, KeyFault> {
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

/// Finds the file's one PEM block: `true` if it is encrypted PKCS#8, `false` if plain, else why it is refused.
fn check_label(text: &str) -> Result<bool, KeyFault> {
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect();
    // Named first, because they come in company: `openssl ecparam -genkey` writes EC PARAMETERS before the key.
    for label in &labels {
        let found = match *label {
            "EC PRIVATE KEY" => "a key in the SEC1 format (EC PRIVATE KEY) instead of PKCS#8",
            "RSA PRIVATE KEY" => "an RSA key (RSA PRIVATE KEY)",
            "DSA PRIVATE KEY" => "a DSA key (DSA PRIVATE KEY)",
            "OPENSSH PRIVATE KEY" => "a key in the OpenSSH format (OPENSSH PRIVATE KEY) instead of PKCS#8",
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                "a key in cosign's format instead of PKCS#8"
            }
            _ => continue,
        };
        return Err(KeyFault::Unsupported(found.to_owned()));
    }
    match labels.as_slice() {
        [] => Err(malformed("it holds no PEM block")),
        ["PRIVATE KEY"] => Ok(false),
        ["ENCRYPTED PRIVATE KEY"] => Ok(true),
        ["PUBLIC KEY"] => Err(malformed("it holds a public key; the private key is needed")),
        ["CERTIFICATE"] => Err(malformed("it holds a certificate; the private key is needed")),
        [other] => {
            let label: String = other.chars().take(64).collect();
            Err(malformed(format!("it holds a PEM block of the kind {}", escape(&label))))
        }
        several => Err(malformed(format!("it holds {} PEM blocks; exactly one is expected", several.len()))),
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

fn check_cost(kdf: &Kdf) -> Result<(), KeyFault> {
    match kdf {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(KeyFault::Unsupported("a key encrypted with PBKDF2 and HMAC-SHA-1".to_owned()))
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count == 0 => Err(malformed("its PBKDF2 has no iterations")),
        Kdf::Pbkdf2(pbkdf2) => at_most("PBKDF2 iterations", pbkdf2.iteration_count.into(), PBKDF2_LIMIT),
        Kdf::Scrypt(scrypt) => check_scrypt(scrypt),
        other => {
            Err(KeyFault::Unsupported(format!("a key encrypted with the key derivation {}", other.oid())))
        }
    }
}

fn check_scrypt(scrypt: &ScryptParams) -> Result<(), KeyFault> {
    let n = scrypt.cost_parameter;
    let (r, p) = (u64::from(scrypt.block_size), u64::from(scrypt.parallelization));
    // RFC 7914, section 2: N is a power of two above one. The libraries below assume it.
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(malformed("its scrypt parameters are not valid"));
    }
    at_most("scrypt N", n, SCRYPT_N_LIMIT)?;
    // Cannot overflow any more: N has at most 18 bits, r and p have 16 each.
    at_most("scrypt memory in bytes", 128 * r * n.max(p), SCRYPT_MEMORY_LIMIT)?;
    at_most("scrypt work (N * r * p)", n * r * p, SCRYPT_WORK_LIMIT)
}

fn kdf_length(kdf: &Kdf) -> Option<usize> {
    kdf.key_length().map(usize::from)
}

fn at_most(parameter: &'static str, value: u64, limit: u64) -> Result<(), KeyFault> {
    if value > limit { Err(KeyFault::Limit { parameter, value, limit }) } else { Ok(()) }
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

fn malformed(detail: impl Into<String>) -> KeyFault {
    KeyFault::Malformed(detail.into())
}
