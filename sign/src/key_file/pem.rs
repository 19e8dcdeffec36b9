//! The text of a key file: which PEM block it holds, and what is in it.

use lacre_manifest::escape;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode as _, pem};
use zeroize::Zeroizing;

use super::{KeyFault, malformed};

const TO_PKCS8: &str = "openssl pkcs8 -topk8 -in OLD -out NEW";
const DER_TO_PKCS8: &str = "openssl pkcs8 -topk8 -inform DER -in OLD -out NEW";

/// What the label of the one PEM block says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Pkcs8,
    EncryptedPkcs8,
    Sec1,
    OpenSsh,
    Cosign,
}

/// A PEM block of one of the kinds that are read.
pub(super) struct Block {
    pub(super) label: Label,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Finds the file's one PEM block. Text in front of it is skipped, as tools print descriptions there.
    pub(super) fn read(text: &[u8]) -> Result<Self, KeyFault> {
        // A SEQUENCE as long as the file.
        if text.first() == Some(&0x30) && AnyRef::from_der(text).is_ok() {
            return Err(KeyFault::Convertible { found: "DER instead of PEM text", command: DER_TO_PKCS8 });
        }
        let text = std::str::from_utf8(text).map_err(|_| malformed("it is not a PEM text"))?;
        let (name, label) = only_label(text)?;
        let damaged = |error: pem::Error| malformed(format!("its PEM block is damaged ({error})"));
        // PKCS#8 is read strictly, in lines of 64 columns; others break lines where they like (OpenSSH after 70).
        let mut decoder = match label {
            Label::Pkcs8 | Label::EncryptedPkcs8 => pem::Decoder::new(text.as_bytes()),
            _ => pem::Decoder::new_detect_wrap(text.as_bytes()),
        }
        .map_err(damaged)?;
        if decoder.type_label() != name {
            return Err(malformed("it holds no PEM block that every program would find"));
        }
        // The whole capacity at once: a buffer that grew would leave copies of the key behind.
        let mut content = Zeroizing::new(Vec::with_capacity(decoder.remaining_len()));
        decoder.decode_to_end(&mut content).map_err(damaged)?;
        Ok(Self { label, content })
    }
}

fn only_label(text: &str) -> Result<(&str, Label), KeyFault> {
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect();
    // Named first, because they come in company: `openssl ecparam -genkey` writes EC PARAMETERS before the key.
    for label in &labels {
        match *label {
            "RSA PRIVATE KEY" => {
                return Err(KeyFault::Unsupported("an RSA key (RSA PRIVATE KEY)".to_owned()));
            }
            "DSA PRIVATE KEY" => {
                return Err(KeyFault::Unsupported("a DSA key (DSA PRIVATE KEY)".to_owned()));
            }
            _ => {}
        }
    }
    let label = match labels.as_slice() {
        [] => return Err(malformed("it holds no PEM block")),
        ["PRIVATE KEY"] => Label::Pkcs8,
        ["ENCRYPTED PRIVATE KEY"] => Label::EncryptedPkcs8,
        ["EC PRIVATE KEY"] if text.contains("Proc-Type:") => {
            let found = "an EC key encrypted by RFC 1423 (Proc-Type: 4,ENCRYPTED)";
            return Err(KeyFault::Convertible { found, command: TO_PKCS8 });
        }
        ["EC PRIVATE KEY"] => Label::Sec1,
        ["EC PARAMETERS", "EC PRIVATE KEY"] => {
            let found = "two PEM blocks, EC PARAMETERS and EC PRIVATE KEY";
            return Err(KeyFault::Convertible { found, command: TO_PKCS8 });
        }
        ["OPENSSH PRIVATE KEY"] => Label::OpenSsh,
        ["ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY"] => Label::Cosign,
        ["PUBLIC KEY"] => return Err(malformed("it holds a public key; the private key is needed")),
        ["CERTIFICATE"] => return Err(malformed("it holds a certificate; the private key is needed")),
        [other] => {
            let label: String = other.chars().take(64).collect();
            return Err(malformed(format!("it holds a PEM block of the kind {}", escape(&label))));
        }
        several => {
            return Err(malformed(format!("it holds {} PEM blocks; exactly one is expected", several.len())));
        }
    };
    // A block that begins in the middle of a line is seen by some programs only.
    if text.matches("-----BEGIN ").count() != 1 {
        return Err(malformed("it holds a PEM block that does not begin a line"));
    }
    Ok((labels[0], label))
}
