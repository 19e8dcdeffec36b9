//! Keyless signing where one of the services fails in some way: nothing is written, the exit code says what kind of failure
//! it is, and the hint what to do next.

use std::fs;

use lacre_testkit::{HttpAnswer, HttpServer, ModelDir, Stack, http_post};
use serde_json::{Value, json};

use crate::bench::Bench;

const WHO: &str = "release@example.test";

/// The services of a signing configuration, each with the version that it is asked in.
const SERVICES: [(&str, &str, u32); 4] = [
    ("Fulcio", "caUrls", 1),
    ("Rekor v1", "rekorTlogUrls", 1),
    ("Rekor v2", "rekorTlogUrls", 2),
    ("timestamps", "tsaUrls", 1),
];

/// Signs with `url` in the place of a service, and gives the exit code, the error code and the hint.
fn sign(stack: &Stack, (_, member, version): (&str, &str, u32), url: &str) -> (i32, String, String) {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    let config = stack.trust_config_with(|config| {
        let service = &mut config["signingConfig"][member][0];
        service["url"] = url.into();
        service["majorApiVersion"] = version.into();
    });
    fs::write(bench.path("trust.json"), config).unwrap();
    fs::write(bench.path("token"), stack.issuer().token(WHO)).unwrap();
    let line = "sign model --name m --keyless --identity-token-file token --trust-config trust.json \
                --publish-identity --signer-timeout 2s --json";
    let said = bench.run(env!("CARGO_BIN_EXE_lacre"), line);
    let whole: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(!bench.path("model/model.sig").exists() && !bench.path("model.signatures").exists(), "{whole}");
    let text = |name: &str| whole["error"][name].as_str().unwrap_or_default().to_owned();
    assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said:?}");
    (said.exit.unwrap(), text("code"), text("hint"))
}

fn refuses(stack: &Stack, service: (&str, &str, u32), url: &str, exit: i32, code: &str) {
    let (found, said, hint) = sign(stack, service, url);
    assert_eq!((found, said.as_str()), (exit, code), "{service:?}");
    assert!(!hint.is_empty(), "{service:?} {code}");
}

#[test]
fn services_that_are_down_slow_or_out_of_order() {
    let Some(stack) = Stack::start() else { return };
    for service in SERVICES {
        // A port that nobody listens on any more.
        let gone = HttpServer::start(|_| HttpAnswer::HangUp).url();
        refuses(&stack, service, &gone, 11, "E-NETWORK");
        for (answer, code) in [
            (HttpAnswer::HangUp, "E-NETWORK"),
            (HttpAnswer::Silence, "E-NETWORK"),
            (HttpAnswer::Full(500, "text/plain", b"\x1b[2Jout of order".to_vec()), "E-SERVICE"),
            (HttpAnswer::Full(503, "text/html", b"<html>later</html>".to_vec()), "E-SERVICE"),
            (HttpAnswer::Full(200, "text/html", b"<html>Sign in</html>".to_vec()), "E-SERVICE"),
            (HttpAnswer::Full(201, "application/json", b"{}".to_vec()), "E-SERVICE"),
            (HttpAnswer::Redirect("http://127.0.0.1:1/".to_owned()), "E-SERVICE"),
            (HttpAnswer::Endless, "E-SERVICE"),
        ] {
            let server = HttpServer::start(move |_| answer.clone());
            refuses(&stack, service, &server.url(), 11, code);
            assert_eq!(server.seen().len(), 1, "{service:?}");
        }
    }
}

#[test]
fn services_of_another_sigstore() {
    let (Some(stack), Some(stranger)) = (Stack::start(), Stack::start()) else { return };
    // What they say is well-formed, and is signed by keys that the trusted root does not have.
    refuses(&stack, SERVICES[2], stranger.rekor_url(), 11, "E-SERVICE");
    refuses(&stack, SERVICES[3], stranger.timestamp_url(), 11, "E-SERVICE");
    // A Fulcio that does not know our issuer takes no token of it.
    refuses(&stack, SERVICES[0], stranger.fulcio_url(), 12, "E-TOKEN");
    // One that gives out what another Fulcio certified: for our key, by an authority that is not trusted.
    let (theirs, token) = (stranger.fulcio_url().to_owned(), stranger.issuer().token(WHO));
    let fulcio = HttpServer::start(move |request| {
        let mut asked: Value = serde_json::from_slice(&request.body).unwrap();
        asked["credentials"]["oidcIdentityToken"] = token.as_str().into();
        let body = serde_json::to_vec(&asked).unwrap();
        let (status, body) = http_post(&format!("{theirs}{}", request.target), &body).unwrap();
        HttpAnswer::Full(status, "application/json", body)
    });
    let (exit, code, _) = sign(&stack, SERVICES[0], &fulcio.url());
    // Its issuer is another one, so that the identity is shown again; nobody may believe its authority.
    assert_eq!((exit, code.as_str()), (5, "E-SIGNER-UNTRUSTED"));
}

#[test]
fn a_certificate_for_another_key() {
    let Some(stack) = Stack::start() else { return };
    let other = Bench::new("ecdsa-p256", ModelDir::sample());
    fs::write(other.path("token"), stack.issuer().token(WHO)).unwrap();
    other.lacre(&format!(
        "sign model --name m --keyless --identity-token-file token --publish-identity --trust-config {}",
        stack.trust_config().display()
    ));
    let bundle: Value = serde_json::from_slice(&other.read("model/model.sig")).unwrap();
    let der = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    let fulcio = HttpServer::start(move |_| {
        HttpAnswer::json(&json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [pem]}}}))
    });
    refuses(&stack, SERVICES[0], &fulcio.url(), 5, "E-SIGNER-UNTRUSTED");
}

#[test]
fn a_proof_that_proves_something_else() {
    let Some(stack) = Stack::start() else { return };
    let bend: [fn(&mut Value); 6] = [
        |entry| entry["inclusionProof"]["rootHash"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
        |entry| entry["inclusionProof"]["treeSize"] = "99".into(),
        |entry| entry["inclusionProof"]["logIndex"] = "77".into(),
        |entry| entry["inclusionProof"]["hashes"] = json!(["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]),
        |entry| entry["canonicalizedBody"] = "e30=".into(),
        |entry| entry["logId"]["keyId"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
    ];
    for bend in bend {
        let to = stack.rekor_url().to_owned();
        let rekor = HttpServer::start(move |request| {
            let (_, body) = http_post(&format!("{to}{}", request.target), &request.body).unwrap();
            let mut entry: Value = serde_json::from_slice(&body).unwrap();
            bend(&mut entry);
            HttpAnswer::json(&entry)
        });
        refuses(&stack, SERVICES[2], &rekor.url(), 11, "E-SERVICE");
    }
}
