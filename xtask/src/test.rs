//! `cargo xtask test`: every test of the workspace, with the peers that they need, and one closing line.

use std::path::{Path, PathBuf};

use crate::cache::{self, Cache};
use crate::failure::{Failure, Outcome};
use crate::process::{Listen, Program};
use crate::tally::{self, Tally};
use crate::{interop, peers, say, tools};

/// Tests of the feature `tpm`, which no other build has.
const WITH_A_TPM: &[&str] =
    &["--package=lacre-release", "--package=lacre", "--features=lacre-release/tpm,lacre/tpm", "--test=tpm"];

/// Runs the tests whose names contain one of `filters`, or all of them.
pub(crate) fn run(filters: &[&str]) -> Outcome {
    let cache = Cache::open()?;
    let peers = peers::ensure(&cache)?;
    let nextest = tools::ensure(&cache, &tools::NEXTEST)?;
    let surroundings = Surroundings::new(peers)?;

    let mut all = unit_and_integration(&nextest, &surroundings, &["--workspace"], filters)?;
    all += unit_and_integration(&nextest, &surroundings, WITH_A_TPM, filters)?;
    all += documentation(&surroundings, filters)?;
    if all.failed == 0 && all.passed == 0 {
        return Err(Failure::new("no test ran: does the filter match a name?"));
    }
    // Only a whole run has seen all that the table says, and a failed test has said why it has not.
    if filters.is_empty() && all.failed == 0 {
        all += match interop::conclude(&surroundings) {
            Ok(()) => Tally { passed: 1, ..Tally::default() },
            Err(failure) => {
                say::note(failure);
                Tally { failed: 1, ..Tally::default() }
            }
        };
    }
    // Whoever reads this run reads its last line: nothing is printed after it.
    say::out(all);
    if all.failed == 0 { Ok(()) } else { std::process::exit(1) }
}

/// Where tests run, and what they find there.
pub(crate) struct Surroundings {
    checkout: PathBuf,
    peers: PathBuf,
    results: PathBuf,
    vectors: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn new(peers: PathBuf) -> Outcome<Self> {
        let checkout = cache::checkout()?;
        Ok(Self { peers, results: interop::results()?, vectors: vectors(&checkout), checkout })
    }

    pub(crate) fn checkout(&self) -> &Path {
        &self.checkout
    }

    pub(crate) fn peers(&self) -> &Path {
        &self.peers
    }

    /// Where tests write what they find out about peers.
    pub(crate) fn results(&self) -> &Path {
        &self.results
    }

    /// What nextest is asked beside the workspace's own settings.
    pub(crate) fn settings(&self) -> String {
        format!("lacre:{}", self.checkout.join("xtask/nextest.toml").display())
    }

    pub(crate) fn around(&self, program: Program) -> Program {
        let program = program
            .dir(&self.checkout)
            .env("LACRE_PEERS", &self.peers)
            .env("LACRE_REQUIRE_PEERS", "1")
            .env(interop::RESULTS, &self.results);
        match &self.vectors {
            Some(folder) => program.env("LACRE_VECTORS", folder),
            None => program.without_env("LACRE_VECTORS"),
        }
    }
}

/// The published test vectors, which are kept beside the checkout.
fn vectors(checkout: &Path) -> Option<PathBuf> {
    let folder = std::env::var_os("LACRE_VECTORS")
        .map_or_else(|| checkout.parent().unwrap_or(checkout).join("shared/vectors"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    say::note("********************************************************************************");
    say::note("*  NO TEST VECTORS: ../shared/vectors is not there. Tests that read them skip. *");
    say::note("********************************************************************************");
    None
}

fn unit_and_integration(
    nextest: &Path,
    surroundings: &Surroundings,
    suite: &[&str],
    filters: &[&str],
) -> Outcome<Tally> {
    let program = surroundings
        .around(Program::new(nextest))
        .arg(tools::subcommand(&tools::NEXTEST))
        .args(["run", "--locked", "--no-fail-fast", "--no-tests=pass"])
        .args(suite)
        .args(["--color", "never", "--tool-config-file", &surroundings.settings()])
        .args(filters);
    let mut closing = None;
    let status = program.listen(Listen::Stderr, |line| closing = tally::of_nextest(line).or(closing))?;
    let all = match closing {
        Some(all) => all,
        // With nothing to run it closes without counting.
        None if status.success() => Tally::default(),
        None => return Err(Failure::new(format!("the tests did not run ({status})"))),
    };
    agree(status.success(), all, "nextest")
}

fn documentation(surroundings: &Surroundings, filters: &[&str]) -> Outcome<Tally> {
    let program = surroundings
        .around(Program::cargo())
        .args(["test", "--locked", "--doc", "--workspace", "--no-fail-fast", "--color", "never", "--"])
        .args(filters);
    let mut all = Tally::default();
    let status = program.listen(Listen::Stdout, |line| {
        if let Some(suite) = tally::of_libtest(line) {
            all += suite;
        }
    })?;
    agree(status.success(), all, "cargo test --doc")
}

/// A runner's exit and its count must say the same; else the count cannot be believed.
fn agree(succeeded: bool, all: Tally, runner: &str) -> Outcome<Tally> {
    match (succeeded, all.failed) {
        (true, 0) | (false, 1..) => Ok(all),
        _ => Err(Failure::new(format!(
            "{runner} exited with {} but counts {all}",
            if succeeded { "success" } else { "failure" }
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_contradicts_the_exit_is_not_believed() {
        let good = Tally { passed: 2, failed: 0, skipped: 0 };
        let bad = Tally { passed: 2, failed: 1, skipped: 0 };
        assert_eq!(agree(true, good, "x").unwrap(), good);
        assert_eq!(agree(false, bad, "x").unwrap(), bad);
        assert!(agree(false, good, "x").is_err());
        assert!(agree(true, bad, "x").is_err());
    }
}
