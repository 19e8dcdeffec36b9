//! What a bundle may claim: hostile statements under a trusted key, and hostile bundles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;

use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, noise, resign};
use lacre_verify::{Hold, Limits, NoProgress};
use serde_json::{Value, json};

use verifying::{code, payload, trusting, verify, verify_with, with_bundle};

/// What comes of another statement by the same key, its root and identity made right.
#[track_caller]
fn with_statement(edit: impl FnOnce(&mut Value)) -> &'static str {
    let sealed = Sealed::sample();
    with_bundle(&sealed, &sealed.restated(edit))
}

/// The same with root and identity as they were.
#[track_caller]
fn with_resigned(edit: impl FnOnce(&mut Value)) -> &'static str {
    let sealed = Sealed::sample();
    with_bundle(&sealed, &sealed.resigned(edit))
}

/// The same for a payload that need not be a statement.
#[track_caller]
fn with_payload(edit: impl FnOnce(String) -> String) -> &'static str {
    let sealed = Sealed::sample();
    let payload = edit(sealed.statement().to_string());
    with_bundle(&sealed, &resign(payload, sealed.key()))
}

fn resources(statement: &mut Value) -> &mut Vec<Value> {
    statement["predicate"]["resources"].as_array_mut().unwrap()
}

fn resource<'a>(statement: &'a mut Value, name: &str) -> &'a mut Value {
    resources(statement).iter_mut().find(|resource| resource["name"] == name).unwrap()
}

#[test]
fn names_that_are_no_paths_in_a_model() {
    for name in [
        "../secret",
        "..",
        "a/../../secret",
        "/etc/passwd",
        "",
        "x/",
        "x//y",
        "./x",
        "x/.",
        ".",
        "a\\b",
        "a\0b",
    ] {
        assert_eq!(
            with_statement(|statement| resource(statement, "x/y")["name"] = name.into()),
            "E-PATH",
            "{name:?}"
        );
    }
    assert_eq!(
        with_statement(|statement| resource(statement, "x/y")["name"] = "x".repeat(256).into()),
        "E-PATH"
    );
}

#[test]
fn a_file_outside_of_the_model_is_not_read_even_when_unsigned_files_are_allowed() {
    let sealed = Sealed::sample();
    fs::write(sealed.model().beside("secret"), "secret").unwrap();
    let bundle = sealed.restated(|statement| {
        let secret = json!({"algorithm": "sha256", "name": "../secret", "size": 6,
            "digest": Sha256Digest::of(b"secret"), "blake3": Blake3Digest::of(b"secret")});
        resources(statement).insert(0, secret);
    });
    sealed.write_bundle(&bundle);
    let requirements = trusting(sealed.public_key()).allow_unsigned([verifying::path("x")]);
    assert_eq!(code(verify_with(&sealed, &requirements, &Hold::Everything, &NoProgress)), "E-PATH");
}

#[test]
fn duplicate_names() {
    let twice = |statement: &mut Value| {
        let again = resources(statement)[0].clone();
        resources(statement).insert(1, again);
    };
    assert_eq!(with_statement(twice), "E-DUPLICATE-NAME");
    let other_content = |statement: &mut Value| {
        let mut again = resources(statement)[0].clone();
        again["digest"] = Sha256Digest::of(b"other").to_string().into();
        again["blake3"] = Blake3Digest::of(b"other").to_string().into();
        resources(statement).push(again);
    };
    assert_eq!(with_statement(other_content), "E-DUPLICATE-NAME");
}

#[test]
fn names_that_are_one_file_on_some_systems() {
    for (one, other) in [
        ("config.json", "CONFIG.JSON"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("STRASSE", "stra\u{df}e"),
        ("x/y", "X/Y"),
        ("x/y", "x/y/z"),
        ("x/y", "X/y/z"),
    ] {
        let code = with_statement(|statement| {
            let mut entry = resources(statement)[0].clone();
            *resources(statement) = [one, other]
                .map(|name| {
                    entry["name"] = name.into();
                    entry.clone()
                })
                .to_vec();
        });
        assert_eq!(code, "E-NAME-COLLISION", "{one} {other}");
    }
}

#[test]
fn duplicate_keys_in_the_statement() {
    let double = |part: &str, with: &str| {
        with_payload(|text| {
            assert!(text.contains(part), "{text}");
            text.replacen(part, &format!("{with}{part}"), 1)
        })
    };
    assert_eq!(double("\"predicateType\":", "\"predicateType\":\"urn:other\","), "E-DUPLICATE-KEY");
    assert_eq!(double("\"predicateType\":", "\"predicat\\u0065Type\":\"urn:other\","), "E-DUPLICATE-KEY");
    assert_eq!(double("\"name\":\"blob.bin\"", "\"name\":\"other.bin\","), "E-DUPLICATE-KEY");
    assert_eq!(double("\"name\":\"org/mini-lm\"", "\"name\":\"org/other\","), "E-DUPLICATE-KEY");
    assert_eq!(double("\"resources\":", "\"resources\":[],"), "E-DUPLICATE-KEY");
}

#[test]
fn duplicate_keys_in_the_bundle() {
    let sealed = Sealed::sample();
    let text = std::str::from_utf8(sealed.bundle()).unwrap();
    for (part, with) in [
        ("\"mediaType\":", "\"mediaType\":\"x\","),
        ("\"payload\":", "\"payload\":\"e30=\","),
        ("\"payload\":", "\"p\\u0061yload\":\"e30=\","),
        ("\"sig\":", "\"sig\":\"AA==\","),
        ("\"hint\":", "\"hint\":\"x\","),
    ] {
        assert!(text.contains(part));
        let double = text.replacen(part, &format!("{with}{part}"), 1);
        assert_eq!(with_bundle(&sealed, double.as_bytes()), "E-DUPLICATE-KEY", "{with}");
    }
}

#[test]
fn exactly_one_signature() {
    let sealed = Sealed::sample();
    let signatures = |edit: fn(&mut Vec<Value>)| {
        edit_bundle(sealed.bundle(), |bundle| {
            edit(bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap());
        })
    };
    assert_eq!(with_bundle(&sealed, &signatures(Vec::clear)), "E-SIGNATURE-COUNT");
    assert_eq!(with_bundle(&sealed, &signatures(|list| list.push(list[0].clone()))), "E-SIGNATURE-COUNT");
    let forged_first = signatures(|list| list.insert(0, json!({"sig": "AAAA"})));
    assert_eq!(with_bundle(&sealed, &forged_first), "E-SIGNATURE-COUNT");
}

#[test]
fn a_claim_that_covers_nothing() {
    assert_eq!(with_statement(|statement| resources(statement).clear()), "E-NO-RESOURCES");
    let everything_ignored = |statement: &mut Value| {
        resources(statement).clear();
        statement["predicate"]["serialization"]["ignore_paths"] = json!(["."]);
    };
    // Whichever of the two is found first, it is refused; resources are read after the ignore paths.
    assert_eq!(with_statement(everything_ignored), "E-IGNORE");
}

#[test]
fn ignore_paths_that_would_hide_what_is_signed_or_everything() {
    let ignoring = |paths: Value| {
        with_resigned(|statement| statement["predicate"]["serialization"]["ignore_paths"] = paths)
    };
    for hiding in
        [".", "..", "/", "", "./", "*/..", "a/../b", "blob.bin", "tokenizer", "tokenizer/größe", "x", "x/y"]
    {
        assert_eq!(ignoring(json!([hiding])), "E-IGNORE", "{hiding}");
    }
    assert_eq!(ignoring(json!([".git", "x/y"])), "E-IGNORE");
    for harmless in ["tok", "blob.bi", "x/y/z", ".git", "*"] {
        assert_eq!(ignoring(json!([harmless])), "accepted", "{harmless}");
    }
    assert_eq!(ignoring(json!(".git")), "E-PREDICATE");
}

#[test]
fn types_of_payload_statement_and_predicate() {
    let sealed = Sealed::sample();
    let text = Forge::new(payload(&sealed), sealed.key()).payload_type("text/plain").to_json();
    assert_eq!(with_bundle(&sealed, &text), "E-PAYLOAD-TYPE");
    let retyped = edit_bundle(sealed.bundle(), |bundle| {
        bundle["dsseEnvelope"]["payloadType"] = "application/json".into();
    });
    assert_eq!(with_bundle(&sealed, &retyped), "E-PAYLOAD-TYPE");
    let statement = |kind: &str| with_resigned(|statement| statement["_type"] = kind.into());
    assert_eq!(statement("https://in-toto.io/Statement/v0.1"), "E-STATEMENT-TYPE");
    assert_eq!(statement(""), "E-STATEMENT-TYPE");
    let predicate = |kind: &str| with_resigned(|statement| statement["predicateType"] = kind.into());
    for other in ["https://model_signing/Digests/v0.2", "https://slsa.dev/provenance/v1", ""] {
        assert_eq!(predicate(other), "E-PREDICATE-TYPE", "{other}");
    }
    assert_eq!(predicate("https://model_signing/Digests/v0.1"), "E-LEGACY");
}

#[test]
fn statements_that_are_none() {
    assert_eq!(with_payload(|text| format!("[{text}]")), "E-STATEMENT");
    assert_eq!(with_payload(|_| "null".to_owned()), "E-STATEMENT");
    assert_eq!(with_payload(|_| "{}".to_owned()), "E-STATEMENT");
    assert_eq!(with_payload(|text| text[..text.len() - 1].to_owned()), "E-JSON");
    assert_eq!(with_payload(|text| text[..text.len() / 2].to_owned()), "E-JSON");
    assert_eq!(with_payload(|text| text + "{}"), "E-JSON");
    assert_eq!(with_resigned(|statement| statement["subject"] = json!([])), "E-STATEMENT");
    let two = |statement: &mut Value| {
        let again = statement["subject"][0].clone();
        statement["subject"].as_array_mut().unwrap().push(again);
    };
    assert_eq!(with_resigned(two), "E-STATEMENT");
    assert_eq!(with_resigned(|statement| statement["predicate"] = json!([])), "E-PREDICATE");
    let sealed = Sealed::sample();
    let not_utf8 = [&payload(&sealed)[..], b"\xff"].concat();
    assert_eq!(with_bundle(&sealed, &resign(not_utf8, sealed.key())), "E-JSON");
}

#[test]
fn limits_are_the_callers() {
    let sealed = Sealed::sample();
    // A bundle may be up to 1 MiB longer than its payload, so that the statement's own limit is what counts here.
    let length = payload(&sealed).len();
    let padded = |length: usize| {
        let mut statement = payload(&sealed);
        statement.resize(length, b' ');
        sealed.write_bundle(&resign(statement, sealed.key()));
    };
    let requirements =
        trusting(sealed.public_key()).limits(Limits { statement: length + 10, ..Limits::default() });
    let outcome = || verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress);
    padded(length + 10);
    outcome().unwrap();
    padded(length + 11);
    assert_eq!(code(outcome()), "E-LIMIT");
    padded(length * 2);
    assert_eq!(code(outcome()), "E-LIMIT");
    verify(&sealed).expect("the default is far above");
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| {
        with_resigned(|statement| {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            statement["subject"][0]["annotations"]["deep"] = serde_json::from_str(&text).unwrap();
        })
    };
    assert_eq!(nested(20), "accepted");
    assert_eq!(nested(40), "E-LIMIT");
    let deep = "[".repeat(100_000);
    assert_eq!(with_payload(|_| deep), "E-LIMIT");
}

#[test]
fn bundles_that_are_none() {
    let sealed = Sealed::sample();
    let edited = |edit: &dyn Fn(&mut Value)| with_bundle(&sealed, &edit_bundle(sealed.bundle(), edit));
    let signature =
        json!({"messageDigest": {"algorithm": "SHA2_256", "digest": "AAAA"}, "signature": "AAAA"});
    assert_eq!(edited(&|bundle| bundle["messageSignature"] = signature.clone()), "E-BUNDLE");
    assert_eq!(edited(&|bundle| bundle["messageSignature"] = Value::Null), "E-BUNDLE");
    let without = |bundle: &mut Value, member: &str| drop(bundle.as_object_mut().unwrap().remove(member));
    assert_eq!(edited(&|bundle| without(bundle, "dsseEnvelope")), "E-BUNDLE");
    assert_eq!(edited(&|bundle| without(bundle, "mediaType")), "E-BUNDLE");
    assert_eq!(edited(&|bundle| without(bundle, "verificationMaterial")), "E-BUNDLE");
    assert_eq!(edited(&|bundle| bundle["mediaType"] = "application/json".into()), "E-BUNDLE");
    let older = "application/vnd.dev.sigstore.bundle+json;version=0.1";
    assert_eq!(edited(&|bundle| bundle["mediaType"] = older.into()), "E-UNSUPPORTED");
    assert_eq!(edited(&|bundle| bundle["expires"] = "never".into()), "E-BUNDLE");
    assert_eq!(with_bundle(&sealed, b""), "E-JSON");
    assert_eq!(with_bundle(&sealed, b"[]"), "E-BUNDLE");
    assert_eq!(with_bundle(&sealed, &sealed.bundle()[..sealed.bundle().len() - 1]), "E-JSON");
}

#[test]
fn base64_has_one_form() {
    let text = |sealed: &Sealed| {
        let bundle: Value = serde_json::from_slice(sealed.bundle()).unwrap();
        bundle["dsseEnvelope"]["payload"].as_str().unwrap().to_owned()
    };
    // A version that makes both of the characters in which the alphabets differ, and one byte over a group of three.
    let sealed = (0..3)
        .map(|pad| {
            Seal::of(ModelDir::sample()).version(Some(&format!("{}?????~~~~~", "1".repeat(pad)))).sign()
        })
        .find(|sealed| text(sealed).ends_with("=="))
        .unwrap();
    let payload = text(&sealed);
    assert!(payload.contains('+') && payload.contains('/'));
    let with = |changed: String| {
        assert_ne!(changed, payload);
        with_bundle(
            &sealed,
            &edit_bundle(sealed.bundle(), |bundle| bundle["dsseEnvelope"]["payload"] = changed.into()),
        )
    };
    assert_eq!(with(payload.replace('+', "-").replace('/', "_")), "E-ENVELOPE", "base64url");
    assert_eq!(with(payload.trim_end_matches('=').to_owned()), "E-ENVELOPE", "no padding");
    assert_eq!(with(payload[..payload.len() - 1].to_owned()), "E-ENVELOPE", "half a padding");
    assert_eq!(with(format!("{payload}==")), "E-ENVELOPE", "more padding");
    assert_eq!(with(format!("{payload}\n")), "E-ENVELOPE", "white space");
    let stray: String = {
        let (head, last) = payload.trim_end_matches('=').split_at(payload.len() - 3);
        let next = char::from(last.as_bytes()[0] + 1);
        format!("{head}{next}==")
    };
    assert_eq!(with(stray), "E-ENVELOPE", "stray bits");
    let no_padding = edit_bundle(sealed.bundle(), |bundle| {
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = "MAYCAQECAQE_".into();
    });
    assert_eq!(with_bundle(&sealed, &no_padding), "E-ENVELOPE");
}

#[test]
fn other_hashes_and_methods() {
    let serialization = |member: &str, value: &str| {
        with_resigned(|statement| statement["predicate"]["serialization"][member] = value.into())
    };
    for hash in ["SHA256", "md5", ""] {
        assert_eq!(serialization("hash_type", hash), "E-UNSUPPORTED", "{hash}");
    }
    // Known ones, that are not those of the digests.
    for hash in ["blake2b", "blake3"] {
        assert_eq!(serialization("hash_type", hash), "E-PREDICATE", "{hash}");
    }
    for method in ["Files", ""] {
        assert_eq!(serialization("method", method), "E-UNSUPPORTED", "{method}");
    }
    assert_eq!(serialization("method", "shards"), "E-PREDICATE", "without a shard size");
    for (algorithm, expected) in [
        ("sha512", "E-UNSUPPORTED"),
        ("", "E-UNSUPPORTED"),
        ("blake3", "E-PREDICATE"),
        ("sha256-sharded-1000", "E-PREDICATE"),
    ] {
        let code = with_resigned(|statement| resource(statement, "x/y")["algorithm"] = algorithm.into());
        assert_eq!(code, expected, "{algorithm}");
    }
}

#[test]
fn digests_that_do_not_belong_to_the_list() {
    let zeros = "0".repeat(64);
    let digest = |name: &str, value: &str| {
        with_resigned(|statement| statement["subject"][0]["digest"][name] = value.into())
    };
    assert_eq!(digest("sha256", &zeros), "E-ROOT");
    assert_eq!(digest("lacre", &zeros), "E-IDENTITY");
    // Same digests in the same order, and so the same root: only the identity binds the name.
    assert_eq!(with_resigned(|statement| resource(statement, "x/y")["name"] = "x/z".into()), "E-IDENTITY");
    assert_eq!(with_resigned(|statement| resource(statement, "x/y")["size"] = 9.into()), "E-IDENTITY");
    let without_sha256 = |statement: &mut Value| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("sha256");
    };
    assert_eq!(with_resigned(without_sha256), "E-STATEMENT");
    let without = |member: &'static str| {
        with_resigned(move |statement| {
            for resource in resources(statement) {
                resource.as_object_mut().unwrap().remove(member);
            }
        })
    };
    assert_eq!(without("blake3"), "E-IDENTITY");
    assert_eq!(without("size"), "E-IDENTITY");
    let only_some = |statement: &mut Value| {
        resource(statement, "x/y").as_object_mut().unwrap().remove("blake3");
    };
    assert_eq!(with_statement(only_some), "E-PREDICATE");
    assert_eq!(
        with_resigned(|statement| resource(statement, "x/y")["digest"] = "AB".repeat(32).into()),
        "E-PREDICATE"
    );
    assert_eq!(with_resigned(|statement| resource(statement, "x/y")["size"] = (-1).into()), "E-PREDICATE");
    assert_eq!(with_resigned(|statement| resource(statement, "x/y")["size"] = Value::Null), "E-PREDICATE");
}

#[test]
fn resources_in_either_of_two_orders() {
    assert_eq!(with_statement(|statement| resources(statement).reverse()), "E-PREDICATE");
    assert_eq!(with_statement(|statement| resources(statement).swap(0, 1)), "E-PREDICATE");
    // `x/y` before `x.json`: component order, as the Python peer writes.
    assert_eq!(with_statement(|statement| resources(statement).swap(6, 7)), "accepted");
}

#[test]
fn two_digests_of_two_contents_prove_only_what_blake3_says() {
    let sealed = Sealed::sample();
    let other = noise(77, 100_000);
    let bundle = sealed.restated(|statement| {
        resource(statement, "blob.bin")["blake3"] = Blake3Digest::of(&other).to_string().into();
    });
    assert_eq!(with_bundle(&sealed, &bundle), "E-FILE-CHANGED", "the content of the SHA-256 digest");
    sealed.write_bundle(&bundle);
    sealed.model().put("blob.bin", &other);
    let model = verify(&sealed).unwrap();
    assert_eq!(&*model.read("blob.bin").unwrap(), other);
    sealed.model().put("blob.bin", noise(42, 100_000));
    assert_eq!(model.read("blob.bin").unwrap_err().code(), "E-FILE-CHANGED");
}
