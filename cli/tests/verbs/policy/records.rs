//! What is recorded and reported of a decision by a policy, and what is proven again and again.

use serde_json::Value;

use super::{bench, policy};
use crate::bench::Bench;

fn decisions(bench: &Bench) -> Vec<Value> {
    let text = String::from_utf8(bench.read("d.log")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|mut line| line["decision"].take()).filter(Value::is_object).collect()
}

#[test]
fn a_decision_names_the_policy_and_what_it_waived() {
    let bench = bench();
    let glass = "[policy.break-glass]\nwho = \"ops\"\nuntil = 2199-01-01T00:00:00Z\nreason = \"ticket 7\"";
    policy(&bench, "enforce.toml", "max-age = \"1d\"");
    policy(&bench, "audit.toml", "mode = \"audit\"\nmax-age = \"1d\"");
    policy(&bench, "glass.toml", &format!("max-age = \"1d\"\n{glass}"));
    bench.bad("verify MODEL --policy enforce.toml --decision-log e.log", "E-POLICY-AGE", 8);
    bench.run("verify MODEL --policy enforce.toml --decision-log d.log").refuses("E-POLICY-AGE", 8);
    bench.good("verify MODEL --policy audit.toml --decision-log d.log");
    bench.good("verify oci:store:v1 --policy glass.toml --decision-log d.log");
    let decisions = decisions(&bench);
    let [denied, audited, suspended] = decisions.as_slice() else { panic!("{decisions:?}") };
    let sha256 = |file: &str| lacre_hash::Sha256Digest::of(&bench.read(file)).to_string();
    for (decision, file, mode) in [
        (denied, "enforce.toml", "enforce"),
        (audited, "audit.toml", "audit"),
        (suspended, "glass.toml", "enforce"),
    ] {
        let policy = &decision["policy"];
        assert_eq!(
            (&policy["name"], &policy["rule"], &policy["mode"]),
            (&file.into(), &"only".into(), &mode.into())
        );
        assert!(policy["sha256"].as_str().unwrap().ends_with(&sha256(file)), "{policy}");
    }
    assert_eq!((&denied["verdict"], &denied["reasons"][0]["code"]), (&"deny".into(), &"E-POLICY-AGE".into()));
    assert_eq!(
        (&audited["verdict"], &audited["waived"][0]["code"]),
        (&"allow-waived".into(), &"E-POLICY-AGE".into())
    );
    assert_eq!(suspended["policy"]["break_glass"]["reason"], "ticket 7");
    assert_eq!(
        (&suspended["waived"][0]["code"], &denied["waived"]),
        (&"E-POLICY-AGE".into(), &serde_json::json!([]))
    );
}

#[test]
fn every_report_shows_what_the_policy_found() {
    let bench = bench();
    policy(&bench, "p.toml", "max-age = \"1d\"\ndigests = [\"sha256\"]");
    let said = bench.run("verify MODEL --policy p.toml --report page.html --format junit");
    assert_eq!(said.exit, Some(8), "{said:?}");
    let junit = roxmltree::Document::parse(&said.stdout).unwrap();
    let cases: Vec<_> = junit.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    let failed: Vec<_> =
        cases.iter().filter(|case| case.children().any(|child| child.has_tag_name("failure"))).collect();
    assert!(
        failed.iter().any(|case| case.attribute("name").unwrap().contains("E-POLICY-AGE")
            || case.attribute("classname").is_some_and(|name| name.contains("policy"))),
        "{}",
        said.stdout
    );
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    for words in ["p.toml", "E-POLICY-AGE", "every file is signed by one of: sha256", "enforce"] {
        assert!(page.contains(words), "{words}");
    }
    let said = bench.run("verify MODEL --policy p.toml --format sarif");
    let sarif: Value = serde_json::from_str(&said.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["ruleId"] == "E-POLICY-AGE"), "{sarif}");
    policy(&bench, "p.toml", "mode = \"warn\"\nmax-age = \"1d\"");
    let said = bench.good("verify MODEL --policy p.toml --format markdown");
    assert!(said.stdout.contains("E-POLICY-AGE") && said.stdout.contains("let through"), "{said:?}");
}

#[test]
fn a_watch_reads_the_policy_each_time_anew() {
    let bench = bench();
    policy(&bench, "p.toml", "");
    let mut command = bench.command();
    command.args(["verify", "MODEL", "--policy", "p.toml", "--every", "1s"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&first["ok"], &first["result"]["policy"]["rule"]), (&true.into(), &"only".into()), "{first}");
    // In one step: a policy that is half there would be refused by another code.
    policy(&bench, "next.toml", "max-age = \"1d\"");
    std::fs::rename(bench.path("next.toml"), bench.path("p.toml")).unwrap();
    let last = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()).last().unwrap();
    assert_eq!(last["error"]["code"], "E-POLICY-AGE", "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(8));
}

#[test]
fn what_is_no_policy_ends_a_watch_before_it_begins() {
    let bench = bench();
    bench.write("p.toml", b"version = 2\n");
    bench.run("verify MODEL --policy p.toml --every 1h").refuses("E-POLICY-FILE", 13);
}
