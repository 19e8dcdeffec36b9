//! What does not load: where, and why.

use std::path::Path;

use lacre_verify::{Policy, VerifyError};

use crate::scene::{KEY, OTHER, SCHEMA, load, load_at, pem, rule, stanza, to_json};

/// Where a policy is wrong, and how it is said.
#[track_caller]
fn fault(text: &str) -> (usize, usize, String) {
    let error = Policy::parse(text, Path::new("policy.toml")).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-FILE", "{error}");
    let VerifyError::PolicyFile(fault) = error else { panic!("{error}") };
    let (line, column) = fault.spot.map_or((0, 0), |spot| (spot.line, spot.column));
    (line, column, fault.detail)
}

/// Whether JSON Schema is to find it, too.
#[derive(PartialEq)]
enum Seen {
    InForm,
    InMeaning,
}
use Seen::{InForm, InMeaning};

#[test]
fn lines_of_a_rule_that_do_not_load() {
    let long = format!("cel = \"{}\"", "!".repeat(2049));
    let deep = format!("cel = \"{}true{}\"", "(".repeat(120), ")".repeat(120));
    let many = format!("cel = \"{}\"", "now.a".to_owned() + &".a".repeat(600));
    let wide = format!("model = [\"{}\"]", "a".repeat(513));
    // The lines stand from line 4 on, in the first column.
    let cases: &[(&str, Seen, usize, usize, &str)] = &[
        ("transparancy = \"required\"", InForm, 4, 1, "unknown field"),
        ("Mode = \"warn\"", InForm, 4, 1, "unknown field"),
        ("max_age = \"1d\"", InForm, 4, 1, "unknown field"),
        ("mode = \"warning\"", InForm, 4, 8, "unknown variant"),
        ("mode = \"\"", InForm, 4, 8, "unknown variant"),
        ("mode = true", InForm, 4, 8, ""),
        ("strict = \"yes\"", InForm, 4, 10, "invalid type"),
        ("strict = 1", InForm, 4, 10, "invalid type"),
        ("transparency = true", InForm, 4, 16, ""),
        ("timestamp = \"demanded\"", InForm, 4, 13, "unknown variant"),
        ("max-age = 90", InForm, 4, 11, "invalid type"),
        ("max-age = \"90\"", InForm, 4, 11, "90d, 12h"),
        ("max-age = \"0d\"", InForm, 4, 11, "no time at all"),
        ("max-age = \"1w\"", InForm, 4, 11, "90d, 12h"),
        ("max-age = \"36501d\"", InMeaning, 4, 11, "100 years"),
        ("model = []", InForm, 4, 9, "an empty list"),
        ("model = \"org/*\"", InForm, 4, 9, "invalid type"),
        ("model = [1]", InForm, 4, 10, "invalid type"),
        ("model = [\"\"]", InForm, 4, 10, "empty pattern"),
        ("model = [\"org/\"]", InForm, 4, 10, "never match"),
        ("model = [\"org\", \"/a\"]", InForm, 4, 17, "never match"),
        ("model = [\"a//b\"]", InForm, 4, 10, "never match"),
        ("model = [\"a/../b\"]", InMeaning, 4, 10, "never match"),
        ("model = [\"a**\"]", InMeaning, 4, 10, "whole parts"),
        ("model = [\"a\\u0007\"]", InMeaning, 4, 10, "control"),
        (&wide, InForm, 4, 10, "512"),
        ("repository = []", InForm, 4, 14, "an empty list"),
        ("repository = [\"models\"]", InMeaning, 4, 15, "HOST/PATH"),
        ("repository = [\"Ghcr.io/a\"]", InMeaning, 4, 15, "lower case"),
        ("repository = [\"ghcr.io/Org/a\"]", InMeaning, 4, 15, "no repository"),
        ("repository = [\"ghcr.io/a:v1\"]", InMeaning, 4, 15, "no tag"),
        ("formats = []", InForm, 4, 11, "an empty list"),
        ("formats = [\"pickle\"]", InForm, 4, 12, "none of gguf, safetensors"),
        ("other-files = [\"*.png\"]", InMeaning, 4, 15, "beside formats"),
        ("formats = [\"gguf\"]\nother-files = []", InForm, 5, 15, "an empty list"),
        ("digests = []", InForm, 4, 11, "an empty list"),
        ("digests = [\"md5\"]", InForm, 4, 12, "none of blake2b"),
        ("key-algorithms = []", InForm, 4, 18, "an empty list"),
        ("key-algorithms = [\"rsa\"]", InForm, 4, 19, "none of ecdsa-p256"),
        ("cel = \"\"", InForm, 4, 7, "no expression"),
        ("cel = \"1 +\"", InMeaning, 4, 7, "no expression"),
        ("cel = \"predicate.x == 1\"", InMeaning, 4, 7, "predicate is not known"),
        ("cel = \"model.name == 'x'\"", InMeaning, 4, 7, "model is not known"),
        (&long, InForm, 4, 7, "2048"),
        (&deep, InMeaning, 4, 7, "no expression"),
        (&many, InMeaning, 4, 7, "512 operators"),
        ("cel = \"signers.all(a, signers.all(b, signers.all(c, true)))\"", InMeaning, 4, 7, "3 deep"),
        ("allow-legacy-danger = true\nmodel = [\"a\"]", InMeaning, 0, 0, "never matches"),
        ("allow-legacy-danger = \"yes\"", InForm, 4, 23, "invalid type"),
        ("trust = []", InForm, 4, 9, ""),
        ("require = 1", InForm, 4, 11, ""),
    ];
    let mut wrong = Vec::new();
    for (lines, seen, line, column, says) in cases {
        let text = if lines.starts_with("trust") {
            format!("version = 1\n[[policy]]\nname = \"only\"\n{lines}\n")
        } else {
            rule(lines, "")
        };
        let found = fault(&text);
        let place = *line == 0 || (found.0, found.1) == (*line, *column);
        if !place || !found.2.contains(says) {
            wrong.push(format!("{lines}: {found:?}"));
        }
        let in_form = text.parse::<toml::Table>().is_ok() && !SCHEMA.is_valid(&to_json(&text));
        if in_form != (*seen == InForm) {
            wrong.push(format!("{lines}: the schema says {in_form}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(cases.len() >= 50);
}

#[test]
fn what_stands_after_a_rule_and_does_not_load() {
    let glass = |lines: &str| format!("[policy.break-glass]\n{lines}");
    let whole = "who = \"me\"\nuntil = 2026-01-01T00:00:00Z\nreason = \"x\"";
    let keys = stanza("policy.require.trust", &OTHER, "");
    let require = |lines: &str| format!("[[policy.require]]\n{lines}");
    let channel = |lines: &str| format!("[policy.release]\nchannel = \"stable\"\n{lines}");
    for (after, says) in [
        (require("predicate = \"\""), "no URI"),
        (require("predicate = \"slsa\""), "none of cyclonedx"),
        (require("max-age = \"1d\""), "missing field `predicate`"),
        (require("predicate = \"vsa\"\nmax-age = \"x\""), "90d, 12h"),
        (require("predicate = \"vsa\"\npredicat = 1"), "unknown field"),
        (require("predicate = \"vsa\"\ncel = \"size(\""), "no expression"),
        (require("predicate = \"vsa\"\ncel = \"what == 1\""), "what is not known"),
        (require("predicate = \"a:\\u202e\""), "bidirectional"),
        (require("predicate = \"vsa\"\n[policy.require.trust]\nsigners = 1"), "nobody is trusted"),
        (
            require(&format!("predicate = \"vsa\"\n[policy.require.trust]\nsigners = 2{keys}")),
            "only 1 are named",
        ),
        (require("predicate = \"vsa\"\n").repeat(33), "more than 32"),
        ("[policy.release]\n".to_owned(), "missing field `channel`"),
        ("[policy.release]\nchannel = \"\"".to_owned(), ""),
        ("[policy.release]\nchannel = \"A B\"".to_owned(), ""),
        (channel("floor = -1"), "invalid value"),
        (channel("floor = \"1\""), "invalid type"),
        (channel("pin = \"\""), ""),
        (channel("at = \"\""), "an empty text"),
        (channel("max-staleness = \"1\""), "90d, 12h"),
        (channel("rollback = \"forbid\""), "unknown variant"),
        (channel("deprecated = false"), ""),
        (channel("listed-attestations = \"no\""), "unknown variant"),
        (channel("counter = 1"), "unknown field"),
        (glass("who = \"me\"\nreason = \"x\""), "missing field `until`"),
        (glass(&whole.replace("\"me\"", "\" \"")), "an empty text"),
        (glass(&whole.replace("\"x\"", "\"a\\u001bb\"")), "control"),
        (glass(&whole.replace("\"x\"", &format!("\"{}\"", "x".repeat(1025)))), "1024"),
        (glass(&whole.replace("T00:00:00Z", "")), "offset"),
        (glass(&whole.replace('Z', "")), "offset"),
        (glass(&whole.replace("2026-01-01T00:00:00Z", "\"tomorrow\"")), ""),
        (glass(&format!("{whole}\nforever = true")), "unknown field"),
    ] {
        let (line, column, detail) = fault(&rule("", &after));
        assert!(detail.contains(says), "{after}: {detail}");
        assert!(line >= 2 && column >= 1, "{after}: {line}, {column}: {detail}");
    }
}

#[test]
fn whom_it_trusts_is_looked_at() {
    let text = |trust: &str| format!("version = 1\n[[policy]]\nname = \"only\"\n{trust}");
    let key = |lines: &str| text(&stanza("policy.trust", &KEY, lines));
    for (text, says) in [
        (text(""), "trusts nobody"),
        (text("[policy.trust]\n"), "nobody is trusted"),
        (text("[policy.trust]\nkey = []"), "nobody is trusted"),
        (text("[policy.trust]\nsigners = 0"), "nonzero"),
        (text("[policy.trust]\nkeys = []"), "unknown field"),
        (text("[[policy.trust.key]]\npublic-key = \"\""), "an empty text"),
        (text("[[policy.trust.key]]\npublic-key = \"no.pub\""), ""),
        (text("[[policy.trust.key]]\npublic-key = \"-----BEGIN\""), ""),
        (key("status = \"revokd\""), "unknown variant"),
        (key("valid-from = 2026-01-01"), "offset"),
        (key("valid-from = 2026-01-02T00:00:00Z\nvalid-until = 2026-01-01T00:00:00Z"), "before"),
        (key("[policy.trust]\nsigners = 2"), ""),
        (
            text(&format!("[policy.trust]\nsigners = 2{}", stanza("policy.trust", &KEY, ""))),
            "only 1 are named",
        ),
        (key("") + &stanza("policy.trust", &KEY, "status = \"revoked\""), ""),
        (text("[[policy.trust.authority]]\nanchors = \"no.pem\""), ""),
        (text("[[policy.trust.keyless]]\nissuer = \"https://a\""), "say identity"),
        (text("[[policy.trust.timestamp-authority]]\nchain = []"), "empty list"),
    ] {
        let (_, _, detail) = fault(&text);
        assert!(detail.contains(says), "{text}: {detail}");
    }
}

#[test]
fn a_policy_as_a_whole() {
    let one = |name: &str, lines: &str| {
        format!("[[policy]]\nname = \"{name}\"\n{lines}\n{}", stanza("policy.trust", &KEY, ""))
    };
    let whole = |rules: &[String]| format!("version = 1\n{}", rules.concat());
    for (text, says) in [
        (String::new(), "version"),
        ("version = 1".to_owned(), "no rule"),
        ("version = 1\npolicy = []".to_owned(), "no rule"),
        ("version = 2\n".to_owned() + &one("a", ""), "not of version 1"),
        ("version = \"1\"\n".to_owned() + &one("a", ""), "not of version 1"),
        ("version = 1\nversion = 1\n".to_owned() + &one("a", ""), "duplicate key"),
        ("version = 1\nrules = []\n".to_owned() + &one("a", ""), "unknown field"),
        ("version = 1\ndescription = \"\"\n".to_owned() + &one("a", ""), "an empty text"),
        (whole(&[one("", "")]), "an empty text"),
        (whole(&[one("a\\u202e", "")]), "bidirectional"),
        (whole(&[one("a", "model = [\"x\"]"), one("a", "model = [\"y\"]")]), "two rules have the name a"),
        (whole(&[one("a", ""), one("b", "model = [\"y\"]")]), "b can never match: a above"),
        (
            whole(&[one("a", "model = [\"org/**\"]"), one("b", "model = [\"org/x\", \"org/y/*\"]")]),
            "never match",
        ),
        (
            whole(&[one("a", "repository = [\"**\"]"), one("b", "repository = [\"ghcr.io/x\"]")]),
            "never match",
        ),
        (
            whole(
                &(0..257).map(|n| one(&format!("r{n}"), &format!("model = [\"m{n}\"]"))).collect::<Vec<_>>(),
            ),
            "256",
        ),
        ("version = 1\n[policy]\nname = \"a\"".to_owned(), ""),
    ] {
        let (_, _, detail) = fault(&text);
        assert!(detail.contains(says), "{detail}, and not {says}");
    }
    let patterns: Vec<String> = (0..140).map(|n| format!("\"{n}-{}\"", "a".repeat(500))).collect();
    assert!(fault(&rule(&format!("model = [{}]", patterns.join(",")), "")).2.contains("65536 bytes"));
    // A narrow rule above a wide one, and rules that overlap, do load.
    load(&whole(&[one("a", "model = [\"y\"]"), one("b", "")]));
    load(&whole(&[one("a", "repository = [\"**\"]"), one("b", "")]));
    load(&whole(&[one("a", "model = [\"a/*\"]"), one("b", "model = [\"*/b\"]")]));
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let code = || Policy::read(&path).map_or_else(|error| error.code(), |_| "read");
    assert_eq!(code(), "E-POLICY-FILE");
    std::fs::write(&path, rule("", "")).unwrap();
    assert_eq!(code(), "read");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(code(), "E-POLICY-FILE");
    std::fs::write(&path, format!("{}#{}", rule("", ""), "x".repeat(1 << 20))).unwrap();
    assert!(Policy::read(&path).unwrap_err().to_string().contains("more than 1048576 bytes"));
    // Keys are looked for from the policy.
    std::fs::write(folder.path().join("a.pub"), pem(&KEY)).unwrap();
    let text = "version = 1\n[[policy]]\nname = \"a\"\n[[policy.trust.key]]\npublic-key = \"a.pub\"\n";
    load_at(text, &path);
    let error = Policy::parse(&text.replace("a.pub", "b.pub"), &path).unwrap_err();
    assert_eq!(error.code(), "E-POLICY-FILE");
    assert!(error.to_string().contains("b.pub"), "{error}");
}
