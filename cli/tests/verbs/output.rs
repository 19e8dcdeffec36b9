//! Streams, shapes and help: what holds for every verb.

use std::fs::File;
use std::process::Stdio;

use crate::bench::{Bench, Said};

const VERBS: [&str; 47] = [
    "key",
    "key new",
    "key import",
    "key show",
    "sign",
    "attest",
    "verify",
    "inspect",
    "push",
    "pull",
    "tree",
    "diff",
    "exec",
    "trust",
    "trust update",
    "trust show",
    "channel",
    "channel init",
    "channel publish",
    "channel promote",
    "channel rollback",
    "channel revoke",
    "channel reinstate",
    "channel floor",
    "channel sign",
    "channel refresh",
    "channel rotate",
    "channel log",
    "channel trust",
    "channel status",
    "channel commit",
    "channel state",
    "channel state export",
    "channel state import",
    "channel enforce",
    "channel drill",
    "log",
    "log verify",
    "log checkpoint",
    "log show",
    "log repair",
    "policy",
    "policy init",
    "policy check",
    "policy explain",
    "policy test",
    "policy schema",
];

#[test]
fn help_fits_a_screen_and_shows_examples() {
    let bench = Bench::new();
    let long = VERBS.iter().map(|verb| (verb, "--help"));
    for (verb, flag) in VERBS.iter().chain(&[""]).map(|verb| (verb, "-h")).chain(long) {
        let mut command = bench.command();
        let said = Said::of(command.args(verb.split_whitespace()).arg(flag).env("COLUMNS", "80"));
        assert!(
            said.stdout.lines().count() <= 24,
            "{verb}: {}\n{}",
            said.stdout.lines().count(),
            said.stdout
        );
        let widest = said.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{verb}: {widest} columns\n{}", said.stdout);
        if !["key", "trust", "channel", "channel state", "log", "policy"].contains(verb) {
            assert!(said.stdout.contains("\nExamples:\n  "), "{verb}\n{}", said.stdout);
        }
    }
}

#[test]
fn long_help_has_the_shared_options_and_the_exit_codes() {
    let bench = Bench::new();
    let main = bench.good("--help").stdout;
    assert!(main.contains("Exit codes") && main.contains("130  interrupted"), "{main}");
    assert!(main.contains("E-FILE-CHANGED") && main.contains("E-INTERRUPTED"), "{main}");
    for verb in ["sign", "verify", "pull"] {
        let help = bench.good(&format!("help {verb}")).stdout;
        for flag in
            ["--json", "--quiet", "--verbose", "--color", "--progress", "--offline", "--force", "--dry-run"]
        {
            assert!(help.contains(flag), "{verb} {flag}");
        }
    }
}

#[test]
fn the_version_is_one_line() {
    let said = Bench::new().good("--version");
    assert_eq!(said.stdout, format!("lacre {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn shared_flags_stand_before_or_after_the_verb() {
    let bench = Bench::with_signed_model();
    let before = bench.good("--json --offline inspect MODEL");
    let after = bench.good("inspect MODEL --offline --json");
    assert_eq!(before.json(), after.json());
}

#[test]
fn success_and_failure_have_the_same_keys() {
    let bench = Bench::with_signed_model();
    // `json` asserts the keys.
    assert_eq!(bench.good("--json verify MODEL --key k.pub").json()["ok"], true);
    let failed = bench.run("verify NOWHERE --key k.pub --json").json();
    let keys: Vec<_> = failed["error"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["causes", "code", "exit", "hint", "message", "position", "report"]);
}

#[test]
fn usage_errors_come_as_json_too() {
    let bench = Bench::new();
    for (line, command) in [
        ("verify --bogus --json", "verify"),
        ("--json", "lacre"),
        ("--json nosuchverb", "lacre"),
        ("key --json", "key new"),
        ("sign --json", "sign"),
        ("--json -q -v inspect x", "inspect"),
    ] {
        let said = bench.run(line);
        assert_eq!(said.exit, Some(2), "{line}: {said:?}");
        assert_eq!(said.stderr, "", "{line}");
        let value = said.json();
        assert_eq!(value["command"], command, "{line}");
        assert_eq!(value["error"]["code"], "E-USAGE", "{line}");
        assert!(!value["error"]["message"].as_str().unwrap().is_empty(), "{line}");
    }
}

#[test]
fn usage_errors_name_the_fault_once_and_the_usage() {
    let bench = Bench::new();
    let said = bench.run("verify MODEL --kye k.pub");
    said.refuses("E-USAGE", 2);
    assert_eq!(said.stderr.matches("--kye").count(), 1, "{said:?}");
    said.says("hint: ");
    assert!(said.stderr.contains("--key"), "{said:?}");
    let lost = bench.run("");
    lost.refuses("E-USAGE", 2);
    assert!(lost.stderr.contains("Commands:"), "{lost:?}");
}

#[test]
fn no_escape_sequence_reaches_a_pipe_unless_demanded() {
    let bench = Bench::with_signed_model();
    assert!(!bench.good("verify MODEL --key k.pub").stdout.contains('\u{1b}'));
    assert!(bench.good("verify MODEL --key k.pub --color always").stdout.contains("\u{1b}["));
    assert!(!bench.good("verify MODEL --key k.pub --color never").stdout.contains('\u{1b}'));
    let failure = bench.run("verify NOWHERE --key k.pub --color always");
    assert!(failure.stderr.contains("\u{1b}["), "{failure:?}");
    // The environment's wish counts on auto, and a flag beats it.
    let forced = Said::of(bench.command().args(["inspect", "MODEL"]).env("CLICOLOR_FORCE", "1"));
    assert!(forced.stdout.contains("\u{1b}["), "{forced:?}");
    let never = ["inspect", "MODEL", "--color", "never"];
    let never = Said::of(bench.command().args(never).env("CLICOLOR_FORCE", "1"));
    assert!(!never.stdout.contains('\u{1b}'), "{never:?}");
}

#[test]
fn quiet_prints_errors_only() {
    let bench = Bench::with_signed_model();
    for line in
        ["verify MODEL --key k.pub -q", "sign MODEL --key k.key -q --force", "-q push MODEL oci:store:v1"]
    {
        let said = bench.good(line);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""), "{line}");
    }
    bench.bad("verify NOWHERE --key k.pub -q", "E-NOT-FOUND", 10).says("error[");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::with_signed_model();
    let mut command = bench.command();
    command.args(["inspect", "MODEL", "-v"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let bench = Bench::with_signed_model();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = bench.command();
    command.args(["verify", "MODEL", "--key", "k.pub"]).stdout(full).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error[E-OUTPUT]: "));
}

#[test]
fn plain_progress_goes_to_stderr_and_none_is_silent() {
    let bench = Bench::with_signed_model();
    let said = bench.good("verify MODEL --key k.pub --progress plain");
    said.says("verifying: 3 files, 5.02 kB");
    let auto = bench.good("verify MODEL --key k.pub");
    assert_eq!(auto.stderr, "", "without a terminal there is no bar");
}
