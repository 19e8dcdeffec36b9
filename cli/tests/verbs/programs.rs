//! Other programs that make and read keys, run on the bench.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lacre_testkit::places::Peer;

use crate::bench::Bench;

/// Whether a program of the machine is there; a failure where peers are required.
pub(crate) fn found(program: &str) -> bool {
    match Command::new(program).arg("-?").stdin(Stdio::null()).output() {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
            assert!(!required, "the program {program} is required and missing");
            eprintln!("SKIPPED: the program {program} is missing; nothing was compared with it");
            false
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

pub(crate) fn cosign() -> Option<PathBuf> {
    Peer::Cosign.find()
}

/// Runs what must succeed, and gives what it printed. An empty word stands for itself.
pub(crate) fn run(bench: &Bench, program: impl AsRef<Path>, words: &[&str], passphrase: &str) -> String {
    let mut command = Command::new(program.as_ref());
    command.args(words).current_dir(bench.path("")).stdin(Stdio::null());
    let output = command.env("HOME", bench.path("")).env("COSIGN_PASSWORD", passphrase).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {words:?}: {said}", program.as_ref().display());
    String::from_utf8(output.stdout).unwrap()
}

/// Has `ssh-keygen` make `name` and `name.pub`.
pub(crate) fn ssh_keygen(bench: &Bench, name: &str, (kind, bits): (&str, &str), passphrase: &str) {
    let words = ["-q", "-t", kind, "-b", bits, "-a", "2", "-N", passphrase, "-C", "a comment", "-f", name];
    run(bench, "ssh-keygen", &words, "");
}
