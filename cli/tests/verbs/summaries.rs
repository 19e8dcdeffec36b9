//! `--vsa`: a signed SLSA Verification Summary of what was decided. (`cosign` reads one in the tests of interoperation.)

use lacre_testkit::{statement_of, tamper};

use crate::bench::Bench;

const VERIFY: &str = "verify MODEL --key k.pub --vsa vsa.sig --vsa-key gate.key";

fn bench() -> Bench {
    let bench = Bench::with_signed_model();
    bench.key("gate");
    bench
}

#[test]
fn a_summary_says_what_was_decided_about_which_bytes() {
    let bench = bench();
    bench.good(VERIFY);
    let statement = statement_of(&bench.read("vsa.sig"));
    assert_eq!(statement["predicateType"], "https://slsa.dev/verification_summary/v1");
    let signed = statement_of(&bench.read("MODEL/model.sig"));
    assert_eq!(statement["subject"][0]["digest"], signed["subject"][0]["digest"], "root and identity");
    let predicate = &statement["predicate"];
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(predicate["resourceUri"], "pkg:generic/org/mini-lm@1.0.0");
    assert!(predicate["verifier"]["id"].as_str().unwrap().starts_with("urn:lacre:verifier:sha256:"));
    bench.run(VERIFY).refuses("E-EXISTS", 10);
    let names = "--vsa-verifier https://example.com/gate --vsa-resource https://example.com/mini-lm --force";
    bench.good(&format!("{VERIFY} {names}"));
    let predicate = &statement_of(&bench.read("vsa.sig"))["predicate"];
    assert_eq!(predicate["verifier"]["id"], "https://example.com/gate");
    assert_eq!(predicate["resourceUri"], "https://example.com/mini-lm");
}

#[test]
fn where_nothing_was_proven_there_is_no_summary_and_no_older_one() {
    let bench = bench();
    bench.good(VERIFY);
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let said = bench.run(&format!("{VERIFY} --force"));
    said.refuses("E-FILE-CHANGED", 1);
    said.says("warning: no verification summary: ");
    assert!(!bench.path("vsa.sig").exists(), "it would pass for one of this decision");
}

#[test]
fn without_its_key_nothing_is_verified() {
    let bench = bench();
    bench.bad("verify MODEL --key k.pub --vsa vsa.sig --vsa-key nowhere.key", "E-NOT-FOUND", 10);
    bench.bad("verify MODEL --key k.pub --vsa no/where/vsa.sig --vsa-key gate.key", "E-OUTPUT", 10);
}
