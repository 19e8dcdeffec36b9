//! `lacre attest`, and the manifest signatures of `lacre push --key` and `lacre sign REF`, in image layouts.

use serde_json::{Value, json};

use crate::bench::{Bench, Said};

/// A signed model in a store, a predicate `p.json`, and the manifest's digest.
fn pushed() -> (Bench, String) {
    let bench = Bench::with_signed_model();
    bench.key("other");
    bench.write("p.json", br#"{"b": [1.50], "a": {}}"#);
    let pushed = bench.good("push MODEL oci:store:v1 --json").json();
    let digest = pushed["result"]["manifest"].as_str().unwrap().to_owned();
    (bench, digest)
}

fn referrers(bench: &Bench) -> Vec<Value> {
    let inspected = bench.good("inspect oci:store:v1 --json").json();
    inspected["result"]["referrers"].as_array().unwrap().clone()
}

/// The one referrer that announces this predicate type.
fn announced(bench: &Bench, kind: &str) -> Value {
    let mut found = referrers(bench);
    found.retain(|it| it["predicate_type"] == kind);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

const ATTEST: &str = "attest oci:store:v1 --type https://example.com/tests/v1 --predicate p.json --key k.key";

#[test]
fn a_tag_is_resolved_told_and_pinned_and_the_predicate_carried_as_it_is() {
    let (bench, digest) = pushed();
    let said = bench.good(ATTEST);
    said.says(&format!("resolved oci:store:v1 to {digest}"));
    assert!(said.stdout.starts_with("attested https://example.com/tests/v1\n"), "{said:?}");
    let referrer = announced(&bench, "https://example.com/tests/v1");
    assert_eq!((&referrer["names_manifest"], &referrer["error"]), (&json!(true), &Value::Null));
    let subject = json!({ "annotations": {}, "digest": { "sha256": digest.trim_start_matches("sha256:") }, "name": "" });
    assert_eq!(referrer["claims"]["subjects"], json!([subject]));
    assert_eq!(referrer["claims"]["material"]["convention"], "cosign");
    // By its digest there is nothing to resolve; and the same statement by the same key is there once.
    let line = ATTEST.replace(":v1", &format!("@{digest}"));
    let again = bench.good(&line);
    assert!(!again.stderr.contains("resolved"), "{again:?}");
    assert!(again.stdout.contains("was there already"), "{again:?}");
    assert_eq!(referrers(&bench).len(), 2);
    bench.good(&ATTEST.replace("k.key", "other.key"));
    assert_eq!(referrers(&bench).len(), 3);
    bench.good("pull oci:store:v1 OUT --key k.pub --expect-name org/mini-lm");
}

#[test]
fn names_of_cosign_and_standard_input() {
    let (bench, digest) = pushed();
    let stdin = std::fs::File::open(bench.path("p.json")).unwrap();
    let line = "attest oci:store:v1 --type slsaprovenance1 --predicate - --key k.key --json";
    let said = Said::of(bench.command().args(line.split(' ')).stdin(stdin));
    assert_eq!(said.exit, Some(0), "{said:?}");
    let result = &said.json()["result"];
    assert_eq!(result["predicate_type"], "https://slsa.dev/provenance/v1");
    assert_eq!((&result["manifest"], &result["existed"]), (&json!(digest), &json!(false)));
    announced(&bench, "https://slsa.dev/provenance/v1");
}

#[test]
fn what_nobody_should_sign_is_refused_before_a_key_is_asked_for() {
    let (bench, _) = pushed();
    let with = |from: &str, to: &str| {
        assert!(ATTEST.contains(from));
        ATTEST.replace(from, to)
    };
    for kind in ["custom", "spdx", "nonsense"] {
        bench.bad(&with("https://example.com/tests/v1", kind), "E-USAGE", 2);
    }
    let sign = "https://sigstore.dev/cosign/sign/v1";
    bench.bad(&with("https://example.com/tests/v1", sign), "E-STATEMENT", 13);
    let model = "https://model_signing/signature/v1.0";
    bench.bad(&with("https://example.com/tests/v1", model), "E-STATEMENT", 13);
    bench.bad(&with(" --key k.key", ""), "E-USAGE", 2);
    bench.bad(&with("p.json", "none.json"), "E-NOT-FOUND", 10);
    for (text, code) in [("[]", "E-PREDICATE"), ("{", "E-JSON"), (r#"{"a":1,"a":2}"#, "E-DUPLICATE-KEY")] {
        bench.write("bad.json", text.as_bytes());
        let said = bench.bad(&with("p.json", "bad.json").replace("k.key", "none.key"), code, 13);
        said.says("hint: wanted: a predicate that is one JSON object");
    }
    bench.write("bad.json", format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40)).as_bytes());
    bench.bad(&with("p.json", "bad.json"), "E-LIMIT", 13);
    bench.write("bad.json", &vec![b' '; (16 << 20) + 1]);
    bench.bad(&with("p.json", "bad.json"), "E-LIMIT", 13);
    bench.bad(&with(":v1", ":v2"), "E-REFERENCE-NOT-FOUND", 11);
    let nowhere = format!("oci:store@sha256:{}", "0".repeat(64));
    bench.bad(&with("oci:store:v1", &nowhere), "E-REFERENCE-NOT-FOUND", 11);
    let twice = format!("{} --passphrase-file -", with("p.json", "-"));
    bench.bad(&twice, "E-USAGE", 2);
    assert_eq!(referrers(&bench).len(), 1, "nothing was attached");

    let said = bench.good(&format!("{ATTEST} --dry-run"));
    assert!(said.stdout.starts_with("would attest"), "{said:?}");
    assert_eq!(referrers(&bench).len(), 1);
}

#[test]
fn a_push_signs_the_manifest_once_and_a_pull_tells_whose_it_is() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    let dry = bench.good("push MODEL oci:store:v1 --key k.key --dry-run --json").json();
    assert_eq!(dry["result"]["manifest_signature"], json!({ "digest": null, "existed": false }));
    assert!(!bench.path("store").exists());
    // The key is opened before anything is sent.
    bench.bad("push MODEL oci:store:v1 --key none.key", "E-NOT-FOUND", 10);
    assert!(!bench.path("store").exists());

    let first = bench.good("push MODEL oci:store:v1 --key k.key --json").json();
    let signature = &first["result"]["manifest_signature"];
    assert_eq!(signature["existed"], false);
    let said = bench.good("push MODEL oci:store:v1 --key k.key");
    assert!(said.stdout.contains("the manifest signed, was there already"), "{said:?}");
    let again = bench.good("push MODEL oci:store:v1 --key k.key --json").json();
    assert_eq!(again["result"]["manifest_signature"]["digest"], signature["digest"]);
    assert_eq!(again["result"]["key"]["algorithm"], "ecdsa-p256");
    assert_eq!(referrers(&bench).len(), 2);
    bench.good("push MODEL oci:store:v1 --key other.key");
    assert_eq!(referrers(&bench).len(), 3);
    let plain = bench.good("push MODEL oci:store:v1 --json").json();
    assert_eq!(plain["result"]["manifest_signature"], Value::Null);

    let pulled = bench.good("pull oci:store:v1 OUT --key k.pub --json").json();
    let hint = lacre_hash::Sha256Digest::of(&bench.read("k.pub")).to_string();
    assert_eq!(pulled["result"]["manifest_signed_by"].as_array().unwrap().len(), 1);
    assert_eq!(pulled["result"]["manifest_signed_by"][0]["key"], hint);
    let said = bench.good("pull oci:store:v1 AGAIN --key k.pub");
    let line = format!("also of    manifest, annotations and configuration: the key sha256:{hint}");
    assert!(said.stdout.contains(&line), "{said:?}");
}

#[test]
fn flags_of_a_signer_want_one() {
    let bench = Bench::with_signed_model();
    for flag in
        ["--passphrase-file p", "--certificate c.pem", "--timestamp-url http://127.0.0.1:1/", "--browser"]
    {
        bench.bad(&format!("push MODEL oci:store:v1 {flag}"), "E-USAGE", 2);
    }
    bench.bad("push MODEL oci:store:v1 --key k.key --keyless", "E-USAGE", 2);
    bench.bad("push MODEL oci:store:v1 --keyless --offline", "E-USAGE", 2);
    assert!(!bench.path("store").exists());
}

#[test]
fn what_is_attached_instead_of_a_model_signature_is_named() {
    let (bench, _) = pushed();
    // Only what says nothing about the files stays.
    bench.good("sign oci:store:v1 --key k.key --name org/mini-lm");
    let index: Value = serde_json::from_slice(&bench.read("store/index.json")).unwrap();
    let mut less = index.clone();
    less["manifests"].as_array_mut().unwrap().retain(|it| {
        it["annotations"]["dev.sigstore.bundle.predicateType"] != "https://model_signing/signature/v1.0"
    });
    assert_ne!(less, index);
    bench.write("store/index.json", less.to_string().as_bytes());
    let said = bench.bad("pull oci:store:v1 OUT --key k.pub", "E-NO-SIGNATURE", 4);
    assert!(
        said.stderr.contains("says nothing about its files: a cosign signature of the manifest"),
        "{said:?}"
    );
    // It is looked for there as `pull` does, without the content.
    bench.bad("verify oci:store:v1 --key k.pub", "E-NO-SIGNATURE", 4);
    let said = bench.bad("verify oci:store:v1 --key k.pub --digest sha256", "E-USAGE", 2);
    said.says("hint: lacre pull oci:store:v1 DIR");
    bench.bad("verify registry.test/org/m:v1 --key k.pub --offline", "E-USAGE", 2);
    bench.bad("verify models.v2/typo --key k.pub", "E-NOT-FOUND", 10);
}
