//! Signing with the service.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{KeyAlgorithm, PublicKey};
use serde::{Deserialize, Serialize};

use super::KmsUri;
use super::credentials::{self, Settings};
use super::service::{Service, parse};
use super::uri::Endpoint;
use crate::encoding::{Prehash, not_a_key};
use crate::problem::told;
use crate::{Attendant, SignError, Signer, SignerProblem};

/// The longest message that the service hashes for itself (`Sign` in its API reference).
const RAW_LIMIT: usize = 4096;

/// A key in AWS KMS, which it never leaves.
///
/// ECDSA on P-256, P-384 and P-521; a message of more than 4096 bytes is hashed here. Ed25519 up to 4096 bytes only: the
/// service takes no longer message of the pure scheme.
pub struct KmsSigner<'a> {
    name: String,
    service: Service,
    key: String,
    attendant: &'a dyn Attendant,
    public: PublicKey,
}

impl<'a> KmsSigner<'a> {
    /// Asks the service for the public key. Each answer may take `limit`.
    ///
    /// Credentials: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, else `~/.aws/credentials` and
    /// `~/.aws/config` (or the files that `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name) for `AWS_PROFILE`.
    /// Region: of the key's ARN, else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's. Address: of `uri`, else
    /// `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`, the region's. Server certificates are checked as the system does it.
    ///
    /// `E-NOT-FOUND`: no such key or profile. `E-KEY`: it is disabled, or not for signing. `E-UNSUPPORTED`: another kind of
    /// key. `E-SIGNER`: no credentials, no region, no permission, no answer, or one that makes no sense. `E-LIMIT`: an
    /// answer of more than 64 KiB.
    pub fn open(uri: &KmsUri, limit: Duration, attendant: &'a dyn Attendant) -> Result<Self, SignError> {
        let name = format!("awskms {}", uri.key());
        let open = || {
            let service = reach(uri, limit)?;
            let request = lacre_json::to_vec(&GetPublicKey { key: uri.key() });
            let public = public_key(&service.ask("GetPublicKey", &request, attendant)?)?;
            Ok((service, public))
        };
        match open() {
            Ok((service, public)) => Ok(Self { name, service, key: uri.key().to_owned(), attendant, public }),
            Err(problem) => Err(SignError::Outside { signer: name, problem }),
        }
    }

    fn ask_for_signature(&self, message: &[u8]) -> Result<Vec<u8>, SignerProblem> {
        let algorithm = self.public.algorithm();
        let (kind, message) = match Prehash::of(algorithm, message) {
            Some(hash) if message.len() > RAW_LIMIT => ("DIGEST", hash.value),
            None if message.len() > RAW_LIMIT => {
                return Err(SignerProblem::TooLong { what: "what is signed with Ed25519", limit: RAW_LIMIT });
            }
            _ => ("RAW", message.to_vec()),
        };
        let request = lacre_json::to_vec(&Sign {
            key: &self.key,
            message: STANDARD.encode(message),
            kind,
            algorithm: signing_algorithm(algorithm),
        });
        let answer = self.service.ask("Sign", &request, self.attendant)?;
        let signature = parse::<SignAnswer>(&answer)?.signature;
        STANDARD.decode(signature).map_err(|_| SignerProblem::answer("Signature is not base64"))
    }
}

impl Signer for KmsSigner<'_> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.ask_for_signature(message)
            .map_err(|problem| SignError::Outside { signer: self.name.clone(), problem })
    }
}

impl fmt::Debug for KmsSigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner")
            .field("service", &self.service)
            .field("key", &self.key)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

fn reach(uri: &KmsUri, limit: Duration) -> Result<Service, SignerProblem> {
    let Settings { credentials, region, endpoint } = Settings::read(&credentials::environment)?;
    let region = uri
        .region()
        .map(str::to_owned)
        .or(region)
        .ok_or_else(|| SignerProblem::failed("no region: give the key's ARN, or set AWS_REGION"))?;
    let usual = Endpoint::of_region(&region);
    let endpoint = match (uri.endpoint(), endpoint) {
        (Some(endpoint), _) => Ok(endpoint.clone()),
        (None, Some(url)) => Endpoint::parse(&url),
        (None, None) => usual.clone(),
    };
    // A region that could break out of its place in a header is refused even where the address is another.
    let endpoint = usual.and(endpoint).map_err(SignerProblem::failed)?;
    Ok(Service { endpoint, region, credentials, limit })
}

#[derive(Debug, Serialize)]
struct GetPublicKey<'a> {
    #[serde(rename = "KeyId")]
    key: &'a str,
}

#[derive(Debug, Serialize)]
struct Sign<'a> {
    #[serde(rename = "KeyId")]
    key: &'a str,
    #[serde(rename = "Message")]
    message: String,
    #[serde(rename = "MessageType")]
    kind: &'static str,
    #[serde(rename = "SigningAlgorithm")]
    algorithm: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyAnswer {
    public_key: String,
    key_usage: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SignAnswer {
    signature: String,
}

/// The name that the service gives the algorithm.
fn signing_algorithm(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ECDSA_SHA_256",
        KeyAlgorithm::EcdsaP384 => "ECDSA_SHA_384",
        KeyAlgorithm::EcdsaP521 => "ECDSA_SHA_512",
        _ => "ED25519_SHA_512",
    }
}

fn public_key(answer: &[u8]) -> Result<PublicKey, SignerProblem> {
    let public: KeyAnswer = parse(answer)?;
    if let Some(usage) = public.key_usage.filter(|usage| usage != "SIGN_VERIFY") {
        return Err(SignerProblem::Key { detail: format!("its usage is {}", told(&usage)) });
    }
    let der =
        STANDARD.decode(public.public_key).map_err(|_| SignerProblem::answer("PublicKey is not base64"))?;
    PublicKey::from_der(&der).map_err(|error| not_a_key(&error))
}
