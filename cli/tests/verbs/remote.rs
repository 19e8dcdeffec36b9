//! `lacre sign REF`, and `--digests-from`: what is in a store, signed unread.

use crate::bench::Bench;

/// A model in a store, signed by nobody whom `other.pub` trusts; and its reference by digest.
fn pushed() -> (Bench, String) {
    let bench = Bench::with_signed_model();
    bench.good("key new other --no-passphrase");
    let pushed = bench.good("push MODEL oci:store:v1 --json").json();
    let reference = format!("oci:store@{}", pushed["result"]["manifest"].as_str().unwrap());
    (bench, reference)
}

#[test]
fn what_was_signed_unread_is_pulled_proven_and_says_so() {
    let (bench, reference) = pushed();
    bench.bad("pull oci:store:v1 OUT --key other.pub", "E-SIGNER-UNTRUSTED", 5);
    let line = format!("sign --digests-from {reference} --key other.key --name org/mini-lm --version 1.0.0");
    let signed = bench.good(&format!("{line} --json")).json();
    let result = &signed["result"];
    assert_eq!((&result["files"], &result["inspected"]), (&3.into(), &false.into()));
    assert!(result["attached"].as_str().unwrap().starts_with("sha256:"), "{result}");
    let pulled = bench.good("pull oci:store:v1 OUT --key other.pub --expect-name org/mini-lm --json").json();
    assert_eq!(pulled["result"]["proven_by"], "sha256", "there is no BLAKE3");
    assert_eq!(pulled["result"]["model"]["inspected"], false);
    assert_eq!(pulled["result"]["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(bench.read("OUT/model.safetensors"), bench.read("MODEL/model.safetensors"));
    let said = bench.good("inspect OUT");
    assert!(said.stdout.contains("not looked at by the signer"), "{said:?}");
    bench.bad("verify OUT --key other.pub --digest blake3", "E-DIGEST-NOT-SIGNED", 8);
}

#[test]
fn it_can_be_a_file_and_leaves_the_store_alone() {
    let (bench, reference) = pushed();
    let before = bench.names("store/blobs/sha256");
    let line = format!("sign --digests-from {reference} --key other.key --name m");
    bench.good(&format!("{line} --dry-run"));
    bench.good(&format!("{line} --signature unread.sig"));
    assert_eq!(bench.names("store/blobs/sha256"), before);
    bench.good("verify MODEL --key other.pub --signature unread.sig --allow-unsigned model.sig");
    bench.bad(&format!("{line} --signature unread.sig"), "E-EXISTS", 10);
}

#[test]
fn a_tag_is_resolved_once_and_told_and_both_signatures_are_attached_once() {
    let (bench, reference) = pushed();
    let digest = reference.split_once('@').unwrap().1;
    let line = "sign oci:store:v1 --key other.key --name org/mini-lm --version 1.0.0";
    let said = bench.good(line);
    said.says(&format!("resolved oci:store:v1 to {digest}"));
    let inspect = || {
        let value = bench.good("inspect oci:store:v1 --json").json();
        let mut kinds: Vec<_> = value["result"]["referrers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["predicate_type"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds
    };
    let model = "https://model_signing/signature/v1.0";
    assert_eq!(inspect(), [model, model, "https://sigstore.dev/cosign/sign/v1"]);
    let pulled = bench.good("pull oci:store:v1 OUT --key other.pub --expect-name org/mini-lm --json").json();
    assert_eq!(pulled["result"]["manifest_signed_by"].as_array().unwrap().len(), 1);
    // By its digest, in either form: what is there already is not signed again.
    for form in [
        line.replace("oci:store:v1", &reference),
        line.replace("oci:store:v1", &format!("--digests-from {reference}")),
    ] {
        let said = bench.good(&form);
        assert!(!said.stderr.contains("resolved"), "{said:?}");
        assert_eq!(said.stdout.matches("was there already").count(), 2, "{said:?}");
    }
    assert_eq!(inspect().len(), 3);
    for flag in
        ["--append", "--ignore x", "--links hf-cache", "--no-default-ignores", "--reuse MODEL/model.sig"]
    {
        bench.bad(&format!("{line} {flag}"), "E-USAGE", 2);
    }
    bench.bad("sign oci:store:v1 --key other.key", "E-USAGE", 2);
    bench.bad("sign oci:store:v2 --key other.key --name m", "E-REFERENCE-NOT-FOUND", 11);
}

#[test]
fn a_tag_and_what_makes_no_sense_are_refused() {
    let (bench, reference) = pushed();
    bench.bad("sign --digests-from oci:store:v1 --key other.key --name m", "E-USAGE", 2);
    bench.bad("sign --digests-from oci:store --key other.key --name m", "E-USAGE", 2);
    bench.bad(&format!("sign --digests-from {reference} --key other.key"), "E-USAGE", 2);
    bench.bad(&format!("sign MODEL --digests-from {reference} --key other.key --name m"), "E-USAGE", 2);
    bench.bad("sign --key other.key --name m", "E-USAGE", 2);
    let line = format!("sign --digests-from {reference} --reuse MODEL/model.sig --key other.key --name m");
    bench.bad(&line, "E-USAGE", 2);
    let zero = format!("oci:store@sha256:{}", "0".repeat(64));
    bench.bad(&format!("sign --digests-from {zero} --key other.key --name m"), "E-REFERENCE-NOT-FOUND", 11);
}
