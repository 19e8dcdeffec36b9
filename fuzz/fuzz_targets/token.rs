//! Identity tokens: what is taken is for Sigstore, has an issuer, and is never shown.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_sign::{CODES, Token};
use libfuzzer_sys::fuzz_target;

fn check(text: &str) {
    match Token::parse(text) {
        Ok(token) => {
            assert!(!token.issuer().is_empty());
            let payload = text.trim().split('.').nth(1).expect("three parts");
            let claims = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
            let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
            let audience = &claims["aud"];
            let named = audience.as_array().is_some_and(|list| list.iter().any(|one| one == "sigstore"));
            assert!(named || audience == "sigstore", "{claims}");
            assert!(!format!("{token:?}").contains(payload));
        }
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // As it comes, and as the claims of a token.
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    check(&format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(bytes)));
});
