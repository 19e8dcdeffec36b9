//! `lacre inspect`.

use crate::bench::Bench;

#[test]
fn every_line_of_a_claim_is_marked_and_the_check_is_named() {
    let bench = Bench::with_signed_model();
    let said = bench.good("inspect MODEL");
    let (claims, check) = said.stdout.split_once("to check it").unwrap();
    assert!(claims.lines().count() > 5, "{said:?}");
    assert!(claims.lines().all(|line| line.starts_with("UNVERIFIED  ")), "{said:?}");
    assert!(said.stdout.contains("org/mini-lm") && said.stdout.contains("1.0.0"), "{said:?}");
    let command = "lacre verify MODEL --key KEY.pub --expect-name org/mini-lm --expect-version 1.0.0";
    let (line, file) = check.split_once('\n').unwrap();
    assert!(line.contains("claimed; confirm out of band") && line.ends_with(command), "{said:?}");
    assert!(file.contains("# claimed; confirm out of band"), "{said:?}");
}

#[test]
fn the_command_it_names_is_the_one_that_verifies() {
    let bench = Bench::with_signed_model();
    let value = bench.good("inspect MODEL --json").json();
    let check = value["result"]["check"].as_str().unwrap().replace("KEY.pub", "k.pub");
    bench.good(check.strip_prefix("lacre ").unwrap());
}

#[test]
fn json_has_the_files_and_says_that_nothing_is_verified() {
    let bench = Bench::with_signed_model();
    let value = bench.good("inspect --json MODEL/model.sig").json();
    let result = &value["result"];
    assert_eq!(result["verified"], false);
    let model = &result["claims"]["model"];
    assert_eq!(model["name"], "org/mini-lm");
    assert_eq!(model["files"].as_array().unwrap().len(), 3);
    assert_eq!(result["claims"]["material"]["convention"], "oms");
    // The public key's hint, computed another way: SHA-256 of the file as it stands.
    let hint = lacre_hash::Sha256Digest::of(&bench.read("k.pub")).to_string();
    assert_eq!(result["claims"]["material"]["hint"], hint);
}

#[test]
fn a_bundle_comes_from_stdin_or_beside_a_file() {
    let bench = Bench::with_signed_model();
    bench.write("m.gguf", b"GGUF");
    bench.good("sign m.gguf --key k.key --name gg");
    assert!(bench.good("inspect m.gguf").stdout.contains("gg"));
    assert!(bench.good("inspect m.gguf.sig").stdout.contains("lacre verify m.gguf "));
    let stdin = std::fs::File::open(bench.path("m.gguf.sig")).unwrap();
    let said = crate::bench::Said::of(bench.command().args(["inspect", "-"]).stdin(stdin));
    assert_eq!(said.exit, Some(0), "{said:?}");
}

#[test]
fn a_changed_model_is_still_described_because_nothing_is_verified() {
    let bench = Bench::with_signed_model();
    bench.write("MODEL/config.json", b"tampered");
    bench.good("inspect MODEL");
}

#[test]
fn what_has_no_claim_says_so() {
    let bench = Bench::with_model_and_key();
    bench.bad("inspect MODEL", "E-NO-SIGNATURE", 4);
    bench.bad("inspect NOWHERE", "E-NOT-FOUND", 10);
    bench.bad("inspect MODEL/config.json", "E-BUNDLE", 13);
    bench.bad("inspect oci:nowhere:v1", "E-NOT-FOUND", 10);
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let bench = Bench::with_model_and_key();
    let name = "good\u{202e}live";
    bench.args(["sign", "MODEL", "--key", "k.key", "--name", name]);
    for line in [
        "inspect MODEL",
        "verify MODEL --key k.pub",
        "inspect MODEL --json",
        "verify MODEL --key k.pub --json",
    ] {
        let said = bench.good(line);
        assert!(said.stdout.contains("202e"), "{said:?}");
        assert!(!said.stdout.contains('\u{202e}') && !said.stderr.contains('\u{202e}'), "{said:?}");
    }
    let value = bench.good("inspect MODEL --json").json();
    assert_eq!(value["result"]["claims"]["model"]["name"], name, "JSON keeps the meaning");
}

#[test]
fn hostile_file_names_do_not_reach_the_terminal() {
    let bench = Bench::with_model_and_key();
    bench.write("MODEL/a\u{1b}[2J\nerror[E-FAKE]: x", b"x");
    bench.good("sign MODEL --key k.key --name m");
    for line in ["inspect MODEL -v", "verify MODEL --key k.pub -v", "diff MODEL/model.sig MODEL"] {
        let said = bench.good(line);
        assert!(!said.stdout.contains('\u{1b}') && !said.stdout.contains("\nerror[E-FAKE]"), "{said:?}");
    }
    std::fs::remove_file(bench.path("MODEL/a\u{1b}[2J\nerror[E-FAKE]: x")).unwrap();
    let said = bench.bad("verify MODEL --key k.pub", "E-FILE-MISSING", 1);
    assert!(!said.stderr.contains('\u{1b}'), "{said:?}");
}
