//! What is said to a program, and what it may say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

use crate::SignerProblem;
use crate::encoding::{Prehash, not_a_key};
use crate::problem::told;

/// The version of the protocol, which every request names.
const PROTOCOL: u32 = 1;
/// The longest answer in bytes. A public key has 300, a signature 200.
pub(super) const ANSWER_LIMIT: usize = 64 * 1024;
/// How deep an answer is nested: not at all.
const DEPTH: usize = 4;

/// What a program is asked to do.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    protocol: u32,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
}

#[derive(Debug, Serialize)]
struct Digest {
    algorithm: &'static str,
    value: String,
}

impl Request {
    pub(super) fn public_key() -> Self {
        Self { protocol: PROTOCOL, operation: "public-key", algorithm: None, message: None, digest: None }
    }

    pub(super) fn sign(algorithm: KeyAlgorithm, message: &[u8]) -> Self {
        let digest = Prehash::of(algorithm, message)
            .map(|hash| Digest { algorithm: hash.name, value: hexadecimal(&hash.value) });
        Self {
            protocol: PROTOCOL,
            operation: "sign",
            algorithm: Some(algorithm.as_str()),
            message: Some(STANDARD.encode(message)),
            digest,
        }
    }

    /// The request as one line.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = lacre_json::to_vec(self);
        line.push(b'\n');
        line
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    public_key: Option<String>,
    signature: Option<String>,
    error: Option<String>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Result<Self, SignerProblem> {
        if bytes.trim_ascii().is_empty() {
            return Err(SignerProblem::answer("nothing was written to standard output"));
        }
        let answer: Self = lacre_json::from_slice(bytes, Limits::new(ANSWER_LIMIT, DEPTH))
            .map_err(|error| SignerProblem::answer(told(&error.to_string())))?;
        match &answer.error {
            Some(text) => Err(SignerProblem::failed(told(text))),
            None => Ok(answer),
        }
    }
}

/// What the program says of its own failure, if it does.
pub(super) fn refusal(bytes: &[u8]) -> Option<SignerProblem> {
    Answer::parse(bytes).err().filter(|problem| matches!(problem, SignerProblem::Failed { .. }))
}

pub(super) fn public_key(bytes: &[u8]) -> Result<PublicKey, SignerProblem> {
    match Answer::parse(bytes)? {
        Answer { public_key: Some(pem), signature: None, .. } => {
            PublicKey::from_pem(&pem).map_err(|error| not_a_key(&error))
        }
        _ => Err(SignerProblem::answer("wanted: public_key, and nothing else")),
    }
}

pub(super) fn signature(bytes: &[u8]) -> Result<Vec<u8>, SignerProblem> {
    match Answer::parse(bytes)? {
        Answer { public_key: None, signature: Some(text), .. } => {
            STANDARD.decode(text).map_err(|_| SignerProblem::answer("signature is not base64"))
        }
        _ => Err(SignerProblem::answer("wanted: signature, and nothing else")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_lines_of_sorted_json() {
        assert_eq!(Request::public_key().to_line(), b"{\"operation\":\"public-key\",\"protocol\":1}\n");
        // SHA-256 of "abc": FIPS 180-4.
        let line = String::from_utf8(Request::sign(KeyAlgorithm::EcdsaP256, b"abc").to_line()).unwrap();
        assert_eq!(
            line,
            "{\"algorithm\":\"ecdsa-p256\",\"digest\":{\"algorithm\":\"sha256\",\"value\":\
             \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"},\
             \"message\":\"YWJj\",\"operation\":\"sign\",\"protocol\":1}\n"
        );
        let line = String::from_utf8(Request::sign(KeyAlgorithm::Ed25519, b"abc").to_line()).unwrap();
        assert!(!line.contains("digest"), "{line}");
    }

    #[test]
    fn an_answer_is_what_was_asked_for_and_nothing_else() {
        assert_eq!(signature(b"{\"signature\":\"AQID\"}\n").unwrap(), [1, 2, 3]);
        for wrong in [
            &b""[..],
            b"\n\n",
            b"signed!",
            b"{}",
            b"[]",
            b"{\"signature\":\"AQID\"}{}",
            b"{\"signature\":\"AQID\",\"signature\":\"AQID\"}",
            b"{\"signature\":\"AQID\",\"public_key\":\"x\"}",
            b"{\"signature\":\"AQID\",\"more\":1}",
            b"{\"signature\":\"AQ ID\"}",
            b"{\"signature\":\"AQI\"}",
            b"{\"signature\":7}",
            b"{\"public_key\":\"x\"}",
            b"\xff",
        ] {
            let problem = signature(wrong).unwrap_err();
            assert!(matches!(problem, SignerProblem::Answer { .. }), "{wrong:?}: {problem}");
        }
        assert_eq!(public_key(b"{\"public_key\":\"x\"}").unwrap_err().code(), "E-KEY");
        assert_eq!(public_key(b"{\"signature\":\"AQID\"}").unwrap_err().code(), "E-SIGNER");
    }

    #[test]
    fn an_error_is_told_in_the_programs_own_words() {
        let answer = b"{\"error\":\"vault is sealed\\u001b[2J\"}";
        assert_eq!(signature(answer).unwrap_err().to_string(), r"vault is sealed\u{1b}[2J");
        assert!(refusal(answer).is_some());
        assert!(refusal(b"{\"signature\":\"AQID\"}").is_none() && refusal(b"garbage").is_none());
    }
}
