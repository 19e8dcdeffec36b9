//! `lacre tree`.

use lacre_registry_client::{IMAGE_MANIFEST, Layout, Store as _};
use lacre_testkit::registry::{Fault, On, Referrers, Registry};
use serde_json::Value;

use crate::bench::{Bench, Said};

fn pushed() -> Bench {
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1");
    bench
}

fn marks(referrers: &Value) -> Vec<(bool, String)> {
    let mark = |node: &Value| {
        let reason = node["reason"]["code"].as_str().unwrap_or_default().to_owned();
        (node["verified"].as_bool().unwrap(), reason)
    };
    referrers.as_array().unwrap().iter().map(mark).collect()
}

#[test]
fn every_line_has_its_mark_and_the_digest_is_told() {
    let bench = pushed();
    let manifest = bench.good("inspect oci:store:v1 --json").json()["result"]["manifest"]["digest"].clone();
    let manifest = manifest.as_str().unwrap();
    let said = bench.good("tree oci:store:v1 --key k.pub");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "oci:store:v1");
    assert!(lines[1].starts_with(manifest) && lines[1].ends_with("  verified"), "{said:?}");
    assert!(lines[2].starts_with("└─ sha256:") && lines[2].ends_with("  verified"), "{said:?}");
    assert!(said.stdout.contains("     about      org/mini-lm 1.0.0\n"), "{said:?}");
    assert!(said.stdout.contains("     signed by  ecdsa-p256 sha256:"), "{said:?}");
    assert!(said.stdout.contains("(k.pub)\n     signed at  time unproven\n"), "{said:?}");
    assert!(said.stdout.contains("     created    20") && said.stdout.contains("Z (claimed)\n"), "{said:?}");

    let claimed = bench.good("tree oci:store:v1").stdout;
    assert!(claimed.matches("  UNVERIFIED (not-checked)\n").count() == 2, "{claimed}");
    assert!(claimed.contains("     signed by  a public key, SHA-256 of its PEM text "), "{claimed}");
    assert!(!claimed.contains("  verified\n"), "{claimed}");
    let by_digest = bench.good(&format!("tree oci:store@{manifest} --key k.pub"));
    assert_eq!(by_digest.stdout.lines().skip(1).collect::<Vec<_>>(), lines[1..], "{by_digest:?}");
}

#[test]
fn json_says_the_same() {
    let bench = pushed();
    bench.key("other");
    let tree = |line: &str| bench.good(&format!("tree oci:store:v1 --json {line}")).json()["result"].clone();
    let good = tree("--key k.pub");
    assert_eq!(
        (&good["verified"], &good["referrers_by"], &good["is_cut"]),
        (&true.into(), &"index".into(), &false.into())
    );
    let node = &good["referrers"][0];
    assert_eq!(
        (&node["kind"], &node["verified"], &node["key_file"]),
        (&"statement".into(), &true.into(), &"k.pub".into())
    );
    assert_eq!(node["claimed"]["predicate_type"], "https://model_signing/signature/v1.0");
    assert_eq!(good["signers"][0]["key"], node["signer"]["key"]);
    let bad = tree("--key other.pub");
    assert_eq!(bad["reason"]["code"], "E-SIGNER-UNTRUSTED");
    assert_eq!(marks(&bad["referrers"]), [(false, "E-SIGNER-UNTRUSTED".to_owned())]);
    let two = tree("--key k.pub --key other.pub --signers 2");
    assert_eq!(
        two["reason"]["code"], "E-TOO-FEW-SIGNERS",
        "each for itself is good, together they are too few"
    );
    assert_eq!(marks(&two["referrers"]), [(true, String::new())]);
    assert_eq!(tree("")["reason"]["code"], "not-checked");
    bench.bad("tree oci:store:v1 --expect-name org/mini-lm", "E-USAGE", 2);
}

/// Nobody signed it, the registry cannot tell, and the registry does not answer: three things.
#[test]
fn none_unsupported_and_an_error_are_told_apart() {
    let registry = Registry::start();
    let bench = Bench::with_signed_model();
    let reference = format!("{}/org/m:v1", registry.host());
    bench.good(&format!("push MODEL {reference}"));
    let line = format!("tree {reference} --key k.pub");
    assert_eq!(bench.good(&format!("{line} --json")).json()["result"]["referrers_by"], "api");
    for (status, code, exit) in [(403, "E-DENIED", 12), (401, "E-CHALLENGE", 12), (501, "E-REGISTRY", 11)] {
        registry.fault(On::any().at("/referrers/"), Fault::status(status));
        bench.bad(&line, code, exit);
        registry.clear_faults();
    }
    let empty =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let headers = vec![("content-type".to_owned(), "application/vnd.oci.image.index.v1+json".to_owned())];
    registry.fault(On::any().at("/referrers/"), Fault::Answer { status: 200, headers, body: empty.to_vec() });
    let none = bench.good(&line);
    assert!(none.stdout.contains("└─ none: nothing refers to it here\n"), "{none:?}");
    assert!(none.stdout.contains("UNVERIFIED (E-NO-SIGNATURE)"), "{none:?}");
    registry.clear_faults();
    registry.fault(On::any().at("/referrers/"), Fault::status(404));
    let unsupported = bench.good(&line);
    assert!(
        unsupported.stdout.contains("└─ unsupported: the registry has no referrers API"),
        "{unsupported:?}"
    );
    assert_eq!(bench.good(&format!("{line} --json")).json()["result"]["referrers_by"], "unsupported");
}

#[test]
fn a_registry_without_referrers_api_is_asked_by_the_fallback_tag() {
    let registry = Registry::with().rules(|rules| rules.referrers = Referrers::Absent).start();
    let bench = Bench::with_signed_model();
    let reference = format!("{}/org/m:v1", registry.host());
    bench.good(&format!("push MODEL {reference}"));
    let result = &bench.good(&format!("tree {reference} --key k.pub --json")).json()["result"];
    assert_eq!((&result["referrers_by"], &result["verified"]), (&"fallback-tag".into(), &true.into()));
}

#[test]
fn hostile_words_do_not_reach_the_terminal() {
    let bench = Bench::with_model_and_key();
    bench.args(["sign", "MODEL", "--key", "k.key", "--name", "good\u{202e}live"]);
    bench.good("push MODEL oci:store:v1");
    let index: Value = serde_json::from_slice(&bench.read("store/index.json")).unwrap();
    let subject =
        index["manifests"].as_array().unwrap().iter().find(|it| !it["annotations"].is_null()).unwrap();
    let hostile = "application/x\u{1b}[2Jverified\n└─ sha256:0 verified";
    let config = serde_json::json!({ "mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
        "digest": format!("sha256:{}", lacre_hash::Sha256Digest::of(b"{}")) });
    let manifest = serde_json::json!({ "schemaVersion": 2, "artifactType": hostile, "config": config, "layers": [config],
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "subject": { "mediaType": subject["mediaType"], "digest": subject["digest"], "size": subject["size"] },
        "annotations": { "org.opencontainers.image.created": "\u{1b}[2Jnow" } });
    let store = Layout::open(&bench.path("store")).unwrap();
    store.put_manifest(IMAGE_MANIFEST, manifest.to_string().as_bytes(), None).unwrap();
    for line in ["tree oci:store:v1", "tree oci:store:v1 --key k.pub", "tree oci:store:v1 --json"] {
        let said: Said = bench.good(line);
        assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{said:?}");
        assert!(!said.stdout.contains("\n└─ sha256:0"), "{said:?}");
    }
    let text = bench.good("tree oci:store:v1").stdout;
    assert!(
        text.contains(r"application/x\u{1b}[2Jverified\n") && text.contains("UNVERIFIED (unknown-type)"),
        "{text}"
    );
}

#[test]
fn what_is_no_reference_is_shown_where_it_goes_wrong() {
    let bench = Bench::new();
    for (reference, position) in
        [("ghcr.io/Org/m", 8), ("ghcr.io/org/m:", 14), ("https://ghcr.io/m", 0), ("oci:store@sha256:ab", 19)]
    {
        let said = bench.bad(&format!("tree {reference}"), "E-REFERENCE", 2);
        assert!(said.stderr.contains(&format!("\n  {reference}\n  {}^\n", " ".repeat(position))), "{said:?}");
        let value = bench.run(&format!("tree {reference} --json")).json();
        assert_eq!(value["error"]["position"], position, "{value}");
        bench.bad(&format!("pull {reference} OUT --key none.pub"), "E-NOT-FOUND", 10);
        bench.bad(&format!("push MODEL {reference}"), "E-REFERENCE", 2);
    }
    bench.bad("tree oci:nowhere:v1", "E-NOT-FOUND", 10);
    bench.bad("tree ghcr.io/org/m --offline", "E-USAGE", 2);
}
