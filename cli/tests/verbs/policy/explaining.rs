//! `policy explain`: which rule, and why; the exit code is the verdict's.

use super::{bench, policy, with_pickle};
use crate::bench::Bench;

fn explained(bench: &Bench, line: &str, exit: i32) -> serde_json::Value {
    let said = bench.run(&format!("policy explain {line} --json"));
    assert_eq!(said.exit, Some(exit), "{said:?}");
    said.json()["result"].take()
}

/// Two rules, of which the second is about the model.
fn two(bench: &Bench, rule: &str) {
    let key = "[[policy.trust.key]]\npublic-key = \"k.pub\"\n";
    let text = format!(
        "version = 1\n[[policy]]\nname = \"others\"\nmodel = [\"x/*\"]\n{key}[[policy]]\nname = \"mine\"\nmodel = [\"org/*\"]\n{rule}\n{key}"
    );
    bench.write("p.toml", text.as_bytes());
}

#[test]
fn the_rule_that_decides_and_those_that_do_not_are_named() {
    let bench = bench();
    two(&bench, "digests = [\"sha256\"]");
    for model in ["MODEL", "oci:store:v1"] {
        let found = explained(&bench, &format!("p.toml {model}"), 0);
        assert_eq!(
            (&found["verdict"], &found["rule"], &found["signed"]),
            (&"allow".into(), &"mine".into(), &true.into())
        );
        assert_eq!(found["passed_over"][0]["rule"], "others");
        let why = found["passed_over"][0]["why"].as_str().unwrap();
        assert!(why.contains("x/*") && why.contains("org/mini-lm"), "{why}");
        assert_eq!(
            (&found["names"][0], &found["demands"][0]["outcome"]),
            (&"org/mini-lm".into(), &"met".into())
        );
    }
}

#[test]
fn a_refusal_is_explained_and_ends_with_its_own_code() {
    let bench = bench();
    two(&bench, "max-age = \"1d\"\ndigests = [\"sha256\"]\nformats = [\"safetensors\"]");
    for model in ["MODEL", "oci:store:v1"] {
        let found = explained(&bench, &format!("p.toml {model}"), 8);
        assert_eq!(
            (&found["verdict"], &found["codes"]),
            (&"deny".into(), &serde_json::json!(["E-POLICY-AGE"]))
        );
        let outcomes: Vec<_> =
            found["demands"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["failed", "met", "open"], "{found}");
        let said = bench.run(&format!("policy explain p.toml {model}"));
        assert_eq!((said.exit, said.stderr.as_str()), (Some(8), ""), "{said:?}");
        assert!(said.stdout.starts_with(&format!("refused {model} by p.toml\n")), "{said:?}");
        assert!(
            said.stdout.contains("NOT MET    the model was signed at most 1d ago [E-POLICY-AGE]: "),
            "{said:?}"
        );
    }
}

#[test]
fn whatever_refuses_it_is_explained() {
    let bench = with_pickle();
    two(&bench, "formats = [\"safetensors\"]");
    let found = explained(&bench, "p.toml MODEL", 8);
    assert_eq!(
        (&found["codes"][0], &found["demands"][0]["code"]),
        (&"E-POLICY-FORMAT".into(), &"E-POLICY-FORMAT".into())
    );
    policy(&bench, "none.toml", "model = [\"x/*\"]");
    for model in ["MODEL", "oci:store:v1"] {
        let found = explained(&bench, &format!("none.toml {model}"), 8);
        assert_eq!(
            (&found["codes"][0], &found["rule"]),
            (&"E-POLICY-NO-MATCH".into(), &serde_json::Value::Null)
        );
        assert_eq!(found["passed_over"][0]["rule"], "only");
    }
    // Of a model on a disk no repository is known.
    policy(&bench, "afar.toml", "repository = [\"registry.test/**\"]");
    let why = explained(&bench, "afar.toml MODEL", 8)["passed_over"][0]["why"].take();
    assert!(why.as_str().unwrap().contains("lies on a disk"), "{why}");
    bench.key("other");
    let text = "version = 1\n[[policy]]\nname = \"x\"\nmax-age = \"1d\"\n[[policy.trust.key]]\npublic-key = \"other.pub\"\n";
    bench.write("other.toml", text.as_bytes());
    for model in ["MODEL", "oci:store:v1"] {
        let found = explained(&bench, &format!("other.toml {model}"), 5);
        assert_eq!((&found["codes"][0], &found["signed"]), (&"E-SIGNER-UNTRUSTED".into(), &false.into()));
        assert_eq!((&found["rule"], &found["demands"][0]["outcome"]), (&"x".into(), &"open".into()));
    }
    bench.write("MODEL/config.json", b"{}");
    two(&bench, "");
    assert_eq!(explained(&bench, "p.toml MODEL", 1)["codes"][0], "E-FILE-SIZE");
}

#[test]
fn what_is_let_through_all_the_same_is_no_allowance() {
    let bench = bench();
    two(&bench, "mode = \"audit\"\nmax-age = \"1d\"");
    let found = explained(&bench, "p.toml MODEL", 0);
    assert_eq!((&found["verdict"], &found["codes"][0]), (&"waived".into(), &"E-POLICY-AGE".into()));
    bench.bad("policy explain p.toml NOWHERE", "E-NOT-FOUND", 10);
}
