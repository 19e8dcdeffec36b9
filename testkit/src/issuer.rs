//! An `OpenID` Connect issuer: what Fulcio asks of one, and tokens with any claims.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_attest::KeyAlgorithm;
use lacre_hash::Sha256Digest;
use lacre_sign::{FileKey, Signer};
use serde_json::{Value, json};

use crate::http::{HttpAnswer, HttpRequest, HttpServer, http_get};

/// An issuer on this machine, with a key of its own.
pub struct Issuer {
    key: Arc<FileKey>,
    server: HttpServer,
}

/// How an issuer misbehaves when somebody logs in; by default not at all.
#[derive(Clone)]
pub struct LoginFaults {
    /// Changes how it describes itself.
    pub description: fn(&mut Value),
    /// Answers this instead of its description.
    pub instead_of_description: Option<HttpAnswer>,
    /// Changes what the browser brings back.
    pub returned: fn(&mut Vec<(String, String)>),
    /// Changes the claims of the token.
    pub claims: fn(&mut Value),
    /// Answers this instead of a token.
    pub instead_of_token: Option<HttpAnswer>,
}

impl Default for LoginFaults {
    fn default() -> Self {
        Self {
            description: |_| (),
            instead_of_description: None,
            returned: |_| (),
            claims: |_| (),
            instead_of_token: None,
        }
    }
}

/// Who logs in at an issuer.
pub const PERSON: &str = "person@example.test";

impl Issuer {
    /// Starts the issuer.
    pub fn start() -> Self {
        Self::with_faults(LoginFaults::default())
    }

    /// Starts an issuer whose logins go wrong in some way.
    pub fn with_faults(faults: LoginFaults) -> Self {
        let key = Arc::new(FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
        // The point is the end of the key's DER: 04, x, y.
        let point = &key.public_key().to_der()[27..];
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": URL_SAFE_NO_PAD.encode(&point[..32]), "y": URL_SAFE_NO_PAD.encode(&point[32..]),
        }]});
        let (signer, logins) = (Arc::clone(&key), Mutex::new(BTreeMap::new()));
        let server = HttpServer::start(move |request| {
            let host = request.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, host)| host);
            let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
            match path {
                "/.well-known/openid-configuration" => faults
                    .instead_of_description
                    .clone()
                    .unwrap_or_else(|| describe(host, faults.description)),
                "/keys" => HttpAnswer::json(&keys),
                "/auth" => authorize(query, &logins, faults.returned),
                "/token" => faults
                    .instead_of_token
                    .clone()
                    .unwrap_or_else(|| grant(host, &request.body, &logins, &signer, faults.claims)),
                _ => HttpAnswer::Full(404, "text/plain", Vec::new()),
            }
        });
        Self { key, server }
    }

    /// The issuer's name, which is its address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<HttpRequest> {
        self.server.seen()
    }

    /// A token for `email` that Fulcio takes.
    pub fn token(&self, email: &str) -> String {
        self.token_with(email, |_| ())
    }

    /// The same after `edit` of its claims.
    pub fn token_with(&self, email: &str, edit: impl FnOnce(&mut Value)) -> String {
        signed(&self.key, &self.url(), email, edit)
    }
}

/// What a browser does at the page of a login: it logs in as [`PERSON`] and gives where it is sent back to.
pub fn browse(url: &str) -> String {
    let (status, body) = http_get(url).unwrap();
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

fn describe(host: &str, edit: fn(&mut Value)) -> HttpAnswer {
    let mut description = json!({
        "issuer": format!("http://{host}"),
        "authorization_endpoint": format!("http://{host}/auth"),
        "token_endpoint": format!("http://{host}/token"),
        "jwks_uri": format!("http://{host}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256", "plain"],
    });
    edit(&mut description);
    HttpAnswer::json(&description)
}

/// What was asked for at the page of a login, by the code that it led to.
type Logins = Mutex<BTreeMap<String, BTreeMap<String, String>>>;

/// The page of a login. Instead of a redirect it shows where to, so that a test can stand between.
fn authorize(query: &str, logins: &Logins, edit: fn(&mut Vec<(String, String)>)) -> HttpAnswer {
    let asked = form(query);
    let has = |name: &str, value: &str| asked.get(name).is_some_and(|given| given == value);
    assert!(
        has("response_type", "code") && has("client_id", "sigstore") && has("code_challenge_method", "S256")
    );
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{asked:?}");
    let mut logins = logins.lock().unwrap();
    let code = format!("code-{}", logins.len());
    let mut returned = vec![("code".to_owned(), code.clone()), ("state".to_owned(), asked["state"].clone())];
    let back = asked["redirect_uri"].clone();
    logins.insert(code.clone(), asked);
    edit(&mut returned);
    let text = if back.starts_with("urn:") {
        code
    } else {
        let pairs: Vec<String> =
            returned.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        format!("{back}?{}", pairs.join("&"))
    };
    HttpAnswer::Full(200, "text/plain", text.into_bytes())
}

/// A token for a code, once, for whoever knows what its challenge was made of (RFC 7636, section 4.6).
fn grant(host: &str, body: &[u8], logins: &Logins, key: &FileKey, edit: fn(&mut Value)) -> HttpAnswer {
    let given = form(std::str::from_utf8(body).unwrap());
    let refuse = |error: &str| {
        let text = json!({ "error": error, "error_description": "no \u{1b}[2J" });
        HttpAnswer::Full(400, "application/json", serde_json::to_vec(&text).unwrap())
    };
    let Some(asked) = given.get("code").and_then(|code| logins.lock().unwrap().remove(code)) else {
        return refuse("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256Digest::of(given["code_verifier"].as_bytes()).as_bytes());
    if challenge != asked["code_challenge"]
        || given["redirect_uri"] != asked["redirect_uri"]
        || given["client_id"] != asked["client_id"]
        || given["grant_type"] != "authorization_code"
    {
        return refuse("invalid_grant");
    }
    let token = signed(key, &format!("http://{host}"), PERSON, |claims| {
        claims["nonce"] = asked["nonce"].as_str().into();
        edit(claims);
    });
    HttpAnswer::json(&json!({ "id_token": token, "access_token": "x", "token_type": "bearer" }))
}

/// `application/x-www-form-urlencoded`.
fn form(text: &str) -> BTreeMap<String, String> {
    let plain = |word: &str| {
        let (word, mut bytes, mut at) = (word.as_bytes(), Vec::new(), 0);
        while at < word.len() {
            match word[at] {
                b'%' => {
                    let hex = std::str::from_utf8(&word[at + 1..at + 3]).unwrap();
                    bytes.push(u8::from_str_radix(hex, 16).unwrap());
                    at += 2;
                }
                b'+' => bytes.push(b' '),
                byte => bytes.push(byte),
            }
            at += 1;
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn signed(key: &FileKey, issuer: &str, email: &str, edit: impl FnOnce(&mut Value)) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": issuer, "sub": email, "aud": "sigstore", "email": email, "email_verified": true,
        "iat": now, "nbf": now - 5, "exp": now + 600,
    });
    edit(&mut claims);
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap());
    let signed = format!("{}.{}", text(&json!({"alg": "ES256", "typ": "JWT", "kid": "one"})), text(&claims));
    let signature = raw(&key.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// `Ecdsa-Sig-Value` of P-256 in DER as r and s of 32 bytes each (RFC 7518, section 3.4).
fn raw(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let significant = &number[number.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - significant.len()));
        numbers.extend_from_slice(significant);
        rest = &rest[2 + length..];
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_full_width() {
        let der = [0x30, 8, 2, 1, 5, 2, 3, 0, 0x80, 1];
        let raw = raw(&der);
        assert_eq!((raw.len(), raw[31], &raw[61..]), (64, 5, &[0, 0x80, 1][..]));
    }
}
