//! Keys in files, of every kind that both know.

use std::fs;

use lacre_testkit::interop::{self, Direction};
use lacre_testkit::places::Peer;
use lacre_testkit::{ModelDir, Stack};

use crate::bench::{Bench, Found, Said, cosign, model_signing};
use crate::pairing::{Pairing, write_statement};

const MODEL_SIGNING: &str = "model_signing";
const COSIGN: &str = "cosign";
const SIGSTORE_GO: &str = "sigstore-go";

const SHA256_ALONE: &str = "it hashes with SHA-256 for every ECDSA key, where OMS wants SHA-384 or SHA-512";

fn with_key(curve: &str) -> Bench {
    Bench::new(curve, ModelDir::sample())
}

/// What `model_signing` says to a key.
fn by_model_signing<'a>(found: &'a Found, key: &'a str) -> impl Fn(&Bench, &str) -> Said + 'a {
    move |bench, _| bench.asked(found, &format!("verify key model --public_key {key} --signature out.sig"))
}

fn model_signing_and(curve: &str, way: &'static str) {
    let Some(found) = model_signing() else { return };
    let bench = with_key(curve);
    Pairing {
        peer: MODEL_SIGNING,
        way,
        bench: &bench,
        lacre_signs: "--key k.key".to_owned(),
        lacre_verifies: "--key k.pub".to_owned(),
        peer_signs: &|bench| {
            bench.peer(&found, "sign key model --private_key k.key --signature out.sig");
        },
        peer_verifies: &by_model_signing(&found, "k.pub"),
    }
    .both_ways();
}

#[test]
fn model_signing_and_p256() {
    model_signing_and("ecdsa-p256", "key, ECDSA P-256");
}

#[test]
fn model_signing_and_p384() {
    model_signing_and("ecdsa-p384", "key, ECDSA P-384");
}

#[test]
fn model_signing_and_p521() {
    model_signing_and("ecdsa-p521", "key, ECDSA P-521");
}

/// Its command line hands the passphrase on as text, where bytes are wanted.
const ENCRYPTED: &str = r#"
import pathlib
from model_signing import signing
key = signing.Config().use_elliptic_key_signer(private_key=pathlib.Path("e.key"), password=b"secret words")
key.sign(pathlib.Path("model"), pathlib.Path("out.sig"))
"#;

#[test]
fn model_signing_and_an_encrypted_key() {
    let Some(found) = model_signing() else { return };
    let bench = with_key("ecdsa-p256");
    fs::write(bench.path("pass"), "secret words\n").unwrap();
    fs::write(bench.path("sign.py"), ENCRYPTED).unwrap();
    bench.lacre("key new e --algorithm ecdsa-p256 --passphrase-file pass");
    let line = "sign key model --private_key e.key --password secret --signature out.sig";
    bench.peer_refuses(&found, line, "bytestring");
    let pairing = Pairing {
        peer: MODEL_SIGNING,
        way: "key, encrypted (PKCS#8)",
        bench: &bench,
        lacre_signs: "--key e.key --passphrase-file pass".to_owned(),
        lacre_verifies: "--key e.pub".to_owned(),
        peer_signs: &|bench| bench.python(&found, "sign.py"),
        peer_verifies: &by_model_signing(&found, "e.pub"),
    };
    pairing.peer_verifies_lacres();
    pairing.lacre_verifies_peers_if("by its API; its command line cannot open an encrypted key");
}

#[test]
fn model_signing_and_ed25519() {
    let Some(found) = model_signing() else { return };
    let bench = with_key("ed25519");
    let way = "key, Ed25519";
    Pairing {
        peer: MODEL_SIGNING,
        way,
        bench: &bench,
        lacre_signs: "--key k.key".to_owned(),
        lacre_verifies: "--key k.pub".to_owned(),
        peer_signs: &|_| unreachable!(),
        peer_verifies: &by_model_signing(&found, "k.pub"),
    }
    .peer_refuses_lacres("no attribute 'curve'", "it knows ECDSA keys alone");
    let line = "sign key model --private_key k.key --signature other.sig";
    bench.peer_refuses(&found, line, "no attribute 'curve'");
    interop::refused(MODEL_SIGNING, way, Direction::ToLacre, "it knows ECDSA keys alone");
}

/// cosign, told to ask nobody: `tr.json`, `sc.json`.
fn alone(bench: &Bench, found: &Found) {
    let none = "--no-default-fulcio --no-default-rekor --no-default-tsa";
    bench.peer(found, &format!("trusted-root create {none} --no-default-ctfe --out tr.json"));
    bench.peer(found, &format!("signing-config create {none} --no-default-oidc --out sc.json"));
}

const OMS: &str = "--type https://model_signing/signature/v1.0 --digestAlg sha256";

fn by_cosign<'a>(found: &'a Found, key: &'a str) -> impl Fn(&Bench, &str) -> Said + 'a {
    move |bench, root| {
        let trust = "--trusted-root tr.json --insecure-ignore-tlog=true";
        let what = format!("--key {key} --bundle out.sig --digest {root}");
        bench.asked(found, &format!("verify-blob-attestation {trust} {OMS} {what}"))
    }
}

#[test]
fn cosign_and_keys_without_a_log() {
    let Some(found) = cosign() else { return };
    let bench = with_key("ecdsa-p256");
    alone(&bench, &found);
    fs::write(bench.path("pass"), "secret words\n").unwrap();
    let said = bench.run(env!("CARGO_BIN_EXE_lacre"), "key new c --format cosign --passphrase-file pass");
    assert_eq!(said.exit, Some(0), "{said:?}");
    Pairing {
        peer: COSIGN,
        way: "key, ECDSA P-256",
        bench: &bench,
        lacre_signs: "--key c.key --passphrase-file pass".to_owned(),
        lacre_verifies: "--key c.pub".to_owned(),
        peer_signs: &|bench| {
            write_statement(bench);
            let config = "--signing-config sc.json --trusted-root tr.json --bundle out.sig";
            let line = format!("attest-blob -y --statement statement.json --key c.key {config}");
            let said = bench.asked_with(&found, &line, &[("COSIGN_PASSWORD", "secret words")]);
            assert_eq!(said.exit, Some(0), "{said:?}");
        },
        peer_verifies: &by_cosign(&found, "c.pub"),
    }
    .both_ways();
    for (curve, way) in [("ecdsa-p384", "key, ECDSA P-384"), ("ecdsa-p521", "key, ECDSA P-521")] {
        bench.key(curve, curve);
        Pairing {
            peer: COSIGN,
            way,
            bench: &bench,
            lacre_signs: format!("--key {curve}.key"),
            lacre_verifies: format!("--key {curve}.pub"),
            peer_signs: &|_| unreachable!(),
            peer_verifies: &by_cosign(&found, &format!("{curve}.pub")),
        }
        .peer_refuses_lacres("could not verify", SHA256_ALONE);
    }
    bench.key("ed", "ed25519");
    Pairing {
        peer: COSIGN,
        way: "key, Ed25519",
        bench: &bench,
        lacre_signs: "--key ed.key".to_owned(),
        lacre_verifies: "--key ed.pub".to_owned(),
        peer_signs: &|_| unreachable!(),
        peer_verifies: &by_cosign(&found, "ed.pub"),
    }
    .peer_verifies_lacres();
}

#[test]
fn cosign_and_a_key_with_log_and_timestamp() {
    let Some(found) = cosign() else { return };
    let Some(stack) = Stack::start() else { return };
    let bench = with_key("ecdsa-p256");
    bench.peer(&found, "generate-key-pair");
    let (root, config) = (stack.trusted_root(), stack.signing_config());
    let trust = format!("--trusted-root {}", root.display());
    Pairing {
        peer: COSIGN,
        way: "key, with Rekor v2 and a timestamp",
        bench: &bench,
        lacre_signs: String::new(),
        lacre_verifies: format!("--key cosign.pub --tsa-chain {}", stack.timestamp_chain().display()),
        peer_signs: &|bench| {
            write_statement(bench);
            let config = format!("--signing-config {} {trust} --bundle out.sig", config.display());
            bench.peer(
                &found,
                &format!("attest-blob -y --statement statement.json --key cosign.key {config}"),
            );
        },
        peer_verifies: &|bench, root| {
            let what = format!("--key cosign.pub --bundle out.sig --digest {root}");
            bench.asked(&found, &format!("verify-blob-attestation {trust} {OMS} {what}"))
        },
    }
    .lacre_verifies_peers_if("the timestamp is checked; the log's entry is not asked for");
    let result = bench.lacre(&format!(
        "verify model --signature out.sig --key cosign.pub --tsa-chain {}",
        stack.timestamp_chain().display()
    ));
    assert_ne!(result["signed_at"], "unproven");
}

#[test]
fn sigstore_go_and_keys_with_a_timestamp() {
    let Some(found) = Found::of(Peer::SigstoreGoVerification) else { return };
    let Some(stack) = Stack::start() else { return };
    let bench = with_key("ecdsa-p256");
    for (curve, way) in [
        ("ecdsa-p256", "key, ECDSA P-256, with a timestamp"),
        ("ecdsa-p384", "key, ECDSA P-384, with a timestamp"),
        ("ed25519", "key, Ed25519, with a timestamp"),
    ] {
        bench.key(curve, curve);
        let pairing = Pairing {
            peer: SIGSTORE_GO,
            way,
            bench: &bench,
            lacre_signs: format!("--key {curve}.key --timestamp-url {}", stack.timestamp_url()),
            lacre_verifies: format!("--key {curve}.pub --tsa-chain {}", stack.timestamp_chain().display()),
            peer_signs: &|_| unreachable!(),
            peer_verifies: &|bench, root| {
                let trust = format!(
                    "-requireTlog=false -requireCTlog=false -trustedrootJSONpath {}",
                    stack.trusted_root().display()
                );
                let what = format!("-publicKey {curve}.pub -artifact-digest {root} out.sig");
                bench.asked(&found, &format!("{trust} {what}"))
            },
        };
        match curve {
            "ecdsa-p256" => pairing.peer_verifies_lacres(),
            "ecdsa-p384" => pairing.peer_refuses_lacres("could not verify envelope", SHA256_ALONE),
            _ => pairing
                .peer_refuses_lacres("not *ecdsa.PublicKey", "its example program takes ECDSA keys alone"),
        }
    }
}
