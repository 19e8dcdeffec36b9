//! `policy test`: a folder of cases.

use super::{bench, policy};
use crate::bench::Bench;

fn case(bench: &Bench, name: &str, text: &str) {
    bench.write(format!("CASES/{name}.toml"), text.as_bytes());
}

/// A bench with a policy that allows, one that waives and one that denies, and a case of each.
fn with_cases() -> Bench {
    let bench = bench();
    policy(&bench, "allow.toml", "");
    policy(&bench, "warn.toml", "mode = \"warn\"\nmax-age = \"1d\"");
    policy(&bench, "deny.toml", "max-age = \"1d\"");
    case(
        &bench,
        "a",
        "policy = \"../allow.toml\"\nmodel = \"../MODEL\"\nexpect = \"allow\"\nrule = \"only\"\n",
    );
    case(
        &bench,
        "b",
        "policy = \"../warn.toml\"\nreference = \"oci:../store:v1\"\nexpect = \"waived\"\ncode = \"E-POLICY-AGE\"\n",
    );
    case(
        &bench,
        "c",
        "policy = \"../deny.toml\"\nmodel = \"../MODEL\"\nexpect = \"deny\"\ncode = \"E-POLICY-AGE\"\n",
    );
    case(
        &bench,
        "d",
        "policy = \"../none.toml\"\nmodel = \"../MODEL\"\nexpect = \"deny\"\ncode = \"E-POLICY-FILE\"\n",
    );
    bench
}

#[test]
fn verdicts_as_expected_are_a_success() {
    let bench = with_cases();
    let said = bench.good("policy test CASES");
    assert_eq!(said.stdout.lines().count(), 5, "{said:?}");
    assert!(said.stdout.ends_with("4 verdicts as expected, 0 not\n"), "{said:?}");
    let found = bench.good("policy test CASES --json").json()["result"].take();
    let verdicts: Vec<_> =
        found["cases"].as_array().unwrap().iter().map(|it| it["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["allow", "waived", "deny", "deny"]);
    assert_eq!(found["code"], serde_json::Value::Null);
}

#[test]
fn a_verdict_that_differs_in_any_way_is_a_failure() {
    let head = "policy = \"../deny.toml\"\nmodel = \"../MODEL\"\n";
    let allow = "policy = \"../allow.toml\"\nmodel = \"../MODEL\"\n";
    let warn = "policy = \"../warn.toml\"\nmodel = \"../MODEL\"\n";
    for text in [
        format!("{head}expect = \"allow\"\n"),
        format!("{head}expect = \"waived\"\ncode = \"E-POLICY-AGE\"\n"),
        format!("{head}expect = \"deny\"\ncode = \"E-POLICY-FORMAT\"\n"),
        format!("{head}expect = \"deny\"\ncode = \"E-POLICY-AGE\"\nrule = \"another\"\n"),
        format!("{warn}expect = \"allow\"\n"),
        format!("{allow}expect = \"allow\"\nexpect-name = \"org/other\"\n"),
        format!("{allow}expect = \"deny\"\ncode = \"E-NO-SIGNATURE\"\n"),
    ] {
        let bench = with_cases();
        case(&bench, "x", &text);
        let said = bench.run("policy test CASES");
        assert_eq!((said.exit, said.stderr.as_str()), (Some(8), ""), "{text} {said:?}");
        assert_eq!(said.stdout.matches("DIFFERS").count(), 1, "{said:?}");
        assert!(said.stdout.contains("4 verdicts as expected, 1 not [E-POLICY-TEST]\n"), "{said:?}");
        let found = bench.run("policy test CASES --json");
        assert_eq!((found.exit, &found.json()["result"]["code"]), (Some(8), &"E-POLICY-TEST".into()));
    }
}

#[test]
fn a_case_that_could_mean_nothing_is_refused() {
    let bench = with_cases();
    let head = "policy = \"../deny.toml\"\nmodel = \"../MODEL\"\n";
    for text in [
        String::new(),
        format!("{head}expect = \"deny\"\n"),
        format!("{head}expect = \"waived\"\n"),
        format!("{head}expect = \"allow\"\ncode = \"E-POLICY-AGE\"\n"),
        format!("{head}expect = \"deny\"\ncode = \"E-POLICY-AGED\"\n"),
        format!("{head}expect = \"maybe\"\n"),
        format!("{head}expect = \"allow\"\nexpcet-name = \"x\"\n"),
        format!("{head}reference = \"oci:store:v1\"\nexpect = \"allow\"\n"),
        "policy = \"../deny.toml\"\nexpect = \"allow\"\n".to_owned(),
        format!("{head}expect = \"allow\"\nfloor = 1\n"),
        format!("{head}expect = \"allow\"\nnow = 2026-01-01\n"),
        format!("{head}expect = \"allow\"\nnow = 2026-01-01T00:00:00Z\nchannel = \"CH\"\n"),
        "\u{0}".to_owned(),
    ] {
        case(&bench, "x", &text);
        bench.bad("policy test CASES", "E-POLICY-CASE", 13);
    }
    bench.write("EMPTY/readme.md", b"");
    bench.bad("policy test EMPTY", "E-POLICY-CASE", 13);
    bench.bad("policy test NOWHERE", "E-NOT-FOUND", 10);
}

#[test]
fn a_case_may_be_at_another_time() {
    let bench = bench();
    let glass = "[policy.break-glass]\nwho = \"ops\"\nuntil = 2030-01-01T00:00:00Z\nreason = \"x\"";
    policy(&bench, "p.toml", &format!("transparency = \"required\"\n{glass}"));
    let head = "policy = \"../p.toml\"\nmodel = \"../MODEL\"\ncode = \"E-POLICY-TRANSPARENCY\"\n";
    case(&bench, "before", &format!("{head}expect = \"waived\"\nnow = 2029-12-31T23:59:59Z\n"));
    case(&bench, "behind", &format!("{head}expect = \"deny\"\nnow = 2030-01-01T00:00:00Z\n"));
    bench.good("policy test CASES");
}

#[test]
fn hostile_names_of_cases_reach_no_terminal() {
    let bench = with_cases();
    case(
        &bench,
        "\u{202e}\u{1b}[2Jx",
        "policy = \"../allow.toml\"\nmodel = \"../MODEL\"\nexpect = \"allow\"\n",
    );
    let said = bench.good("policy test CASES");
    assert!(!said.stdout.contains(['\u{202e}', '\u{1b}']), "{said:?}");
}
