//! The inputs that the fuzz targets start from: the good ones are accepted, so that what is found from there is behind
//! every check, and each other one is refused for the reason that it was made for.

#![allow(clippy::unwrap_used, reason = "a broken test must fail")]

use std::fs;

use lacre_sign::{CertificateChain, TimestampQuery, Token, TrustConfig};
use lacre_testkit::places;

fn seed(name: &str) -> Vec<u8> {
    fs::read(places::checkout().join("fuzz/corpus").join(name)).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(seed(name)).unwrap()
}

#[test]
fn certificates() {
    let code = |name| {
        CertificateChain::from_pem(&text(&format!("certificate_chain/{name}")))
            .map_or_else(|e| e.code(), |_| "ok")
    };
    for name in ["leaf", "whole", "words-between", "ed25519", "p521"] {
        assert_eq!(code(name), "ok", "{name}");
    }
    assert_eq!(code("key"), "E-CERTIFICATE");
}

#[test]
fn timestamps() {
    let query = TimestampQuery::with_nonce(b"a signature", 4711);
    let said = |name| {
        query.accept(&seed(&format!("timestamp_answer/{name}"))).map_or_else(|said| said, |_| "ok".to_owned())
    };
    assert_eq!((said("good"), said("fraction")), ("ok".to_owned(), "ok".to_owned()));
    for (name, part) in [
        ("no-nonce", "its nonce is not ours"),
        ("no-certificates", "left out its certificates"),
        ("sha384", "something else"),
        ("refused", "PKIStatus 2): not today"),
        ("refused-bare", "PKIStatus 2)"),
    ] {
        assert!(said(name).contains(part), "{name}: {}", said(name));
    }
}

#[test]
fn tokens() {
    use base64::Engine as _;
    let said = |name: &str| {
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(seed(&format!("token/{name}")));
        Token::parse(&format!("e30.{claims}.AAAA"))
            .map_or_else(|error| error.to_string(), |_| "ok".to_owned())
    };
    for name in ["good", "audiences", "fraction"] {
        assert_eq!(said(name), "ok", "{name}");
    }
    for (name, part) in [
        ("other-audience", "https://bank.test"),
        ("expired", "expired"),
        ("early", "only in"),
        ("nobody", "`sub`"),
    ] {
        assert!(said(name).contains(part), "{name}: {}", said(name));
    }
}

#[test]
fn configurations() {
    let code = |name| {
        TrustConfig::from_json(&seed(&format!("trust_config/{name}"))).map_or_else(|e| e.code(), |_| "ok")
    };
    for name in ["good", "first-log", "here"] {
        assert_eq!(code(name), "ok", "{name}");
    }
    assert_eq!(code("plain"), "E-USAGE");
    for name in ["exactly-two", "ended", "no-timestamps"] {
        assert_eq!(code(name), "E-TRUST-CONFIG", "{name}");
    }
}
