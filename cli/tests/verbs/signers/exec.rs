//! `exec:PROGRAM`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lacre_testkit::places;

use super::{UNSIGNED, refuses, tool};
use crate::bench::{Bench, Said};

/// A bench with a program `./signer`, whose lines these are.
fn with(lines: &str) -> Bench {
    let bench = Bench::with_model_and_key();
    program(&bench, "signer", lines);
    bench
}

fn program(bench: &Bench, name: &str, lines: &str) {
    bench.write(name, format!("#!/bin/sh\n{lines}\n").as_bytes());
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lines that answer with the public key of the bench, and go on for a signature.
const PUBLIC: &str = r#"IFS= read -r request
case $request in *public-key*)
    printf '{"public_key":"%s"}\n' "$(awk '{ printf "%s\\n", $0 }' k.pub)"; exit 0;;
esac"#;

/// The example of the documentation.
fn example() -> String {
    places::checkout().join("examples/openssl-signer.sh").to_str().unwrap().replace(' ', "%20")
}

#[test]
fn the_example_of_the_documentation_signs() {
    let bench = Bench::with_model_and_key();
    let line = format!("sign --json MODEL --name m --key exec:{} k.key k.pub", example());
    let words: Vec<_> = line.splitn(7, ' ').collect();
    let said = bench.args(words);
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert_eq!(said.json()["result"]["key"]["algorithm"], "ecdsa-p256");
    bench.good("verify MODEL --key k.pub --expect-name m");
}

#[test]
fn a_program_is_found_by_name_and_gets_its_arguments_as_they_are() {
    let bench = Bench::with_model_and_key();
    bench.write("key dir/k;$(x).key", &bench.read("k.key"));
    fs::create_dir(bench.path("bin")).unwrap();
    fs::copy(places::checkout().join("examples/openssl-signer.sh"), bench.path("bin/my-signer")).unwrap();
    let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap());
    let key = "exec:my-signer key%20dir/k;$(x).key k.pub";
    let said =
        Said::of(bench.command().args(["sign", "MODEL", "--name", "m", "--key", key]).env("PATH", path));
    assert_eq!(said.exit, Some(0), "{said:?}");
    bench.good("verify MODEL --key k.pub");
}

#[test]
fn a_program_that_is_not_there() {
    let bench = Bench::with_model_and_key();
    for key in ["exec:./nowhere", "exec:no-such-signer-anywhere"] {
        let said = refuses(&bench, key, "E-NOT-FOUND", 10);
        assert!(said.contains(&key[5..]), "{said}");
    }
    bench.write("plain", b"#!/bin/sh\n");
    refuses(&bench, "exec:./plain", "E-SIGNER", 11);
}

#[test]
fn failures_are_told_in_the_programs_words_or_by_its_exit() {
    let said = refuses(&with("exit 1"), "exec:./signer", "E-SIGNER", 11);
    assert!(said.contains("exit status: 1"), "{said}");
    let said = refuses(&with("kill -9 $$"), "exec:./signer", "E-SIGNER", 11);
    assert!(said.contains("signal: 9"), "{said}");
    for exit in [0, 3] {
        let lines = format!("printf '{{\"error\":\"the vault is sealed\"}}\\n'; exit {exit}");
        let said = refuses(&with(&lines), "exec:./signer", "E-SIGNER", 11);
        assert!(said.contains("the vault is sealed"), "{said}");
    }
    let fails_late = with(&format!("{PUBLIC}\nexit 4"));
    let said = refuses(&fails_late, "exec:./signer", "E-SIGNER", 11);
    assert!(said.contains("exit status: 4"), "{said}");
}

#[test]
fn a_further_signer_that_fails_leaves_no_folder_behind() {
    let bench = with(&format!("{PUBLIC}\nexit 4"));
    bench.good("sign MODEL --key k.key --name m");
    let before = bench.names("");
    bench.bad("sign MODEL --name m --append --key exec:./signer", "E-SIGNER", 11);
    assert_eq!(bench.names(""), before);
}

#[test]
fn what_is_no_answer_is_refused() {
    for lines in ["true", "echo signed", "echo '{}'", "echo '{\"signature\":\"AAAA\"}'", "printf '\\377'"] {
        let said = refuses(&with(lines), "exec:./signer", "E-SIGNER", 11);
        assert!(said.contains("makes no sense"), "{lines}: {said}");
    }
    let garbage = with(&format!("{PUBLIC}\necho '{{\"signature\":\"not base64!\"}}'"));
    refuses(&garbage, "exec:./signer", "E-SIGNER", 11);
    refuses(&with("echo '{\"public_key\":\"none\"}'"), "exec:./signer", "E-KEY", 13);
}

#[test]
fn a_signature_over_something_else_or_by_another_key_is_never_written() {
    let sign = |input: &str, key: &str| {
        let openssl = format!("printf {input} | openssl dgst -sha256 -sign {key} | openssl base64 -A");
        with(&format!("{PUBLIC}\nprintf '{{\"signature\":\"%s\"}}\\n' \"$({openssl})\""))
    };
    let other_message = sign("else", "k.key");
    let said = refuses(&other_message, "exec:./signer", "E-SIGNATURE-INVALID", 3);
    assert!(said.contains("hint: nothing was written"), "{said}");

    let other_key = Bench::with_model_and_key();
    other_key.key("other");
    let words = ["sign", "MODEL", "--name", "m", "--key", &format!("exec:{} other.key k.pub", example())];
    other_key.args(words).refuses("E-SIGNATURE-INVALID", 3);
    assert_eq!(other_key.names("MODEL"), UNSIGNED);
}

#[test]
fn an_endless_answer_is_cut_off() {
    for program in ["yes", "head -c 1000000000 /dev/zero"] {
        let said = refuses(&with(&format!("exec {program}")), "exec:./signer", "E-LIMIT", 13);
        assert!(said.contains("65536"), "{said}");
    }
}

#[test]
fn an_answer_in_drops_is_not_waited_for() {
    let bench = with("while :; do printf ' '; sleep 0.1; done");
    let said = refuses(&bench, "exec:./signer", "E-SIGNER", 11);
    assert!(said.contains("within 1 s") && said.contains("--signer-timeout"), "{said}");
}

#[test]
fn a_key_of_another_kind_is_refused_by_name() {
    let bench = with(&PUBLIC.replace("k.pub", "rsa.pub"));
    tool(&bench.path(""), &[], &["openssl", "genrsa", "-out", "rsa.key", "2048"]);
    tool(&bench.path(""), &[], &["openssl", "rsa", "-in", "rsa.key", "-pubout", "-out", "rsa.pub"]);
    let said = refuses(&bench, "exec:./signer", "E-UNSUPPORTED", 13);
    assert!(said.contains("1.2.840.113549.1.1.1"), "{said}");
}

/// Waits until no process of this number works any more; a zombie works no more.
fn is_gone(pid: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => std::thread::yield_now(),
            _ => return true,
        }
    }
    false
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_has_started() {
    let bench = with("sleep 1000 & echo $! > child; echo $$ > self; wait");
    refuses(&bench, "exec:./signer", "E-SIGNER", 11);
    for file in ["child", "self"] {
        let pid = String::from_utf8(bench.read(file)).unwrap();
        assert!(is_gone(pid.trim()), "{file} {pid} lives");
    }
}

#[test]
fn what_a_good_program_leaves_behind_is_ended_too() {
    let bench = Bench::with_model_and_key();
    let example = example().replace("%20", " ");
    program(&bench, "signer", &format!("sleep 1000 >&- 2>&- <&- & echo $! > child\n'{example}' k.key k.pub"));
    bench.good("sign MODEL --name m --key exec:./signer");
    let pid = String::from_utf8(bench.read("child")).unwrap();
    assert!(is_gone(pid.trim()), "{pid} lives");
}

#[test]
fn what_a_program_says_is_passed_on_escaped_and_bounded() {
    let bench = Bench::with_model_and_key();
    let example = example().replace("%20", " ");
    let lines = format!(
        "printf 'touch the key \\033[2J\\n' >&2\nyes noise | head -n 100000 >&2\n'{example}' k.key k.pub"
    );
    program(&bench, "signer", &lines);
    let said = bench.good("sign MODEL --name m --key exec:./signer");
    said.says("signer: touch the key \\u{1b}[2J");
    assert!(said.stderr.lines().count() < 500, "{} lines", said.stderr.lines().count());
    let quiet = bench.good("sign MODEL --name m --force --quiet --key exec:./signer");
    assert_eq!(quiet.stderr, "");
}

#[test]
fn stopping_lacre_stops_the_program() {
    let bench = with("echo $$ > self.part; mv self.part self; exec sleep 1000");
    let mut command = bench.command();
    command.args(["sign", "MODEL", "--name", "m", "--key", "exec:./signer"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !bench.path("self").exists() {
        assert!(Instant::now() < end, "the signer never started");
        std::thread::yield_now();
    }
    tool(&bench.path(""), &[], &["kill", "-TERM", &child.id().to_string()]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let pid = String::from_utf8(bench.read("self")).unwrap();
    assert!(is_gone(pid.trim()), "{pid} lives");
    assert_eq!(bench.names("MODEL"), UNSIGNED);
}

#[test]
fn a_program_that_answers_without_reading_is_fine_until_it_must_sign() {
    let bench = Bench::with_model_and_key();
    program(&bench, "signer", &PUBLIC.replace("IFS= read -r request", "request=public-key"));
    refuses(&bench, "exec:./signer", "E-SIGNER", 11);
}

#[test]
fn a_program_without_a_shebang_is_told_apart_from_a_missing_one() {
    let bench = Bench::with_model_and_key();
    bench.write("signer", b"#!/no/such/interpreter\n");
    Command::new("chmod").arg("+x").arg(bench.path("signer")).status().unwrap();
    let said = refuses(&bench, "exec:./signer", "E-NOT-FOUND", 10);
    assert!(said.contains("interpreter"), "{said}");
}
