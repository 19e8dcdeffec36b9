//! The keys of an agent, as it lists them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_hash::Sha256Digest;

use super::IDENTITIES_ANSWER;
use super::wire::Reader;
use crate::problem::told;
use crate::{SignerProblem, encoding};

/// The most keys that an agent may list. OpenSSH's server refuses a client after six.
const KEYS: u32 = 1024;

/// A public key of an agent: its blob (RFC 4253, section 6.6) and what somebody called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentIdentity {
    key: Vec<u8>,
    comment: Vec<u8>,
}

impl AgentIdentity {
    /// Reads an agent's answer to the question for its keys (draft-miller-ssh-agent, section 3.5), without its length.
    ///
    /// Refused with `E-SIGNER`: every other message, what is cut off or has bytes behind its end, more than 1024 keys.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, SignerProblem> {
        let mut reader = Reader::message(answer, IDENTITIES_ANSWER)?;
        let count = reader.number()?;
        if count > KEYS {
            return Err(SignerProblem::answer(format!("{count} keys (at most {KEYS} are read)")));
        }
        let mut identities = Vec::new();
        for _ in 0..count {
            let (key, comment) = (reader.string()?.to_vec(), reader.string()?.to_vec());
            identities.push(Self { key, comment });
        }
        reader.end()?;
        Ok(identities)
    }

    /// Reads a public key file of OpenSSH: type, base64 and comment in one line.
    pub(super) fn from_file(text: &str) -> Option<Self> {
        let (line, rest) = text.trim_start().split_once('\n').unwrap_or((text.trim_start(), ""));
        let mut words = line.trim().splitn(3, [' ', '\t']);
        let (name, base64) = words.next().zip(words.next())?;
        let key = STANDARD.decode(base64).ok()?;
        let named = Reader::new(&key).string().ok()?;
        let comment = words.next().unwrap_or_default().trim().as_bytes().to_vec();
        (rest.trim().is_empty() && named == name.as_bytes()).then_some(Self { key, comment })
    }

    /// The key itself, as the protocol writes it.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What somebody called it: any bytes.
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// What `ssh-add -l` shows behind `SHA256:`.
    pub fn fingerprint(&self) -> String {
        STANDARD_NO_PAD.encode(Sha256Digest::of(&self.key).as_bytes())
    }

    /// The public key as Lacre has it.
    ///
    /// `E-UNSUPPORTED`: not Ed25519, P-256, P-384 or P-521; `E-KEY`: no point of its curve; `E-SIGNER`: malformed.
    pub fn public_key(&self) -> Result<PublicKey, SignerProblem> {
        let mut reader = Reader::new(&self.key);
        let kind = Kind::of(reader.string()?)?;
        if let Some(curve) = kind.curve
            && reader.string()? != curve.as_bytes()
        {
            return Err(SignerProblem::answer("a key of one curve under the name of another"));
        }
        let point = reader.string()?;
        reader.end()?;
        encoding::public_key(kind.algorithm, point)
    }

    /// The signature in Lacre's form of one by this key in the agent's.
    pub(super) fn signature(&self, answer: &[u8]) -> Result<Vec<u8>, SignerProblem> {
        let name = Reader::new(&self.key).string()?;
        let kind = Kind::of(name)?;
        let mut reader = Reader::new(answer);
        let signed_as = reader.string()?;
        if signed_as != name {
            let found = told(&String::from_utf8_lossy(signed_as));
            return Err(SignerProblem::answer(format!("a signature of the kind {found:?}")));
        }
        let signature = reader.string()?;
        reader.end()?;
        let raw = match encoding::scalar_length(kind.algorithm) {
            None => signature.to_vec(),
            Some(length) => {
                let mut numbers = Reader::new(signature);
                let raw = [numbers.integer(length)?, numbers.integer(length)?].concat();
                numbers.end()?;
                raw
            }
        };
        encoding::signature(kind.algorithm, &raw)
    }
}

impl fmt::Display for AgentIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Reader::new(&self.key).string().unwrap_or_default();
        let (name, comment) = (String::from_utf8_lossy(name), String::from_utf8_lossy(&self.comment));
        write!(f, "SHA256:{} {:?} ({})", self.fingerprint(), told(&comment), told(&name))
    }
}

/// A kind of key that is signed with.
struct Kind {
    algorithm: KeyAlgorithm,
    curve: Option<&'static str>,
}

impl Kind {
    fn of(name: &[u8]) -> Result<Self, SignerProblem> {
        let (algorithm, curve) = match name {
            b"ssh-ed25519" => (KeyAlgorithm::Ed25519, None),
            b"ecdsa-sha2-nistp256" => (KeyAlgorithm::EcdsaP256, Some("nistp256")),
            b"ecdsa-sha2-nistp384" => (KeyAlgorithm::EcdsaP384, Some("nistp384")),
            b"ecdsa-sha2-nistp521" => (KeyAlgorithm::EcdsaP521, Some("nistp521")),
            other => return Err(SignerProblem::Unsupported { found: unsupported(other) }),
        };
        Ok(Self { algorithm, curve })
    }
}

fn unsupported(name: &[u8]) -> String {
    let name = told(&String::from_utf8_lossy(name));
    if name.contains("-cert-") {
        format!("an SSH certificate ({name})")
    } else if name.starts_with("sk-") {
        format!("a key of a security key ({name}), which signs more than the message,")
    } else if name == "ssh-rsa" {
        "an RSA key (ssh-rsa)".to_owned()
    } else {
        format!("a key of the kind {name:?}")
    }
}

#[cfg(test)]
mod tests;
