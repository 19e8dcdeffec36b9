//! A channel that is asked again while the program runs.

use jiff::{SignedDuration, Timestamp};
use lacre_publish::channel::{Carrier, refresh};
use lacre_registry_client::{Layout, Tag};
use lacre_sign::{Signer, read_private_key};
use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, begun, published};
use crate::refused::policy;
use crate::running::{BY_KEY, Running};

/// Waits for a signal, says which, and ends.
const CATCHES: &str = r#"
    n=0
    for signal in TERM USR1; do trap "echo $signal; n=1" $signal; done
    echo ready
    while [ $n = 0 ]; do sleep 0.05 & wait $!; done
    exit 9
"#;
const IGNORES: &str = "trap '' TERM; echo ready; while :; do sleep 0.05; done";

/// A client that has 1.0.0, which may run.
fn trusting() -> Bench {
    let bench = begun(&["1.0.0"], "");
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    bench
}

fn revoke(bench: &Bench) {
    published(bench, &format!("revoke {CH} 1.0.0 --code backdoor --reason trigger --keys keys"));
}

fn ask(more: &str) -> String {
    format!("{BY_KEY} --channel {CH} --state st --watch 1s {more}")
}

fn decisions(bench: &Bench) -> Vec<Value> {
    let text = String::from_utf8(bench.read("d.log")).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap()["decision"].take()).collect()
}

#[test]
fn a_release_that_is_revoked_ends_the_program() {
    let bench = trusting();
    let mut running = Running::start(&bench, &ask("--decision-log d.log"), CATCHES);
    revoke(&bench);
    assert_eq!(running.line(), "TERM");
    let said = running.end(&bench);
    said.refuses("E-REVOKED", 6);
    said.says("warning: stopping the program: ");
    let [allowed, stopped] = decisions(&bench).try_into().unwrap();
    assert_eq!((&allowed["verdict"], &allowed["release"]["version"]), (&"allow".into(), &"1.0.0".into()));
    assert_eq!((&stopped["verdict"], &stopped["action"]), (&"deny".into(), &"exec".into()));
    assert_eq!(stopped["reasons"][0]["code"], "E-REVOKED");
    assert_eq!(stopped["subject"], allowed["subject"]);
    let sequence = |at: &str| stopped["state"][at]["sequence"].as_u64().unwrap();
    assert_eq!(sequence("after"), sequence("before") + 1);
    bench.good("log verify d.log");
}

#[test]
fn a_policy_that_asks_the_channel_is_held_against_it_again() {
    let bench = trusting();
    policy(&bench, &format!("[policy.release]\nchannel = \"stable\"\nat = \"{CH}\"\nfloor = 1"));
    let options = "--policy policy.toml --state st --watch 1s --decision-log d.log";
    let mut running = Running::start(&bench, options, CATCHES);
    revoke(&bench);
    assert_eq!(running.line(), "TERM");
    running.end(&bench).refuses("E-REVOKED", 6);
    let [_, stopped] = decisions(&bench).try_into().unwrap();
    assert_eq!((&stopped["policy"]["rule"], &stopped["verdict"]), (&"only".into(), &"deny".into()));
}

#[test]
fn a_program_that_is_only_told_ends_when_it_likes() {
    let bench = trusting();
    let script = r#"
        n=0; trap 'echo USR1; n=1' USR1
        echo ready
        while [ $n = 0 ]; do sleep 0.05 & wait $!; done
        read go
        cat "$1/version.txt"
    "#;
    let mut running = Running::start(&bench, &ask("--stop-signal USR1"), script);
    revoke(&bench);
    assert_eq!(running.line(), "USR1");
    running.go();
    // To the end it reads what was proven; and the end is a refusal all the same.
    assert_eq!(running.line(), "1.0.0");
    assert_eq!(running.end(&bench).exit, Some(6));
}

#[test]
fn a_program_that_does_not_stop_is_killed() {
    let bench = trusting();
    let running = Running::start(&bench, &ask("--grace 1s"), IGNORES);
    revoke(&bench);
    let said = running.end(&bench);
    said.refuses("E-REVOKED", 6);
    said.says("warning: the program did not stop in time: it is killed");
}

#[test]
fn a_channel_that_is_away_is_said_once_and_believed_as_it_was_kept() {
    let bench = trusting();
    let mut running = Running::start(&bench, &ask("--decision-log d.log"), CATCHES);
    std::fs::rename(bench.path("store"), bench.path("away")).unwrap();
    running.until("warning: the channel cannot be asked (");
    std::fs::rename(bench.path("away"), bench.path("store")).unwrap();
    // It counts again as soon as it is there.
    revoke(&bench);
    assert_eq!(running.line(), "TERM");
    let said = running.end(&bench);
    said.refuses("E-REVOKED", 6);
    assert!(!said.stderr.contains("cannot be asked"), "{said:?}");
}

#[test]
fn what_is_kept_counts_until_it_expires() {
    let bench = trusting();
    // A timestamp of the past, which has seconds left: by the keys of the channel, as its publisher would have made it then.
    let store = Layout::open(&bench.path("store")).unwrap();
    let carrier = Carrier::Artifact { store: &store, tag: Tag::parse("stable").unwrap() };
    let before = carrier.read().unwrap();
    let live = before.verify(&"org/m@stable".parse().unwrap(), &bench.read("keys/root.json"), None).unwrap();
    let day = SignedDuration::from_hours(24);
    assert_eq!(live.lifetimes().timestamp, day.as_secs().unsigned_abs());
    let then = Timestamp::now().checked_sub(day - SignedDuration::from_secs(8)).unwrap();
    let key = read_private_key(&bench.path("keys/timestamp-1.key"), &mut || Ok(None)).unwrap().key;
    let mut draft = refresh(&live, then).unwrap();
    draft.sign(&[&key as &dyn Signer], then).unwrap();
    carrier.write(draft.finish().unwrap().repository(), &before).unwrap();

    let mut running = Running::start(&bench, &ask(""), CATCHES);
    std::fs::rename(bench.path("store"), bench.path("away")).unwrap();
    assert_eq!(running.line(), "TERM");
    let said = running.end(&bench);
    said.refuses("E-TUF-EXPIRED", 6);
    let silent = said.stderr.lines().filter(|line| line.contains("cannot be asked")).count();
    assert_eq!(silent, 1, "{said:?}");
}

#[test]
fn who_remembers_nothing_believes_nothing_that_is_away() {
    let bench = trusting();
    let options = format!(
        "{BY_KEY} --channel {CH} --stateless --channel-root keys/root.json --max-age 1h --floor 0 --of org/m@stable --watch 1s"
    );
    let mut running = Running::start(&bench, &options, CATCHES);
    std::fs::rename(bench.path("store"), bench.path("away")).unwrap();
    assert_eq!(running.line(), "TERM");
    running.end(&bench).refuses("E-NOT-FOUND", 10);
}

#[test]
fn a_program_that_ends_first_ends_as_it_likes() {
    let bench = trusting();
    let mut running = Running::start(&bench, &ask("--decision-log d.log"), "echo ready; read go; exit 5");
    running.go();
    let said = running.end(&bench);
    assert_eq!(said.exit, Some(5), "{said:?}");
    assert_eq!(decisions(&bench).len(), 1);
}
