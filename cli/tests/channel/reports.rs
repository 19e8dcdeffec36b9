//! What a report says of a channel.

use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, begun, published};

const ASK: &str = "--channel oci:store:stable --state st --key k.pub";

/// A client that trusts a channel whose current release is 1.1.0, and has 1.0.0 and 1.1.0 in folders of that name.
fn trusting() -> Bench {
    let bench = begun(&["1.0.0", "1.1.0"], "");
    for version in ["1.0.0", "1.1.0"] {
        published(&bench, &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys"));
        bench.good(&format!("pull oci:store:v{version} {version} --key k.pub"));
    }
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    bench
}

/// Group, name and outcome of each check that is not of the signature and the content.
fn channel_checks(sarif: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(sarif).unwrap();
    let checks = document["runs"][0]["properties"]["lacre/checks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_channel = checks.iter().filter(|check| check["group"] == "channel");
    of_channel.map(|check| (text(&check["name"]), text(&check["outcome"]))).collect()
}

fn outcomes(document: &str, release: &str) -> Vec<(String, String)> {
    [("channel", document), ("release", release)].map(|(name, it)| (name.to_owned(), it.to_owned())).to_vec()
}

#[test]
fn a_release_that_may_run_is_a_section_of_the_page() {
    let bench = trusting();
    let said = bench.good(&format!("verify 1.1.0 {ASK} --format sarif --report page.html"));
    assert_eq!(channel_checks(&said.stdout), outcomes("passed", "passed"));
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    for said in [
        "<h2 id=\"channel\">Release channel</h2>",
        "8 of 8 checks passed",
        "<dt>Channel</dt><dd><bdi>org/m@stable</bdi></dd>",
        "<dt>Standing</dt><dd><bdi>current</bdi></dd>",
        "permits the model",
    ] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
}

#[test]
fn a_release_that_may_not_run_is_refused_with_all_that_is_proven() {
    let bench = trusting();
    let said = bench.run(&format!("verify 1.0.0 {ASK} --format sarif --report page.html"));
    assert_eq!(said.exit, Some(7), "{said:?}");
    assert_eq!(channel_checks(&said.stdout), outcomes("passed", "failed"));
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    for said in ["<title>Refused: org/m 1.0.0</title>", "E-ROLLBACK", "7 of 8 checks passed", "Proven files"]
    {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
    assert!(page.contains("does not permit the model") && !page.contains("permits the model"), "{page}");
}

#[test]
fn a_channel_that_does_not_answer_is_told_from_a_key_that_is_not_there() {
    let bench = trusting();
    let said = bench.run("verify 1.1.0 --channel oci:nowhere:x --state st --key k.pub --format sarif");
    assert_ne!(said.exit, Some(0), "{said:?}");
    assert_eq!(channel_checks(&said.stdout), outcomes("failed", "skipped"));
    let said = bench.run("verify 1.1.0 --channel oci:store:stable --state st --key no.pub --format sarif");
    assert_eq!(said.exit, Some(10), "{said:?}");
    assert_eq!(channel_checks(&said.stdout), outcomes("passed", "skipped"));
}
