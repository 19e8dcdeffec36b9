//! `lacre push` and `lacre pull`, through an image layout.

use lacre_testkit::tamper;

use crate::bench::Bench;

fn pushed() -> Bench {
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1");
    bench
}

#[test]
fn what_is_pulled_is_what_was_pushed_signature_included() {
    let bench = pushed();
    let said =
        bench.good("pull oci:store:v1 OUT --key k.pub --expect-name org/mini-lm --expect-version 1.0.0");
    assert!(said.stdout.starts_with("pulled org/mini-lm 1.0.0\n"), "{said:?}");
    for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt", "model.sig"] {
        assert_eq!(bench.read(&format!("OUT/{file}")), bench.read(&format!("MODEL/{file}")), "{file}");
    }
    assert_eq!(bench.names(""), ["MODEL", "OUT", "k.key", "k.pub", "store"]);
    bench.good("verify OUT --key k.pub");
}

#[test]
fn both_sides_name_the_manifest_by_digest() {
    let bench = Bench::with_signed_model();
    let pushed = bench.good("--json push MODEL oci:store:v1").json();
    let result = &pushed["result"];
    assert_eq!((&result["files"], &result["bytes_written"]), (&3.into(), &5023.into()));
    assert_eq!((&result["name"], &result["version"]), (&"org/mini-lm".into(), &"1.0.0".into()));
    let manifest = result["manifest"].as_str().unwrap();
    let pulled = bench.good(&format!("pull oci:store@{manifest} OUT --key k.pub --json")).json();
    assert_eq!(pulled["result"]["manifest"], manifest);
    assert_eq!(pulled["result"]["folder"], "OUT");
    assert_eq!(pulled["result"]["model"]["identity"], result["identity"]);
    let again = bench.good("push MODEL oci:store:v1 --json").json();
    assert_eq!(
        (&again["result"]["bytes_written"], &again["result"]["bytes_reused"]),
        (&0.into(), &5023.into())
    );
    assert_eq!(again["result"]["signature_existed"], true);
}

#[test]
fn a_reference_is_inspected_without_belief() {
    let bench = pushed();
    let said = bench.good("inspect oci:store:v1");
    let (claims, last) = said.stdout.split_once("to check it").unwrap();
    assert!(claims.lines().all(|line| line.starts_with("UNVERIFIED  ")), "{said:?}");
    assert!(last.contains("lacre pull oci:store:v1 DIR --key KEY.pub --expect-name org/mini-lm"), "{said:?}");
    let value = bench.good("inspect oci:store:v1 --json").json();
    let result = &value["result"];
    assert_eq!((&result["kind"], &result["verified"]), (&"reference".into(), &false.into()));
    assert_eq!(result["layers"].as_array().unwrap().len(), 3);
    let referrer = &result["referrers"][0];
    assert_eq!(referrer["claims"]["model"]["version"], "1.0.0");
    assert_eq!(referrer["check"], result["check"]);
    assert!(referrer["trust_file"].as_str().unwrap().contains("[[key]]"), "{referrer}");
}

#[test]
fn an_untrusted_signer_moves_no_byte() {
    let bench = pushed();
    bench.key("other");
    bench.bad("pull oci:store:v1 OUT --key other.pub", "E-SIGNER-UNTRUSTED", 5);
    bench.bad("pull oci:store:v1 OUT --key k.pub --expect-name other", "E-NAME-MISMATCH", 8);
    assert_eq!(bench.names(""), ["MODEL", "k.key", "k.pub", "other.key", "other.pub", "store"]);
}

#[test]
fn an_existing_folder_is_replaced_only_with_force() {
    let bench = pushed();
    bench.write("OUT/mine", b"x");
    for dry in ["", " --dry-run"] {
        bench.bad(&format!("pull oci:store:v1 OUT --key k.pub{dry}"), "E-EXISTS", 10);
    }
    assert_eq!(bench.names("OUT"), ["mine"]);
    bench.good("pull oci:store:v1 OUT --key k.pub --force");
    assert_eq!(bench.names("OUT"), ["config.json", "model.safetensors", "model.sig", "tokenizer"]);
    assert_eq!(bench.names(""), ["MODEL", "OUT", "k.key", "k.pub", "store"]);
}

#[test]
fn a_tag_that_leads_elsewhere_is_moved_only_with_force() {
    let bench = pushed();
    bench.good("push MODEL oci:store:v1");
    bench.write("NEW/config.json", b"{}");
    bench.good("sign NEW --key k.key --name new");
    bench.bad("push NEW oci:store:v1", "E-EXISTS", 10);
    bench.good("pull oci:store:v1 OLD --key k.pub --expect-name org/mini-lm");
    bench.good("push NEW oci:store:v1 --force");
    bench.good("pull oci:store:v1 OUT --key k.pub --expect-name new");
}

#[test]
fn what_is_not_as_signed_is_not_pushed() {
    let bench = Bench::with_model_and_key();
    bench.bad("push MODEL oci:store:v1", "E-NO-SIGNATURE", 4);
    bench.good("sign MODEL --key k.key --name m");
    tamper::flip(&bench.path("MODEL/model.safetensors"), 9);
    bench.bad("push MODEL oci:store:v1", "E-FILE-CHANGED", 1);
    assert!(!bench.path("store").exists());
}

#[test]
fn dry_runs_say_and_do_nothing() {
    let bench = Bench::with_signed_model();
    let value = bench.good("push MODEL oci:store:v1 --dry-run --json").json();
    assert_eq!(value["result"]["dry_run"], true);
    assert!(!bench.path("store").exists());
    bench.good("push MODEL oci:store:v1");
    let said = bench.good("pull oci:store:v1 OUT --key k.pub --dry-run");
    assert!(said.stdout.starts_with("would pull org/mini-lm 1.0.0\n"), "{said:?}");
    // What is said is verified all the same, and compared.
    bench.bad("pull oci:store:v1 OUT --key k.pub --expect-name other --dry-run", "E-NAME-MISMATCH", 8);
    assert!(!bench.path("OUT").exists());
    tamper::flip(&bench.path("MODEL/model.safetensors"), 9);
    bench.bad("push MODEL oci:other:v1 --dry-run", "E-FILE-CHANGED", 1);
}

#[test]
fn references_are_read_strictly_and_missing_ones_named() {
    let bench = pushed();
    for bad in ["store:v1", "oci:", "oci:store:.x", "oci:store@md5:1"] {
        bench.bad(&format!("pull {bad} OUT --key k.pub"), "E-REFERENCE", 2);
    }
    let digest = "0".repeat(64);
    bench.bad(&format!("push MODEL oci:store@sha256:{digest}"), "E-USAGE", 2);
    bench.bad(&format!("pull oci:store@sha256:{digest} OUT --key k.pub"), "E-REFERENCE-NOT-FOUND", 11);
    let said = bench.bad("pull oci:store:v2 OUT --key k.pub", "E-REFERENCE-NOT-FOUND", 11);
    assert!(said.stderr.contains("v1"), "the tags there are listed: {said:?}");
    bench.bad("pull oci:nowhere:v1 OUT --key k.pub", "E-NOT-FOUND", 10);
    assert!(!bench.path("OUT").exists() && !bench.path("nowhere").exists());
}

#[test]
fn one_file_travels_too() {
    let bench = Bench::with_model_and_key();
    bench.write("m.gguf", b"GGUF");
    bench.good("sign m.gguf --key k.key --name gg");
    bench.good("push m.gguf oci:store:gg");
    bench.good("pull oci:store:gg OUT --key k.pub --expect-name gg");
    assert_eq!(bench.read("OUT/m.gguf"), b"GGUF");
    bench.good("verify OUT --key k.pub");
}
