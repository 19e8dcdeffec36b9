//! Sigstore's keyless signing: an identity token is exchanged for a certificate that lives for minutes, and the
//! signature is logged in public while it lives.
//!
//! This is the one room that knows Sigstore's crates; none of their types leave it. What they have of service clients
//! is not used: those would log a signature before anybody has looked at the certificate, and read answers of any
//! length. Their types of requests and answers, of trust, and their verifier are.
//!
//! ```text
//! token ─► identity ─► confirmed? ─► Fulcio: certificate ─► for our key and the identity?
//!       ─► signature ─► timestamp ─► log entry ─► verified against the trusted root ─► Bundle
//! ```
//!
//! What is public comes last: nothing reaches the log before every other service has answered well. The certificate
//! itself is public as soon as Fulcio issues it, so the identity is shown before that.

mod ambient;
mod authority;
mod check;
mod config;
mod identity;
pub(crate) mod layer;
mod log;
mod login;
mod token;
mod trust;

use lacre_attest::{
    Bundle, CertificateForm, CertificateMaterial, Declaration, Envelope, IN_TOTO_PAYLOAD_TYPE, KeyAlgorithm,
    Limits, ManifestClaim, Material, ModelClaim, pae,
};

pub use config::TrustConfig;
pub use identity::{Decision, Identity, StatedBy};
pub use login::Login;
pub use token::Token;
pub use trust::{Party, PartyKind, SigstoreTrust, TrustRepository};

use crate::seal::statement;
use crate::{FileKey, SignError, Signer, Timestamp};

/// Signs a claim about a model with a key that exists for this one signature, certified for the identity of `token`.
///
/// `confirm` is asked before anything leaves this machine but the token's way here; it is asked once more if the
/// certificate names another identity than the token led to expect, and before that one is logged. The finished bundle
/// is verified against the trusted root of `config` before it is returned.
///
/// Errors, none of which leaves anything behind but, from Fulcio on, what that service logs of its own:
///
/// - `E-TOKEN`: expired, for another audience, or refused by Fulcio;
/// - `E-DECLINED`: `confirm` said no;
/// - `E-NETWORK`: a service is down or slow;
/// - `E-SERVICE`: a service answered with an error, a web page, too much, or evidence that does not verify;
/// - `E-SIGNER-UNTRUSTED`: the certificate is for another key, or is none that the trusted root lets anybody believe;
/// - `E-LIMIT`: the statement is longer than `limits` allow.
pub fn seal_keyless(
    claim: &ModelClaim,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
    limits: &Limits,
) -> Result<Bundle, SignError> {
    sealed(statement(claim, limits)?, config, token, confirm, limits)
}

/// Signs a claim about manifests of a store, as [`seal_keyless`] signs one about a model, and with its errors.
pub fn seal_manifests_keyless(
    claim: &ManifestClaim,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
    limits: &Limits,
) -> Result<Bundle, SignError> {
    sealed(claim.to_statement(limits)?, config, token, confirm, limits)
}

/// Signs a checkpoint or a summary, as [`seal_keyless`] signs a claim about a model, and with its errors.
pub fn seal_declaration_keyless(
    declaration: &Declaration,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
    limits: &Limits,
) -> Result<Bundle, SignError> {
    sealed(declaration.payload().to_vec(), config, token, confirm, limits)
}

fn sealed(
    payload: Vec<u8>,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
    limits: &Limits,
) -> Result<Bundle, SignError> {
    let message = pae(IN_TOTO_PAYLOAD_TYPE, &payload);
    let signed =
        certified(&Logged::Statement { payload: &payload, message: &message }, config, token, confirm)?;
    let bundle = signed.bundle_of(payload)?;
    let digest = layer::subject(bundle.envelope().payload(), limits)?;
    check::verify(&bundle.to_json(), digest, config, &signed.identity)?;
    Ok(bundle)
}

/// What is signed, as a log is told of it.
enum Logged<'a> {
    /// A statement: its bytes, and what is signed in their place.
    Statement { payload: &'a [u8], message: &'a [u8] },
    /// A message that is signed as it is.
    Message(&'a [u8]),
}

impl Logged<'_> {
    fn message(&self) -> &[u8] {
        match self {
            Self::Statement { message, .. } | Self::Message(message) => message,
        }
    }
}

/// A signature, and all that is to be known about it.
struct Signed {
    identity: Identity,
    certificate: Vec<u8>,
    signature: Vec<u8>,
    timestamp: Option<Timestamp>,
    /// The log entry as bundles carry it, in JSON.
    entry: Vec<u8>,
}

impl Signed {
    fn bundle_of(&self, payload: Vec<u8>) -> Result<Bundle, SignError> {
        let material = CertificateMaterial::new(CertificateForm::Leaf, vec![self.certificate.clone()])?;
        let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload, self.signature.clone())?;
        let bundle = Bundle::new(Material::Certificates(material), envelope).with_log_entry(&self.entry)?;
        Ok(match &self.timestamp {
            Some(timestamp) => bundle.with_timestamp(timestamp.response())?,
            None => bundle,
        })
    }
}

/// Signs, in the order of the room: what is public comes last.
fn certified(
    what: &Logged<'_>,
    config: &TrustConfig,
    token: &Token,
    confirm: &dyn Fn(&Identity) -> Decision,
) -> Result<Signed, SignError> {
    token.check_fresh()?;
    let expected = Identity::of_token(token, config);
    confirmed(confirm, &expected)?;

    let key = FileKey::generate(KeyAlgorithm::EcdsaP256)?;
    let certificate = authority::certify(config.authority(), token, &key)?;
    let identity = Identity::of_certificate(&certificate, config)?;
    if !identity.is_that_of(&expected) {
        confirmed(confirm, &identity)?;
    }

    let signature = key.sign(what.message())?;
    key.public_key().verify(what.message(), &signature).map_err(|_| SignError::SelfCheck)?;
    let timestamp = config.timestamps().map(|service| service.request(&signature)).transpose()?;
    let entry = log::submit(config, &certificate, what, &signature)?;
    Ok(Signed { identity, certificate, signature, timestamp, entry })
}

fn confirmed(confirm: &dyn Fn(&Identity) -> Decision, identity: &Identity) -> Result<(), SignError> {
    match confirm(identity) {
        Decision::Sign => Ok(()),
        Decision::Decline => Err(SignError::Declined),
    }
}
