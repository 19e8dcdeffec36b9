//! Identity tokens (`OpenID` Connect Core 1.0, section 2): where they come from, and what can be known of one without
//! its issuer's key. Fulcio checks the signature.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_manifest::{escape, escape_os};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::ambient::{Surroundings, environment, machine};
use crate::{Attendant, SignError};

/// For whom a token must be: Sigstore's audience.
pub(super) const AUDIENCE: &str = "sigstore";
/// The environment variable that may hold a token.
pub(super) const VARIABLE: &str = "SIGSTORE_ID_TOKEN";
/// The longest token, in bytes.
pub(super) const SIZE_LIMIT: usize = 32 * 1024;
/// How far clocks may be apart, in seconds.
const SKEW: u64 = 60;

/// An identity token. It is a secret until it expires: `Debug` shows whose it is, not what it is.
pub struct Token {
    text: Zeroizing<String>,
    claims: Map<String, Value>,
    issuer: String,
    subject: String,
    expires: u64,
}

impl Token {
    /// Takes a token, whose claims are read and not believed.
    ///
    /// `E-TOKEN`: it is no JWT, has no issuer, subject or expiry, or is for another audience than `sigstore`: such a
    /// token is a credential for somebody else, and is not sent to Fulcio.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(bad("is empty"));
        }
        if text.len() > SIZE_LIMIT {
            return Err(bad(format!("is longer than {SIZE_LIMIT} bytes")));
        }
        let mut parts = text.split('.');
        let (Some(_), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad("is malformed: it has not three parts"));
        };
        let payload =
            URL_SAFE_NO_PAD.decode(payload).map_err(|_| bad("is malformed: its claims are not base64url"))?;
        let claims: Map<String, Value> =
            lacre_json::from_slice(&payload, lacre_json::Limits::new(SIZE_LIMIT, 16))
                .map_err(|error| bad(format!("is malformed: its claims are not JSON: {error}")))?;
        let named = |name: &str| match claims.get(name).and_then(Value::as_str) {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(bad(format!("is malformed: it has no `{name}`"))),
        };
        let (issuer, subject) = (named("iss")?, named("sub")?);
        let expires =
            claims.get("exp").and_then(seconds).ok_or_else(|| bad("is malformed: it has no `exp`"))?;
        let for_us = match claims.get("aud") {
            Some(Value::String(audience)) => audience == AUDIENCE,
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == AUDIENCE),
            _ => false,
        };
        if !for_us {
            let audience = claims
                .get("aud")
                .map_or_else(|| "nobody".to_owned(), |audience| escape(&audience.to_string()));
            return Err(bad(format!("is for {audience}, not for \"{AUDIENCE}\"; it was not sent anywhere")));
        }
        let token = Self { text: Zeroizing::new(text.to_owned()), claims, issuer, subject, expires };
        token.check_fresh()?;
        Ok(token)
    }

    /// Reads a token from a file; a pipe is read like a file.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let name = escape_os(path.as_os_str());
        let mut text = Zeroizing::new(String::with_capacity(SIZE_LIMIT + 1));
        File::open(path)
            .and_then(|file| file.take(SIZE_LIMIT as u64 + 1).read_to_string(&mut text))
            .map_err(|error| bad(format!("cannot be read from {name}: {error}")))?;
        Self::parse(&text)
    }

    /// The token of the environment variable `SIGSTORE_ID_TOKEN`, if it is set.
    pub fn from_environment() -> Result<Option<Self>, SignError> {
        let Some(text) = env::var_os(VARIABLE).map(OsString::into_encoded_bytes).map(Zeroizing::new) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&text).map_err(|_| bad(format!("in {VARIABLE} is no text")))?;
        Self::parse(text).map(Some)
    }

    /// The token that the surroundings give to a job or a machine: GitHub Actions (with `id-token: write`), GitLab CI
    /// (`SIGSTORE_ID_TOKEN` of `id_tokens`), Buildkite, `CircleCI`, a machine at Google. `None` where there are none.
    ///
    /// Where there is one and it gives no token: `E-TOKEN`, `E-NETWORK`, `E-SERVICE`; of its program, `E-NOT-FOUND`,
    /// `E-SIGNER`, `E-LIMIT`, and `E-INTERRUPTED` if `attendant` gave up.
    pub fn ambient(attendant: &dyn Attendant) -> Result<Option<Self>, SignError> {
        Surroundings { variable: &environment, machine: machine(), attendant }.token()
    }

    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Refuses a token that has expired, or is not valid yet.
    pub(super) fn check_fresh(&self) -> Result<(), SignError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.expires <= now {
            return Err(bad(format!("expired {} s ago", now - self.expires)));
        }
        match self.claims.get("nbf").and_then(seconds) {
            Some(begin) if begin > now + SKEW => Err(bad(format!("is valid only in {} s", begin - now))),
            _ => Ok(()),
        }
    }

    pub(super) fn secret(&self) -> &str {
        &self.text
    }

    /// What is signed to prove that the key is ours: the e-mail address if the token has a verified one, else the
    /// subject, which is what Fulcio expects of each kind of issuer.
    pub(super) fn challenge(&self) -> &str {
        self.email().unwrap_or(&self.subject)
    }

    pub(super) fn email(&self) -> Option<&str> {
        let verified = self.claims.get("email_verified") != Some(&Value::Bool(false));
        self.text_of("email").filter(|email| verified && !email.is_empty())
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn text_of(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// `NumericDate` (RFC 7519, section 2) in whole seconds.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| (0.0..1e15).contains(number))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was just checked"
        )]
        Some(number as u64)
    })
}

pub(super) fn bad(detail: impl Into<String>) -> SignError {
    SignError::Token { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use lacre_testkit::Issuer;

    use super::*;

    #[test]
    fn the_challenge_is_a_verified_address_or_the_subject() {
        let issuer = Issuer::start();
        let challenge = |edit: fn(&mut Value)| {
            let token = issuer.token_with("me@example.test", |claims| {
                claims["sub"] = "repo:org/x".into();
                edit(claims);
            });
            Token::parse(&token).unwrap().challenge().to_owned()
        };
        assert_eq!(challenge(|_| ()), "me@example.test");
        assert_eq!(challenge(|claims| claims["email_verified"] = Value::Null), "me@example.test");
        assert_eq!(challenge(|claims| claims["email_verified"] = false.into()), "repo:org/x");
        assert_eq!(challenge(|claims| claims["email"] = Value::Null), "repo:org/x");
    }
}
