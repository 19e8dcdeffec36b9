//! `cargo xtask bench channel`: what a decision costs, and how a channel grows.
//!
//! In one process: a decision, and verifying again what is kept. As a program: the status of a channel with ten thousand
//! releases. How many requests a refresh takes is no figure of time: `deliver/tests/channel/following.rs` counts them.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use super::document::{self, Part};
use super::measure::{self, Sample};
use super::{Extent, build, machine};
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{say, system};

/// Releases of the large channel.
const MANY: u64 = 10_000;
const MIB: f64 = 1024.0 * 1024.0;

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of the program; the median counts.
    runs: usize,
    extent: Extent,
}

pub(crate) const FULL: Plan = Plan { runs: 25, extent: Extent::Full };
pub(crate) const QUICK: Plan = Plan { runs: 3, extent: Extent::Quick };

/// A figure beside its bar.
struct Row {
    what: &'static str,
    figure: f64,
    bar: Option<f64>,
    unit: &'static str,
}

/// Measures, prints the figures, and writes them down when they are the full ones.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let cache = Cache::open()?;
    system::ensure(system::FOR_BENCH)?;
    let _alone = cache.hold("bench")?;
    let checkout = cache::checkout()?;
    let scratch = cache.folder("bench")?.join("scratch");
    cache::empty(&scratch)?;
    let lacre = build(&checkout)?;

    say::note("measuring decisions in one process");
    let inside = example(&checkout, "lacre-release", "channel_cost", &[])?;
    let inside: Value = serde_json::from_str(&inside).during(|| format!("cannot read `{inside}`"))?;
    say::note(format!("making a channel with {MANY} releases"));
    let large = scratch.join("large");
    let length = example(
        &checkout,
        "lacre-publish",
        "large_channel",
        &[large.as_os_str(), MANY.to_string().as_ref()],
    )?;
    let length: f64 = length.trim().parse().during(|| format!("no length: `{length}`"))?;
    let (channel, root, state) = (large.join("channel"), large.join("root.json"), large.join("state"));
    Program::new(&lacre)
        .args(["channel", "trust"])
        .arg(&channel)
        .arg("--channel-root")
        .arg(&root)
        .arg("--state")
        .arg(&state)
        .read()?;
    let status = |more: &[&str]| -> Outcome<Sample> {
        let mut words: Vec<OsString> = vec![lacre.clone().into(), "channel".into(), "status".into()];
        words.extend([channel.clone().into(), "--state".into(), state.clone().into()]);
        words.extend(more.iter().map(OsString::from));
        let samples = (0..=plan.runs).map(|_| measure::cost_of_a_short_one(&scratch, &words));
        Ok(measure::typical(&samples.collect::<Outcome<Vec<_>>>()?[1..]))
    };
    say::note("asking for its status");
    let (people, programs) = (status(&[])?, status(&["--json"])?);

    let number =
        |name: &str| inside[name].as_f64().ok_or_else(|| Failure::new(format!("no {name} in {inside}")));
    let rows = [
        Row::new("a decision, 100 releases", number("decide_100_microseconds")? / 1e3, Some(1.0), "ms CPU"),
        Row::new(
            "the same by the contents of the oldest release",
            number("decide_100_by_contents_microseconds")? / 1e3,
            Some(1.0),
            "ms CPU",
        ),
        Row::new(
            "memory that 1000 decisions took at their peak",
            number("decide_peak_kib")? / 1024.0,
            Some(1.0),
            "MiB",
        ),
        Row::new(
            "what is kept, verified again, document included",
            number("verify_kept_microseconds")? / 1e3,
            Some(10.0),
            "ms CPU",
        ),
        Row::new("a decision, 10 000 releases", number("decide_10000_microseconds")? / 1e3, None, "ms CPU"),
        Row::new(
            "the document of 10 000 releases, parsed",
            number("parse_10000_microseconds")? / 1e3,
            None,
            "ms CPU",
        ),
        Row::new("the same, its length", length / MIB, Some(8.0), "MiB"),
        Row::new(
            "`lacre channel status`, 10 000 releases, whole process",
            people.wall * 1e3,
            Some(50.0),
            "ms",
        ),
        Row::new("the same, CPU", people.cpu * 1e3, None, "ms CPU"),
        Row::new("the same, peak RSS", people.rss, None, "MiB"),
        Row::new("`lacre channel status --json`, 10 000 releases", programs.wall * 1e3, None, "ms"),
    ];
    let text = part(plan, &rows)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        document::write(&checkout, Part::Channel, &text)?;
    }
    cache::remove(&scratch)
}

impl Row {
    fn new(what: &'static str, figure: f64, bar: Option<f64>, unit: &'static str) -> Self {
        Self { what, figure, bar, unit }
    }

    fn line(&self) -> String {
        let Self { what, figure, bar, unit } = self;
        let digits = if *figure < 0.1 { 4 } else { 1 };
        let (bar, verdict) = match bar {
            None => (String::new(), ""),
            Some(bar) => (format!("< {bar:.0} {unit}"), if figure < bar { "holds" } else { "**missed**" }),
        };
        format!("| {what} | {figure:.digits$} {unit} | {bar} | {verdict} |")
    }
}

/// What an example says, built as it is released.
fn example(checkout: &Path, package: &str, name: &str, words: &[&std::ffi::OsStr]) -> Outcome<String> {
    let program = Program::cargo().dir(checkout).args(["run", "--quiet", "--release", "--locked"]);
    program.args(["--package", package, "--example", name, "--"]).args(words).read()
}

/// The part of the document.
fn part(plan: &Plan, rows: &[Row]) -> Outcome<String> {
    let mut lines = vec![
        "## Channels\n".to_owned(),
        format!("Written by `cargo xtask bench channel` on {}.\n", machine::processor()),
        "| what | measured | bar | |".to_owned(),
        "|---|---:|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(Row::line));
    lines.push("\nA refresh over a registry takes one request when nothing changed, and three otherwise: the tests count them.\n".to_owned());
    lines.push("### How it was measured\n".to_owned());
    lines.push(format!("- On {}.", machine::date()?));
    lines.push(format!("- Whole processes: the clock around the program, started directly, the median of {} runs after one that does not count; CPU and peak RSS by GNU time. In one process: microseconds of the thread's own time, medians of 20 to 1000 rounds, by `cargo run --release -p lacre-release --example channel_cost`; memory is how much the peak of the process rose.", plan.runs));
    lines.extend(machine::facts().into_iter().map(|fact| format!("- {fact}")));
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn a_figure_stands_beside_its_bar() {
        let line = |figure, bar| Row::new("x", figure, bar, "ms").line();
        assert_eq!(line(0.000_46, Some(1.0)), "| x | 0.0005 ms | < 1 ms | holds |");
        assert_eq!(line(50.0, Some(50.0)), "| x | 50.0 ms | < 50 ms | **missed** |");
        assert_eq!(line(2.0, None), "| x | 2.0 ms |  |  |");
    }
}
