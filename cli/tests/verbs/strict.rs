//! Executable bits and empty folders on their way through every verb, and `--strict`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::bench::Bench;

const SIGN: &str = "sign MODEL --key k.key --name org/mini-lm";

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A model with an executable file and an empty folder, signed.
fn bench() -> Bench {
    let bench = Bench::with_model_and_key();
    bench.write("MODEL/run.sh", b"#!/bin/sh\n");
    chmod(&bench.path("MODEL/run.sh"), 0o755);
    fs::create_dir_all(bench.path("MODEL/logs/old")).unwrap();
    let said = bench.good(SIGN);
    assert!(said.stdout.contains("1 executable file, 1 empty folder"), "{said:?}");
    bench
}

#[test]
fn what_is_signed_is_shown() {
    let bench = bench();
    let signed = bench.good(&format!("{SIGN} --force --json")).json();
    assert_eq!(signed["result"]["executable"], serde_json::json!(["run.sh"]));
    assert_eq!(signed["result"]["empty_folders"], serde_json::json!(["logs/old"]));
    let inspected = bench.good("inspect MODEL --json").json();
    let model = &inspected["result"]["claims"]["model"];
    assert_eq!(model["executable"], serde_json::json!(["run.sh"]));
    assert_eq!(model["empty_folders"], serde_json::json!(["logs/old"]));
    let words = bench.good("inspect MODEL").stdout;
    assert!(words.contains("run.sh") && words.contains("logs/old/"), "{words}");
    let verified = bench.good("verify MODEL --key k.pub --strict --json").json();
    assert_eq!(verified["result"]["model"]["modes_signed"], true);
    assert_eq!(verified["result"]["deviations"]["now_executable"], serde_json::json!([]));
}

#[test]
fn a_journey_through_a_store_keeps_them() {
    let bench = bench();
    bench.good("push MODEL oci:store:v1");
    bench.good("pull oci:store:v1 out --key k.pub --strict");
    bench.good("verify out --key k.pub --strict");
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o111;
    assert_ne!(mode("out/run.sh"), 0);
    assert_eq!(mode("out/config.json"), 0);
    assert_eq!(bench.names("out/logs/old"), [""; 0]);
    // A store that lost them loses nothing that anybody misses who is not strict.
    chmod(&bench.path("out/run.sh"), 0o644);
    fs::remove_dir_all(bench.path("out/logs")).unwrap();
    let said = bench.good("verify out --key k.pub");
    said.says(
        "warning: not as signed, though no byte differs: run.sh is not executable and was; logs/old is",
    );
    bench.bad("verify out --key k.pub --strict", "E-FILE-MODE", 1).says("hint: ");
    chmod(&bench.path("out/run.sh"), 0o755);
    bench.bad("verify out --key k.pub --strict", "E-FOLDER-MISSING", 1);
    fs::create_dir_all(bench.path("out/logs/old")).unwrap();
    fs::create_dir_all(bench.path("out/more")).unwrap();
    bench.bad("verify out --key k.pub --strict", "E-FOLDER-EXTRA", 1);
    assert!(bench.good("verify out --key k.pub").stdout.contains("more/ (an empty folder)"));
}

#[test]
fn bits_that_are_never_signed() {
    let bench = bench();
    for mode in [0o4755, 0o2755, 0o1755] {
        chmod(&bench.path("MODEL/run.sh"), mode);
        bench.bad(&format!("{SIGN} --force"), "E-INPUT-MODE", 10).says("hint: no file of a model");
        bench.bad("verify MODEL --key k.pub --strict", "E-FILE-MODE", 1);
        bench.good("verify MODEL --key k.pub").says("warning: not as signed");
    }
}

#[test]
fn strict_leaves_nothing_out() {
    let bench = Bench::with_model_and_key();
    bench.write("MODEL/.git/HEAD", b"ref");
    bench.write("MODEL/notes", b"mine");
    bench.good(&format!("{SIGN} --ignore notes"));
    let said = bench.bad("verify MODEL --key k.pub --strict", "E-EXCLUDED", 8);
    said.says("error[E-EXCLUDED]: not covered by the signature: .git/, notes");
    said.says("hint: remove what is not covered");
    // Told either way.
    let verified = bench.good("verify MODEL --key k.pub --json").json();
    let excluded: Vec<_> =
        verified["result"]["excluded"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!(excluded, [".git/", "model.sig", "notes"]);
    assert_eq!(verified["result"]["model"]["ignore_paths"].as_array().unwrap().len(), 5);
    let refused = bench.run("verify MODEL --key k.pub --strict --json").json();
    assert_eq!(refused["error"]["report"]["excluded"][0]["path"], ".git/", "{refused}");
    bench.bad("verify MODEL --key k.pub --strict --allow-unsigned x", "E-USAGE", 2);
    // What was left out does not travel, so that what arrives has nothing of it.
    bench.good("push MODEL oci:store:v1");
    bench.good("pull oci:store:v1 out --key k.pub --strict");
    bench.good("verify out --key k.pub --strict");
    fs::remove_dir_all(bench.path("MODEL/.git")).unwrap();
    bench.good(&format!("{SIGN} --force --no-default-ignores"));
    bench.good("verify MODEL --key k.pub --strict");
}

#[test]
fn who_did_not_look_cannot_sign_modes() {
    let bench = bench();
    let pushed = bench.good("push MODEL oci:store:v1 --json").json();
    let manifest = pushed["result"]["manifest"].as_str().unwrap();
    bench.good(&format!(
        "sign --digests-from oci:store@{manifest} --key k.key --name org/mini-lm --signature far.sig"
    ));
    bench.key("other");
    bench.good(&format!("sign --digests-from oci:store@{manifest} --key other.key --name org/mini-lm"));
    let said = bench.bad("pull oci:store:v1 out --key other.pub --strict", "E-MODES-NOT-SIGNED", 8);
    said.says("hint: the signature was made by another tool, or of a REF, unread");
    bench.good("pull oci:store:v1 out --key other.pub");
    bench.bad("verify MODEL --signature far.sig --key k.pub --strict", "E-MODES-NOT-SIGNED", 8);
}

#[test]
fn signing_again_takes_the_modes_of_today() {
    let bench = bench();
    chmod(&bench.path("MODEL/run.sh"), 0o644);
    fs::create_dir(bench.path("MODEL/new")).unwrap();
    fs::copy(bench.path("MODEL/model.sig"), bench.path("old.sig")).unwrap();
    let signed = bench.good(&format!("{SIGN} --reuse old.sig --force --json")).json();
    assert_eq!(signed["result"]["executable"], serde_json::json!([]));
    assert_eq!(signed["result"]["empty_folders"], serde_json::json!(["logs/old", "new"]));
    bench.good("verify MODEL --key k.pub --strict");
    // A further signer signs the same, or nothing.
    bench.key("second");
    bench.good("sign MODEL --key second.key --name org/mini-lm --append");
    bench.good("verify MODEL --key k.pub --key second.pub --signers 2 --strict");
    chmod(&bench.path("MODEL/run.sh"), 0o755);
    let line = "sign MODEL --key second.key --name org/mini-lm --append --force";
    bench.bad(line, "E-CLAIMS-DIFFER", 1);
}

/// The oldest public bundle of the reference implementation.
#[test]
fn what_is_old_is_accepted_by_an_ugly_name_only() {
    let Some(vectors) = lacre_testkit::places::vectors() else { return };
    let tests = vectors.join("oms/model-transparency/scripts/tests");
    let bench = Bench::new();
    for name in ["signme-1", "signme-2", "model.sig"] {
        let bytes = fs::read(tests.join("v0.2.0-certificate").join(name)).unwrap();
        bench.write(Path::new("MODEL").join(name), &bytes);
    }
    bench.write("ca.pem", &fs::read(tests.join("keys/certificate/ca-cert.pem")).unwrap());
    let verify = "verify MODEL --ca ca.pem --any-identity-danger";
    let said = bench.bad(verify, "E-LEGACY", 13);
    said.says("hint: have the model signed anew; --allow-legacy-danger accepts it as it is");
    let said = bench.good(&format!("{verify} --allow-legacy-danger"));
    assert!(said.stdout.starts_with("verified a model without a signed name"), "{said:?}");
    said.says("warning: the statement is of model-signing 0.2");
    said.says("warning: the signature is over the encoding of model-signing 0.2");
    let line = format!("{verify} --allow-legacy-danger --expect-name MODEL");
    bench.bad(&line, "E-NAME-MISMATCH", 8);
    bench.bad(&format!("{verify} --allow-legacy-danger --strict"), "E-MODES-NOT-SIGNED", 8);
    bench.bad("push MODEL oci:store:v1", "E-LEGACY", 13);
}

#[test]
fn a_model_of_one_file_has_a_mode_too() {
    let bench = Bench::with_model_and_key();
    bench.write("tool.bin", b"x");
    chmod(&bench.path("tool.bin"), 0o755);
    bench.good("sign tool.bin --key k.key --name tool");
    bench.good("verify tool.bin --key k.pub --strict");
    chmod(&bench.path("tool.bin"), 0o644);
    bench.bad("verify tool.bin --key k.pub --strict", "E-FILE-MODE", 1);
}
