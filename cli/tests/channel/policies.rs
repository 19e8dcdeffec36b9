//! A policy that comes over a channel: as good as its signature, and no older than what was seen.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, published};

/// How the model is asked about.
const VERIFY: &str =
    "verify MODEL --policy org/policy@stable --policy-channel oci:store:stable --policy-key p.pub --state st";

/// A rule that trusts the key of the model, whose text stands in the policy.
fn rule(bench: &Bench, more: &str) -> String {
    let pem = String::from_utf8(bench.read("k.pub")).unwrap();
    format!(
        "version = 1\n[[policy]]\nname = \"r\"\n{more}\n[[policy.trust.key]]\npublic-key = '''\n{pem}'''\n"
    )
}

/// Signs `text` as the policy of this version with the key `signer`, and publishes it.
fn release(bench: &Bench, version: &str, (file, text): (&str, &str), signer: &str) {
    let _ = fs::remove_dir_all(bench.path("POLICY"));
    bench.write(format!("POLICY/{file}"), text.as_bytes());
    bench.good(&format!("sign POLICY --key {signer}.key --name org/policy --version {version}"));
    bench.good(&format!("push POLICY oci:store:p{version}"));
    published(bench, &format!("publish {CH} {version} --artifact oci:store:p{version} --keys keys"));
}

/// A signed model, and a client that trusts the channel of a policy which has been published as 1.0.0.
fn trusting_with(file: &str, text: impl Fn(&Bench) -> String, signer: &str) -> Bench {
    let bench = Bench::new();
    for key in ["k", "p", "q"] {
        bench.key(key);
    }
    bench.write("MODEL/config.json", b"{}");
    bench.good("sign MODEL --key k.key --name org/m --version 1.0.0");
    bench.good(&format!("channel init {CH} --model org/policy --channel stable --keys keys --no-passphrase"));
    let text = text(&bench);
    release(&bench, "1.0.0", (file, &text), signer);
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    bench
}

fn trusting() -> Bench {
    trusting_with("policy.toml", |bench| rule(bench, ""), "p")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn refused(bench: &Bench, line: &str, code: &str, exit: i32) {
    let said = bench.bad(line, code, exit);
    assert!(said.stderr.contains("the policy org/policy@stable"), "{said:?}");
}

#[test]
fn the_current_policy_decides() {
    let bench = trusting();
    let policy = bench.good(&format!("{VERIFY} --json")).json()["result"]["policy"].take();
    assert_eq!(
        (&policy["file"], &policy["release"]["version"]),
        (&"org/policy@stable:1.0.0".into(), &"1.0.0".into())
    );
    release(&bench, "2.0.0", ("policy.toml", &rule(&bench, "max-age = \"1d\"")), "p");
    bench.bad(VERIFY, "E-POLICY-AGE", 8);
    bench.good("push MODEL oci:models:v1");
    let pull = VERIFY.replace("verify MODEL", "pull oci:models:v1 OUT");
    bench.bad(&pull, "E-POLICY-AGE", 8);
    bench.bad(&VERIFY.replace("MODEL", "oci:models:v1"), "E-POLICY-AGE", 8);
    assert!(!bench.path("OUT").exists());
    // The older one may not come back by being asked for.
    refused(&bench, &VERIFY.replace("@stable ", "@stable:1.0.0 "), "E-ROLLBACK", 7);
}

#[test]
fn a_decision_is_about_the_model_and_names_the_policy() {
    let bench = trusting();
    bench.good(&format!("{VERIFY} --decision-log d.log"));
    published(&bench, &format!("revoke {CH} 1.0.0 --code cve --reason x --keys keys"));
    let asked = VERIFY.replace("@stable ", "@stable:1.0.0 ");
    bench.run(&format!("{asked} --decision-log d.log")).refuses("E-REVOKED", 6);
    let text = String::from_utf8(bench.read("d.log")).unwrap();
    let decisions: Vec<Value> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["decision"].take())
        .collect();
    let [allowed, denied] = decisions.as_slice() else { panic!("{text}") };
    assert_eq!(
        (&allowed["policy"]["name"], &allowed["verdict"]),
        (&"org/policy@stable:1.0.0".into(), &"allow".into())
    );
    assert_eq!((&denied["reasons"][0]["code"], &denied["policy"]), (&"E-REVOKED".into(), &Value::Null));
    assert_eq!(denied["signers"], serde_json::json!([]), "who signed the policy signed no model");
}

#[test]
fn an_older_policy_is_not_brought_back() {
    let bench = trusting();
    bench.good(VERIFY);
    copy(&bench.path("store"), &bench.path("old"));
    release(&bench, "2.0.0", ("policy.toml", &rule(&bench, "max-age = \"1d\"")), "p");
    bench.bad(VERIFY, "E-POLICY-AGE", 8);
    // Whoever holds the store puts everything back to what was signed before.
    fs::remove_dir_all(bench.path("store")).unwrap();
    copy(&bench.path("old"), &bench.path("store"));
    refused(&bench, VERIFY, "E-REPLAY", 7);
    // So it would be for somebody who never asked, but nobody begins without being told the root.
    refused(&bench, &VERIFY.replace("--state st", "--state fresh"), "E-STATE-MISSING", 13);
}

#[test]
fn a_revoked_policy_decides_nothing() {
    let bench = trusting();
    published(&bench, &format!("revoke {CH} 1.0.0 --code cve --reason x --keys keys"));
    refused(&bench, VERIFY, "E-RELEASE-UNKNOWN", 7);
    refused(&bench, &VERIFY.replace("@stable ", "@stable:1.0.0 "), "E-REVOKED", 6);
}

#[test]
fn a_policy_of_somebody_else_decides_nothing() {
    let bench = trusting_with("policy.toml", |bench| rule(bench, ""), "q");
    refused(&bench, VERIFY, "E-SIGNER-UNTRUSTED", 5);
    let nobody = VERIFY.replace("--policy-key p.pub ", "");
    bench.bad(&nobody, "E-USAGE", 2);
    bench.good(&format!("{nobody} --policy-key q.pub"));
    bench.write("trust.toml", b"version = 1\n[[key]]\npublic-key = \"q.pub\"\n");
    bench.good(&format!("{nobody} --policy-trust trust.toml"));
}

#[test]
fn what_comes_must_be_a_policy_that_stands_alone() {
    let named = |_: &Bench| {
        "version = 1\n[[policy]]\nname = \"r\"\n[[policy.trust.key]]\npublic-key = \"../k.pub\"\n".to_owned()
    };
    let bench = trusting_with("policy.toml", named, "p");
    let said = bench.bad(VERIFY, "E-POLICY-FILE", 13);
    assert!(said.stderr.contains("must hold the text itself") && said.stderr.contains("5 │"), "{said:?}");
    let bench = trusting_with("policy.toml", |_| "version = 1\n".to_owned(), "p");
    refused(&bench, VERIFY, "E-POLICY-FILE", 13);
    let bench = trusting_with("readme.md", |bench| rule(bench, ""), "p");
    refused(&bench, VERIFY, "E-POLICY-FILE", 13);
    // The only file that could be one is; of several, it has to be called so.
    let bench = trusting_with("rules.toml", |bench| rule(bench, ""), "p");
    bench.good(VERIFY);
    bench.write("MORE/a.toml", b"version = 1\n");
    bench.write("MORE/b.json", b"{}");
    bench.good("sign MORE --key p.key --name org/policy --version 2.0.0");
    bench.good("push MORE oci:store:p2");
    published(&bench, &format!("publish {CH} 2.0.0 --artifact oci:store:p2 --keys keys"));
    refused(&bench, VERIFY, "E-POLICY-FILE", 13);
}

#[test]
fn bytes_that_were_not_signed_are_no_policy() {
    let bench = trusting();
    let good = rule(&bench, "");
    let evil = good.replace("name = \"r\"", "name = \"x\"");
    let blobs = bench.path("store/blobs/sha256");
    let hit = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let hit: Vec<_> = hit.filter(|path| fs::read(path).unwrap() == good.as_bytes()).collect();
    assert_eq!(hit.len(), 1);
    fs::set_permissions(&hit[0], std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&hit[0], evil).unwrap();
    refused(&bench, VERIFY, "E-FILE-CHANGED", 1);
}

#[test]
fn a_file_is_a_file_unless_a_channel_is_named_for_it() {
    let bench = trusting();
    bench.write("org/policy@stable", rule(&bench, "").as_bytes());
    let found =
        bench.good("verify MODEL --policy org/policy@stable --json").json()["result"]["policy"].take();
    assert_eq!((&found["file"], &found["release"]), (&"org/policy@stable".into(), &Value::Null));
    bench.bad("verify MODEL --policy-key p.pub --key k.pub", "E-USAGE", 2);
    bench.bad("verify MODEL --policy-channel oci:store:stable --key k.pub", "E-USAGE", 2);
}
