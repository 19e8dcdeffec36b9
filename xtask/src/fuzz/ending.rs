//! What libFuzzer says when it ends.

use std::fmt;

use crate::failure::{Failure, Outcome};
use crate::process::Finished;

/// Lines of a crash that are shown.
const TAIL: usize = 30;

/// How a run of one target ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) executions: u64,
    /// Inputs that reached something new.
    pub(crate) new_inputs: u64,
    /// Peak of memory in MiB, the sanitizer's own included.
    pub(crate) rss: u64,
    pub(crate) crash: Option<Crash>,
}

/// An input that broke the target, was too slow for it, or too large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    /// The file that holds the input.
    pub(crate) reproducer: String,
    /// The end of what was said about it.
    pub(crate) said: String,
}

impl Ending {
    pub(crate) fn of(finished: &Finished) -> Self {
        let crash = (!finished.status.success()).then(|| Crash {
            reproducer: reproducer(&finished.stderr)
                .unwrap_or("nowhere: it broke before an input was tried")
                .to_owned(),
            said: tail(&finished.stderr),
        });
        let number = |name| statistic(&finished.stderr, name).unwrap_or(0);
        Self {
            executions: number("number_of_executed_units"),
            new_inputs: number("new_units_added"),
            rss: number("peak_rss_mb"),
            crash,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, new_inputs, rss, crash } = self;
        write!(out, "{executions} executions, {new_inputs} new inputs, {rss} MiB")?;
        if crash.is_some() { out.write_str(", BROKEN") } else { Ok(()) }
    }
}

/// Fails if a target broke, with the files that break it.
pub(crate) fn nothing_broke(endings: &[(String, Ending)]) -> Outcome {
    let broken: Vec<String> = endings
        .iter()
        .filter_map(|(target, ending)| Some((target, ending.crash.as_ref()?)))
        .map(|(target, crash)| format!("{target} is broken by {}\n{}", crash.reproducer, crash.said))
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("fuzzing found something:\n\n{}", broken.join("\n\n"))))
    }
}

/// `stat::NAME: 17`
fn statistic(stderr: &str, name: &str) -> Option<u64> {
    stderr.lines().find_map(|line| {
        line.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok()
    })
}

/// `…Test unit written to PATH`
fn reproducer(stderr: &str) -> Option<&str> {
    stderr.lines().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path.trim()))
}

fn tail(stderr: &str) -> String {
    let lines: Vec<&str> =
        stderr.lines().filter(|line| !line.starts_with('#') && !line.starts_with("stat::")).collect();
    format!("    {}", lines[lines.len().saturating_sub(TAIL)..].join("\n    "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn finished(code: i32, stderr: &str) -> Finished {
        Finished { status: ExitStatus::from_raw(code << 8), stdout: String::new(), stderr: stderr.to_owned() }
    }

    #[test]
    fn a_good_end_is_counted() {
        let said = "#2\tINITED cov: 5\nDone 12 runs in 1 second(s)\nstat::number_of_executed_units: 12\n\
                    stat::average_exec_per_sec:     6\nstat::new_units_added:          3\n\
                    stat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              44\n";
        let ending = Ending::of(&finished(0, said));
        assert_eq!(ending, Ending { executions: 12, new_inputs: 3, rss: 44, crash: None });
        assert_eq!(ending.to_string(), "12 executions, 3 new inputs, 44 MiB");
        assert!(nothing_broke(&[("path".to_owned(), ending)]).is_ok());
    }

    #[test]
    fn a_crash_names_the_input() {
        let said = "#9\tNEW cov: 7\nthread '<unnamed>' panicked at x.rs:1:2:\n==1== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='/a/'; Test unit written to /a/crash-00\nBase64: AA==\n\
                    stat::number_of_executed_units: 9\n";
        let ending = Ending::of(&finished(77, said));
        assert_eq!(ending.executions, 9);
        let failure = nothing_broke(&[("path".to_owned(), ending)]).unwrap_err().to_string();
        assert!(failure.contains("path is broken by /a/crash-00\n    thread"), "{failure}");
        assert!(!failure.contains("NEW cov"), "{failure}");
    }

    #[test]
    fn a_program_that_does_not_start_is_no_good_end() {
        let ending = Ending::of(&finished(1, "error while loading shared libraries\n"));
        assert!(nothing_broke(&[("path".to_owned(), ending)]).is_err());
    }
}
