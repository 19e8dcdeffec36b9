//! The figures of the benchmark, for people.

use super::Plan;
use crate::bench::measure::Sample;
use crate::bench::{Extent, machine};
use crate::failure::Outcome;

/// All that was measured.
pub(crate) struct Figures<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rows: Vec<Row>,
    /// Seconds from start to end of `--version`.
    pub(crate) starts: Pair<f64>,
    pub(crate) versions: Vec<String>,
}

/// One verb on one folder.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) costs: Pair<Sample>,
}

/// The same figure of both programs.
pub(crate) struct Pair<T> {
    pub(crate) lacre: T,
    pub(crate) model_signing: T,
}

/// A figure that Lacre is expected to stay below.
struct Bar {
    what: String,
    unit: &'static str,
    limit: f64,
    measured: f64,
}

/// The part of the document.
pub(crate) fn part(figures: &Figures<'_>) -> Outcome<String> {
    let plan = figures.plan;
    let mut text = String::from("## The main job\n\n");
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!(
        "Written by `cargo xtask bench` on {}: Lacre beside the reference implementation of OpenSSF Model Signing, in one run.\n",
        machine::processor()
    ));
    line(
        "| work | verb | lacre wall | model_signing wall | ratio | lacre CPU | model_signing CPU | ratio | lacre RSS | model_signing RSS |",
    );
    line("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in &figures.rows {
        line(&cells(row));
    }
    let Pair { lacre, model_signing } = &figures.starts;
    line(&format!(
        "| `--version` | start-up | {:.1} ms | {:.0} ms | {:.1}× | | | | | |",
        lacre * 1e3,
        model_signing * 1e3,
        model_signing / lacre
    ));
    line("\nA ratio is how many times as much `model_signing` takes.\n");
    line("### Bars\n");
    line("| what Lacre must stay below | bar | measured | |");
    line("|---|---:|---:|---|");
    for bar in bars(figures) {
        let verdict = if bar.measured < bar.limit { "met" } else { "**missed**" };
        line(&format!(
            "| {} | {} {} | {} | {verdict} |",
            bar.what,
            bar.limit,
            bar.unit,
            number(bar.measured, bar.unit)
        ));
    }
    line("\n### How it was measured\n");
    line(&format!(
        "- On {}. Each figure of time is the median of {} runs, and of {} starts for Lacre's start-up ({} for its peer's); RSS is the highest of them.",
        machine::date()?,
        plan.runs,
        plan.starts,
        plan.starts / 5
    ));
    line(
        "- The programs take turns (sign, sign, verify, verify, and again), after one uncounted round; the page cache is warm.",
    );
    line(
        "- Wall time is the clock's around the whole program; CPU (user and system) and peak RSS are what the kernel says of that one process.",
    );
    line(
        "- Both use the same P-256 key and their defaults: `model_signing` hashes files with SHA-256; Lacre signs SHA-256 and BLAKE3, and verifies BLAKE3.",
    );
    line(
        "- Inputs are made by the command, the same on every machine; they hold noise, and one 1 MiB block of it per file is repeated with its number stamped in.",
    );
    for fact in machine::facts() {
        line(&format!("- {fact}"));
    }
    for version in &figures.versions {
        line(&format!("- {version}"));
    }
    Ok(text)
}

fn cells(row: &Row) -> String {
    let Pair { lacre, model_signing } = &row.costs;
    format!(
        "| {} | {} | {:.2} s | {:.2} s | {:.1}× | {:.2} s | {:.2} s | {:.1}× | {:.0} MiB | {:.0} MiB |",
        row.title,
        row.verb,
        lacre.wall,
        model_signing.wall,
        model_signing.wall / lacre.wall,
        lacre.cpu,
        model_signing.cpu,
        model_signing.cpu / lacre.cpu,
        lacre.rss,
        model_signing.rss
    )
}

fn bars(figures: &Figures<'_>) -> Vec<Bar> {
    let highest = |rows: &mut dyn Iterator<Item = f64>| rows.fold(0.0, f64::max);
    let mut bars = vec![
        Bar { what: "start-up".to_owned(), unit: "ms", limit: 10.0, measured: figures.starts.lacre * 1e3 },
        Bar {
            what: "peak RSS, any of the runs".to_owned(),
            unit: "MiB",
            limit: 64.0,
            measured: highest(&mut figures.rows.iter().map(|row| row.costs.lacre.rss)),
        },
    ];
    if figures.plan.extent == Extent::Full {
        let small = figures.plan.many_small.title;
        for row in figures.rows.iter().filter(|row| row.title == small) {
            bars.push(Bar {
                what: format!("{} {small}", row.verb),
                unit: "s",
                limit: 0.5,
                measured: row.costs.lacre.wall,
            });
        }
    }
    bars
}

fn number(value: f64, unit: &str) -> String {
    if unit == "s" { format!("{value:.2} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::main_job;

    fn figures(lacre_wall: f64) -> Figures<'static> {
        let sample = |wall, rss| Sample { wall, cpu: wall, rss, fetched: 0.0 };
        let row = |title, verb| Row {
            title,
            verb,
            costs: Pair { lacre: sample(lacre_wall, 20.0), model_signing: sample(3.0, 130.0) },
        };
        let (large, small) = (main_job::FULL.few_large.title, main_job::FULL.many_small.title);
        Figures {
            plan: &main_job::FULL,
            rows: vec![row(large, "sign"), row(large, "verify"), row(small, "sign"), row(small, "verify")],
            starts: Pair { lacre: 0.002, model_signing: 0.5 },
            versions: vec!["lacre 0.0.0".to_owned()],
        }
    }

    #[test]
    fn bars_are_met_or_missed() {
        let good = part(&figures(0.25)).unwrap();
        assert!(good.contains("| 20 000 files of 4 KiB | sign | 0.25 s | 3.00 s | 12.0× |"), "{good}");
        assert!(good.contains("| `--version` | start-up | 2.0 ms | 500 ms | 250.0× |"), "{good}");
        assert_eq!((good.matches("| met |").count(), good.matches("**missed**").count()), (4, 0), "{good}");
        let bad = part(&figures(0.5)).unwrap();
        assert!(bad.contains("| verify 20 000 files of 4 KiB | 0.5 s | 0.50 s | **missed** |"), "{bad}");
        assert_eq!((bad.matches("| met |").count(), bad.matches("**missed**").count()), (2, 2), "{bad}");
    }
}
