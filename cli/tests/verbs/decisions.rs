//! `lacre verify --decision-log`, and `lacre log`: what was decided stays on the record, or it was not decided.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use lacre_testkit::tamper;
use serde_json::Value;

use crate::bench::{Bench, Said};

const VERIFY: &str = "verify MODEL --key k.pub --decision-log d.log";

/// The lines of a log, with their line feeds.
fn lines(bench: &Bench, log: &str) -> Vec<Vec<u8>> {
    bench.read(log).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The decisions of a log.
fn decisions(bench: &Bench, log: &str) -> Vec<Value> {
    let values = lines(bench, log).into_iter().map(|line| serde_json::from_slice::<Value>(&line).unwrap());
    values.filter(|value| value["kind"] == "decided").map(|mut value| value["decision"].take()).collect()
}

/// What `sha256sum` says of these bytes.
fn sha256sum(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn every_decision_is_recorded_with_what_is_known_of_it() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    bench.good(VERIFY);
    bench.run("verify MODEL --key other.pub --decision-log d.log").refuses("E-SIGNER-UNTRUSTED", 5);
    bench.run("verify NOWHERE --key k.pub --decision-log d.log").refuses("E-NOT-FOUND", 10);
    bench.run("verify MODEL --key no.pub --decision-log d.log").refuses("E-NOT-FOUND", 10);
    bench.run(&format!("{VERIFY} --expect-version 2")).refuses("E-VERSION-MISMATCH", 8);
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    bench.run(VERIFY).refuses("E-FILE-CHANGED", 1);
    let decisions = decisions(&bench, "d.log");
    let codes: Vec<_> = decisions.iter().map(|it| it["reasons"][0]["code"].as_str().unwrap_or("-")).collect();
    let expected =
        ["-", "E-SIGNER-UNTRUSTED", "E-NOT-FOUND", "E-NOT-FOUND", "E-VERSION-MISMATCH", "E-FILE-CHANGED"];
    assert_eq!(codes, expected);
    let allowed = &decisions[0];
    assert_eq!((&allowed["verdict"], &allowed["action"]), (&"allow".into(), &"verify".into()));
    assert_eq!(allowed["subject"]["name"], "org/mini-lm");
    assert_eq!(
        (&allowed["subject"]["proven"], &allowed["subject"]["reference"]),
        (&"whole".into(), &"MODEL".into())
    );
    let statement = lacre_testkit::statement_of(&bench.read("MODEL/model.sig"));
    assert_eq!(allowed["subject"]["root"], statement["subject"][0]["digest"]["sha256"]);
    assert_eq!(allowed["subject"]["identity"], statement["subject"][0]["digest"]["lacre"]);
    assert_eq!(allowed["signers"][0]["key"], sha256sum(&bench.read("k.pub")));
    for denied in &decisions[1..] {
        assert_eq!(denied["verdict"], "deny");
        assert_eq!(denied["subject"]["proven"], "nothing");
    }
    // What nobody who is trusted signed has no name here.
    assert_eq!(decisions[1]["subject"]["name"], Value::Null);
    assert_eq!(decisions[5]["subject"]["name"], "org/mini-lm");
    assert_eq!(decisions[5]["signers"][0]["kind"], "key");
    assert!(decisions[5]["reasons"][0]["detail"].as_str().unwrap().contains("config.json"));

    let verified = bench.good("log verify d.log --json").json();
    assert_eq!((&verified["result"]["lines"], &verified["result"]["decisions"]), (&7.into(), &6.into()));
    let shown = bench.good("log show d.log --limit 2");
    assert_eq!(shown.stdout.lines().count(), 2, "{shown:?}");
    assert!(shown.stdout.contains("deny  verify  org/mini-lm 1.0.0  E-FILE-CHANGED"), "{shown:?}");
    let shown = bench.good("log show d.log --json").json();
    assert_eq!(shown["result"]["entries"].as_array().unwrap().len(), 7);
}

/// It is recorded before the model appears: what cannot be recorded does not come.
#[test]
fn a_pull_is_a_decision_too() {
    const PULL: &str = "pull oci:store:v1 OUT --key k.pub --decision-log d.log";
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1");
    bench.good(PULL);
    bench.key("other");
    bench.run("pull oci:store:v1 NO --key other.pub --decision-log d.log").refuses("E-SIGNER-UNTRUSTED", 5);
    bench.good("pull oci:store:v1 NO --key k.pub --decision-log d.log --dry-run");
    let found = decisions(&bench, "d.log");
    let told: Vec<_> = found.iter().map(|it| (it["action"].as_str(), it["verdict"].as_str())).collect();
    assert_eq!(told, [(Some("pull"), Some("allow")), (Some("pull"), Some("deny"))]);
    let pulled = bench.good("pull oci:store:v1 AGAIN --key k.pub --json").json();
    let manifest = pulled["result"]["manifest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    assert_eq!(found[0]["subject"]["manifest"], manifest);
    assert_eq!(found[0]["subject"]["proven"], "whole");

    // Longer than any file of the model, so that the limit is met by the log alone.
    let longest =
        fs::read_dir(bench.path("MODEL")).unwrap().map(|it| it.unwrap().metadata().unwrap().len()).max();
    while bench.read("d.log").len() as u64 <= longest.unwrap() + 4096 {
        bench.good(VERIFY);
    }
    let before = bench.read("d.log");
    let program = env!("CARGO_BIN_EXE_lacre");
    let script = format!("trap '' XFSZ; exec prlimit --fsize={} {program} {PULL} --force", before.len() + 10);
    let script = script.replace("OUT", "FULL");
    let command = bench.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(bench.path("")).stdin(Stdio::null());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Said::of(&mut shell).refuses("E-LOG-WRITE", 10);
    assert_eq!(bench.read("d.log"), before);
    assert!(!bench.path("FULL").exists());
}

/// As `docs/DECISIONS.md` says: each line holds what `sha256sum` says of the line before it.
#[test]
fn an_outsider_can_follow_the_chain() {
    let bench = Bench::with_signed_model();
    for _ in 0..3 {
        bench.good(VERIFY);
    }
    let lines = lines(&bench, "d.log");
    let value = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap();
    assert_eq!(value(&lines[0])["previous"], "0".repeat(64));
    for (index, pair) in lines.windows(2).enumerate() {
        let (before, after) = (&pair[0], value(&pair[1]));
        assert_eq!(after["previous"], sha256sum(before));
        assert_eq!(after["index"], index + 1);
        assert_eq!(after["log"], value(&lines[0])["log"]);
    }
    let verified = bench.good("log verify d.log --json").json();
    assert_eq!(verified["result"]["head"], sha256sum(lines.last().unwrap()));
}

#[test]
fn a_decision_that_cannot_be_recorded_is_none() {
    let bench = Bench::with_signed_model();
    fs::create_dir(bench.path("folder")).unwrap();
    bench.write("notes", b"notes of mine\n");
    bench.write("empty", b"");
    for (log, code, exit) in [
        ("folder", "E-LOG-WRITE", 10),
        ("no/folder/d.log", "E-LOG-WRITE", 10),
        ("/dev/full", "E-LOG-WRITE", 10),
        ("notes", "E-LOG-LINE", 13),
        ("empty", "E-LOG-TRUNCATED", 1),
    ] {
        let line = format!("verify MODEL --key k.pub --decision-log {log}");
        let said = bench.bad(&line, code, exit);
        assert!(!said.stderr.contains("verified"), "{said:?}");
    }
    assert_eq!(bench.read("notes"), b"notes of mine\n");
}

/// A disk that is full in the middle of a line: the limit on the length of files makes one.
#[test]
fn a_log_that_is_full_stays_whole_and_nothing_is_allowed() {
    let bench = Bench::with_signed_model();
    bench.good(VERIFY);
    let before = bench.read("d.log");
    for room in [0, 1, 100, 400] {
        let script = format!(
            "trap '' XFSZ; exec prlimit --fsize={} {} {VERIFY} --color never",
            before.len() + room,
            env!("CARGO_BIN_EXE_lacre")
        );
        let command = bench.command();
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(bench.path("")).stdin(Stdio::null());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = Said::of(&mut shell);
        said.refuses("E-LOG-WRITE", 10);
        assert_eq!(bench.read("d.log"), before, "{room}");
    }
    bench.good(VERIFY);
    assert_eq!(bench.good("log verify d.log --json").json()["result"]["decisions"], 2);
}

#[test]
fn a_refusal_stays_what_it_is_when_it_cannot_be_told() {
    let bench = Bench::with_signed_model();
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let line = format!("{VERIFY} --events json --events-to syslog:{}", bench.path("nobody").display());
    let said = bench.run(&line);
    said.refuses("E-FILE-CHANGED", 1);
    said.says("warning: the decision is not recorded: the event did not reach syslog:");
    assert_eq!(decisions(&bench, "d.log").len(), 1, "what could be recorded is");
}

#[test]
fn a_checkpoint_shows_what_is_missing() {
    let bench = Bench::with_signed_model();
    bench.key("auditor");
    for _ in 0..3 {
        bench.good(VERIFY);
    }
    bench.good("log checkpoint d.log -o elsewhere.sig --key auditor.key");
    bench.bad("log checkpoint d.log -o elsewhere.sig --key auditor.key", "E-EXISTS", 10);
    let check = "log verify d.log --checkpoint elsewhere.sig --key auditor.pub";
    let said = bench.good(&format!("{check} --json")).json();
    assert_eq!((&said["result"]["covered"], &said["result"]["lines"]), (&4.into(), &4.into()));
    assert_eq!(said["result"]["checkpoints"][0]["lines"], 4);
    let said = bench.good(check);
    assert!(said.stdout.contains("checkpoint 4 lines as they were at "), "{said:?}");
    bench.bad("log verify d.log --checkpoint elsewhere.sig --key k.pub", "E-SIGNER-UNTRUSTED", 5);
    bench.bad("log verify d.log --checkpoint elsewhere.sig", "E-USAGE", 2);
    bench.bad("log verify d.log --key auditor.pub", "E-USAGE", 2);
    bench.bad(&format!("{check} --expect-name org/mini-lm"), "E-USAGE", 2);
    bench.bad("log verify d.log --checkpoint MODEL/model.sig --key k.pub", "E-PREDICATE-TYPE", 13);

    let good = lines(&bench, "d.log");
    bench.write("d.log", &good[..3].concat());
    bench.bad(check, "E-LOG-TRUNCATED", 1);
    let said = bench.good("log verify d.log");
    assert!(said.stdout.contains("none: lines that are missing at the end would not be seen"), "{said:?}");
    bench.write("d.log", &[&good[0], &good[1], &good[3]].map(Vec::as_slice).concat());
    bench.bad(check, "E-LOG-CHAIN", 1);
    bench.write("d.log", &good[..3].concat());
    bench.good(VERIFY);
    bench.bad(check, "E-LOG-REWRITTEN", 1);
    fs::remove_file(bench.path("d.log")).unwrap();
    bench.good(VERIFY);
    bench.bad(check, "E-LOG-OTHER", 1);
    bench.write("d.log", &good.concat());
    bench.good(check);
}

#[test]
fn a_torn_line_is_repaired_on_the_record() {
    let bench = Bench::with_signed_model();
    bench.good(VERIFY);
    let mut text = bench.read("d.log");
    text.extend(b"{\"decision\":{\"act");
    bench.write("d.log", &text);
    let said = bench.bad(VERIFY, "E-LOG-TORN", 13);
    assert!(said.stderr.contains("lacre log repair FILE"), "{said:?}");
    let said = bench.bad("log verify d.log", "E-LOG-TORN", 13);
    assert!(said.stderr.contains("lacre log repair d.log"), "{said:?}");
    bench.good("log repair d.log");
    bench.good(VERIFY);
    let said = bench.good("log verify d.log --json").json();
    assert_eq!((&said["result"]["repairs"], &said["result"]["decisions"]), (&1.into(), &2.into()));
    let said = bench.good("log repair d.log --json").json();
    assert_eq!(said["result"]["index"], Value::Null, "there is nothing to repair");
    bench.bad("log repair nowhere", "E-NOT-FOUND", 10);
}

#[test]
fn processes_that_decide_at_once_all_have_their_line() {
    let bench = Bench::with_signed_model();
    let line = format!("{VERIFY} --decision-log-rotate 3kB");
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = bench.command();
            command.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let said = bench.good("log verify d.log --json").json();
    assert_eq!(said["result"]["decisions"], 8);
    assert!(said["result"]["files"].as_u64().unwrap() > 1, "{said}");
    fs::remove_file(bench.path("d.log.1")).unwrap();
    bench.bad("log verify d.log", "E-LOG-MISSING", 10);
    bench.good("log verify d.log --allow-archived");
}

#[test]
fn a_rehearsal_writes_nothing() {
    let bench = Bench::with_signed_model();
    let more = "--events json --events-to events --vsa vsa.sig --vsa-key k.key --dry-run";
    let before = bench.names("");
    bench.good(&format!("{VERIFY} {more}"));
    assert_eq!(bench.names(""), before);
    bench.good(VERIFY);
    bench.key("auditor");
    bench.good("log checkpoint d.log -o c.sig --key auditor.key --dry-run");
    assert!(!bench.path("c.sig").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_the_work() {
    let bench = Bench::with_signed_model();
    for more in [
        "--events-to events",
        "--decision-log-rotate 1MB",
        "--vsa vsa.sig",
        "--vsa-key k.key",
        "--events json --events-to http://localhost/",
        "--events xml",
        "--events json --events-to syslog:udp:127.0.0.1:9 --offline",
        "--events json --events-to syslog:tcp:127.0.0.1:9 --offline",
        "--events json --events-to otlp:http://127.0.0.1:9/ --offline",
        "--events json --every 10s",
        "--vsa vsa.sig --vsa-key k.key --vsa-verifier nobody",
    ] {
        let said = bench.run(&format!("verify MODEL --key k.pub {more}"));
        said.refuses("E-USAGE", 2);
    }
    bench.run("verify MODEL --key k.pub --events json --json").json();
    let said = bench.run("verify MODEL --key k.pub --events json --json");
    assert_eq!(said.json()["error"]["code"], "E-USAGE", "both want stdout");
}

/// A socket of this machine is no network.
#[test]
fn offline_events_stay_on_this_machine() {
    let bench = Bench::with_signed_model();
    let receiver = UnixDatagram::bind(bench.path("log.sock")).unwrap();
    let to = format!("syslog:{}", bench.path("log.sock").display());
    bench.good(&format!(
        "verify MODEL --key k.pub --offline --events json --events-to {to} --events-to events"
    ));
    let mut buffer = vec![0; 65536];
    let length = receiver.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"<109>1 "));
    let event: Value = serde_json::from_slice(&bench.read("events")).unwrap();
    assert_eq!(event["verdict"], "allow");
}

#[test]
fn each_pass_of_a_watched_model_is_a_decision() {
    let bench = Bench::with_signed_model();
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let said = bench.run(&format!("{VERIFY} --every 1h --events ocsf --events-to events"));
    assert_eq!(said.exit, Some(1), "{said:?}");
    assert_eq!(decisions(&bench, "d.log")[0]["reasons"][0]["code"], "E-FILE-CHANGED");
    let event: Value = serde_json::from_slice(&bench.read("events")).unwrap();
    assert_eq!((&event["class_uid"], &event["compliance"]["status"]), (&2003.into(), &"Fail".into()));
}
