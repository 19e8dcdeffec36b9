//! What a program costs: time on the clock, time on the processors, memory at its peak, bytes off the disk.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;

/// The cost of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of the processors, user and system.
    pub(crate) cpu: f64,
    /// Largest resident set, in MiB.
    pub(crate) rss: f64,
    /// MiB that came from the disk and not from the page cache.
    pub(crate) fetched: f64,
}

/// How a run ended.
pub(crate) enum Ending {
    Done(Sample),
    /// It said `error[code]`.
    Refused {
        code: String,
        said: String,
        sample: Sample,
    },
}

/// Runs `words` (a program first) and tells what it cost; anything but success is a failure.
pub(crate) fn cost(scratch: &Path, words: &[OsString]) -> Outcome<Sample> {
    match attempt(scratch, words)? {
        Ending::Done(sample) => Ok(sample),
        Ending::Refused { said, .. } => Err(Failure::new(said)),
    }
}

/// The same, with a clock that runs around the program alone: it runs once more, without GNU time, whose own start would
/// be a good part of a program that takes milliseconds.
pub(crate) fn cost_of_a_short_one(scratch: &Path, words: &[OsString]) -> Outcome<Sample> {
    let sample = cost(scratch, words)?;
    let [program, arguments @ ..] = words else { return Ok(sample) };
    let own_cache = scratch.join("cache");
    cache::empty(&own_cache)?;
    let program = Program::new(program).env("XDG_CACHE_HOME", &own_cache).args(arguments);
    let begin = Instant::now();
    program.read()?;
    Ok(Sample { wall: begin.elapsed().as_secs_f64(), ..sample })
}

/// The cost with the cache that `cache` is, as it was left by who used it before.
pub(crate) fn cost_beside(scratch: &Path, cache: &Path, words: &[OsString]) -> Outcome<Sample> {
    match run(scratch, cache, words)? {
        Ending::Done(sample) => Ok(sample),
        Ending::Refused { said, .. } => Err(Failure::new(said)),
    }
}

/// Runs `words` (a program first) and tells what it cost, or by which error code it refused. Each run has an empty cache
/// of its own, so that no run makes the next one easier.
pub(crate) fn attempt(scratch: &Path, words: &[OsString]) -> Outcome<Ending> {
    let own_cache = scratch.join("cache");
    cache::empty(&own_cache)?;
    run(scratch, &own_cache, words)
}

/// GNU time is the parent of the measured program: it asks the kernel for that one child's usage, and is so small that
/// its own memory, which a child's peak begins with, does not show.
fn run(scratch: &Path, own_cache: &Path, words: &[OsString]) -> Outcome<Ending> {
    let told = scratch.join("usage");
    let program = Program::new("time")
        .env("XDG_CACHE_HOME", own_cache)
        .args(["-q", "-f", "%U %S %M %I", "-o"])
        .arg(&told)
        .args(words);
    let line = program.line();
    let begin = Instant::now();
    let finished = program.finish()?;
    let wall = begin.elapsed().as_secs_f64();
    let text = fs::read_to_string(&told).during(|| format!("cannot read {}", told.display()))?;
    let sample = usage(&text, wall)
        .ok_or_else(|| Failure::new(format!("`time` said what nobody asked for: {text}")))?;
    if finished.status.success() {
        return Ok(Ending::Done(sample));
    }
    let said = format!("`{line}` failed ({}):\n{}", finished.status, finished.stderr.trim_end());
    match code_in(&finished.stderr) {
        Some(code) => Ok(Ending::Refused { code: code.to_owned(), said, sample }),
        None => Err(Failure::new(said)),
    }
}

/// The code of Lacre's line `error[E-...]: ...`.
fn code_in(stderr: &str) -> Option<&str> {
    stderr.lines().find_map(|line| line.strip_prefix("error[")?.split_once(']').map(|(code, _)| code))
}

fn usage(text: &str, wall: f64) -> Option<Sample> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next()?.ok();
    let (user, system, kib, blocks) = (next()?, next()?, next()?, next()?);
    // The kernel counts what it fetches in blocks of 512 bytes.
    Some(Sample { wall, cpu: user + system, rss: kib / 1024.0, fetched: blocks / 2048.0 })
}

/// Starts `program --version` `times` times and gives the median of the seconds, after a few starts that warm it up.
pub(crate) fn start_up(program: &Path, times: usize) -> Outcome<f64> {
    let once = || -> Outcome<f64> {
        let start = Program::new(program).arg("--version");
        let begin = Instant::now();
        start.read()?;
        Ok(begin.elapsed().as_secs_f64())
    };
    for _ in 0..3 {
        once()?;
    }
    Ok(median((0..times).map(|_| once()).collect::<Outcome<Vec<_>>>()?))
}

/// The medians of the parts; the peak of memory is the highest seen.
pub(crate) fn typical(samples: &[Sample]) -> Sample {
    let part = |of: fn(&Sample) -> f64| samples.iter().map(of).collect::<Vec<_>>();
    Sample {
        wall: median(part(|sample| sample.wall)),
        cpu: median(part(|sample| sample.cpu)),
        rss: part(|sample| sample.rss).into_iter().fold(0.0, f64::max),
        fetched: median(part(|sample| sample.fetched)),
    }
}

/// The value in the middle; no values have none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_outside_the_usual_does_not_count() {
        let sample = |wall, rss| Sample { wall, cpu: wall * 2.0, rss, fetched: wall * 3.0 };
        let typical = typical(&[sample(1.0, 10.0), sample(99.0, 12.0), sample(2.0, 11.0)]);
        assert_eq!(typical, Sample { wall: 2.0, cpu: 4.0, rss: 12.0, fetched: 6.0 });
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn usage_is_user_and_system_seconds_and_kibibytes_and_blocks() {
        let sample = Sample { wall: 3.0, cpu: 1.75, rss: 2.0, fetched: 4.0 };
        assert_eq!(usage("1.50 0.25 2048 8192\n", 3.0), Some(sample));
        assert_eq!(usage("1.50 0.25 2048\n", 3.0), None);
    }

    #[test]
    fn a_refusal_is_known_by_its_code() {
        assert_eq!(code_in("warning: x\nerror[E-LIMIT]: too many\nhint: less\n"), Some("E-LIMIT"));
        assert_eq!(code_in("Traceback (most recent call last):\n"), None);
    }
}
