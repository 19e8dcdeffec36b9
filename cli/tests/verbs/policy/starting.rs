//! `policy init`: presets, and what a signature claims.

use super::{bench, result};
use crate::bench::Bench;

fn written(bench: &Bench, line: &str) -> String {
    let text = bench.good(&format!("policy init {line}")).stdout;
    bench.write("p.toml", text.as_bytes());
    text
}

#[test]
fn every_preset_loads_and_is_about_the_names_that_were_given() {
    let bench = bench();
    for preset in ["strict", "team", "air-gapped", "audit"] {
        written(&bench, &format!("--preset {preset} --key k.pub"));
        bench.good("verify MODEL --policy p.toml");
        written(&bench, &format!("--preset {preset} --key k.pub --name org/* --name x"));
        let rule = result(&bench, "policy check p.toml")["rules"][0].take();
        assert_eq!((&rule["name"], &rule["models"]), (&preset.into(), &serde_json::json!(["org/*", "x"])));
        bench.good("verify MODEL --policy p.toml");
        written(&bench, &format!("--preset {preset} --key k.pub --name other/*"));
        bench.bad("verify MODEL --policy p.toml", "E-POLICY-NO-MATCH", 8);
    }
    bench.bad("policy init --preset team", "E-USAGE", 2);
    bench.bad("policy init --key k.pub", "E-USAGE", 2);
    bench.bad("policy init --preset team --key k.pub --name a**", "E-POLICY-FILE", 13);
}

#[test]
fn a_name_stays_inside_of_its_quotes() {
    let bench = bench();
    let name = "a\"]\nmode = \"audit\"#\\";
    let said = bench.args([
        "policy",
        "init",
        "--preset",
        "team",
        "--key",
        "k.pub",
        "--name",
        &name.replace('\n', ""),
    ]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    bench.write("p.toml", said.stdout.as_bytes());
    let rule = result(&bench, "policy check p.toml")["rules"][0].take();
    assert_eq!((&rule["mode"], &rule["models"][0]), (&"enforce".into(), &name.replace('\n', "").into()));
}

#[test]
fn what_is_written_to_a_file_replaces_nothing_unasked() {
    let bench = bench();
    bench.good("policy init --preset team --key k.pub -o p.toml --dry-run");
    assert!(!bench.path("p.toml").exists());
    bench.good("policy init --preset team --key k.pub -o p.toml");
    bench.bad("policy init --preset team --key k.pub -o p.toml", "E-EXISTS", 10);
    bench.good("policy init --preset strict --key k.pub -o p.toml --force");
    assert_eq!(result(&bench, "policy check p.toml")["rules"][0]["name"], "strict");
}

#[test]
fn what_a_key_signed_is_pinned_to_this_key_and_name() {
    let bench = bench();
    bench.key("other");
    for from in ["MODEL", "MODEL/model.sig"] {
        let said = bench.good(&format!("policy init --from {from} --key other.pub --key k.pub"));
        said.says("warning: nothing was verified");
        bench.write("p.toml", said.stdout.as_bytes());
        bench.good("verify MODEL --policy p.toml");
        bench.good("verify oci:store:v1 --policy p.toml");
        bench.bad(&format!("policy init --from {from}"), "E-USAGE", 2);
        bench.bad(&format!("policy init --from {from} --key other.pub"), "E-USAGE", 2);
    }
    // Out of a store, the repository is pinned, too.
    written(&bench, "--from oci:store:v1 --key k.pub");
    bench.good("verify oci:store:v1 --policy p.toml");
    bench.bad("verify MODEL --policy p.toml", "E-POLICY-NO-MATCH", 8);
    bench.good("push MODEL oci:elsewhere:v1");
    bench.bad("verify oci:elsewhere:v1 --policy p.toml", "E-POLICY-NO-MATCH", 8);
    bench.good("sign MODEL --key k.key --name org/other --force");
    written(&bench, "--from MODEL --key k.pub");
    bench.bad("verify oci:store:v1 --policy p.toml", "E-POLICY-NO-MATCH", 8);
}

#[test]
fn a_name_that_is_a_pattern_is_not_pinned() {
    let bench = bench();
    bench.good("sign MODEL --key k.key --name ** --force");
    bench.bad("policy init --from MODEL --key k.pub", "E-USAGE", 2);
}
