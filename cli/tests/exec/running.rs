//! A program under `lacre exec`, told by its streams what to do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Said};

/// The folder in which `{model}` is made.
pub(crate) const SCRATCH: &str = "scratch";

/// What is said of the model that [`Bench::with_signed_model`] makes.
pub(crate) const BY_KEY: &str = "--key k.pub";

/// The command line that runs a shell script, whose `$1` is `{model}`.
pub(crate) fn words(bench: &Bench, options: &str, model: &str, script: &str) -> Vec<String> {
    std::fs::create_dir_all(bench.path(SCRATCH)).unwrap();
    let line = format!("exec {options} --scratch {SCRATCH} {model} -- sh -c");
    line.split_whitespace().chain([script, "sh", "{model}"]).map(ToOwned::to_owned).collect()
}

/// Runs a script to its end.
pub(crate) fn run(bench: &Bench, options: &str, script: &str) -> Said {
    run_on(bench, options, "MODEL", script)
}

pub(crate) fn run_on(bench: &Bench, options: &str, model: &str, script: &str) -> Said {
    let said = bench.args(words(bench, options, model, script));
    assert_eq!(bench.names(SCRATCH), [""; 0], "something is left: {said:?}");
    said
}

/// A script that runs.
pub(crate) struct Running {
    lacre: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    /// Starts it, and waits until it says that it is `ready`.
    pub(crate) fn start(bench: &Bench, options: &str, script: &str) -> Self {
        let mut command = bench.command();
        command.args(words(bench, options, "MODEL", script)).stdin(Stdio::piped());
        let mut lacre = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(lacre.stdout.take().unwrap());
        let stderr = BufReader::new(lacre.stderr.take().unwrap());
        let mut running = Self { stdin: lacre.stdin.take(), lacre, stdout, stderr };
        let first = running.line();
        if first != "ready" {
            let mut said = String::new();
            running.stderr.read_to_string(&mut said).unwrap();
            panic!("it did not start: {first:?}\n{said}");
        }
        running
    }

    /// The next line that the script says; none when it has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads what `lacre` says until a line has this in it.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it never said {wanted:?}");
        }
        line
    }

    /// Gives the script a line to read.
    pub(crate) fn go(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.lacre), signal).unwrap();
    }

    /// Waits for the end, after which nothing may be left.
    pub(crate) fn end(mut self, bench: &Bench) -> Said {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let said = Said { exit: self.lacre.wait().unwrap().code(), stdout, stderr };
        assert_eq!(bench.names(SCRATCH), [""; 0], "something is left: {said:?}");
        said
    }
}
