//! What does not run, and leaves nothing.

use std::fs;

use serde_json::Value;

use crate::bench::{Bench, Said};
use crate::desk::{CH, begun, published};
use crate::running::{BY_KEY, SCRATCH, run};

/// Runs a script that must not run.
fn refused(bench: &Bench, options: &str, code: &str, exit: i32) -> Said {
    let said = run(bench, options, "touch ran; echo ran");
    said.refuses(code, exit);
    assert!(!bench.path("ran").exists(), "{said:?}");
    said
}

fn reasons(bench: &Bench) -> Vec<(String, Vec<String>, Value)> {
    let text = String::from_utf8(bench.read("d.log")).unwrap();
    let decision = |line: &str| serde_json::from_str::<Value>(line).unwrap()["decision"].take();
    let told = text.lines().skip(1).map(decision).map(|decision| {
        assert_eq!(decision["action"], "exec");
        let codes = decision["reasons"].as_array().into_iter().flatten();
        let codes = codes.map(|reason| reason["code"].as_str().unwrap().to_owned()).collect();
        (decision["verdict"].as_str().unwrap().to_owned(), codes, decision["policy"].clone())
    });
    told.collect()
}

/// A policy that trusts `k.pub`, with these lines.
pub(crate) fn policy(bench: &Bench, lines: &str) {
    let key = String::from_utf8(bench.read("k.pub")).unwrap();
    let text = format!(
        "version = 1\n[[policy]]\nname = \"only\"\n{lines}\n[[policy.trust.key]]\npublic-key = '''{key}'''\n"
    );
    bench.write("policy.toml", text.as_bytes());
}

#[test]
fn a_command_that_does_not_say_where_the_model_goes() {
    let bench = Bench::with_signed_model();
    bench.run(&format!("exec {BY_KEY} MODEL -- cat MODEL/config.json")).refuses("E-USAGE", 2);
    bench.run(&format!("exec {BY_KEY} MODEL")).refuses("E-USAGE", 2);
    let said = bench.run(&format!("exec {BY_KEY} MODEL --json -- cat {{model}}/config.json"));
    assert_eq!((said.exit, &said.json()["error"]["code"]), (Some(2), &"E-USAGE".into()), "{said:?}");
    refused(&bench, &format!("{BY_KEY} --watch 1s"), "E-USAGE", 2);
    for options in ["--stop-signal USR1", "--grace 1s", "--watch 1s --stop-signal STOP --channel x"] {
        refused(&bench, &format!("{BY_KEY} {options}"), "E-USAGE", 2);
    }
}

#[test]
fn a_program_that_is_not_there() {
    let bench = Bench::with_signed_model();
    fs::create_dir(bench.path(SCRATCH)).unwrap();
    let said = bench.run(&format!("exec {BY_KEY} --scratch {SCRATCH} MODEL -- ./no-such-program {{model}}"));
    said.refuses("E-COMMAND", 10);
    assert_eq!(bench.names(SCRATCH), [""; 0]);
    // Nor is a place for the links.
    bench.run(&format!("exec {BY_KEY} --scratch nowhere MODEL -- cat {{model}}")).refuses("E-OUTPUT", 10);
}

#[test]
fn nothing_runs_dry() {
    let bench = Bench::with_signed_model();
    let said = run(&bench, &format!("{BY_KEY} --dry-run --decision-log d.log"), "touch ran");
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(format!("{}{}", said.stdout, said.stderr).contains("would run"), "{said:?}");
    assert!(!bench.path("ran").exists() && !bench.path("d.log").exists());
    // What would be refused is refused.
    bench.write("MODEL/config.json", b"{}");
    refused(&bench, &format!("{BY_KEY} --dry-run"), "E-FILE-SIZE", 1);
}

#[test]
fn what_nobody_trusted_signed_or_not_like_this() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    let log = "--decision-log d.log";
    for form in ["sealed", "snapshot"] {
        refused(&bench, &format!("--key other.pub --as {form} {log}"), "E-SIGNER-UNTRUSTED", 5);
        bench.write("MODEL/config.json", b"{\"hidden\": 385}");
        refused(&bench, &format!("{BY_KEY} --as {form} {log}"), "E-FILE-CHANGED", 1);
        bench.write("MODEL/config.json", b"{\"hidden\": 384}");
        bench.write("MODEL/extra.py", b"import os");
        refused(&bench, &format!("{BY_KEY} --as {form} {log}"), "E-FILE-EXTRA", 1);
        fs::remove_file(bench.path("MODEL/extra.py")).unwrap();
    }
    let codes = ["E-SIGNER-UNTRUSTED", "E-FILE-CHANGED", "E-FILE-EXTRA"].repeat(2);
    let told = reasons(&bench);
    assert_eq!(told.iter().map(|(_, codes, _)| codes[0].as_str()).collect::<Vec<_>>(), codes);
    assert!(told.iter().all(|(verdict, ..)| verdict == "deny"));
}

#[test]
fn what_is_more_than_the_memory_that_is_allowed() {
    let bench = Bench::with_signed_model();
    refused(&bench, &format!("{BY_KEY} --memory-limit 4KiB"), "E-MEMORY-LIMIT", 10);
    assert_eq!(run(&bench, &format!("{BY_KEY} --memory-limit 8KiB"), "exit 3").exit, Some(3));
}

#[test]
fn what_a_policy_refuses_or_only_waives() {
    let bench = Bench::with_signed_model();
    policy(&bench, "");
    assert_eq!(run(&bench, "--policy policy.toml --decision-log d.log", "exit 3").exit, Some(3));
    policy(&bench, "model = [\"org/other\"]");
    refused(&bench, "--policy policy.toml", "E-POLICY-NO-MATCH", 8);
    let glass = "[policy.break-glass]\nwho = \"me\"\nuntil = 2199-01-01T00:00:00Z\nreason = \"night\"";
    for (waiver, after) in [("", ""), ("mode = \"warn\"", ""), ("mode = \"audit\"", ""), ("", glass)] {
        policy(&bench, &format!("{waiver}\ntransparency = \"required\"\n{after}"));
        let options = "--policy policy.toml --decision-log d.log";
        refused(&bench, options, "E-POLICY-TRANSPARENCY", 8);
        // What only the content says, too.
        policy(&bench, &format!("{waiver}\nformats = [\"gguf\"]\n{after}"));
        refused(&bench, options, "E-POLICY-FORMAT", 8);
    }
    let told = reasons(&bench);
    assert_eq!((told[0].0.as_str(), told.len()), ("allow", 9));
    for (verdict, codes, policy) in &told[1..] {
        assert_eq!(verdict, "deny", "{codes:?} {policy}");
        assert_eq!(policy["rule"], "only", "{codes:?}");
    }
}

#[test]
fn what_the_channel_took_back() {
    let bench = begun(&["1.0.0"], "");
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    let ask = format!("{BY_KEY} --channel {CH} --state st");
    assert_eq!(run(&bench, &ask, "exit 3").exit, Some(3));
    published(&bench, &format!("revoke {CH} 1.0.0 --code backdoor --reason trigger --keys keys"));
    refused(&bench, &ask, "E-REVOKED", 6);
    policy(&bench, &format!("[policy.release]\nchannel = \"stable\"\nat = \"{CH}\""));
    refused(&bench, "--policy policy.toml --state st", "E-REVOKED", 6);
}
