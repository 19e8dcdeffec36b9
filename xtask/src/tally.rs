//! Counting tests: what two test runners say in their closing lines, summed.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(out, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// Nextest's closing line: `Summary [   1.234s] 5/9 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
///
/// Every test that was to run and did not pass has failed, whatever nextest calls it.
pub(crate) fn of_nextest(line: &str) -> Option<Tally> {
    let (_time, rest) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    let (run, counts) = rest.split_once(" run: ")?;
    let planned = run.trim().strip_suffix("tests").or_else(|| run.trim().strip_suffix("test"))?.trim();
    let planned: u64 = planned.rsplit('/').next()?.parse().ok()?;
    let passed = count(counts, "passed").unwrap_or(0);
    let skipped = count(counts, "skipped").unwrap_or(0);
    Some(Tally { passed, failed: planned.checked_sub(passed)?, skipped })
}

/// A closing line of the built-in test runner: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`.
pub(crate) fn of_libtest(line: &str) -> Option<Tally> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(Tally {
        passed: count(counts, "passed")?,
        failed: count(counts, "failed")?,
        skipped: count(counts, "ignored")?,
    })
}

/// The number before `word` in `3 passed (1 slow), 1 failed` or `3 passed; 1 failed`.
fn count(counts: &str, word: &str) -> Option<u64> {
    counts.split([',', ';', '(']).find_map(|part| {
        let (number, name) = part.trim().split_once(' ')?;
        if name.split(' ').next() == Some(word) { number.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn nextest_closes_in_many_ways() {
        assert_eq!(
            of_nextest("     Summary [   0.004s] 1 test run: 1 passed, 0 skipped"),
            Some(tally(1, 0, 0))
        );
        assert_eq!(
            of_nextest("     Summary [   0.123s] 20 tests run: 20 passed, 3 skipped"),
            Some(tally(20, 0, 3))
        );
        assert_eq!(
            of_nextest(
                "     Summary [  61.2s] 9 tests run: 6 passed (2 slow, 1 leaky), 1 failed, 2 timed out, 4 skipped"
            ),
            Some(tally(6, 3, 4))
        );
        assert_eq!(
            of_nextest("     Summary [   0.1s] 5/9 tests run: 3 passed, 2 failed, 0 skipped"),
            Some(tally(3, 6, 0))
        );
        assert_eq!(
            of_nextest("     Summary [   0.1s] 2 tests run: 0 passed, 2 exec failed"),
            Some(tally(0, 2, 0))
        );
        assert_eq!(
            of_nextest("     Summary [   0.000s] 0 tests run: 0 passed, 7 skipped"),
            Some(tally(0, 0, 7))
        );
    }

    #[test]
    fn other_lines_are_not_nextests() {
        assert_eq!(of_nextest("        PASS [   0.003s] xtask::bin/xtask tally::tests::x"), None);
        assert_eq!(of_nextest("Summary of everything"), None);
        assert_eq!(of_nextest("     Summary [   0.1s] 1 tests run: 2 passed"), None);
    }

    #[test]
    fn doctests_close_as_the_built_in_runner_does() {
        let line =
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.42s";
        assert_eq!(of_libtest(line), Some(tally(3, 0, 1)));
        let line = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.42s";
        assert_eq!(of_libtest(line), Some(tally(3, 2, 0)));
        assert_eq!(of_libtest("test src/lib.rs - (line 3) ... ok"), None);
        assert_eq!(of_libtest("said: test result: ok. 3 passed; 0 failed; 1 ignored"), None);
    }

    #[test]
    fn the_closing_line_is_plain() {
        let mut all = Tally { passed: 3, failed: 0, skipped: 0 };
        assert_eq!(all.to_string(), "3 passed, 0 failed");
        all += Tally { passed: 1, failed: 2, skipped: 1 };
        assert_eq!(all.to_string(), "4 passed, 2 failed, 1 skipped");
    }
}
