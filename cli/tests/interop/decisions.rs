//! What is signed about decisions, read by `cosign`: verification summaries, and checkpoints of logs.

use lacre_testkit::{ModelDir, statement_of};
use serde_json::Value;

use crate::bench::{Bench, Found, cosign};
use crate::cosign::trust_nobody;

const VERIFY: &str = "verify-blob-attestation --trusted-root tr.json --insecure-ignore-tlog=true --digestAlg sha256 \
                      --key gate.pub";

fn decided(peer: &Found) -> (Bench, Value) {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    bench.key("gate", "ecdsa-p256");
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    bench.lacre("verify model --key k.pub --vsa vsa.sig --vsa-key gate.key --decision-log d.log");
    trust_nobody(&bench, peer);
    let statement = statement_of(&bench.read("vsa.sig"));
    (bench, statement)
}

#[test]
fn a_summary_is_an_attestation_to_cosign() {
    let Some(peer) = cosign() else { return };
    let (bench, statement) = decided(&peer);
    let root = statement["subject"][0]["digest"]["sha256"].as_str().unwrap();
    let line = format!("{VERIFY} --bundle vsa.sig --type https://slsa.dev/verification_summary/v1");
    let said = bench.peer(&peer, &format!("{line} --digest {root}"));
    assert!(said.stderr.contains("Verified OK"), "{said:?}");
    let other = "0".repeat(64);
    bench.peer_refuses(&peer, &format!("{line} --digest {other}"), "digest");
    let wrong = format!("{VERIFY} --bundle vsa.sig --type https://slsa.dev/provenance/v1 --digest {root}");
    bench.peer_refuses(&peer, &wrong, "type");
    bench.peer_refuses(
        &peer,
        &format!("{line} --digest {root}").replace("gate.pub", "k.pub"),
        "could not verify",
    );
}

#[test]
fn a_checkpoint_is_one_too() {
    let Some(peer) = cosign() else { return };
    let (bench, _) = decided(&peer);
    let result = bench.lacre("log checkpoint d.log -o d.sig --key gate.key");
    let head = result["head"].as_str().unwrap();
    let line = format!("{VERIFY} --bundle d.sig --type urn:lacre:decision-log-checkpoint:v1 --digest {head}");
    let said = bench.peer(&peer, &line);
    assert!(said.stderr.contains("Verified OK"), "{said:?}");
    bench.lacre("log verify d.log --checkpoint d.sig --key gate.pub");
}
