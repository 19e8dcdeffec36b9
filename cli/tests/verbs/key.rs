//! `lacre key new`, and the passphrase that opens a key again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::bench::{Bench, Said};

const ALGORITHMS: [&str; 4] = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"];

#[test]
fn every_algorithm_makes_a_pair_that_signs_and_verifies() {
    let bench = Bench::with_model_and_key();
    for algorithm in ALGORITHMS {
        let value =
            bench.good(&format!("key new {algorithm} --algorithm {algorithm} --no-passphrase --json")).json();
        let result = &value["result"];
        assert_eq!(value["command"], "key new");
        assert_eq!(result["algorithm"], algorithm);
        assert_eq!(result["private_key"], format!("{algorithm}.key"));
        assert_eq!(result["public_key"], format!("{algorithm}.pub"));
        assert_eq!(result["encrypted"], false);
        assert_eq!(result["hint"].as_str().unwrap().len(), 64);
        let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&format!("{algorithm}.key")), 0o600);
        assert_eq!(mode(&format!("{algorithm}.pub")), 0o644);
        bench.good(&format!("sign MODEL --key {algorithm}.key --name m --force"));
        bench.good(&format!("verify MODEL --key {algorithm}.pub"));
    }
}

#[test]
fn the_default_is_an_encrypted_p256_key() {
    let bench = Bench::new();
    bench.write("pass", b"correct horse\n");
    let said = bench.good("key new k --passphrase-file pass");
    assert!(said.stdout.contains("ecdsa-p256") && said.stdout.contains("k.key"), "{said:?}");
    assert_eq!(said.stderr, "");
    let pem = String::from_utf8(bench.read("k.key")).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert!(String::from_utf8(bench.read("k.pub")).unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_key_without_passphrase_is_warned_of() {
    let bench = Bench::new();
    let said = bench.good("key new k --no-passphrase");
    said.says("warning: k.key is not encrypted");
    let value = bench.good("key new j --no-passphrase --json").json();
    assert_eq!(value["result"]["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn an_existing_file_is_never_overwritten_not_even_with_force() {
    for taken in ["k.key", "k.pub"] {
        let bench = Bench::new();
        bench.write(taken, b"mine");
        for force in ["", " --force"] {
            let said = bench.bad(&format!("key new k --no-passphrase{force}"), "E-EXISTS", 10);
            assert!(said.stderr.contains("never"), "{said:?}");
        }
        assert_eq!(bench.read(taken), b"mine");
        assert_eq!(bench.names(""), [taken]);
    }
}

#[test]
fn a_link_in_the_place_of_a_key_is_not_followed() {
    let bench = Bench::new();
    symlink(bench.path("elsewhere"), bench.path("k.key")).unwrap();
    bench.bad("key new k --no-passphrase", "E-EXISTS", 10);
    assert_eq!(bench.names(""), ["k.key"]);
}

#[test]
fn a_folder_that_is_missing_leaves_nothing() {
    let bench = Bench::new();
    bench.bad("key new no/such/k --no-passphrase", "E-OUTPUT", 10);
    assert_eq!(bench.names(""), [""; 0]);
}

#[test]
fn a_dry_run_writes_nothing_and_asks_nothing() {
    let bench = Bench::new();
    let value = bench.good("--dry-run key new k --json").json();
    assert_eq!(value["result"]["dry_run"], true);
    assert_eq!(value["result"]["private_key"], "k.key");
    assert!(bench.good("key new k --dry-run").stdout.starts_with("would write k.key"));
    assert_eq!(bench.names(""), [""; 0]);
}

#[test]
fn the_passphrase_comes_from_a_file_stdin_or_the_environment() {
    let bench = Bench::with_model_and_key();
    bench.write("pass", b"open sesame\n");
    bench.good("key new e --passphrase-file pass");
    let sign = "sign MODEL --key e.key --name m --force";
    bench.good(&format!("{sign} --passphrase-file pass"));
    let words = || sign.split_whitespace();
    let by_environment = Said::of(bench.command().args(words()).env("LACRE_PASSPHRASE", "open sesame"));
    assert_eq!(by_environment.exit, Some(0), "{by_environment:?}");
    let stdin = fs::File::open(bench.path("pass")).unwrap();
    let by_stdin = Said::of(bench.command().args(words()).args(["--passphrase-file", "-"]).stdin(stdin));
    assert_eq!(by_stdin.exit, Some(0), "{by_stdin:?}");
    // A file that is named beats what happens to be in the environment.
    let both = ["--passphrase-file", "pass"];
    let both = Said::of(bench.command().args(words()).args(both).env("LACRE_PASSPHRASE", "wrong"));
    assert_eq!(both.exit, Some(0), "{both:?}");
}

#[test]
fn a_wrong_passphrase_is_an_authentication_failure() {
    let bench = Bench::with_model_and_key();
    bench.write("pass", b"right");
    bench.write("wrong", b"left");
    bench.good("key new e --passphrase-file pass");
    bench.bad("sign MODEL --key e.key --name m --passphrase-file wrong", "E-PASSPHRASE", 12);
    assert!(!bench.path("MODEL/model.sig").exists());
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let bench = Bench::with_model_and_key();
    let said = bench.bad("key new e", "E-PASSPHRASE", 12);
    said.says("hint: ");
    assert!(
        said.stderr.contains("LACRE_PASSPHRASE") && said.stderr.contains("--passphrase-file"),
        "{said:?}"
    );
    assert_eq!(bench.names(""), ["MODEL", "k.key", "k.pub"]);
    bench.write("pass", b"x");
    bench.good("key new e --passphrase-file pass");
    let said = bench.bad("sign MODEL --key e.key --name m", "E-PASSPHRASE", 12);
    assert!(said.stderr.contains("e.key is encrypted"), "{said:?}");
}

#[test]
fn an_empty_passphrase_is_none() {
    let bench = Bench::new();
    bench.write("empty", b"\n");
    bench.bad("key new e --passphrase-file empty", "E-PASSPHRASE", 12);
    let said = Said::of(bench.command().args(["key", "new", "e"]).env("LACRE_PASSPHRASE", ""));
    said.refuses("E-PASSPHRASE", 12);
    assert_eq!(bench.names(""), ["empty"]);
}

#[test]
fn contradictions_and_unknown_algorithms_are_usage_errors() {
    let bench = Bench::new();
    bench.bad("key new k --no-passphrase --passphrase-file f", "E-USAGE", 2);
    let said = bench.bad("key new k --algorithm rsa-1024", "E-USAGE", 2);
    assert!(said.stderr.contains("ecdsa-p256"), "the choices are listed: {said:?}");
}
