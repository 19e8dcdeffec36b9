//! What can become a release: an artifact that is as its signed model says.

use crate::desk::{CH, begun, changes, published, push, with};

fn publish(version: &str, artifact: &str) -> String {
    format!("channel publish {CH} {version} --artifact {artifact} --keys keys")
}

#[test]
fn both_digests_are_those_of_the_signed_statement() {
    let bench = begun(&["1.0.0"], "");
    published(&bench, &publish("1.0.0", "oci:store:v1.0.0").replace("channel publish", "publish"));
    let inspected = bench.good("inspect MODEL --json").json();
    let statement = inspected["result"].to_string();
    let blobs = std::fs::read_dir(bench.path("store/blobs/sha256")).unwrap();
    let texts =
        blobs.map(|blob| String::from_utf8_lossy(&std::fs::read(blob.unwrap().path()).unwrap()).into_owned());
    let document = texts.filter(|text| text.contains("\"modelDigests\"")).last().unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let release = &document["releases"][0];
    for digest in ["lacre", "sha256"] {
        let hex = release["modelDigests"][digest].as_str().unwrap();
        assert!(statement.contains(hex), "{digest} {hex} in {statement}");
    }
    let manifest = bench.good("inspect oci:store:v1.0.0 --json").json();
    let digest = manifest["result"]["manifest"]["digest"].as_str().unwrap().to_owned();
    assert!(digest.ends_with(release["manifest"]["sha256"].as_str().unwrap()), "{digest} {release}");
    assert_eq!(release["manifest"]["size"], manifest["result"]["manifest"]["size"]);
}

#[test]
fn what_is_not_signed_is_no_release() {
    let bench = begun(&["1.0.0"], "");
    let said = bench.bad(&publish("1.0.0", "oci:store:v9"), "E-REFERENCE-NOT-FOUND", 11);
    assert!(said.stderr.contains("v1.0.0"), "{said:?}");
    bench.bad(&publish("1.0.0", CH), "E-ARTIFACT", 13);
    // The manifest without its signature.
    let index: serde_json::Value = serde_json::from_slice(&bench.read("store/index.json")).unwrap();
    let mut alone = index.clone();
    let manifests = alone["manifests"].as_array_mut().unwrap();
    manifests.retain(|one| one["artifactType"] != "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert!(manifests.len() < index["manifests"].as_array().unwrap().len());
    bench.write("store/index.json", alone.to_string().as_bytes());
    let said = bench.bad(&publish("1.0.0", "oci:store:v1.0.0"), "E-NO-SIGNATURE", 4);
    assert!(said.stderr.contains("hint: sign and push the model first"), "{said:?}");
}

#[test]
fn a_signature_over_other_files_does_not_count() {
    let bench = begun(&["1.0.0", "1.1.0"], "");
    // Somebody attaches the signature of 1.0.0 to the artifact of 1.1.0, and takes the right one away.
    let inspect =
        |reference: &str| bench.good(&format!("inspect {reference} --json")).json()["result"].take();
    let (old, new) = (inspect("oci:store:v1.0.0"), inspect("oci:store:v1.1.0"));
    let referrer =
        |model: &serde_json::Value| model["referrers"][0]["digest"].as_str().unwrap()[7..].to_owned();
    let file = |digest: &str| format!("store/blobs/sha256/{digest}");
    let subject = |model: &serde_json::Value| model["manifest"]["digest"].as_str().unwrap().to_owned();
    let moved = String::from_utf8(bench.read(&file(&referrer(&old))))
        .unwrap()
        .replace(&subject(&old), &subject(&new));
    let digest = lacre_hash::Sha256Digest::of(moved.as_bytes()).to_string();
    bench.write(file(&digest), moved.as_bytes());
    let index = String::from_utf8(bench.read("store/index.json")).unwrap().replace(&referrer(&new), &digest);
    bench.write("store/index.json", index.as_bytes());
    let said = bench.bad(&publish("1.1.0", "oci:store:v1.1.0"), "E-NO-SIGNATURE", 4);
    assert!(said.stderr.contains("version.txt is not as it was signed"), "{said:?}");
}

#[test]
fn the_signed_name_and_version_are_those_of_the_release() {
    let bench = begun(&["1.0.0"], "");
    let said = bench.bad(&publish("1.0.1", "oci:store:v1.0.0"), "E-VERSION-MISMATCH", 8);
    assert!(said.stderr.contains("\"1.0.0\"") && said.stderr.contains("1.0.1"), "{said:?}");
    bench.good("sign MODEL --key k.key --name org/other --version 1.0.0 --force");
    bench.good("push MODEL oci:store:other");
    bench.bad(&publish("1.0.0", "oci:store:other"), "E-NAME-MISMATCH", 8);
    // Where no version was signed, the publisher says it.
    bench.write("MODEL/version.txt", b"none");
    bench.good("sign MODEL --key k.key --name org/m --force");
    bench.good("push MODEL oci:store:none");
    bench.good(&publish("7", "oci:store:none"));
}

#[test]
fn whose_signature_counts_can_be_said() {
    let bench = begun(&["1.0.0"], "");
    bench.key("other");
    bench.bad(&format!("{} --key other.pub", publish("1.0.0", "oci:store:v1.0.0")), "E-NO-SIGNATURE", 4);
    // Two signatures that differ in what they claim: nobody guesses.
    let digest = bench.good("inspect oci:store:v1.0.0 --json").json()["result"]["manifest"]["digest"].take();
    let pinned = format!("oci:store@{}", digest.as_str().unwrap());
    bench.good(&format!("sign --digests-from {pinned} --key other.key --name org/m --version 2.0.0"));
    bench.bad(&publish("1.0.0", "oci:store:v1.0.0"), "E-CLAIMS-DIFFER", 1);
    let line = format!("{} --key k.pub", publish("1.0.0", "oci:store:v1.0.0"));
    let result = published(&bench, line.strip_prefix("channel ").unwrap());
    assert_eq!(result["artifact"]["signatures"], 1);
    assert_eq!(result["artifact"]["checked_signatures"], true);
    assert_eq!(changes(&result)[1], "1.0.0 is current");
}

#[test]
fn attestations_beside_it_are_listed() {
    let bench = with(&[]);
    crate::desk::init(&bench, CH, "");
    push(&bench, "1.0.0", "oci:store:v1.0.0");
    push(&bench, "1.1.0", "oci:store:v1.1.0");
    bench.write("p.json", b"{}");
    for (kind, at) in
        [("https://example.com/b", "v1.0.0"), ("https://example.com/a", "v1.0.0"), ("urn:c", "v1.1.0")]
    {
        bench.good(&format!("attest oci:store:{at} --type {kind} --predicate p.json --key k.key"));
    }
    let result = published(&bench, &publish("1.0.0", "oci:store:v1.0.0")["channel ".len()..]);
    let listed = result["artifact"]["attestations"].as_array().unwrap();
    let kinds: Vec<_> = listed.iter().map(|one| one["predicateType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["https://example.com/a", "https://example.com/b"]);
}
