//! `verify` and `pull` through a policy: by exit code and by code.

use super::{bench, policy, result, with_pickle};

/// What is asked about the model, in each way that there is.
const WAYS: [&str; 3] = ["verify MODEL", "verify oci:store:v1", "pull oci:store:v1 OUT"];

#[test]
fn what_meets_the_policy_is_let_through() {
    let bench = bench();
    policy(
        &bench,
        "p.toml",
        "model = [\"org/*\"]\nformats = [\"safetensors\"]\ndigests = [\"sha256\", \"blake3\"]",
    );
    for way in WAYS {
        let found = result(&bench, &format!("{way} --policy p.toml"));
        assert_eq!(
            (&found["policy"]["rule"], &found["policy"]["waived"]),
            (&"only".into(), &false.into()),
            "{way}"
        );
        assert_eq!(found["policy"]["release"], serde_json::Value::Null, "{way}");
    }
    assert_eq!(bench.read("OUT/config.json"), b"{\"hidden\": 384}");
}

#[test]
fn what_is_in_a_store_is_judged_without_its_content_and_that_is_said() {
    let bench = bench();
    policy(&bench, "p.toml", "formats = [\"safetensors\"]");
    let found = result(&bench, "verify oci:store:v1 --policy p.toml");
    assert_eq!(
        (&found["content"], &found["policy"]["demands"][0]["outcome"]),
        (&"not-read".into(), &"open".into())
    );
    let said = bench.good("verify oci:store:v1 --policy p.toml");
    assert!(said.stdout.contains("0 of 1 demand met, the content not read"), "{said:?}");
}

#[test]
fn each_class_of_demand_refuses_by_its_own_code() {
    let bench = bench();
    for (rule, code) in [
        ("model = [\"other/*\"]", "E-POLICY-NO-MATCH"),
        ("transparency = \"required\"", "E-POLICY-TRANSPARENCY"),
        ("timestamp = \"required\"", "E-POLICY-TIMESTAMP"),
        ("max-age = \"1d\"", "E-POLICY-AGE"),
        ("digests = [\"blake2b\"]", "E-POLICY-DIGEST"),
        ("key-algorithms = [\"ed25519\"]", "E-POLICY-KEY-ALGORITHM"),
        ("cel = \"artifact.version == '2.0.0'\"", "E-POLICY-EXPRESSION"),
        ("cel = \"artifact.version > 2\"", "E-POLICY-EVALUATION"),
        ("[[policy.require]]\npredicate = \"provenance\"", "E-POLICY-ATTESTATION"),
        ("[policy.release]\nchannel = \"stable\"", "E-POLICY-CHANNEL"),
    ] {
        policy(&bench, "p.toml", rule);
        for way in WAYS {
            let said = bench.bad(&format!("{way} --policy p.toml"), code, 8);
            assert!(said.stderr.contains("hint: "), "{said:?}");
            assert!(!bench.path("OUT").exists(), "{rule} {way}");
        }
    }
}

#[test]
fn weights_with_code_are_refused_before_anything_appears() {
    let bench = with_pickle();
    policy(&bench, "p.toml", "formats = [\"safetensors\"]");
    for way in ["verify MODEL", "pull oci:store:v1 OUT", "pull oci:store:v1 OUT --files *.bin"] {
        bench.bad(&format!("{way} --policy p.toml"), "E-POLICY-FORMAT", 8);
    }
    assert_eq!(bench.names(".").iter().filter(|name| name.contains("OUT")).count(), 0);
    // A part without it is one that may be loaded; and what would be pulled is not looked at.
    bench.good("pull oci:store:v1 PART --files config.json --policy p.toml");
    assert_eq!(bench.names("PART"), ["config.json", "model.sig"]);
    bench.good("pull oci:store:v1 OUT --dry-run --policy p.toml");
    assert!(!bench.path("OUT").exists());
}

#[test]
fn what_only_warns_is_let_through_and_told() {
    let bench = bench();
    policy(&bench, "p.toml", "mode = \"warn\"\nmax-age = \"1d\"");
    for way in WAYS {
        let found = result(&bench, &format!("{way} --policy p.toml --force"));
        assert_eq!(
            (&found["policy"]["mode"], &found["policy"]["waived"]),
            (&"warn".into(), &true.into()),
            "{way}"
        );
        assert!(found["warnings"][0].as_str().unwrap().starts_with("[E-POLICY-AGE] "), "{found}");
        let said = bench.good(&format!("{way} --policy p.toml --force"));
        said.says("warning: [E-POLICY-AGE] ");
        assert!(way.starts_with("pull") || said.stdout.starts_with("let through org/mini-lm"), "{said:?}");
    }
}

#[test]
fn what_is_only_audited_is_let_through_in_silence() {
    let bench = bench();
    policy(&bench, "p.toml", "mode = \"audit\"\nmax-age = \"1d\"");
    for way in WAYS {
        let found = result(&bench, &format!("{way} --policy p.toml --force"));
        assert_eq!(
            (&found["policy"]["mode"], &found["policy"]["waived"]),
            (&"audit".into(), &true.into()),
            "{way}"
        );
        assert_eq!(found["warnings"], serde_json::json!([]), "{way}");
        assert_eq!(bench.good(&format!("{way} --policy p.toml --force")).stderr, "", "{way}");
    }
}

#[test]
fn a_suspended_rule_lets_through_aloud_until_its_time_is_over() {
    let bench = bench();
    let glass = |until: &str| {
        format!(
            "max-age = \"1d\"\n[policy.break-glass]\nwho = \"ops@example.com\"\nuntil = {until}\nreason = \"ticket 7\""
        )
    };
    policy(&bench, "p.toml", &glass("2199-01-01T00:00:00Z"));
    for way in WAYS {
        let found = result(&bench, &format!("{way} --policy p.toml --force"));
        let policy = &found["policy"];
        assert_eq!((&policy["mode"], &policy["waived"]), (&"enforce".into(), &true.into()), "{way}");
        assert_eq!(policy["break_glass"]["who"], "ops@example.com", "{way}");
        let told = found["warnings"][0].as_str().unwrap();
        assert!(told.contains("ops@example.com") && told.contains("ticket 7"), "{told}");
    }
    policy(&bench, "p.toml", &glass("2020-01-01T00:00:00Z"));
    for way in WAYS {
        bench.bad(&format!("{way} --policy p.toml --force"), "E-POLICY-AGE", 8);
    }
}

#[test]
fn signature_signers_and_content_are_waived_by_nobody() {
    let bench = bench();
    bench.key("other");
    let rule = "mode = \"audit\"\nmax-age = \"1d\"";
    let text = format!(
        "version = 1\n[[policy]]\nname = \"x\"\n{rule}\n[[policy.trust.key]]\npublic-key = \"other.pub\"\n"
    );
    bench.write("other.toml", text.as_bytes());
    for way in WAYS {
        bench.bad(&format!("{way} --policy other.toml"), "E-SIGNER-UNTRUSTED", 5);
    }
    policy(&bench, "p.toml", rule);
    bench.write("MODEL/config.json", b"{\"hidden\": 385}");
    bench.bad("verify MODEL --policy p.toml", "E-FILE-CHANGED", 1);
    std::fs::remove_file(bench.path("MODEL/model.sig")).unwrap();
    bench.bad("verify MODEL --policy p.toml", "E-NO-SIGNATURE", 4);
}

#[test]
fn a_policy_that_does_not_load_decides_nothing() {
    let bench = bench();
    bench.write("p.toml", b"version = 1\n[[policy]]\nname = \"only\"\nmdoe = \"warn\"\n[policy.trust]\n");
    bench.write("CASES/a.toml", b"policy = \"../p.toml\"\nmodel = \"../MODEL\"\nexpect = \"allow\"\n");
    for line in [
        "verify MODEL --policy p.toml",
        "verify oci:store:v1 --policy p.toml",
        "pull oci:store:v1 OUT --policy p.toml",
        "policy check p.toml",
        "policy explain p.toml MODEL",
        "policy test CASES",
    ] {
        let said = bench.bad(line, "E-POLICY-FILE", 13);
        assert!(said.stderr.contains("line 4, column 1"), "{said:?}");
        assert!(said.stderr.contains("4 │ mdoe = \"warn\""), "{said:?}");
        let position = bench.run(&format!("{line} --json")).json()["error"]["position"].take();
        assert_eq!(position, 37, "{line}");
    }
    assert!(!bench.path("OUT").exists());
    bench.bad("verify MODEL --policy missing.toml", "E-POLICY-FILE", 13);
}

#[test]
fn hostile_words_of_a_policy_reach_no_terminal() {
    let bench = bench();
    let name = "p\u{202e}\u{1b}[2J.toml";
    bench.write(
        name,
        "version = 1\n# \u{1b}]0;pwned\u{7}\u{202e}\n[[policy]]\nname = \"\u{202e}x\"\n[policy.trust]\n"
            .as_bytes(),
    );
    for words in [&["verify", "MODEL", "--policy", name][..], &["policy", "check", name]] {
        let said = bench.args(words);
        said.refuses("E-POLICY-FILE", 13);
        assert!(!said.stderr.contains(['\u{202e}', '\u{1b}', '\u{7}']), "{said:?}");
        let said = bench.args(words.iter().chain(&["--json"]));
        assert!(!said.stdout.contains(['\u{202e}', '\u{1b}', '\u{7}']), "{said:?}");
    }
    policy(&bench, name, "max-age = \"1d\"");
    let said = bench.args(["verify", "MODEL", "--policy", name, "-v"]);
    said.refuses("E-POLICY-AGE", 8);
    assert!(!said.stderr.contains(['\u{202e}', '\u{1b}']), "{said:?}");
    policy(&bench, name, "");
    let said = bench.args(["verify", "MODEL", "--policy", name]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(!said.stdout.contains(['\u{202e}', '\u{1b}']), "{said:?}");
}

#[test]
fn beside_a_policy_nobody_else_is_trusted() {
    let bench = bench();
    policy(&bench, "p.toml", "");
    bench.bad("verify MODEL --policy p.toml --key k.pub", "E-USAGE", 2);
    bench.bad("tree oci:store:v1 --policy p.toml", "E-USAGE", 2);
    bench.bad("verify MODEL --policy p.toml --expect-name org/other", "E-NAME-MISMATCH", 8);
    bench.bad("pull oci:store:v1 OUT --policy p.toml --floor 2", "E-USAGE", 2);
    bench.bad("verify MODEL --policy p.toml --signers 2", "E-TOO-FEW-SIGNERS", 5);
}
