//! What a program costs: time on the clock, time on the processors, memory at its peak.

use std::fs;
use std::path::Path;
use std::time::Instant;

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
}

/// Runs `arguments` (a program first) and tells what it cost; anything but success is a failure.
///
/// GNU time is the parent of the measured program: it asks the kernel for that one child's usage, and is so small that
/// its own memory, which a child's peak begins with, does not show.
pub(crate) fn cost(scratch: &Path, arguments: &[&Path]) -> Outcome<Sample> {
    let told = scratch.join("usage");
    let program = Program::new("time").args(["-q", "-f", "%U %S %M", "-o"]).arg(&told).args(arguments);
    let begin = Instant::now();
    program.read()?;
    let wall = begin.elapsed().as_secs_f64();
    let text = fs::read_to_string(&told).during(|| format!("cannot read {}", told.display()))?;
    usage(&text, wall).ok_or_else(|| Failure::new(format!("`time` said what nobody asked for: {text}")))
}

fn usage(text: &str, wall: f64) -> Option<Sample> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (user, system, kib) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(Sample { wall, cpu: user + system, rss: kib / 1024.0 })
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
    }
}

fn median(mut values: Vec<f64>) -> f64 {
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
        let sample = |wall, rss| Sample { wall, cpu: wall * 2.0, rss };
        let typical = typical(&[sample(1.0, 10.0), sample(99.0, 12.0), sample(2.0, 11.0)]);
        assert_eq!(typical, Sample { wall: 2.0, cpu: 4.0, rss: 12.0 });
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn usage_is_user_and_system_seconds_and_kibibytes() {
        assert_eq!(usage("1.50 0.25 2048\n", 3.0), Some(Sample { wall: 3.0, cpu: 1.75, rss: 2.0 }));
        assert_eq!(usage("1.50\n", 3.0), None);
    }
}
