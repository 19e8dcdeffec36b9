//! `lacre verify`.

use lacre_testkit::tamper;

use crate::bench::Bench;

#[test]
fn says_who_what_and_when() {
    let bench = Bench::with_signed_model();
    let said = bench.good("verify MODEL --key k.pub");
    assert_eq!(said.stderr, "");
    assert!(said.stdout.starts_with("verified org/mini-lm 1.0.0\n"), "{said:?}");
    // The public key's hint, computed another way: SHA-256 of the file as it stands.
    let hint = lacre_hash::Sha256Digest::of(&bench.read("k.pub"));
    assert!(said.stdout.contains(&format!("signed by  ecdsa-p256 sha256:{hint} (k.pub)")), "{said:?}");
    assert!(said.stdout.contains("time unproven") && said.stdout.contains("3, 5.02 kB"), "{said:?}");
    assert!(said.stdout.contains("left out   model.sig (the signature itself)"), "{said:?}");
}

#[test]
fn verbose_lists_every_check_in_order() {
    let bench = Bench::with_signed_model();
    let said = bench.good("verify MODEL --key k.pub -v --expect-name org/mini-lm");
    let steps: Vec<_> = said.stdout.lines().filter_map(|line| line.split("passed ").nth(1)).collect();
    let names: Vec<_> = steps.iter().map(|step| step.split(':').next().unwrap()).collect();
    assert_eq!(names, ["bundle", "signer", "signature", "claim", "expectations", "content"]);
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let failed = bench.run("verify MODEL --key k.pub -v");
    failed.refuses("E-FILE-CHANGED", 1);
    assert!(failed.stderr.contains("FAILED content"), "{failed:?}");
}

#[test]
fn json_is_the_report() {
    let bench = Bench::with_signed_model();
    let value = bench.good("verify MODEL --key k.pub --json").json();
    let result = &value["result"];
    assert_eq!(result["model"]["name"], "org/mini-lm");
    assert_eq!((&result["model"]["files"], &result["model"]["bytes"]), (&3.into(), &5023.into()));
    assert_eq!(result["signer"]["algorithm"], "ecdsa-p256");
    assert_eq!(result["signed_at"], "unproven");
    assert_eq!(result["key_file"], "k.pub");
    assert_eq!(result["excluded"][0]["path"], "model.sig");
    assert_eq!(result["checks"].as_array().unwrap().len(), 6);
    assert_eq!(result["warnings"], serde_json::json!([]));
}

#[test]
fn another_key_is_untrusted_and_one_of_several_is_enough() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    let said = bench.bad("verify MODEL --key other.pub", "E-SIGNER-UNTRUSTED", 5);
    assert!(said.stderr.contains("lacre inspect MODEL"), "{said:?}");
    let value = bench.good("verify MODEL --key other.pub --key k.pub --json").json();
    assert_eq!(value["result"]["key_file"], "k.pub");
}

#[test]
fn the_signed_name_and_version_can_be_demanded() {
    let bench = Bench::with_signed_model();
    bench.good("verify MODEL --key k.pub --expect-name org/mini-lm --expect-version 1.0.0");
    bench.bad("verify MODEL --key k.pub --expect-name org/other", "E-NAME-MISMATCH", 8);
    bench.bad("verify MODEL --key k.pub --expect-version 2", "E-VERSION-MISMATCH", 8);
}

#[test]
fn no_signature_is_no_wrong_one() {
    let bench = Bench::with_model_and_key();
    bench.bad("verify MODEL --key k.pub", "E-NO-SIGNATURE", 4);
    bench.bad("verify MODEL --key k.pub --signature nowhere.sig", "E-NO-SIGNATURE", 4);
    bench.bad("verify NOWHERE --key k.pub", "E-NOT-FOUND", 10);
}

#[test]
fn an_unsigned_file_is_accepted_only_by_name_and_reported() {
    let bench = Bench::with_signed_model();
    tamper::plant(&bench.path("MODEL/notes.txt"), "mine");
    let said = bench.bad("verify MODEL --key k.pub", "E-FILE-EXTRA", 1);
    assert!(said.stderr.contains("notes.txt") && said.stderr.contains("--allow-unsigned"), "{said:?}");
    let said = bench.good("verify MODEL --key k.pub --allow-unsigned notes.txt");
    assert!(said.stdout.contains("left out   notes.txt"), "{said:?}");
    bench.bad("verify MODEL --key k.pub --allow-unsigned ../x", "E-USAGE", 2);
}

#[test]
fn the_signature_can_come_from_stdin() {
    let bench = Bench::with_signed_model();
    std::fs::rename(bench.path("MODEL/model.sig"), bench.path("s")).unwrap();
    let stdin = std::fs::File::open(bench.path("s")).unwrap();
    let mut command = bench.command();
    command.args(["verify", "MODEL", "--key", "k.pub", "--signature", "-"]).stdin(stdin);
    let said = crate::bench::Said::of(&mut command);
    assert_eq!(said.exit, Some(0), "{said:?}");
}

#[test]
fn what_is_no_public_key_is_refused_before_the_model_is_looked_at() {
    let bench = Bench::with_signed_model();
    bench.write("junk", b"not a key");
    bench.write("binary", &[0xff; 64]);
    bench.write("large", &vec![b'x'; 70_000]);
    let said = bench.bad("verify MODEL --key k.key", "E-KEY", 13);
    assert!(said.stderr.contains("private key") && said.stderr.contains(".pub"), "{said:?}");
    bench.bad("verify MODEL --key junk", "E-KEY", 13);
    bench.bad("verify MODEL --key binary", "E-KEY", 13);
    bench.bad("verify MODEL --key large", "E-LIMIT", 13);
    bench.bad("verify MODEL --key nowhere.pub", "E-NOT-FOUND", 10);
    bench.bad("verify MODEL --key k.pub --key junk", "E-KEY", 13);
    bench.bad("verify MODEL", "E-USAGE", 2);
}

#[test]
fn causes_stand_behind_the_message_and_nothing_is_debug_output() {
    let bench = Bench::with_signed_model();
    bench.write("MODEL/model.sig", b"{\"mediaType\": 1, \"mediaType\": 2}");
    let said = bench.bad("verify MODEL --key k.pub", "E-DUPLICATE-KEY", 13);
    let lines: Vec<_> = said.stderr.lines().collect();
    assert!(lines[1].starts_with("  cause: ") && lines[2].starts_with("hint: "), "{said:?}");
    assert!(!said.stderr.contains(" { "), "{said:?}");
    let value = bench.run("verify MODEL --key k.pub --json").json();
    assert!(value["error"]["causes"][0].as_str().unwrap().contains("mediaType"), "{value}");
}

#[test]
fn the_digest_that_proves_can_be_demanded_and_is_reported() {
    let bench = Bench::with_signed_model();
    for (flag, proven_by) in [
        ("", "blake3"),
        (" --digest sha256", "sha256"),
        (" --digest blake3", "blake3"),
        (" --digest both", "both"),
    ] {
        let value = bench.good(&format!("verify MODEL --key k.pub --json{flag}")).json();
        assert_eq!(value["result"]["proven_by"], proven_by, "{flag}");
    }
    bench.bad("verify MODEL --key k.pub --digest md5", "E-USAGE", 2);
}
