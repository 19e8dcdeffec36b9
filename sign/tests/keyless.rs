//! Keyless signing against a real Sigstore on this machine, what its other clients say to the result, and every way in
//! which a service can fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::cell::RefCell;
use std::fs;
use std::process::Command;
use std::time::Duration;

use lacre_attest::{Bundle, CertificateForm, Limits, Material, ModelClaim};
use lacre_sign::{Decision, Identity, SignError, StatedBy, Token, TrustConfig, seal_keyless};
use lacre_testkit::places::Peer;
use lacre_testkit::{HttpAnswer, HttpServer, Issuer, ModelDir, Seal, Stack};
use serde_json::{Value, json};

const EMAIL: &str = "ci@example.test";

fn yes(_: &Identity) -> Decision {
    Decision::Sign
}

fn claim() -> ModelClaim {
    Seal::of(ModelDir::sample()).claim()
}

fn config(stack: &Stack) -> TrustConfig {
    TrustConfig::read(&stack.trust_config()).unwrap()
}

fn token(stack: &Stack) -> Token {
    Token::parse(&stack.issuer().token(EMAIL)).unwrap()
}

fn sealed(stack: &Stack, claim: &ModelClaim) -> Bundle {
    seal_keyless(claim, &config(stack), &token(stack), &yes, &Limits::default()).unwrap()
}

#[test]
fn the_bundle_is_complete_and_every_peer_accepts_it() {
    let Some(stack) = Stack::start() else { return };
    let seal = Seal::of(ModelDir::sample());
    let text = sealed(&stack, &seal.claim()).to_json();
    let model = seal.into_model();
    fs::write(model.entry("model.sig"), &text).unwrap();

    let bundle = Bundle::parse(&text, &Limits::default()).unwrap();
    let Material::Certificates(held) = bundle.material() else { panic!("{:?}", bundle.material()) };
    assert_eq!((held.form(), held.certificates().len()), (CertificateForm::Leaf, 1));
    assert_eq!((bundle.log_entries(), bundle.timestamps()), (1, 1));
    let json: Value = serde_json::from_slice(&text).unwrap();
    let entry = &json["verificationMaterial"]["tlogEntries"][0];
    assert_eq!(entry["kindVersion"], json!({"kind": "hashedrekord", "version": "0.0.2"}));
    for member in ["logIndex", "integratedTime", "canonicalizedBody"] {
        assert!(entry[member].is_string(), "{member}: {entry}");
    }
    assert!(entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().starts_with("127.0.0.1\n"));

    let bundle_path = model.entry("model.sig");
    let statement = lacre_testkit::statement_of(&text);
    let digest = statement["subject"][0]["digest"]["sha256"].as_str().unwrap();
    let issuer = stack.issuer().url();
    if let Some(cosign) = Peer::Cosign.find() {
        let verify = |identity: &str| {
            Command::new(&cosign)
                .args(["verify-blob-attestation", "--bundle"])
                .arg(&bundle_path)
                .arg("--trusted-root")
                .arg(stack.trusted_root())
                .args(["--type", "https://model_signing/signature/v1.0", "--digest", digest])
                .args(["--digestAlg", "sha256", "--certificate-identity", identity])
                .args(["--certificate-oidc-issuer", &issuer])
                .output()
                .unwrap()
        };
        let said = verify(EMAIL);
        assert!(said.status.success(), "cosign: {}", String::from_utf8_lossy(&said.stderr));
        assert!(!verify("other@example.test").status.success());
    }
    if let Some(model_signing) = Peer::ModelSigning.find() {
        let verify = |identity: &str| {
            Command::new(&model_signing)
                .args(["verify", "sigstore", "--signature"])
                .arg(&bundle_path)
                .arg("--trust_config")
                .arg(stack.trust_config())
                .args(["--identity", identity, "--identity_provider", &issuer])
                .arg(model.path())
                .output()
                .unwrap()
        };
        let said = verify(EMAIL);
        assert!(said.status.success(), "model_signing: {}", String::from_utf8_lossy(&said.stderr));
        assert!(!verify("other@example.test").status.success());
    }
}

#[test]
fn what_the_peers_sign_is_read() {
    let Some(stack) = Stack::start() else { return };
    let (Some(cosign), Some(model_signing)) = (Peer::Cosign.find(), Peer::ModelSigning.find()) else {
        return;
    };
    let model = ModelDir::sample();
    let token = stack.issuer().token(EMAIL);
    let theirs = model.beside("theirs.sig");
    let said = Command::new(model_signing)
        .args(["sign", "sigstore", "--signature"])
        .arg(&theirs)
        .arg("--trust_config")
        .arg(stack.trust_config())
        .args(["--identity_token", &token])
        .arg(model.path())
        .output()
        .unwrap();
    assert!(said.status.success(), "model_signing: {}", String::from_utf8_lossy(&said.stderr));
    let bundle = Bundle::parse(&fs::read(&theirs).unwrap(), &Limits::default()).unwrap();
    assert_eq!((bundle.log_entries(), bundle.timestamps()), (1, 1));

    let statement = model.beside("statement.json");
    fs::write(&statement, claim().to_statement().unwrap()).unwrap();
    let attested = model.beside("attested.sig");
    let token_file = model.beside("token");
    fs::write(&token_file, &token).unwrap();
    let said = Command::new(cosign)
        .args(["attest-blob", "-y", "--statement"])
        .arg(&statement)
        .arg("--signing-config")
        .arg(stack.signing_config())
        .arg("--trusted-root")
        .arg(stack.trusted_root())
        .arg("--identity-token")
        .arg(&token_file)
        .arg("--bundle")
        .arg(&attested)
        .output()
        .unwrap();
    assert!(said.status.success(), "cosign: {}", String::from_utf8_lossy(&said.stderr));
    let bundle = Bundle::parse(&fs::read(&attested).unwrap(), &Limits::default()).unwrap();
    assert!(
        matches!(bundle.material(), Material::Certificates(held) if held.form() == CertificateForm::Leaf)
    );
}

#[test]
fn the_identity_is_shown_before_anything_is_sent() {
    let Some(stack) = Stack::start() else { return };
    let fulcio = HttpServer::start(|_| HttpAnswer::HangUp);
    let config = config_with(&stack, "caUrls", &fulcio.url());
    let seen = RefCell::new(Vec::new());
    let decline = |identity: &Identity| {
        seen.borrow_mut().push(identity.clone());
        Decision::Decline
    };
    let error = seal_keyless(&claim(), &config, &token(&stack), &decline, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "E-DECLINED");
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].subject.as_str(), seen[0].issuer.as_str()), (EMAIL, stack.issuer().url().as_str()));
    assert_eq!(seen[0].stated_by, StatedBy::Token);
    assert!(seen[0].places.iter().any(|place| place.starts_with(&fulcio.url())), "{:?}", seen[0].places);
    assert!(fulcio.seen().is_empty());
}

#[test]
fn an_identity_that_the_certificate_changes_is_shown_again() {
    let Some(stack) = Stack::start() else { return };
    // Fulcio of this stack certifies e-mail addresses; the claims of a workflow lead to expect something else.
    let text = stack.issuer().token_with(EMAIL, |claims| {
        claims["email_verified"] = "true".into();
        claims["repository"] = "org/mini-lm".into();
    });
    let token = Token::parse(&text).unwrap();
    let shown = RefCell::new(Vec::new());
    let confirm = |identity: &Identity| {
        shown.borrow_mut().push((identity.stated_by, identity.subject.clone(), identity.details.clone()));
        Decision::Sign
    };
    seal_keyless(&claim(), &config(&stack), &token, &confirm, &Limits::default()).unwrap();
    let details = vec![("repository".to_owned(), "org/mini-lm".to_owned())];
    assert_eq!(shown.into_inner(), [(StatedBy::Token, EMAIL.to_owned(), details)]);

    // The same certificate, handed out for a token of somebody else.
    let fulcio = relay(stack.fulcio_url().to_owned(), {
        let right = stack.issuer().token(EMAIL);
        move |mut request| {
            request["credentials"]["oidcIdentityToken"] = right.as_str().into();
            request
        }
    });
    let other = stack.issuer().token_with("other@example.test", |claims| {
        claims["email"] = "other@example.test".into();
        claims["sub"] = EMAIL.into();
        claims["email_verified"] = false.into();
        claims["job_workflow_ref"] = "org/mini-lm/.github/workflows/x.yml@refs/heads/main".into();
    });
    let asked = RefCell::new(Vec::new());
    let decline_the_second = |identity: &Identity| {
        asked.borrow_mut().push((identity.stated_by, identity.subject.clone()));
        if identity.stated_by == StatedBy::Certificate { Decision::Decline } else { Decision::Sign }
    };
    let rekor = HttpServer::start(|_| HttpAnswer::HangUp);
    let config = trust(&stack, |config| {
        config["signingConfig"]["caUrls"][0]["url"] = fulcio.url().into();
        config["signingConfig"]["rekorTlogUrls"][0]["url"] = rekor.url().into();
    });
    let token = Token::parse(&other).unwrap();
    let error = seal_keyless(&claim(), &config, &token, &decline_the_second, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "E-DECLINED", "{error}");
    let expected = "https://github.com/org/mini-lm/.github/workflows/x.yml@refs/heads/main".to_owned();
    assert_eq!(asked.into_inner(), [(StatedBy::Token, expected), (StatedBy::Certificate, EMAIL.to_owned())]);
    assert!(rekor.seen().is_empty());
}

/// A server that passes requests on to another one, changed.
fn relay(to: String, change: impl Fn(Value) -> Value + Send + Sync + 'static) -> HttpServer {
    HttpServer::start(move |request| {
        let body = change(serde_json::from_slice(&request.body).unwrap());
        let (status, body) =
            lacre_testkit::http_post(&format!("{to}{}", request.target), &serde_json::to_vec(&body).unwrap())
                .unwrap();
        HttpAnswer::Full(status, "application/json", body)
    })
}

fn trust(stack: &Stack, edit: impl FnOnce(&mut Value)) -> TrustConfig {
    TrustConfig::from_json(&stack.trust_config_with(edit)).unwrap().patience(Duration::from_secs(5))
}

fn config_with(stack: &Stack, service: &str, url: &str) -> TrustConfig {
    trust(stack, |config| config["signingConfig"][service][0]["url"] = url.into())
}

fn refused(config: &TrustConfig, token: &Token) -> SignError {
    seal_keyless(&claim(), config, token, &yes, &Limits::default()).unwrap_err()
}

#[test]
fn services_that_answer_badly() {
    let Some(stack) = Stack::start() else { return };
    let page = || HttpAnswer::Full(200, "text/html", b"<html>Sign in</html>".to_vec());
    for service in ["caUrls", "rekorTlogUrls", "tsaUrls"] {
        for (answer, code) in [
            (HttpAnswer::Full(500, "text/plain", b"out of order".to_vec()), "E-SERVICE"),
            (page(), "E-SERVICE"),
            (HttpAnswer::json(&json!({})), "E-SERVICE"),
            (HttpAnswer::json(&json!([])), "E-SERVICE"),
            (HttpAnswer::Redirect(stack.fulcio_url().to_owned()), "E-SERVICE"),
            (HttpAnswer::Endless, "E-SERVICE"),
            (HttpAnswer::HangUp, "E-NETWORK"),
        ] {
            let shown = format!("{service}: {answer:?}");
            let server = HttpServer::start(move |_| answer.clone());
            let error = refused(&config_with(&stack, service, &server.url()), &token(&stack));
            assert_eq!(error.code(), code, "{shown}: {error}");
        }
        let silent = HttpServer::start(|_| HttpAnswer::Silence);
        let slow = config_with(&stack, service, &silent.url()).patience(Duration::from_millis(500));
        assert_eq!(refused(&slow, &token(&stack)).code(), "E-NETWORK", "{service}");
    }
}

#[test]
fn nothing_is_logged_when_the_authority_or_the_timestamp_fails() {
    let Some(stack) = Stack::start() else { return };
    let rekor = HttpServer::start(|_| HttpAnswer::HangUp);
    let broken = HttpServer::start(|_| HttpAnswer::HangUp);
    for service in ["caUrls", "tsaUrls"] {
        let config = trust(&stack, |config| {
            config["signingConfig"]["rekorTlogUrls"][0]["url"] = rekor.url().into();
            config["signingConfig"][service][0]["url"] = broken.url().into();
        });
        assert_eq!(refused(&config, &token(&stack)).code(), "E-NETWORK");
    }
    assert!(rekor.seen().is_empty());
}

#[test]
fn a_certificate_for_another_key() {
    let Some(stack) = Stack::start() else { return };
    let held: Value = serde_json::from_slice(&sealed(&stack, &claim()).to_json()).unwrap();
    let der = held["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap();
    let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    let fulcio = HttpServer::start(move |_| {
        HttpAnswer::json(&json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [pem]}}}))
    });
    let error = refused(&config_with(&stack, "caUrls", &fulcio.url()), &token(&stack));
    assert_eq!(error.code(), "E-SIGNER-UNTRUSTED");
    assert!(error.to_string().contains("for another key"), "{error}");
}

#[test]
fn services_that_the_trusted_root_does_not_know() {
    let (Some(stack), Some(stranger)) = (Stack::start(), Stack::start()) else { return };
    // A log and a timestamp authority with other keys: what they say is well-formed and proves nothing.
    for (service, url) in [("rekorTlogUrls", stranger.rekor_url()), ("tsaUrls", stranger.timestamp_url())] {
        let error = refused(&config_with(&stack, service, url), &token(&stack));
        assert_eq!(error.code(), "E-SERVICE", "{service}: {error}");
        assert!(error.to_string().contains("does not verify"), "{error}");
    }
    let config = config_with(&stack, "caUrls", stranger.fulcio_url());
    let token = Token::parse(&stranger.issuer().token(EMAIL)).unwrap();
    assert_eq!(refused(&config, &token).code(), "E-SIGNER-UNTRUSTED");
}

#[test]
fn a_log_that_changes_its_answer() {
    let Some(stack) = Stack::start() else { return };
    let bend: [fn(&mut Value); 4] = [
        |entry| entry["logIndex"] = "7777".into(),
        |entry| entry["inclusionProof"]["checkpoint"]["envelope"] = "127.0.0.1\n1\nAAAA\n\n".into(),
        |entry| entry["canonicalizedBody"] = "e30=".into(),
        |entry| entry["kindVersion"]["version"] = "0.0.9".into(),
    ];
    for bend in bend {
        let to = stack.rekor_url().to_owned();
        let rekor = HttpServer::start(move |request| {
            let (_, body) =
                lacre_testkit::http_post(&format!("{to}{}", request.target), &request.body).unwrap();
            let mut entry: Value = serde_json::from_slice(&body).unwrap();
            bend(&mut entry);
            HttpAnswer::json(&entry)
        });
        let error = refused(&config_with(&stack, "rekorTlogUrls", &rekor.url()), &token(&stack));
        assert_eq!(error.code(), "E-SERVICE", "{error}");
    }
}

#[test]
fn tokens_that_are_not_taken() {
    let issuer = Issuer::start();
    let code = |text: &str| Token::parse(text).map_or_else(|error| error.code(), |_| "ok");
    let with = |edit: fn(&mut Value)| code(&issuer.token_with(EMAIL, edit));
    assert_eq!(with(|_| ()), "ok");
    assert_eq!(with(|claims| claims["aud"] = json!(["other", "sigstore"])), "ok");
    assert_eq!(code(&format!("{}\n", issuer.token(EMAIL))), "ok");
    for edit in [
        (|claims| claims["aud"] = "other".into()) as fn(&mut Value),
        |claims| claims["aud"] = json!(["sigstore2"]),
        |claims| claims["aud"] = Value::Null,
        |claims| claims["exp"] = 1_700_000_000.into(),
        |claims| claims["exp"] = Value::Null,
        |claims| claims["exp"] = "tomorrow".into(),
        |claims| claims["nbf"] = 9_999_999_999_u64.into(),
        |claims| claims["iss"] = "".into(),
        |claims| claims["sub"] = 7.into(),
        |claims| *claims = json!([]),
    ] {
        assert_eq!(with(edit), "E-TOKEN");
    }
    let good = issuer.token(EMAIL);
    let parts: Vec<&str> = good.split('.').collect();
    let (two, bent) =
        (format!("{}.{}", parts[0], parts[1]), format!("{}.!{}.{}", parts[0], parts[1], parts[2]));
    for text in ["", " \n", "token", two.as_str(), &format!("{good}.x"), &bent, &"x".repeat(40_000)] {
        assert_eq!(code(text), "E-TOKEN", "{text}");
    }
    // Its claims may be shown; the token must not.
    let shown = format!("{:?}", Token::parse(&good).unwrap());
    assert!(shown.contains(EMAIL) && !shown.contains(parts[1]) && !shown.contains(parts[2]), "{shown}");
}

#[test]
fn tokens_that_fulcio_refuses() {
    let Some(stack) = Stack::start() else { return };
    let stranger = Token::parse(&Issuer::start().token(EMAIL)).unwrap();
    let error = refused(&config(&stack), &stranger);
    assert_eq!(error.code(), "E-TOKEN", "{error}");
    let unverified = stack.issuer().token_with(EMAIL, |claims| claims["email_verified"] = false.into());
    assert_eq!(refused(&config(&stack), &Token::parse(&unverified).unwrap()).code(), "E-TOKEN");
}

#[test]
fn tokens_of_files() {
    let folder = ModelDir::new().file("good", Issuer::start().token(EMAIL)).file("binary", [0xff; 8]);
    assert!(Token::read(&folder.entry("good")).is_ok());
    for name in ["missing", "binary"] {
        assert_eq!(Token::read(&folder.entry(name)).unwrap_err().code(), "E-TOKEN", "{name}");
    }
}

#[test]
fn configurations_that_cannot_be_used() {
    let Some(stack) = Stack::start() else { return };
    let code = |text: &[u8]| TrustConfig::from_json(text).map_or_else(|error| error.code(), |_| "ok");
    let with = |edit: fn(&mut Value)| code(&stack.trust_config_with(edit));
    assert_eq!(with(|_| ()), "ok");
    for edit in [
        (|config| config["mediaType"] = "application/json".into()) as fn(&mut Value),
        |config| config["more"] = 1.into(),
        |config| config["trustedRoot"] = json!({}),
        |config| config["trustedRoot"]["certificateAuthorities"][0]["certChain"]["certificates"] = json!([]),
        |config| config["signingConfig"]["mediaType"] = "x".into(),
        |config| config["signingConfig"]["caUrls"] = json!([]),
        |config| config["signingConfig"]["rekorTlogUrls"][0]["majorApiVersion"] = 9.into(),
        |config| config["signingConfig"]["rekorTlogConfig"] = json!({"selector": "EXACT", "count": 2}),
        |config| config["signingConfig"]["tsaUrls"][0]["validFor"]["end"] = "2024-01-02T00:00:00Z".into(),
    ] {
        assert_eq!(with(edit), "E-TRUST-CONFIG");
    }
    for url in ["http://fulcio.test", "https://a:b@fulcio.test", "fulcio"] {
        let text = stack.trust_config_with(|config| config["signingConfig"]["caUrls"][0]["url"] = url.into());
        assert_eq!(code(&text), "E-USAGE", "{url}");
    }
    let good = String::from_utf8(stack.trust_config_with(|_| ())).unwrap();
    let twice = good.replacen("{\"mediaType\"", "{\"mediaType\":\"\",\"mediaType\"", 1);
    assert_ne!(good, twice);
    for text in ["", "{}", "[]", &twice, &good[1..], &"[".repeat(100_000), &" ".repeat(5 << 20)] {
        assert_eq!(code(text.as_bytes()), "E-TRUST-CONFIG");
    }
    assert!(TrustConfig::public_good().unwrap().public_places()[0].contains("sigstore.dev"));
}

#[test]
fn a_statement_that_is_too_long_is_not_signed() {
    let issuer = Issuer::start();
    let token = Token::parse(&issuer.token(EMAIL)).unwrap();
    let limits = Limits { statement: 10, ..Limits::default() };
    let config = TrustConfig::public_good().unwrap();
    let ask = |_: &Identity| panic!("nothing is to be confirmed");
    assert_eq!(seal_keyless(&claim(), &config, &token, &ask, &limits).unwrap_err().code(), "E-LIMIT");
}
