//! The figures as the part of `docs/BENCHMARKS.md` that is called "Verified loading".

use std::fmt::Write as _;

use super::{Loaded, Peer, Plan, Way};
use crate::bench::machine;
use crate::failure::{Failure, Outcome};

/// Everything that was measured.
pub(super) struct Figures<'a> {
    pub(super) plan: &'a Plan,
    pub(super) warm: Vec<Loaded>,
    pub(super) cold: Vec<Loaded>,
    /// Warm, and cold.
    pub(super) peer: [Peer; 2],
    /// Seconds of the processors.
    pub(super) verdict: f64,
    pub(super) versions: Vec<String>,
}

const MIB: f64 = 1024.0 * 1024.0;
/// Beside a plain copy, and beside a plain `memfd`.
const BESIDE_PLAIN: f64 = 1.25;
/// Seconds until a slice of 64 MiB is ready.
const FIRST_SLICE: f64 = 0.06;
/// Share of the bytes that a worker who needs an eighth verifies.
const OF_AN_EIGHTH: f64 = 0.15;
/// Beside the peer's verifying and then loading.
const BESIDE_PEER: f64 = 0.5;
/// Seconds of processor time of a verdict.
const VERDICT: f64 = 0.02;

/// A figure and its bar.
struct Bar {
    what: &'static str,
    measured: String,
    figure: f64,
    most: f64,
    shown: String,
}

impl Bar {
    fn line(&self) -> String {
        let verdict = if self.figure <= self.most { "holds" } else { "**missed**" };
        format!("| {} | {} | {} | {verdict} |", self.what, self.measured, self.shown)
    }
}

/// The part of the document.
pub(super) fn part(figures: &Figures<'_>) -> Outcome<String> {
    let Figures { plan, warm, cold, peer, verdict, versions } = figures;
    let mut text = format!(
        "## Verified loading\n\nWritten by `cargo xtask bench load` on {}: {} of safetensors, with a thread for each core.\n\n",
        machine::processor(),
        plan.shards.title,
    );
    text += "| what | measured | bar | |\n|---|---|---:|---|\n";
    for bar in bars(warm, peer, *verdict)? {
        let _ = writeln!(text, "{}", bar.line());
    }
    text += "\n### Ways of loading\n\nInside of one process, signature included: seconds on the clock and of the processors.\n\n";
    text += "| way | warm | CPU | cold | CPU | loaded | proven |\n|---|---:|---:|---:|---:|---:|---:|\n";
    for (warm, cold) in warm.iter().zip(cold) {
        let _ = writeln!(
            text,
            "| {} | {:.3} s | {:.2} s | {:.3} s | {:.2} s | {:.0} MiB | {:.0} MiB |",
            warm.way,
            warm.wall,
            warm.cpu,
            cold.wall,
            cold.cpu,
            warm.given / MIB,
            warm.proven / MIB,
        );
    }
    text += "\n### Beside verifying and then loading\n\nWhole programs.\n\n";
    text += "| job | warm | CPU | cold | CPU |\n|---|---:|---:|---:|---:|\n";
    let [warm, cold] = peer;
    for (job, warm, cold) in [
        ("`model_signing verify`", &warm.verify, &cold.verify),
        ("then: files mapped, every page touched, no check", &warm.load, &cold.load),
        ("Lacre: verified and held in memory", &warm.lacre, &cold.lacre),
    ] {
        let _ = writeln!(
            text,
            "| {job} | {:.3} s | {:.2} s | {:.3} s | {:.2} s |",
            warm.wall, warm.cpu, cold.wall, cold.cpu
        );
    }
    text += "\nOf the two, only Lacre's job ends with bytes that nobody can change any more.\n\n### How it was measured\n\n";
    let _ = writeln!(
        text,
        "- On {}. Each figure is the median of {} runs warm and {} cold, after one that is not counted; the ways take turns.",
        machine::date()?,
        plan.warm,
        plan.cold
    );
    text += "- Cold: the files were dropped from the page cache before each run. What is loaded after `model_signing` has read it is in memory by then.\n";
    text += "- Before each run, as much memory as it will need is taken and returned, so that none of them waits for the host of a virtual machine to bring it.\n";
    text += "- The chunk lists are there, as signing, verifying and pulling leave them.\n";
    let _ = writeln!(
        text,
        "- The verdict is `lacre verify` of a reference in a docker-registry on this machine, {} in a row, for a manifest of as many files.",
        plan.verdicts
    );
    for fact in machine::facts().iter().chain(versions) {
        let _ = writeln!(text, "- {fact}");
    }
    Ok(text)
}

fn bars(warm: &[Loaded], peer: &[Peer; 2], verdict: f64) -> Outcome<Vec<Bar>> {
    let of = |way: Way| {
        let found = warm.iter().find(|one| one.way == way);
        found.ok_or_else(|| Failure::new(format!("not measured: {way}")))
    };
    let beside = |what, one: f64, other: f64, bar: f64| Bar {
        what,
        measured: format!("{one:.3} s beside {other:.3} s: {:.2} ×", one / other),
        figure: one / other,
        most: bar,
        shown: format!("≤ {bar:.2} ×"),
    };
    let slice = of(Way::Slice)?.wall;
    let eighth = of(Way::Eighth)?;
    let share = eighth.proven / of(Way::Copy)?.proven;
    let [warm, _] = peer;
    Ok(vec![
        beside("copy, beside a plain copy", of(Way::Copy)?.wall, of(Way::PlainCopy)?.wall, BESIDE_PLAIN),
        beside(
            "sealed, beside a plain `memfd`",
            of(Way::Sealed)?.wall,
            of(Way::PlainMemfd)?.wall,
            BESIDE_PLAIN,
        ),
        Bar {
            what: "lazy: the first slice of 64 MiB, from nothing but the folder",
            measured: format!("{:.1} ms", slice * 1e3),
            figure: slice,
            most: FIRST_SLICE,
            shown: format!("≤ {:.0} ms", FIRST_SLICE * 1e3),
        },
        Bar {
            what: "lazy: what a worker verifies that needs an eighth of each tensor",
            measured: format!("{:.1} %", share * 100.0),
            figure: share,
            most: OF_AN_EIGHTH,
            shown: format!("≤ {:.0} %", OF_AN_EIGHTH * 100.0),
        },
        beside(
            "verified and loaded, beside `model_signing verify` and loading without a check",
            warm.lacre.wall,
            warm.verify.wall + warm.load.wall,
            BESIDE_PEER,
        ),
        Bar {
            what: "a verdict about a registry's model, no file fetched",
            measured: format!("{:.1} ms CPU", verdict * 1e3),
            figure: verdict,
            most: VERDICT,
            shown: format!("≤ {:.0} ms CPU", VERDICT * 1e3),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Sample;

    #[test]
    fn figures_stand_beside_their_bars() {
        let loaded = |way, wall, proven| Loaded { way, wall, cpu: wall, given: proven, proven };
        let warm = [
            loaded(Way::Copy, 1.2, 1000.0),
            loaded(Way::PlainCopy, 1.0, 0.0),
            loaded(Way::Sealed, 1.3, 1000.0),
            loaded(Way::PlainMemfd, 1.0, 0.0),
            loaded(Way::Slice, 0.061, 64.0),
            loaded(Way::Eighth, 0.1, 149.0),
        ];
        let sample = |wall| Sample { wall, cpu: wall, rss: 0.0, fetched: 0.0 };
        let peer = || Peer { verify: sample(1.5), load: sample(0.5), lacre: sample(1.0) };
        let lines: Vec<String> =
            bars(&warm, &[peer(), peer()], 0.019).unwrap().iter().map(Bar::line).collect();
        assert_eq!(
            lines[0],
            "| copy, beside a plain copy | 1.200 s beside 1.000 s: 1.20 × | ≤ 1.25 × | holds |"
        );
        let missed: Vec<bool> = lines.iter().map(|line| line.contains("**missed**")).collect();
        assert_eq!(missed, [false, true, true, false, false, false]);
        assert!(bars(&warm[..3], &[peer(), peer()], 0.0).is_err());
    }
}
