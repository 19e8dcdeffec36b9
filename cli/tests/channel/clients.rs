//! Clients of a channel: what they trust, pull, verify and commit, and what they refuse.

use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, begun, published};

const ASK: &str = "--channel oci:store:stable --state st --key k.pub";

/// A channel with 1.0.0, 1.1.0 (current) and 1.2.0 (held), and a client that trusts it.
fn trusting() -> Bench {
    let bench = begun(&["1.0.0", "1.1.0", "1.2.0"], "");
    publish(&bench, "1.0.0", "--counter 1");
    publish(&bench, "1.1.0", "--counter 2");
    publish(&bench, "1.2.0", "--counter 3 --hold");
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    bench
}

fn publish(bench: &Bench, version: &str, more: &str) {
    published(bench, &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys {more}"));
}

fn edit(bench: &Bench, line: &str) {
    published(bench, &format!("{line} --keys keys"));
}

/// What pulling came to, as far as the channel is concerned.
fn pulled(bench: &Bench, wanted: &str, more: &str) -> Value {
    let line = format!("pull org/m@stable{wanted} OUT {ASK} --force --json {more}");
    bench.good(&line).json()["result"]["channel"].take()
}

#[test]
fn the_current_release_is_pulled_proven_and_committed() {
    let bench = trusting();
    let channel = pulled(&bench, "", "");
    assert_eq!((&channel["version"], &channel["standing"]), (&"1.1.0".into(), &"current".into()));
    assert_eq!((&channel["sequence"], &channel["epoch"]), (&4.into(), &1.into()));
    assert_eq!(bench.read("OUT/version.txt"), b"1.1.0");
    let verified = bench.good(&format!("verify OUT {ASK} --json")).json();
    assert_eq!(verified["result"]["channel"]["version"], "1.1.0");
    edit(&bench, &format!("floor {CH} 2"));
    pulled(&bench, "", "");
    let committed = bench.good(&format!("channel commit {CH} --state st --json")).json();
    let floors = (&committed["result"]["floor_before"], &committed["result"]["floor"]);
    assert_eq!(floors, (&0.into(), &2.into()));
}

#[test]
fn a_decision_says_what_the_channel_said_and_what_is_remembered() {
    let bench = trusting();
    pulled(&bench, "", "");
    let line = format!("verify OUT {ASK} --decision-log d.log");
    bench.good(&line);
    edit(&bench, &format!("floor {CH} 2"));
    bench.good(&line);
    edit(&bench, &format!("promote {CH} 1.2.0"));
    edit(&bench, &format!("revoke {CH} 1.1.0 --code cve --reason x"));
    bench.run(&line).refuses("E-REVOKED", 6);
    let text = String::from_utf8(bench.read("d.log")).unwrap();
    let decisions: Vec<Value> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["decision"].take())
        .collect();
    let [before, after, revoked] = decisions.as_slice() else { panic!("{text}") };
    assert_eq!(before["release"]["channel"], "org/m@stable");
    assert_eq!((&before["release"]["counter"], &before["release"]["sequence"]), (&2.into(), &4.into()));
    assert_eq!(before["state"]["before"], before["state"]["after"]);
    assert_eq!(before["state"]["before"]["accepted"], "1.1.0");
    assert_eq!(
        (&after["state"]["before"]["sequence"], &after["state"]["after"]["sequence"]),
        (&4.into(), &5.into())
    );
    assert_eq!(revoked["reasons"][0]["code"], "E-REVOKED");
    assert_eq!((&revoked["verdict"], &revoked["subject"]["proven"]), (&"deny".into(), &"whole".into()));
    assert_eq!(revoked["state"]["after"]["sequence"], 7);
}

#[test]
fn a_version_that_is_asked_for_runs_only_when_it_may() {
    let bench = trusting();
    let refused = |version: &str, code: &str, exit: i32| {
        bench.bad(&format!("pull org/m@stable:{version} NO {ASK}"), code, exit);
        assert!(!bench.path("NO").exists());
    };
    refused("1.0.0", "E-ROLLBACK", 7);
    refused("1.2.0", "E-ROLLBACK", 7);
    refused("9.9.9", "E-RELEASE-UNKNOWN", 7);
    edit(&bench, &format!("rollback {CH} 1.0.0 --until 2199-01-01 --reason worse"));
    assert_eq!(pulled(&bench, "", "")["version"], "1.0.0");
    edit(&bench, &format!("promote {CH} 1.2.0"));
    assert_eq!(pulled(&bench, ":1.0.0", "")["standing"], "rollback-target");
    bench.bad(&format!("pull org/m@stable:1.0.0 NO {ASK} --floor 2"), "E-FLOOR", 7);
    edit(&bench, &format!("revoke {CH} 1.0.0 --code cve --reason x --quarantine"));
    refused("1.0.0", "E-QUARANTINED", 6);
    edit(&bench, &format!("revoke {CH} 1.0.0 --code cve --reason x"));
    refused("1.0.0", "E-REVOKED", 6);
    edit(&bench, &format!("floor {CH} 3"));
    refused("1.1.0", "E-FLOOR", 7);
    bench.bad(&format!("verify OUT {ASK}"), "E-REVOKED", 6);
}

#[test]
fn a_canary_reaches_a_share_of_the_instances() {
    let bench = begun(&["1.0.0", "1.1.0"], "");
    publish(&bench, "1.0.0", "");
    publish(&bench, "1.1.0", "--canary 50");
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    let version = |instance: &str| {
        let channel = pulled(&bench, "", &format!("--instance {instance}"));
        (channel["version"].as_str().unwrap().to_owned(), channel["standing"].as_str().unwrap().to_owned())
    };
    let seen: std::collections::BTreeSet<_> =
        (0..16).map(|number| version(&format!("pod-{number}"))).collect();
    let of = |version: &str, standing: &str| (version.to_owned(), standing.to_owned());
    assert_eq!(seen, [of("1.0.0", "current"), of("1.1.0", "canary")].into());
    assert_eq!(version("pod-3"), version("pod-3"));
    assert_eq!(pulled(&bench, "", "")["version"], "1.0.0", "who is nobody is in no share");
}

#[test]
fn an_older_channel_is_refused_by_who_saw_a_newer_one() {
    let bench = trusting();
    copy(&bench, "store", "before");
    edit(&bench, &format!("revoke {CH} 1.0.0 --code backdoor --reason x"));
    pulled(&bench, "", "");
    std::fs::remove_dir_all(bench.path("store")).unwrap();
    copy(&bench, "before", "store");
    for line in [
        format!("pull org/m@stable NO {ASK}"),
        format!("verify OUT {ASK}"),
        format!("channel status {CH} --state st"),
        format!("channel enforce OUT {ASK}"),
    ] {
        bench.bad(&line, "E-REPLAY", 7);
    }
    assert!(bench.path("OUT/version.txt").exists(), "a replay moves nothing");
    // Who remembers nothing sees what is served, as long as it is fresh.
    let stateless = "--stateless --channel-root keys/root.json --floor 1 --max-age 1h";
    bench.good(&format!("pull org/m@stable LESS --channel {CH} --key k.pub {stateless}"));
    bench.bad(
        &format!(
            "pull org/m@stable LESS2 --channel {CH} --key k.pub --stateless --channel-root keys/root.json"
        ),
        "E-USAGE",
        2,
    );
}

#[test]
fn without_a_state_nothing_is_believed_and_only_trust_makes_one() {
    let bench = trusting();
    pulled(&bench, "", "");
    std::fs::remove_dir_all(bench.path("st")).unwrap();
    for line in [
        format!("pull org/m@stable NO {ASK}"),
        format!("verify OUT {ASK}"),
        format!("channel status {CH} --state st"),
        format!("channel commit {CH} --state st"),
        format!("channel enforce OUT {ASK}"),
        format!("channel state export {CH} -o x --key k.key --state st"),
    ] {
        bench.bad(&line, "E-STATE-MISSING", 13);
        assert!(!bench.path("st").exists(), "{line} makes no state");
    }
    // A root is what is trusted: one that does not sign for this channel makes no state.
    bench.good("channel init other --model org/m --channel stable --keys others --no-passphrase");
    let trust = |root: &str| format!("channel trust {CH} --channel-root {root} --state st");
    bench.bad(&trust("others/root.json"), "E-TUF-SIGNATURE", 3);
    bench.bad(&trust("nowhere.json"), "E-NOT-FOUND", 10);
    assert!(!bench.path("st").exists());
    bench.good(&trust("keys/root.json"));
    bench.bad(&trust("keys/root.json"), "E-STATE-EXISTS", 13);
}

#[test]
fn a_state_is_torn_everywhere_alike() {
    let bench = trusting();
    pulled(&bench, "", "");
    let state = bench.path("st/org~m~stable/state.json");
    let whole = std::fs::read(&state).unwrap();
    std::fs::write(&state, &whole[..whole.len() - 1]).unwrap();
    for line in [
        format!("pull org/m@stable NO {ASK}"),
        format!("verify OUT {ASK}"),
        format!("channel status {CH} --state st"),
        format!("channel commit {CH} --state st"),
        format!("channel trust {CH} --channel-root keys/root.json --state st2"),
    ] {
        let outcome = bench.run(&line);
        let expected = if line.contains("st2") { 0 } else { 13 };
        assert_eq!(outcome.exit, Some(expected), "{line}");
    }
}

#[test]
fn a_state_goes_to_another_machine_signed() {
    let bench = trusting();
    edit(&bench, &format!("floor {CH} 2"));
    pulled(&bench, "", "");
    bench.good(&format!("channel commit {CH} --state st"));
    bench.good(&format!("channel state export {CH} -o carried --key k.key --state st"));
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state other"));
    bench.key("stranger");
    let import = |key: &str| format!("channel state import {CH} carried --key {key} --state other");
    bench.bad(&import("stranger.pub"), "E-SIGNATURE-INVALID", 3);
    let imported = bench.good(&format!("{} --json", import("k.pub"))).json();
    assert_eq!(imported["result"]["floor"], 2);
    bench.bad(&format!("channel state export {CH} -o carried --key k.key --state st"), "E-EXISTS", 10);
}

#[test]
fn status_tells_what_runs_and_warns_before_it_ends() {
    let bench = trusting();
    edit(&bench, &format!("revoke {CH} 1.0.0 --code license --reason taken-back"));
    let status = |more: &str| bench.run(&format!("channel status {CH} --state st --json {more}"));
    let result = status("").json()["result"].take();
    assert_eq!((&result["current"], &result["name"]), (&"1.1.0".into(), &"org/m@stable".into()));
    let releases = result["releases"].as_array().unwrap();
    let said = |release: &Value| format!("{} {}", release["version"], release["status"]).replace('"', "");
    assert_eq!(
        releases.iter().map(said).collect::<Vec<_>>(),
        ["1.0.0 revoked", "1.1.0 active", "1.2.0 active"]
    );
    assert_eq!(releases[0]["reason"]["text"], "taken-back");
    let roles: Vec<&str> =
        result["roles"].as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["root", "timestamp", "snapshot", "targets", "channel"]);
    assert_eq!(status("--warn-before 30d").exit, Some(0), "a timestamp lives a day, and is new");
    bench.good(&format!("channel status {CH} --channel-root keys/root.json"));
    bench.good(&format!("channel status {CH} --keys keys"));
}

#[test]
fn status_ends_with_another_code_when_something_expires_soon() {
    let bench = Bench::new();
    let init = "channel init short --model org/m --channel stable --keys keys --no-passphrase";
    bench.good(&format!("{init} --lifetime channel=61s"));
    let line = "channel status short --channel-root keys/root.json --warn-before 60s --json";
    // In a second or two there are less than 60 left, and a minute later there are none.
    let soon = (0..1000).map(|_| bench.run(line)).find(|said| said.exit != Some(0)).unwrap();
    assert_eq!(soon.exit, Some(6));
    let result = soon.json();
    assert_eq!(result["ok"], true, "it is a warning");
    let expiring = result["result"]["expiring"].as_array().unwrap();
    assert_eq!(expiring.iter().map(|it| &it["role"]).collect::<Vec<_>>(), ["channel"]);
}

#[test]
fn words_that_make_no_sense_with_a_channel() {
    let bench = trusting();
    for line in [
        format!("pull oci:store:v1.0.0 NO {ASK}"),
        "pull oci:store:v1.0.0 NO --key k.pub --floor 2".to_owned(),
        "pull oci:store:v1.0.0 NO --key k.pub --state st".to_owned(),
        format!("channel status {CH} --state st --channel-root keys/root.json"),
    ] {
        assert_eq!(bench.run(&line).exit, Some(2), "{line}");
    }
    bench.bad("verify MODEL --channel elsewhere --state st --key k.pub", "E-STATE-MISSING", 13);
}

fn copy(bench: &Bench, from: &str, to: &str) {
    let status =
        std::process::Command::new("cp").arg("-r").arg(bench.path(from)).arg(bench.path(to)).status();
    assert!(status.unwrap().success());
}
