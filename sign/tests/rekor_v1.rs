//! Keyless signing with a log of Rekor's first version. Its server needs a database, so the log here is ours: one entry,
//! with the canonical body, the promise and the proof that the real one gives. What comes of it, cosign verifies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{Bundle, KeyAlgorithm, Limits};
use lacre_hash::Sha256Digest;
use lacre_sign::{Decision, FileKey, Identity, SignError, Signer, Token, TrustConfig, seal_keyless};
use lacre_testkit::places::Peer;
use lacre_testkit::{HttpAnswer, HttpServer, ModelDir, Seal, Stack, statement_of};
use serde_json::{Value, json};

const EMAIL: &str = "ci@example.test";

fn sha256(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_string()
}

/// The body of an entry `dsse` 0.0.1 as Rekor keeps it: hashes instead of the envelope.
fn body_of(request: &Value) -> Vec<u8> {
    assert_eq!((&request["kind"], &request["apiVersion"]), (&json!("dsse"), &json!("0.0.1")));
    let proposed = &request["spec"]["proposedContent"];
    let text = proposed["envelope"].as_str().unwrap();
    let envelope: Value = serde_json::from_str(text).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "envelopeHash": {"algorithm": "sha256", "value": sha256(text.as_bytes())},
        "payloadHash": {"algorithm": "sha256", "value": sha256(&payload)},
        "signatures": [{
            "signature": envelope["signatures"][0]["sig"],
            "verifier": STANDARD.encode(rewrapped(proposed["verifiers"][0].as_str().unwrap())),
        }],
    }});
    serde_json::to_vec(&body).unwrap()
}

/// The certificate's PEM as Rekor keeps it, however it was sent: lines of 64 columns that end in a line feed.
fn rewrapped(verifier: &str) -> String {
    let pem = String::from_utf8(STANDARD.decode(verifier).unwrap()).unwrap();
    let [begin, end] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];
    let inside: String = pem.replace(begin, "").replace(end, "").split_ascii_whitespace().collect();
    let lines: Vec<&str> =
        inside.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("{begin}\n{}\n{end}\n", lines.join("\n"))
}

/// The answer of a log whose only entry this is. The leaf's hash is the root (RFC 6962, section 2.1).
fn answer(key: &FileKey, body: &[u8]) -> Value {
    let log_id = Sha256Digest::of(key.public_key().to_der());
    let root = Sha256Digest::of(&[&[0][..], body].concat());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = STANDARD.encode(body);
    let promised = json!({"body": body, "integratedTime": now, "logID": log_id.to_string(), "logIndex": 0});
    let promise = key.sign(&serde_json::to_vec(&promised).unwrap()).unwrap();
    // Logs of the first version name their tree behind their own name.
    let note = format!("127.0.0.1 - 4711\n1\n{}\n", STANDARD.encode(root.as_bytes()));
    let signature = [&log_id.as_bytes()[..4], &key.sign(note.as_bytes()).unwrap()].concat();
    let checkpoint = format!("{note}\n\u{2014} 127.0.0.1 {}\n", STANDARD.encode(signature));
    let mut entry = promised;
    entry["verification"] = json!({
        "signedEntryTimestamp": STANDARD.encode(promise),
        "inclusionProof": {
            "checkpoint": checkpoint, "hashes": [], "logIndex": 0, "rootHash": root.to_string(), "treeSize": 1,
        },
    });
    json!({"24296fb24b8ad77a": entry})
}

/// A stack whose log is ours, changed by `bend`.
fn signed(stack: &Stack, bend: fn(&mut Value)) -> (Result<Bundle, SignError>, Vec<u8>, ModelDir) {
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let der = STANDARD.encode(key.public_key().to_der());
    let log_id = STANDARD.encode(Sha256Digest::of(key.public_key().to_der()).as_bytes());
    let rekor = HttpServer::start(move |request| {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/api/v1/log/entries"));
        let mut entries = answer(&key, &body_of(&serde_json::from_slice(&request.body).unwrap()));
        bend(&mut entries["24296fb24b8ad77a"]);
        HttpAnswer::Full(201, "application/json", serde_json::to_vec(&entries).unwrap())
    });
    let config = stack.trust_config_with(|config| {
        let tlog = &mut config["trustedRoot"]["tlogs"][0];
        tlog["baseUrl"] = rekor.url().into();
        tlog["publicKey"]["rawBytes"] = der.into();
        tlog["publicKey"]["keyDetails"] = "PKIX_ECDSA_P256_SHA_256".into();
        tlog["logId"] = json!({"keyId": log_id});
        tlog.as_object_mut().unwrap().remove("checkpointKeyId");
        let service = &mut config["signingConfig"]["rekorTlogUrls"][0];
        service["url"] = rekor.url().into();
        service["majorApiVersion"] = 1.into();
    });
    let seal = Seal::of(ModelDir::sample());
    let outcome = seal_keyless(
        &seal.claim(),
        &TrustConfig::from_json(&config).unwrap(),
        &Token::parse(&stack.issuer().token(EMAIL)).unwrap(),
        &|_: &Identity| Decision::Sign,
        &Limits::default(),
    );
    (outcome, config, seal.into_model())
}

#[test]
fn a_bundle_with_an_entry_of_the_first_version() {
    let Some(stack) = Stack::start() else { return };
    let (bundle, config, model) = signed(&stack, |_| ());
    let text = bundle.unwrap().to_json();
    let json: Value = serde_json::from_slice(&text).unwrap();
    let entry = &json["verificationMaterial"]["tlogEntries"][0];
    assert_eq!(entry["kindVersion"], json!({"kind": "dsse", "version": "0.0.1"}));
    assert_eq!(entry["logIndex"], "0");
    assert!(entry["inclusionPromise"]["signedEntryTimestamp"].is_string(), "{entry}");

    let Some(cosign) = Peer::Cosign.find() else { return };
    let config: Value = serde_json::from_slice(&config).unwrap();
    let [root, bundle] = ["root.json", "bundle.json"].map(|name| model.beside(name));
    fs::write(&root, serde_json::to_vec(&config["trustedRoot"]).unwrap()).unwrap();
    fs::write(&bundle, &text).unwrap();
    let statement = statement_of(&text);
    let said = Command::new(cosign)
        .args(["verify-blob-attestation", "--bundle"])
        .arg(&bundle)
        .arg("--trusted-root")
        .arg(&root)
        .args(["--type", "https://model_signing/signature/v1.0", "--digestAlg", "sha256", "--digest"])
        .arg(statement["subject"][0]["digest"]["sha256"].as_str().unwrap())
        .args(["--certificate-identity", EMAIL, "--certificate-oidc-issuer", &stack.issuer().url()])
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_log_of_the_first_version_that_changes_its_answer() {
    let Some(stack) = Stack::start() else { return };
    for bend in [
        (|entry: &mut Value| entry["logIndex"] = 7.into()) as fn(&mut Value),
        |entry| entry["integratedTime"] = 1_700_000_000.into(),
        |entry| entry["logID"] = "00".repeat(32).into(),
        |entry| entry["verification"]["inclusionProof"]["rootHash"] = "00".repeat(32).into(),
        |entry| entry["verification"]["inclusionProof"]["hashes"] = json!(["00".repeat(32)]),
        |entry| entry["verification"] = Value::Null,
    ] {
        let error = signed(&stack, bend).0.unwrap_err();
        assert_eq!(error.code(), "E-SERVICE", "{error}");
    }
}
