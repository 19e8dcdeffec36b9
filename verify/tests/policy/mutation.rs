//! Every member that a policy may hold changes a verdict; and the schema knows every member.

use std::collections::BTreeSet;

use lacre_release::{Status, Wanted};
use lacre_testkit::{ModelDir, SafetensorsFile, Sealed};
use lacre_verify::{POLICY_SCHEMA, Policy};
use serde_json::{Value, json};

use crate::releases::{channel, document};
use crate::scene::{KEY, OTHER, SCHEMA, attest, base, of, pem, said, to_json};

const VSA: &str = "https://slsa.dev/verification_summary/v1";

/// All that holds of the model below.
fn maximal() -> Value {
    let key = json!([{"public-key": pem(&KEY), "status": "active", "valid-from": "2020-01-01T00:00:00Z", "valid-until": "9000-01-01T00:00:00Z"}]);
    json!({
        "version": 1,
        "description": "everything",
        "policy": [{
            "name": "all",
            "mode": "enforce",
            "model": ["org/*"],
            "strict": true,
            "transparency": "optional",
            "timestamp": "optional",
            "formats": ["safetensors"],
            "other-files": ["*.png"],
            "digests": ["blake3", "sha256"],
            "key-algorithms": ["ecdsa-p256"],
            "cel": "artifact.version == '1.0.0'",
            "trust": {"signers": 1, "key": key},
            "require": [{
                "predicate": "vsa",
                "cel": "predicate.verdict == 'PASSED'",
                "trust": {"key": [{"public-key": pem(&OTHER)}]},
            }],
            "release": {
                "channel": "stable", "at": "oci:/srv/channel", "floor": 2, "pin": "1.0.0", "max-staleness": "3h",
                "rollback": "allow", "deprecated": "allow", "listed-attestations": "optional",
            },
            "break-glass": {"who": "me", "until": "2020-01-01T00:00:00Z", "reason": "over"},
        }],
    })
}

fn model() -> Sealed {
    let files =
        ModelDir::new().file("a.safetensors", SafetensorsFile::sample().build()).file("a.png", b"\x89PNG");
    of(files).sign()
}

/// The verdict of a policy about the model, its attestation, and its channel; or that the policy does not load.
fn verdict(policy: &Value, sealed: &Sealed) -> String {
    let Ok(policy) = Policy::parse(&policy.to_string(), "p.json".as_ref()) else {
        return "no policy".to_owned();
    };
    let bundles = [attest(sealed, &OTHER, VSA, &json!({"verdict": "PASSED"}))];
    let mut listed = document(sealed);
    (listed.releases[1].status, listed.releases[1].reason) = (
        Status::Deprecated,
        Some(lacre_release::Reason {
            at: listed.issued,
            code: lacre_release::ReasonCode::Regression,
            text: "old".to_owned(),
        }),
    );
    let asked = channel(&listed, 2);
    let model =
        lacre_verify::Unverified::open(&sealed.path(), None, lacre_verify::Links::Refuse, &base()).unwrap();
    let candidate = match policy.candidate(model, &base()) {
        Ok(candidate) => candidate,
        Err(failure) => return failure.code().to_owned(),
    };
    let facts = candidate.facts().attestations(&bundles).channel(
        &asked,
        Wanted::Version("1.0.0".parse().unwrap()),
        None,
        None,
    );
    let judgement = candidate.judge(&facts);
    said(candidate.admit(judgement, &lacre_verify::Hold::Nothing, &lacre_verify::NoProgress))
}

/// Each member, by its place in the schema, and a value that changes the verdict; `null` takes it away.
fn mutations() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let other = json!([{"public-key": pem(&OTHER)}]);
    let anchors = lacre_testkit::pki::der::pem("CERTIFICATE", &{
        let key = lacre_testkit::pki::TestKey::p256("authority");
        lacre_testkit::pki::Draft::root("Authority", &key).sign(&key)
    });
    let none = "no policy";
    vec![
        ("version", "/version", json!(2), none),
        ("description", "/description", json!(""), none),
        ("policy", "/policy", json!([]), none),
        ("rule.name", "/policy/0/name", json!(" "), none),
        ("rule.mode", "/policy/0/mode", json!("block"), none),
        ("rule.repository", "/policy/0/repository", json!(["ghcr.io/**"]), "E-POLICY-NO-MATCH"),
        ("rule.model", "/policy/0/model", json!(["lab/*"]), "E-POLICY-NO-MATCH"),
        ("rule.strict", "/policy/0/strict", json!("no"), none),
        ("rule.allow-legacy-danger", "/policy/0/allow-legacy-danger", json!(true), none),
        ("rule.max-age", "/policy/0/max-age", json!("1d"), "E-POLICY-AGE"),
        ("rule.transparency", "/policy/0/transparency", json!("required"), "E-POLICY-TRANSPARENCY"),
        ("rule.timestamp", "/policy/0/timestamp", json!("required"), "E-POLICY-TIMESTAMP"),
        ("rule.formats", "/policy/0/formats", json!(["gguf"]), "E-POLICY-FORMAT"),
        ("rule.other-files", "/policy/0/other-files", Value::Null, "E-POLICY-FORMAT"),
        ("rule.digests", "/policy/0/digests", json!(["blake2b"]), "E-POLICY-DIGEST"),
        ("rule.key-algorithms", "/policy/0/key-algorithms", json!(["ed25519"]), "E-POLICY-KEY-ALGORITHM"),
        ("rule.cel", "/policy/0/cel", json!("artifact.version == '2'"), "E-POLICY-EXPRESSION"),
        ("rule.trust", "/policy/0/trust", Value::Null, none),
        ("rule.require", "/policy/0/require", json!([{"predicate": "svr"}]), "E-POLICY-ATTESTATION"),
        ("rule.release", "/policy/0/release", json!({"channel": "other"}), "E-POLICY-CHANNEL"),
        ("rule.break-glass", "/policy/0/break-glass", json!({}), none),
        ("require.predicate", "/policy/0/require/0/predicate", json!("spdx"), "E-POLICY-ATTESTATION"),
        ("require.max-age", "/policy/0/require/0/max-age", json!("9d"), "E-POLICY-AGE"),
        ("require.cel", "/policy/0/require/0/cel", json!("predicate.verdict == 'NO'"), "E-POLICY-EXPRESSION"),
        ("require.trust", "/policy/0/require/0/trust", Value::Null, "E-POLICY-ATTESTATION"),
        ("release.channel", "/policy/0/release/channel", json!("canary"), "E-POLICY-CHANNEL"),
        ("release.at", "/policy/0/release/at", json!(""), none),
        ("release.floor", "/policy/0/release/floor", json!(3), "E-FLOOR"),
        ("release.pin", "/policy/0/release/pin", json!("1.1.0"), "E-POLICY-PIN"),
        ("release.max-staleness", "/policy/0/release/max-staleness", json!("1h"), "E-POLICY-STALE"),
        ("release.rollback", "/policy/0/release/rollback", json!("never"), none),
        ("release.deprecated", "/policy/0/release/deprecated", json!("refuse"), "E-POLICY-DEPRECATED"),
        (
            "release.listed-attestations",
            "/policy/0/release/listed-attestations",
            json!("required"),
            "E-ATTESTATION-MISSING",
        ),
        ("break-glass.who", "/policy/0/break-glass/who", json!(""), none),
        ("break-glass.until", "/policy/0/break-glass/until", json!("2020-01-01"), none),
        ("break-glass.reason", "/policy/0/break-glass/reason", Value::Null, none),
        ("trust.signers", "/policy/0/trust/signers", json!(2), none),
        ("trust.trusted-root", "/policy/0/trust/trusted-root", json!("{}"), none),
        ("trust.key", "/policy/0/trust/key", other, "E-SIGNER-UNTRUSTED"),
        ("trust.authority", "/policy/0/trust/authority", json!([{"anchors": anchors}]), none),
        ("trust.keyless", "/policy/0/trust/keyless", json!([{"issuer": "https://a"}]), none),
        (
            "trust.timestamp-authority",
            "/policy/0/trust/timestamp-authority",
            json!([{"chain": "no.pem"}]),
            none,
        ),
        ("key.public-key", "/policy/0/trust/key/0/public-key", json!(pem(&OTHER)), "E-SIGNER-UNTRUSTED"),
        (
            "key.valid-from",
            "/policy/0/trust/key/0/valid-from",
            json!("8000-01-01T00:00:00Z"),
            "E-KEY-EXPIRED",
        ),
        (
            "key.valid-until",
            "/policy/0/trust/key/0/valid-until",
            json!("2020-02-01T00:00:00Z"),
            "E-KEY-EXPIRED",
        ),
        ("key.status", "/policy/0/trust/key/0/status", json!("revoked"), "E-KEY-REVOKED"),
    ]
}

fn put(policy: &mut Value, pointer: &str, value: &Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value.clone());
    }
}

#[test]
fn every_member_changes_a_verdict() {
    let sealed = model();
    let whole = maximal();
    assert!(
        SCHEMA.is_valid(&whole),
        "{:?}",
        SCHEMA.iter_errors(&whole).map(|it| it.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(verdict(&whole, &sealed), "strict");
    let mut wrong = Vec::new();
    for (name, pointer, value, expected) in mutations() {
        let mut mutated = whole.clone();
        put(&mut mutated, pointer, &value);
        let found = verdict(&mutated, &sealed);
        if found != expected {
            wrong.push(format!("{name}: {found}, and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // A waiver, for what another value of the same member lets through.
    for (pointer, value) in [
        ("/policy/0/mode", json!("warn")),
        ("/policy/0/mode", json!("audit")),
        ("/policy/0/break-glass/until", json!("9000-01-01T00:00:00Z")),
    ] {
        let mut mutated = whole.clone();
        put(&mut mutated, "/policy/0/timestamp", &json!("required"));
        put(&mut mutated, pointer, &value);
        assert_eq!(verdict(&mutated, &sealed), "waived E-POLICY-TIMESTAMP", "{pointer}");
    }
    let ignoring = of(ModelDir::new().file("a.txt", "a").file(".git/HEAD", "ref")).ignore(&[".git"]).sign();
    assert_eq!(verdict(&whole, &ignoring), "E-EXCLUDED");
    let mut lax = whole.clone();
    put(&mut lax, "/policy/0/strict", &Value::Null);
    assert_eq!(verdict(&lax, &ignoring), "strict");
}

/// The members of the schema, as `type.member`.
fn members() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    let of = |name: &str, value: &Value| -> Vec<String> {
        let Some(properties) = value["properties"].as_object() else { return Vec::new() };
        assert_eq!(value["additionalProperties"], json!(false), "{name}");
        properties
            .iter()
            .map(|(member, said)| {
                assert!(
                    said["description"].as_str().is_some_and(|text| text.ends_with('.')),
                    "{name}{member}"
                );
                format!("{name}{member}")
            })
            .collect()
    };
    let parts = schema["$defs"].as_object().unwrap();
    of("", &schema)
        .into_iter()
        .chain(parts.iter().flat_map(|(name, part)| of(&format!("{name}."), part)))
        .collect()
}

#[test]
fn every_member_of_the_schema_is_mutated() {
    let mutated: BTreeSet<String> = mutations().iter().map(|(name, ..)| (*name).to_owned()).collect();
    // Of these, the tables of trust files have every line.
    let elsewhere = |name: &String| {
        ["authority.", "keyless.", "timestamp-authority."].iter().any(|part| name.starts_with(part))
    };
    let all: BTreeSet<String> = members().into_iter().filter(|name| !elsewhere(name)).collect();
    assert_eq!(all, mutated);
}

/// What is read and what the schema knows is the same: each type is given a member that it does not know, and says which
/// it does.
#[test]
fn the_schema_knows_what_is_read() {
    let known = |text: &str, name: &str| -> BTreeSet<String> {
        let error = Policy::parse(text, "p.json".as_ref()).unwrap_err().to_string();
        let (_, list) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
        list.split('`').skip(1).step_by(2).map(|member| format!("{name}{member}")).collect()
    };
    let mut read = known(&json!({"version": 1, "?": 1}).to_string(), "");
    let trust = |part: &str| {
        json!({"version": 1, "policy": [{"name": "a", "trust": {part: [{"?": 1}]}}]}).to_string()
    };
    for (name, at) in
        [("rule.", ""), ("trust.", "trust"), ("release.", "release"), ("break-glass.", "break-glass")]
    {
        let rule = if at.is_empty() { json!({"?": 1}) } else { json!({"name": "a", at: {"?": 1}}) };
        read.extend(known(&json!({"version": 1, "policy": [rule]}).to_string(), name));
    }
    read.extend(known(
        &json!({"version": 1, "policy": [{"name": "a", "require": [{"?": 1}]}]}).to_string(),
        "require.",
    ));
    for part in ["key", "authority", "keyless", "timestamp-authority"] {
        read.extend(known(&trust(part), &format!("{part}.")));
    }
    assert_eq!(read, members());
}

#[test]
fn json_is_read_as_strictly() {
    let good = to_json(&crate::scene::rule("max-age = \"1d\"", ""));
    let text = good.to_string();
    let at = |text: &str| {
        let error = Policy::parse(text, "p.json".as_ref()).unwrap_err();
        assert_eq!(error.code(), "E-POLICY-FILE");
        error.to_string()
    };
    for (old, new, says) in [
        ("\"version\":1", "\"version\":null", "null says nothing"),
        ("\"version\":1", "\"version\":1.0", "not of version 1"),
        ("\"version\":1", "\"version\":1e0", "not of version 1"),
        ("\"version\":1", "\"version\":99999999999999999999", ""),
        ("\"version\":1", "\"version\":01", ""),
        ("\"version\":1", "\"version\":1,\"version\":1", ""),
        ("\"max-age\":\"1d\"", "\"max-age\":null", "null says nothing"),
        ("\"max-age\":\"1d\"", "\"max-age\":\"1d\",\"max-age\":\"9d\"", ""),
        ("\"max-age\":\"1d\"", "\"max-age\":1", "invalid type"),
        ("\"max-age\":\"1d\"", "\"max-age\":\"1w\"", "90d, 12h"),
        ("\"max-age\":\"1d\"", "\"max_age\":\"1d\"", "unknown field"),
        ("\"max-age\":\"1d\"", "\"max-age\":\"1d\",", ""),
        ("\"max-age\":\"1d\"", "\"strict\":\"true\"", "invalid type"),
        ("\"max-age\":\"1d\"", "\"description\":\"x\"", "unknown field"),
        ("\"max-age\":\"1d\"", "// why\n\"max-age\":\"1d\"", ""),
    ] {
        assert!(text.contains(old), "{text}");
        let error = at(&text.replacen(old, new, 1));
        assert!(error.contains(says), "{new}: {error}");
    }
    assert!(
        at("{\"version\": 1,\n \"policy\": [{\"name\": \"a\",\n   \"mode\": \"no\"}]}")
            .contains("line 3, column 12")
    );
    for text in [
        "{",
        "{}",
        "[]",
        "{\"version\":1}",
        &format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)),
        &format!("{text}{text}"),
    ] {
        at(text);
    }
    // Spaces before it make it no TOML.
    assert!(Policy::parse(&format!("\n\t {text}"), "p.json".as_ref()).is_ok());
}
