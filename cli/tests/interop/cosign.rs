//! `cosign` and Lacre on the same bundle: P-256, the one curve on which all agree.

use std::fs;

use lacre_testkit::{ModelDir, edit_bundle, statement_of};
use serde_json::Value;

use crate::bench::{Bench, Found, cosign, model_signing, shaped};

/// Verifies a bundle with nothing but a key: no log, no timestamp, no network.
const VERIFY: &str = "verify-blob-attestation --trusted-root tr.json --insecure-ignore-tlog=true \
                      --type https://model_signing/signature/v1.0 --digestAlg sha256";

/// A model signed by Lacre, and what cosign needs to know to ask nobody.
fn signed(peer: &Found) -> (Bench, String) {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    trust_nobody(&bench, peer);
    let root = root(&bench.read("model/model.sig"));
    (bench, root)
}

pub(crate) fn trust_nobody(bench: &Bench, peer: &Found) {
    let none = "--no-default-fulcio --no-default-rekor --no-default-tsa";
    bench.peer(peer, &format!("trusted-root create {none} --no-default-ctfe --out tr.json"));
    bench.peer(peer, &format!("signing-config create {none} --no-default-oidc --out sc.json"));
}

fn root(bundle: &[u8]) -> String {
    statement_of(bundle)["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned()
}

#[test]
fn what_lacre_signs_cosign_accepts() {
    let Some(peer) = cosign() else { return };
    let (bench, root) = signed(&peer);
    let said = bench.peer(&peer, &format!("{VERIFY} --key k.pub --bundle model/model.sig --digest {root}"));
    assert!(said.stderr.contains("Verified OK"), "{said:?}");
    let line = format!("{VERIFY} --key k.pub --bundle model/model.sig --check-claims=false");
    bench.peer(&peer, &line);
}

#[test]
fn executable_files_and_empty_folders_are_nothing_to_cosign() {
    let Some(peer) = cosign() else { return };
    let bench = Bench::new("ecdsa-p256", shaped());
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    trust_nobody(&bench, &peer);
    let root = root(&bench.read("model/model.sig"));
    bench.peer(&peer, &format!("{VERIFY} --key k.pub --bundle model/model.sig --digest {root}"));
    // It hands on what it does not know: a statement that it signs says the same to us.
    resigned(&bench, &peer);
    fs::remove_file(bench.path("model/model.sig")).unwrap();
    bench.lacre("verify model --key cosign.pub --signature cosign.sig --strict");
}

#[test]
fn what_is_wrong_cosign_refuses() {
    let Some(peer) = cosign() else { return };
    let (bench, root) = signed(&peer);
    let line = format!("{VERIFY} --bundle model/model.sig");
    let wrong = "0".repeat(64);
    bench.peer_refuses(&peer, &format!("{line} --key k.pub --digest {wrong}"), "digest");
    bench.key("other", "ecdsa-p256");
    bench.peer_refuses(&peer, &format!("{line} --key other.pub --digest {root}"), "could not verify");
    let other = edit_bundle(&bench.read("model/model.sig"), |bundle| {
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap().to_owned();
        bundle["dsseEnvelope"]["payload"] = format!("{}{}", &payload[..40], &payload[44..]).into();
    });
    fs::write(bench.path("other.sig"), other).unwrap();
    let line = format!("{VERIFY} --key k.pub --bundle other.sig --digest {root}");
    bench.peer_refuses(&peer, &line, "could not verify");
}

/// Has cosign sign the statement that Lacre signed, with a key of its own: `cosign.key`, `cosign.pub`, `cosign.sig`.
fn resigned(bench: &Bench, peer: &Found) {
    let statement = statement_of(&bench.read("model/model.sig"));
    fs::write(bench.path("st.json"), statement.to_string()).unwrap();
    bench.peer(peer, "generate-key-pair");
    let flags = "--key cosign.key --signing-config sc.json --trusted-root tr.json --bundle cosign.sig";
    bench.peer(peer, &format!("attest-blob -y --statement st.json {flags}"));
}

#[test]
fn what_cosign_signs_lacre_accepts() {
    let Some(peer) = cosign() else { return };
    let (bench, root) = signed(&peer);
    resigned(&bench, &peer);
    let bundle: Value = serde_json::from_slice(&bench.read("cosign.sig")).unwrap();
    let hint = bundle["verificationMaterial"]["publicKey"]["hint"].as_str().unwrap();
    assert_eq!(hint.len(), 44, "base64 of a digest: {hint}");
    bench.peer(&peer, &format!("{VERIFY} --key cosign.pub --bundle cosign.sig --digest {root}"));

    fs::remove_file(bench.path("model/model.sig")).unwrap();
    let verify = "verify model --signature cosign.sig";
    let result = bench.lacre(&format!("{verify} --key cosign.pub --expect-name org/mini-lm"));
    assert_eq!(result["signer"]["named_by"], "hint");
    bench.lacre_refuses(&format!("{verify} --key k.pub"), 5, "E-SIGNER-UNTRUSTED");
    bench.lacre("push model oci:store:v1 --signature cosign.sig");
    bench.lacre("pull oci:store:v1 out --key cosign.pub");
    assert_eq!(bench.read("out/model.sig"), bench.read("cosign.sig"));
}

#[test]
fn the_hint_is_all_that_parts_cosign_from_model_signing() {
    let (Some(peer), Some(other)) = (cosign(), model_signing()) else { return };
    let (bench, root) = signed(&peer);
    resigned(&bench, &peer);
    let verify = "verify key model --public_key cosign.pub --ignore-paths model/model.sig --signature";
    bench.peer_refuses(&other, &format!("{verify} cosign.sig"), "Key mismatch");
    let hint = lacre_hash::Sha256Digest::of(&bench.read("cosign.pub")).to_string();
    let hinted = edit_bundle(&bench.read("cosign.sig"), |bundle| {
        bundle["verificationMaterial"]["publicKey"]["hint"] = hint.into();
    });
    fs::write(bench.path("hinted.sig"), hinted).unwrap();
    bench.peer(&other, &format!("{verify} hinted.sig"));
    bench.peer(&peer, &format!("{VERIFY} --key cosign.pub --bundle hinted.sig --digest {root}"));
    fs::remove_file(bench.path("model/model.sig")).unwrap();
    bench.lacre("verify model --key cosign.pub --signature hinted.sig");
}

#[test]
fn what_model_signing_signs_all_three_accept() {
    let (Some(peer), Some(other)) = (cosign(), model_signing()) else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    trust_nobody(&bench, &peer);
    bench.peer(&other, "sign key model --private_key k.key --signature model/model.sig");
    let root = root(&bench.read("model/model.sig"));
    bench.peer(&peer, &format!("{VERIFY} --key k.pub --bundle model/model.sig --digest {root}"));
    bench.lacre("verify model --key k.pub");
}
