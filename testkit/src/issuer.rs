//! An `OpenID` Connect issuer: what Fulcio asks of one, and tokens with any claims.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_attest::KeyAlgorithm;
use lacre_sign::{FileKey, Signer};
use serde_json::{Value, json};

use crate::http::{HttpAnswer, HttpServer};

/// An issuer on this machine, with a key of its own.
pub struct Issuer {
    key: FileKey,
    server: HttpServer,
}

impl Issuer {
    /// Starts the issuer.
    pub fn start() -> Self {
        let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        // The point is the end of the key's DER: 04, x, y.
        let point = &key.public_key().to_der()[27..];
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": URL_SAFE_NO_PAD.encode(&point[..32]), "y": URL_SAFE_NO_PAD.encode(&point[32..]),
        }]});
        let server = HttpServer::start(move |request| {
            let host = request.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, host)| host);
            match request.target.as_str() {
                "/.well-known/openid-configuration" => HttpAnswer::json(&json!({
                    "issuer": format!("http://{host}"),
                    "authorization_endpoint": format!("http://{host}/auth"),
                    "token_endpoint": format!("http://{host}/token"),
                    "jwks_uri": format!("http://{host}/keys"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                })),
                "/keys" => HttpAnswer::json(&keys),
                _ => HttpAnswer::Full(404, "text/plain", Vec::new()),
            }
        });
        Self { key, server }
    }

    /// The issuer's name, which is its address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A token for `email` that Fulcio takes.
    pub fn token(&self, email: &str) -> String {
        self.token_with(email, |_| ())
    }

    /// The same after `edit` of its claims.
    pub fn token_with(&self, email: &str, edit: impl FnOnce(&mut Value)) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.url(), "sub": email, "aud": "sigstore", "email": email, "email_verified": true,
            "iat": now, "nbf": now - 5, "exp": now + 600,
        });
        edit(&mut claims);
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap());
        let signed =
            format!("{}.{}", text(&json!({"alg": "ES256", "typ": "JWT", "kid": "one"})), text(&claims));
        let signature = raw(&self.key.sign(signed.as_bytes()).unwrap());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
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
