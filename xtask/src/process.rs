//! Running other programs: shown, captured, or read line by line, and never with a standard input.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// Lines of a program's output that are shown when it fails.
const TAIL: usize = 40;

/// A program about to run.
pub(crate) struct Program {
    command: Command,
}

/// What a program left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Which of a program's outputs is read line by line; the other one is passed through.
#[derive(Clone, Copy)]
pub(crate) enum Listen {
    Stdout,
    Stderr,
}

impl Program {
    /// `program`, by name or path, with no arguments yet.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command }
    }

    /// Cargo, the one that runs this command.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The command as a person would type it.
    pub(crate) fn line(&self) -> String {
        std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(|word| {
                let word = word.to_string_lossy();
                if word.contains([' ', '*', '\'', '"', '$']) {
                    format!("'{word}'")
                } else {
                    word.into_owned()
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it with its output passed through; anything but success is a failure.
    pub(crate) fn run(mut self) -> Outcome {
        let line = self.line();
        let status = self.command.status().during(|| format!("cannot start `{line}`"))?;
        succeed(status, &line, "")
    }

    /// Runs it and keeps what it prints; any exit is fine.
    pub(crate) fn finish(mut self) -> Outcome<Finished> {
        let line = self.line();
        let output = self.command.output().during(|| format!("cannot start `{line}`"))?;
        Ok(Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it quietly and gives its stdout; anything but success is a failure that shows the end of its output.
    pub(crate) fn read(self) -> Outcome<String> {
        let line = self.line();
        let finished = self.finish()?;
        succeed(finished.status, &line, &format!("{}{}", finished.stdout, finished.stderr))?;
        Ok(finished.stdout)
    }

    /// Runs it with its output passed through, and hands each line of one of the two to `each`.
    pub(crate) fn listen(mut self, to: Listen, mut each: impl FnMut(&str)) -> Outcome<ExitStatus> {
        let line = self.line();
        match to {
            Listen::Stdout => self.command.stdout(Stdio::piped()),
            Listen::Stderr => self.command.stderr(Stdio::piped()),
        };
        let mut child = self.command.spawn().during(|| format!("cannot start `{line}`"))?;
        for text in LossyLines::of(&mut child, to) {
            let text = text.during(|| format!("cannot read the output of `{line}`"))?;
            match to {
                Listen::Stdout => say::out(&text),
                Listen::Stderr => say::note(&text),
            }
            each(&text);
        }
        child.wait().during(|| format!("cannot wait for `{line}`"))
    }
}

/// Lines of a pipe; what is not UTF-8 is replaced, since tests may print anything.
struct LossyLines {
    pipe: Option<BufReader<Box<dyn Read>>>,
}

impl LossyLines {
    fn of(child: &mut Child, which: Listen) -> Self {
        let pipe: Option<Box<dyn Read>> = match which {
            Listen::Stdout => child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read>),
            Listen::Stderr => child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read>),
        };
        Self { pipe: pipe.map(BufReader::new) }
    }
}

impl Iterator for LossyLines {
    type Item = std::io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match self.pipe.as_mut()?.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                Some(Ok(String::from_utf8_lossy(line).into_owned()))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

fn succeed(status: ExitStatus, line: &str, output: &str) -> Outcome {
    if status.success() {
        return Ok(());
    }
    let lines: Vec<&str> = output.lines().collect();
    let tail: String =
        lines[lines.len().saturating_sub(TAIL)..].iter().fold(String::new(), |mut all, line| {
            all.push_str("\n    ");
            all.push_str(line);
            all
        });
    Err(Failure::new(format!("`{line}` failed ({status}){tail}")))
}

/// Tries `work` up to three times, with a pause that grows: registries have bad moments.
pub(crate) fn persistently<T>(what: &str, mut work: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let mut pause = Duration::from_secs(3);
    for attempt in 1..=2 {
        match work() {
            Ok(value) => return Ok(value),
            Err(failure) => say::note(format!("  {what} did not work (attempt {attempt} of 3): {failure}")),
        }
        thread::sleep(pause);
        pause *= 4;
    }
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_its_exit_and_its_last_words() {
        let failure = Program::new("sh").args(["-c", "echo said; exit 7"]).read().unwrap_err().to_string();
        assert!(
            failure.contains("`sh -c 'echo said; exit 7'` failed (exit status: 7)\n    said"),
            "{failure}"
        );
    }

    #[test]
    fn lines_arrive_in_order_and_the_exit_is_kept() {
        let mut seen = Vec::new();
        let status = Program::new("sh")
            .args(["-c", "printf 'a\\n\\377\\nlast'; exit 3"])
            .listen(Listen::Stdout, |line| seen.push(line.to_owned()))
            .unwrap();
        assert_eq!(seen, ["a", "\u{fffd}", "last"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_program_has_no_standard_input() {
        assert_eq!(Program::new("cat").read().unwrap(), "");
    }
}
