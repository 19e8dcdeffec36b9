//! A person who logs in with a browser: the authorization code flow (RFC 6749, section 4.1) with PKCE (RFC 7636) for
//! native programs (RFC 8252), as `OpenID` Connect Core 1.0 has it (section 3.1).
//!
//! ```text
//! discovery ─► state, nonce, verifier: random ─► browser ─► code, state, iss ─► is it our login?
//!           ─► code + verifier ─► token ─► our issuer, audience and nonce? ─► Token
//! ```
//!
//! The token comes straight from its issuer, over TLS; that its signature is good is for Fulcio to say.

mod callback;
mod provider;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Token;
use super::token::{AUDIENCE, bad};
use crate::{Attendant, SignError};
use callback::{Callback, Returned};
use provider::Provider;

/// Sigstore's public client, for whom its providers issue tokens.
const CLIENT: &str = AUDIENCE;
/// The page that shows a code instead of bringing it back.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// A login that has begun: somebody is to visit [`url`](Self::url).
pub struct Login {
    provider: Provider,
    return_to: ReturnTo,
    url: String,
    secrets: Secrets,
}

/// How the code gets here.
enum ReturnTo {
    Loopback(Callback),
    Person,
}

/// What makes this login ours. Each is 256 random bits, base64url.
struct Secrets {
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
}

impl Login {
    /// Begins a login at `issuer` whose browser runs on this machine: it is sent back to an address here, which listens
    /// from now on.
    ///
    /// `patience` is for each answer of the provider. `E-USAGE`: an address of the provider is not to be used;
    /// `E-NETWORK`, `E-SERVICE`: it does not answer, answers too much, is another one, or knows no PKCE.
    pub fn with_browser(issuer: &str, patience: Duration) -> Result<Self, SignError> {
        Self::begin(issuer, patience, ReturnTo::Loopback(Callback::listen()?))
    }

    /// Begins a login whose browser may be anywhere: it shows a code, to be given to [`redeem`](Self::redeem).
    pub fn with_code(issuer: &str, patience: Duration) -> Result<Self, SignError> {
        Self::begin(issuer, patience, ReturnTo::Person)
    }

    fn begin(issuer: &str, patience: Duration, return_to: ReturnTo) -> Result<Self, SignError> {
        let provider = Provider::discover(issuer, patience)?;
        let secrets = Secrets { state: random()?, nonce: random()?, verifier: random()? };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256Digest::of(secrets.verifier.as_bytes()).as_bytes());
        let url = provider.authorization_url(&[
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("scope", "openid email"),
            ("redirect_uri", &return_to.url()),
            ("state", &secrets.state),
            ("nonce", &secrets.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Self { provider, return_to, url, secrets })
    }

    /// The page to visit. It is of use to nobody else: the code that it leads to is worth nothing without what only
    /// this value knows.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the browser comes back, and gets the token.
    ///
    /// `E-TOKEN`: nobody came within `limit`, the provider refused, or what came is not of this login (another state,
    /// issuer, nonce or audience). `E-INTERRUPTED`: `attendant` gave up. `E-NETWORK`, `E-SERVICE`: the provider does not
    /// answer, or not with a token.
    pub fn wait(self, limit: Duration, attendant: &dyn Attendant) -> Result<Token, SignError> {
        let Self { provider, return_to: ReturnTo::Loopback(callback), secrets, .. } = self else {
            return Err(SignError::bug("a login with a code is not waited for"));
        };
        let return_to = callback.url();
        let returned = callback.wait(limit, attendant)?;
        let code = secrets.code_of(&returned, &provider)?;
        secrets.exchange(&provider, &code, &return_to)
    }

    /// Gets the token for the code that the page showed. Errors are those of [`wait`](Self::wait).
    pub fn redeem(self, code: &str) -> Result<Token, SignError> {
        let code = code.trim();
        if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("was not given: that is no code"));
        }
        self.secrets.exchange(&self.provider, code, &self.return_to.url())
    }
}

impl ReturnTo {
    fn url(&self) -> String {
        match self {
            Self::Loopback(callback) => callback.url(),
            Self::Person => OUT_OF_BAND.to_owned(),
        }
    }
}

impl Secrets {
    /// The code that came back, if it came back from this login.
    fn code_of(&self, returned: &Returned, provider: &Provider) -> Result<Zeroizing<String>, SignError> {
        let state = returned.get("state").unwrap_or_default();
        if !same(state, &self.state) {
            return Err(bad(
                "was not asked for: the browser came back from another login than this one (its state differs)",
            ));
        }
        // RFC 9207: the answer of another provider.
        if let Some(issuer) = returned.get("iss").filter(|issuer| *issuer != provider.issuer) {
            return Err(bad(format!("was not asked for: it would come from {}", escape(issuer))));
        }
        if let Some(error) = returned.get("error") {
            return Err(provider::refusal(error, returned.get("error_description")));
        }
        match returned.get("code") {
            Some(code) if !code.is_empty() => Ok(Zeroizing::new(code.to_owned())),
            _ => Err(bad("was not given: the browser brought no code")),
        }
    }

    fn exchange(&self, provider: &Provider, code: &str, return_to: &str) -> Result<Token, SignError> {
        let text = provider.redeem(&[
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", code),
            ("code_verifier", &self.verifier),
            ("redirect_uri", return_to),
        ])?;
        let token = Token::parse(&text)?;
        if token.issuer() != provider.issuer {
            return Err(bad(format!("is of {}, not of {}", escape(token.issuer()), provider.issuer)));
        }
        if !same(token.text_of("nonce").unwrap_or_default(), &self.nonce) {
            return Err(bad("is of another login than this one (its nonce differs)"));
        }
        match token.text_of("azp") {
            Some(party) if party != CLIENT => {
                Err(bad(format!("was issued to {}, not to {CLIENT}", escape(party))))
            }
            _ => Ok(token),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Whether both are the same, in a time that does not tell where they differ.
fn same(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}

fn random() -> Result<Zeroizing<String>, SignError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|error| SignError::Random { detail: error.to_string() })?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}
