//! Bundles that cosign signs with a key beside a Sigstore on this machine: the log's entry and the timestamp are checked.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::{ModelDir, Stack, edit_bundle, statement_of};
use serde_json::{Value, json};

use crate::bench::{Bench, cosign};

/// A model, and the statement about it signed by cosign with `cosign.key`, logged and stamped by the stack: `cosign.sig`.
fn signed(stack: &Stack) -> Option<Bench> {
    let peer = cosign()?;
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    let statement = statement_of(&bench.read("model/model.sig"));
    fs::remove_file(bench.path("model/model.sig")).unwrap();
    fs::write(bench.path("st.json"), statement.to_string()).unwrap();
    bench.peer(&peer, "generate-key-pair");
    let (root, config) = (stack.trusted_root(), stack.signing_config());
    let flags = format!("--signing-config {} --trusted-root {}", config.display(), root.display());
    bench.peer(
        &peer,
        &format!("attest-blob -y --statement st.json --key cosign.key {flags} --bundle cosign.sig"),
    );
    fs::copy(root, bench.path("root.json")).unwrap();
    fs::copy(stack.timestamp_chain(), bench.path("tsa.pem")).unwrap();
    Some(bench)
}

const VERIFY: &str = "verify model --signature cosign.sig";

#[test]
fn what_cosign_logs_and_stamps_is_checked() {
    let Some(stack) = Stack::start() else { return };
    let Some(bench) = signed(&stack) else { return };
    let said = bench.lacre(&format!("{VERIFY} --key cosign.pub --trusted-root root.json"));
    assert_eq!((said["logs"].as_array().unwrap().len(), &said["warnings"]), (1, &json!([])));
    assert_eq!(said["timestamp_authorities"].as_array().unwrap().len(), 1);
    assert_ne!(said["signed_at"], "unproven");

    // Without a root nothing of it was looked at, and that is told; with a chain alone the log's entry was not.
    let said = bench.lacre(&format!("{VERIFY} --key cosign.pub"));
    assert_eq!((&said["signed_at"], said["warnings"].as_array().unwrap().len()), (&"unproven".into(), 2));
    let said = bench.lacre(&format!("{VERIFY} --key cosign.pub --tsa-chain tsa.pem"));
    assert_eq!((said["logs"].as_array().unwrap().len(), said["warnings"].as_array().unwrap().len()), (0, 1));
    assert_ne!(said["signed_at"], "unproven");

    // Of another Sigstore: nothing of it is known there.
    fs::write(bench.path("public.toml"), trust("trusted-root = \"public-good\"", "")).unwrap();
    bench.lacre_refuses(&format!("{VERIFY} --trust public.toml"), 3, "E-LOG");
    bench.lacre_refuses(
        &format!("{VERIFY} --ca tsa.pem --identity x --trusted-root root.json"),
        2,
        "E-USAGE",
    );
}

fn trust(root: &str, terms: &str) -> String {
    format!("version = 1\n{root}\n[[key]]\npublic-key = \"cosign.pub\"\n{terms}\n")
}

/// CVE-2026-54787: what the key signed after its time, by the word of an authority, does not count.
#[test]
fn the_terms_of_a_key_are_held_against_the_proven_time() {
    let Some(stack) = Stack::start() else { return };
    let Some(bench) = signed(&stack) else { return };
    for (terms, witnessed, alone) in [
        ("", None, None),
        ("status = \"retired\"", None, Some("E-KEY-RETIRED")),
        ("valid-until = 2025-01-01T00:00:00Z", Some("E-KEY-EXPIRED"), Some("E-KEY-EXPIRED")),
        (
            "status = \"retired\"\nvalid-until = 2025-01-01T00:00:00Z",
            Some("E-KEY-EXPIRED"),
            Some("E-KEY-RETIRED"),
        ),
        ("valid-from = 2999-01-01T00:00:00Z", Some("E-KEY-EXPIRED"), Some("E-KEY-EXPIRED")),
        ("status = \"revoked\"", Some("E-KEY-REVOKED"), Some("E-KEY-REVOKED")),
    ] {
        for (root, expected) in [("trusted-root = \"root.json\"", witnessed), ("", alone)] {
            fs::write(bench.path("trust.toml"), trust(root, terms)).unwrap();
            let line = format!("{VERIFY} --trust trust.toml");
            match expected {
                None => drop(bench.lacre(&line)),
                Some(code) => bench.lacre_refuses(&line, 6, code),
            }
        }
    }
}

/// A change of the evidence, and what is said of it.
type Change = (&'static str, fn(&mut Value), i32, &'static str);

fn flip(value: &mut Value, place: usize) {
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    bytes[place] ^= 1;
    *value = STANDARD.encode(bytes).into();
}

#[test]
fn every_change_of_the_evidence_is_refused() {
    const CHANGES: &[Change] = &[
        ("log", |it| flip(&mut it["tlogEntries"][0]["logId"]["keyId"], 0), 3, "E-LOG"),
        ("index", |it| it["tlogEntries"][0]["logIndex"] = "7".into(), 3, "E-LOG"),
        ("root", |it| flip(&mut it["tlogEntries"][0]["inclusionProof"]["rootHash"], 0), 3, "E-LOG"),
        ("size", |it| it["tlogEntries"][0]["inclusionProof"]["treeSize"] = "7".into(), 3, "E-LOG"),
        ("body", |it| flip(&mut it["tlogEntries"][0]["canonicalizedBody"], 99), 3, "E-LOG"),
        (
            "checkpoint",
            |it| {
                let note = &mut it["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"];
                *note = note.as_str().unwrap().replacen("127.0.0.1", "127.0.0.2", 1).into();
            },
            3,
            "E-LOG",
        ),
        ("no proof", |it| it["tlogEntries"][0]["inclusionProof"] = Value::Null, 3, "E-LOG"),
        ("kind", |it| it["tlogEntries"][0]["kindVersion"]["kind"] = "rekord".into(), 13, "E-UNSUPPORTED"),
        (
            "twice",
            |it| {
                let entry = it["tlogEntries"][0].clone();
                it["tlogEntries"].as_array_mut().unwrap().push(entry);
            },
            13,
            "E-BUNDLE",
        ),
        (
            "timestamp",
            |it| {
                let token = &mut it["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
                let length = STANDARD.decode(token.as_str().unwrap()).unwrap().len();
                flip(token, length - 10);
            },
            3,
            "E-TIMESTAMP",
        ),
        (
            "timestamp twice",
            |it| {
                let stamps = it["timestampVerificationData"]["rfc3161Timestamps"].as_array_mut().unwrap();
                let stamp = stamps[0].clone();
                stamps.push(stamp);
            },
            13,
            "E-BUNDLE",
        ),
    ];
    let Some(stack) = Stack::start() else { return };
    let (Some(bench), Some(other)) = (signed(&stack), signed(&stack)) else { return };
    let verify = format!("{VERIFY} --key cosign.pub --trusted-root root.json");
    let good = bench.read("cosign.sig");
    let grafted: Value = serde_json::from_slice(&other.read("cosign.sig")).unwrap();
    let graft = |member: &'static str| {
        edit_bundle(&good, |bundle| {
            bundle["verificationMaterial"][member] = grafted["verificationMaterial"][member].clone();
        })
    };
    bench.lacre(&verify);
    for (what, change, exit, code) in CHANGES {
        let bad = edit_bundle(&good, |bundle| change(&mut bundle["verificationMaterial"]));
        assert_ne!(bad, edit_bundle(&good, |_| ()), "{what}");
        fs::write(bench.path("cosign.sig"), bad).unwrap();
        bench.lacre_refuses(&verify, *exit, code);
    }
    // Good evidence of the same services, about another signature of the same statement.
    for (member, code) in [("tlogEntries", "E-LOG"), ("timestampVerificationData", "E-TIMESTAMP")] {
        fs::write(bench.path("cosign.sig"), graft(member)).unwrap();
        bench.lacre_refuses(&verify, 3, code);
    }
    fs::write(bench.path("cosign.sig"), good).unwrap();
    bench.lacre(&verify);
}
