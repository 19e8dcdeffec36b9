//! `lacre verify --every`: a model that is watched while others change it.
//!
//! Where a test counts lines, each change is one call of the system: a test that is halted in the middle of a longer one
//! would see a line for each half.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use lacre_testkit::tamper;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::Bench;

/// Far more than any of it takes: a defect fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running `lacre verify --every`, whose lines are read as they come.
struct Watcher {
    child: Child,
    stdout: BufReader<ChildStdout>,
    runs: u64,
    /// Dropped at the end of the test, which is how its guard learns of it.
    _alive: Sender<()>,
}

impl Watcher {
    fn start(bench: &Bench, flags: &str) -> Self {
        let mut command = bench.command();
        command.args(["verify", "MODEL", "--key", "k.pub"]).args(flags.split_whitespace());
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (alive, ended) = channel();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || guard(pid, &ended));
        Self { child, stdout, runs: 0, _alive: alive }
    }

    /// The next line, which must be about the next run and woken by `trigger`.
    #[track_caller]
    fn line(&mut self, trigger: &str) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = ["at", "command", "error", "ok", "result", "run", "schema_version", "trigger"];
        assert_eq!(keys, wanted);
        self.runs += 1;
        assert_eq!((&value["run"], &value["trigger"]), (&self.runs.into(), &trigger.into()), "{value}");
        assert_eq!((&value["schema_version"], &value["command"]), (&1.into(), &"verify".into()));
        assert_eq!(value["ok"], value["error"].is_null());
        assert_eq!(value["ok"], value["result"].is_object());
        // 2026-01-31T23:59:59Z
        let at = value["at"].as_str().unwrap();
        assert!(at.len() == 20 && at.ends_with('Z') && at.as_bytes()[10] == b'T', "{at}");
        value
    }

    #[track_caller]
    fn good(&mut self, trigger: &str) -> Value {
        let value = self.line(trigger);
        assert_eq!(value["ok"], true, "{value}");
        value
    }

    /// The next line, which must be a refusal with this code.
    #[track_caller]
    fn bad(&mut self, trigger: &str, code: &str) -> Value {
        let value = self.line(trigger);
        assert_eq!((&value["ok"], &value["error"]["code"]), (&false.into(), &code.into()), "{value}");
        value
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end; gives what was left on stdout, and what stderr said.
    #[track_caller]
    fn rest(mut self, exit: i32) -> (String, String) {
        let (mut rest, mut said) = (String::new(), String::new());
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(exit), "{said}");
        (rest, said)
    }

    /// Waits for the end, before which stdout has no more to say; gives what stderr said.
    #[track_caller]
    fn ends(self, exit: i32) -> String {
        let (rest, said) = self.rest(exit);
        assert_eq!(rest, "", "{said}");
        said
    }

    #[track_caller]
    fn interrupted_by(self, signal: Signal) -> String {
        self.signal(signal);
        let said = self.ends(130);
        assert!(said.lines().any(|line| line == "error[E-INTERRUPTED]: interrupted"), "{said}");
        said
    }
}

/// Ends a process that outlives all patience.
fn guard(pid: Pid, ended: &Receiver<()>) {
    if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[test]
fn the_first_change_of_a_byte_is_told_and_is_the_end() {
    for flags in ["--every 1h", "--every 1h --json"] {
        let bench = Bench::with_signed_model();
        let mut watcher = Watcher::start(&bench, flags);
        let first = watcher.good("start");
        assert_eq!(first["result"]["model"]["name"], "org/mini-lm");
        assert_eq!(first["result"]["key_file"], "k.pub");
        assert_eq!(first["result"]["warnings"], serde_json::json!([]));
        tamper::flip(&bench.path("MODEL/model.safetensors"), 4000);
        let second = watcher.bad("change", "E-FILE-CHANGED");
        assert_eq!(second["error"]["exit"], 1);
        let said = watcher.ends(1);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0].starts_with("error[E-FILE-CHANGED]: ") && lines[1].starts_with("hint: "), "{said}");
        assert_eq!(second["error"]["hint"], lines[1].strip_prefix("hint: ").unwrap());
    }
}

#[test]
fn a_file_in_a_new_folder_is_found() {
    let bench = Bench::with_signed_model();
    let mut watcher = Watcher::start(&bench, "--every 1h");
    watcher.good("start");
    tamper::plant(&bench.path("made/er/extra.bin"), "x");
    tamper::rename(&bench.path("made"), &bench.path("MODEL/deep"));
    watcher.bad("change", "E-FILE-EXTRA");
    watcher.ends(1);
}

#[test]
fn what_is_wrong_from_the_start_is_a_result_too() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    let mut watcher = Watcher::start(&bench, "--every 1h --expect-version 2");
    watcher.bad("start", "E-VERSION-MISMATCH");
    watcher.ends(8);
    let mut command = bench.command();
    let mut watcher = Watcher::spawn(command.args(["verify", "NOWHERE", "--key", "k.pub", "--every", "1h"]));
    watcher.bad("start", "E-NOT-FOUND");
    watcher.ends(10);
}

#[test]
fn keep_going_tells_of_every_change_until_it_is_stopped() {
    let bench = Bench::with_signed_model();
    let file = bench.path("MODEL/config.json");
    bench.write("good", &bench.read("MODEL/config.json"));
    bench.write("evil", b"{\"hidden\": 385}");
    let mut watcher = Watcher::start(&bench, "--every 1h --keep-going");
    watcher.good("start");
    fs::rename(bench.path("evil"), &file).unwrap();
    watcher.bad("change", "E-FILE-CHANGED");
    fs::rename(bench.path("good"), &file).unwrap();
    watcher.good("change");
    tamper::rename(&bench.path("MODEL"), &bench.path("AWAY"));
    watcher.bad("change", "E-NOT-FOUND");
    tamper::rename(&bench.path("AWAY"), &bench.path("MODEL"));
    watcher.good("change");
    tamper::remove(&file);
    watcher.bad("change", "E-FILE-MISSING");
    let said = watcher.interrupted_by(Signal::INT);
    let told: Vec<_> = said.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(told.len(), 4, "{said}");
}

#[test]
fn a_new_signature_by_a_trusted_key_is_no_drift_and_another_is() {
    let bench = Bench::with_signed_model();
    bench.key("other");
    let signature = bench.path("MODEL/model.sig");
    for key in ["other", "k"] {
        bench.good(&format!("sign MODEL --key {key}.key --name org/mini-lm --version 1.0.1 --force"));
        fs::copy(&signature, bench.path(key)).unwrap();
    }
    bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0 --force");
    let mut watcher = Watcher::start(&bench, "--every 1h");
    assert_eq!(watcher.good("start")["result"]["model"]["version"], "1.0.0");
    fs::rename(bench.path("k"), &signature).unwrap();
    assert_eq!(watcher.good("change")["result"]["model"]["version"], "1.0.1");
    fs::rename(bench.path("other"), &signature).unwrap();
    watcher.bad("change", "E-SIGNER-UNTRUSTED");
    watcher.ends(5);
}

#[test]
fn metadata_wakes_it_and_is_no_drift() {
    let bench = Bench::with_signed_model();
    let mut watcher = Watcher::start(&bench, "--every 1h");
    watcher.good("start");
    let file = bench.path("MODEL/config.json");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    watcher.good("change");
    let said = watcher.interrupted_by(Signal::TERM);
    assert_eq!(said.lines().count(), 2, "nothing but the end: {said}");
}

#[test]
fn the_clock_wakes_it_again_and_again() {
    let bench = Bench::with_signed_model();
    let mut watcher = Watcher::start(&bench, "--every 1s -v --max-rate 1GB/s");
    for trigger in ["start", "schedule", "schedule"] {
        watcher.good(trigger);
    }
    watcher.signal(Signal::INT);
    // The clock may have been quicker than the signal.
    let (rest, said) = watcher.rest(130);
    assert!(rest.lines().all(|line| line.contains(r#""ok":true"#)), "{rest}");
    assert!(said.matches("verified org/mini-lm 1.0.0\n").count() >= 3, "{said}");
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let bench = Bench::with_signed_model();
    let mut watcher = Watcher::start(&bench, "--every 1h --keep-going");
    watcher.good("start");
    let Watcher { mut child, stdout, _alive, .. } = watcher;
    drop(stdout);
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(10), "{said}");
    assert!(said.starts_with("error[E-OUTPUT]: "), "{said}");
}

#[test]
fn a_slow_proof_is_stopped_while_it_waits() {
    let bench = Bench::with_signed_model();
    // 5 kB at a byte per second: an hour and more.
    for flags in ["--max-rate 1B/s", "--max-rate 1B/s --every 1d"] {
        let mut command = bench.command();
        command.args(["verify", "MODEL", "--key", "k.pub", "--progress", "plain"]);
        let mut watcher = Watcher::spawn(command.args(flags.split_whitespace()));
        let mut stderr = BufReader::new(watcher.child.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        assert_eq!(first, "verifying: 3 files, 5.02 kB\n");
        watcher.child.stderr = Some(stderr.into_inner());
        watcher.interrupted_by(Signal::INT);
    }
}

#[test]
fn a_gentle_proof_is_a_proof() {
    let bench = Bench::with_signed_model();
    let said = bench.good("verify MODEL --key k.pub --max-rate 500MiB/s");
    assert!(said.stdout.starts_with("verified org/mini-lm 1.0.0\n"), "{said:?}");
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    bench.bad("verify MODEL --key k.pub --max-rate 500MiB/s", "E-FILE-CHANGED", 1);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_proven() {
    let bench = Bench::with_signed_model();
    for (flags, word) in [
        ("--every 10", "10m"),
        ("--every 0s", "1s"),
        ("--every soon", "10m"),
        ("--max-rate 500", "500MB/s"),
        ("--max-rate 0MB/s", "more than 0"),
        ("--keep-going", "--every"),
        ("--every 1h --signature -", "stdin"),
    ] {
        let said = bench.bad(&format!("verify MODEL --key k.pub {flags}"), "E-USAGE", 2);
        assert!(said.stderr.contains(word), "{said:?}");
    }
    bench.bad("verify MODEL --key k.key --every 1h --keep-going", "E-KEY", 13);
    bench.bad("verify MODEL --key nowhere.pub --every 1h --keep-going", "E-NOT-FOUND", 10);
}
