//! Known failures of other tools, each by its name: the same attack on the signing side. docs/ADVISORIES.md lists all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a broken test must fail")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_attest::{Bundle, KeyAlgorithm, Limits};
use lacre_sign::{
    Decision, FileKey, SignError, Signer, TimestampService, Token, TrustConfig, seal, seal_keyless,
};
use lacre_testkit::{HttpAnswer, HttpServer, ModelDir, Seal, places};
use serde_json::{Value, json};

fn token_of(claims: &Value) -> Result<Token, SignError> {
    Token::parse(&format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

fn code<T>(outcome: Result<T, SignError>) -> &'static str {
    match outcome {
        Ok(_) => panic!("accepted"),
        Err(error) => error.code(),
    }
}

/// A token of a million dots is not cut into a million parts.
#[test]
fn cve_2025_66506_tokens_of_countless_parts() {
    assert_eq!(code(Token::parse(&".".repeat(1_000_000))), "E-TOKEN");
    assert_eq!(code(Token::parse(&".".repeat(32 * 1024))), "E-TOKEN");
    assert_eq!(code(Token::parse("e30.e30.AAAA.AAAA")), "E-TOKEN");
    let issuer = ".".repeat(20_000);
    let claims = json!({"iss": issuer, "sub": "1", "aud": "sigstore", "exp": 4_102_444_800_u64});
    assert_eq!(token_of(&claims).unwrap().issuer(), issuer);
}

/// `length` zeros as gzip (RFC 1952) with one block of fixed codes (RFC 1951, 3.2.6), 13 bits for each 258 of them.
fn gzip_of_zeros(length: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    // Codes are written from their highest bit, all else from its lowest.
    let mut code = |value: u32, width: u32| bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    code(0b1, 1);
    code(0b10, 2);
    code(0b0011_0000, 8);
    for _ in 0..length / 258 {
        code(0b1100_0101, 8);
        code(0, 5);
    }
    code(0, 7);
    let packed =
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0_u8, |all, bit| all << 1 | u8::from(*bit)));
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255].into_iter().chain(packed).chain([0; 8]).collect()
}

/// An answer that grows when it is unpacked is not unpacked: nothing is asked for in another encoding.
#[test]
fn cve_2023_30551_answers_that_grow() {
    let packed = gzip_of_zeros(30_000_000);
    assert!(packed.len() < 200_000, "{}", packed.len());
    let server = HttpServer::start(move |_| HttpAnswer::Packed("gzip", packed.clone()));
    let bundle = seal(
        &Seal::of(ModelDir::sample()).claim(),
        &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(),
        &Limits::default(),
    )
    .unwrap();
    let refused = stamped(&server, bundle);
    assert_eq!(refused.code(), "E-SERVICE");
    let asked = server.seen();
    assert!(
        asked.iter().all(|request| request.headers.iter().all(|(name, _)| name != "accept-encoding")),
        "{asked:?}"
    );
}

fn stamped(server: &HttpServer, bundle: Bundle) -> SignError {
    let service = TimestampService::new(&server.url()).unwrap().patience(Duration::from_secs(20));
    service.stamp(bundle).expect_err("no timestamp")
}

/// Nothing that a token names is asked: not its issuer, nor any other address in it.
#[test]
fn cve_2026_22772_no_address_in_a_token_is_asked() {
    let elsewhere = HttpServer::start(|_| HttpAnswer::json(&json!({})));
    let authority = HttpServer::start(|_| HttpAnswer::Full(400, "application/json", b"{}".to_vec()));
    let seed = places::checkout().join("fuzz/corpus/trust_config/good");
    let mut config: Value = serde_json::from_slice(&std::fs::read(seed).unwrap()).unwrap();
    config["signingConfig"]["caUrls"][0]["url"] = authority.url().into();
    let config = TrustConfig::from_json(config.to_string().as_bytes()).unwrap();
    let url = elsewhere.url();
    let token = token_of(&json!({
        "iss": url, "sub": format!("{url}/sub"), "aud": "sigstore", "exp": 4_102_444_800_u64,
        "jku": format!("{url}/keys"), "jwks_uri": format!("{url}/keys"), "job_workflow_ref": format!("{url}/ref"),
        "federated_claims": {"connector_id": url},
    }))
    .unwrap();
    let claim = Seal::of(ModelDir::sample()).claim();
    let outcome = seal_keyless(&claim, &config, &token, &|_| Decision::Sign, &Limits::default());
    assert_eq!(code(outcome), "E-TOKEN");
    assert_eq!(authority.seen().len(), 1, "the one service that is configured");
    assert!(elsewhere.seen().is_empty(), "{:?}", elsewhere.seen());
}

/// The public half is always made from the secret one: no caller can have a signature made under another one, which
/// would give the secret away (Ed25519 mixes it into the signature's challenge).
#[test]
fn rustsec_2022_0093_no_pair_of_strangers_signs() {
    let (one, other) = (
        FileKey::generate(KeyAlgorithm::Ed25519).unwrap(),
        FileKey::generate(KeyAlgorithm::Ed25519).unwrap(),
    );
    let pem = |key: &FileKey| {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("k.key"), folder.path().join("k.pub"));
        lacre_sign::write_key_pair((&private, &public), key, None).unwrap();
        std::fs::read_to_string(private).unwrap()
    };
    let der = lacre_testkit::pki::der::unpem(&pem(&one));
    // PKCS#8 version 2 (RFC 5958) has room for a public key: `[1] IMPLICIT BIT STRING` at its end.
    let seed = &der[der.len() - 32..];
    let with_public = |public: &FileKey| {
        let point = &public.public_key().to_der()[12..];
        let body =
            [&[2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32][..], seed, &[0x81, 33, 0], point]
                .concat();
        lacre_testkit::pki::der::pem(
            "PRIVATE KEY",
            &[&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat(),
        )
    };
    let read = |text: String| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        std::fs::write(&path, text).unwrap();
        lacre_sign::read_private_key(&path, &mut || panic!("it is not encrypted")).map(|opened| opened.key)
    };
    let own = read(with_public(&one)).unwrap();
    assert_eq!(own.public_key(), one.public_key());
    let signature = own.sign(b"message").unwrap();
    assert!(one.public_key().verify(b"message", &signature).is_ok());
    assert_eq!(code(read(with_public(&other))), "E-KEY");
}
