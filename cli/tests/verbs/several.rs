//! Several signers of one model: `sign --append`, `--signers N`.

use crate::bench::Bench;

/// A model signed by `k`, with two more keys at hand.
fn bench() -> Bench {
    let bench = Bench::with_signed_model();
    for key in ["second", "third"] {
        bench.good(&format!("key new {key} --no-passphrase"));
    }
    bench
}

const SECOND: &str = "sign MODEL --key second.key --name org/mini-lm --version 1.0.0 --append";
const BOTH: &str = "verify MODEL --key k.pub --key second.pub --signers 2";

#[test]
fn two_signers_count_as_two() {
    let bench = bench();
    bench.bad(BOTH, "E-TOO-FEW-SIGNERS", 5);
    bench.good(SECOND);
    assert_eq!(bench.names("MODEL.signatures").len(), 1);
    let value = bench.good(&format!("{BOTH} --json")).json();
    assert_eq!(value["result"]["signers"].as_array().unwrap().len(), 2);
    bench.bad(
        "verify MODEL --key k.pub --key second.pub --key third.pub --signers 3",
        "E-TOO-FEW-SIGNERS",
        5,
    );
    // Each alone is enough where one is.
    bench.good("verify MODEL --key second.pub");
    bench.good("verify MODEL --key k.pub");
    bench.bad("verify MODEL --key third.pub", "E-SIGNER-UNTRUSTED", 5);
}

#[test]
fn one_signer_is_one_however_often_he_signs() {
    let bench = bench();
    bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0 --append");
    assert_eq!(bench.names("MODEL.signatures").len(), 1);
    bench.bad(BOTH, "E-TOO-FEW-SIGNERS", 5);
}

#[test]
fn who_signs_something_else_is_refused_and_does_not_count() {
    let bench = bench();
    for line in [
        "sign MODEL --key second.key --name org/other --version 1.0.0 --append",
        "sign MODEL --key second.key --name org/mini-lm --version 2.0.0 --append",
        "sign MODEL --key second.key --name org/mini-lm --version 1.0.0 --ignore config.json --append",
    ] {
        bench.bad(line, "E-CLAIMS-DIFFER", 1);
    }
    assert!(!bench.path("MODEL.signatures").exists());
    bench.good("sign MODEL --key second.key --name org/other --signature other.sig --ignore model.sig");
    std::fs::create_dir(bench.path("MODEL.signatures")).unwrap();
    std::fs::rename(bench.path("other.sig"), bench.path("MODEL.signatures/other.sig")).unwrap();
    let said = bench.bad(BOTH, "E-TOO-FEW-SIGNERS", 5);
    assert!(said.stderr.contains("signed something else"), "{said:?}");
}

#[test]
fn a_bad_bundle_does_no_harm() {
    let bench = bench();
    bench.good(SECOND);
    bench.write("MODEL.signatures/0.sig", b"{}");
    bench.good(BOTH);
    bench.write("MODEL/model.sig", b"garbage");
    bench.good("verify MODEL --key second.pub");
    // Of several refusals the one that came furthest is told.
    bench.bad("verify MODEL --key third.pub", "E-SIGNER-UNTRUSTED", 5);
}

#[test]
fn all_signatures_travel() {
    let bench = bench();
    bench.good(SECOND);
    bench.good("push MODEL oci:store:v1");
    bench.bad("pull oci:store:v1 OUT --key k.pub --key third.pub --signers 2", "E-TOO-FEW-SIGNERS", 5);
    assert!(!bench.path("OUT").exists());
    bench.good("pull oci:store:v1 OUT --key k.pub --key second.pub --signers 2");
    bench.good("verify OUT --key k.pub --key second.pub --signers 2");
    bench.good("pull oci:store:v1 ONE --key second.pub");
    bench.good("verify ONE --key second.pub");
}

#[test]
fn append_has_its_own_place() {
    let bench = bench();
    bench.bad(&format!("{SECOND} --signature x.sig"), "E-USAGE", 2);
    bench.good(&format!("{SECOND} --dry-run"));
    assert!(!bench.path("MODEL.signatures").exists());
    bench.good(SECOND);
    bench.bad(SECOND, "E-EXISTS", 10);
    bench.good(&format!("{SECOND} --force"));
}
