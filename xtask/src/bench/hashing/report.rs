//! The figures of hashing, for people.

use super::Plan;
use super::bars::{self, Verdict};
use super::cold::Cold;
use super::growth::{Growth, Point};
use super::heat::{Heat, Heats};
use super::lanes::Lanes;
use super::plot::{self, Line, Panel};
use crate::bench::measure::Sample;
use crate::bench::{Extent, machine};
use crate::failure::Outcome;

/// All that was measured.
pub(super) struct Figures<'a> {
    pub(super) plan: &'a Plan,
    pub(super) heats: Heats,
    /// Seconds from start to end of `--version`: Lacre's, and `model_signing`'s.
    pub(super) starts: [f64; 2],
    pub(super) lanes: Lanes,
    pub(super) cold: Cold,
    /// Over bytes, and over files.
    pub(super) growth: [Growth; 2],
    pub(super) versions: Vec<String>,
}

/// A verb whose growth is shown.
struct Verb {
    name: &'static str,
    cost: fn(&Point) -> Sample,
}

const VERBS: [Verb; 2] =
    [Verb { name: "sign", cost: |point| point.sign }, Verb { name: "verify", cost: |point| point.verify }];

/// Lines of the document.
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }

    /// A heading with empty lines around it.
    fn heading(&mut self, words: &str) {
        self.line(&format!("\n### {words}\n"));
    }

    /// A table; columns whose name ends in `:` are flush right.
    fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let names: Vec<&str> = columns.iter().map(|name| name.trim_end_matches(':')).collect();
        self.line(&format!("| {} |", names.join(" | ")));
        let rule: String =
            columns.iter().map(|name| if name.ends_with(':') { "---:|" } else { "---|" }).collect();
        self.line(&format!("|{rule}"));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }
}

/// The part of the document.
pub(super) fn part(figures: &Figures<'_>) -> Outcome<String> {
    let mut page = Page { text: String::from("## Hashing\n\n") };
    page.line(&format!(
        "Written by `cargo xtask bench hash` on {}: what must be read and hashed, beside who does the same, in one run.",
        machine::processor()
    ));
    bars_part(&mut page, figures)?;
    shares_part(&mut page, &figures.heats);
    lanes_part(&mut page, &figures.lanes);
    cold_part(&mut page, &figures.cold);
    growth_part(&mut page, &figures.growth);
    method_part(&mut page, figures)?;
    Ok(page.text)
}

fn bars_part(page: &mut Page, figures: &Figures<'_>) -> Outcome {
    let rows = bars::rows(&figures.heats, &figures.lanes, figures.starts)?;
    let hold = rows.iter().filter(|row| row.verdict() == Verdict::Holds).count();
    page.heading("Bars");
    page.line(&format!("{hold} of {} hold.\n", rows.len()));
    if figures.plan.extent == Extent::Quick {
        page.line("The inputs are small: the bars are meant for the full ones.\n");
    }
    page.table(
        &["work", "Lacre:", "CPU:", "peak RSS:", "peer", "ratio:", "bar:", ""],
        rows.iter().map(|row| {
            vec![
                row.work.clone(),
                row.ours.clone(),
                row.cpu.clone(),
                row.rss.clone(),
                row.peer.clone(),
                row.bar.figure(row.measured),
                row.bar.to_string(),
                row.verdict().to_string(),
            ]
        }),
    );
    Ok(())
}

fn shares_part(page: &mut Page, heats: &Heats) {
    page.heading("Beside a plain read");
    page.line("The same warm files, read by a thread for each core, 1 MiB at a time, and not looked at.\n");
    let rows = [&heats.few_large, &heats.one_large, &heats.many_small].into_iter().flat_map(|heat| {
        let read = vec![
            heat.shape.title.to_owned(),
            "plain read".to_owned(),
            format!("{:.3} s", heat.plain_read),
            rate(heat, heat.plain_read),
            "100 %".to_owned(),
        ];
        std::iter::once(read).chain(heat.costs.iter().map(|(task, cost)| {
            vec![
                heat.shape.title.to_owned(),
                task.to_string(),
                format!("{:.3} s", cost.wall),
                rate(heat, cost.wall),
                format!("{:.0} %", heat.plain_read / cost.wall * 100.0),
            ]
        }))
    });
    page.table(&["files", "work", "wall:", "bytes per second:", "share of the plain read:"], rows);
}

fn rate(heat: &Heat, seconds: f64) -> String {
    gigabytes(heat.bytes(), seconds)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn gigabytes(bytes: u64, seconds: f64) -> String {
    format!("{:.2} GB/s", bytes as f64 / seconds / 1e9)
}

fn lanes_part(page: &mut Page, lanes: &Lanes) {
    page.heading("One core");
    page.line(&format!(
        "GB (10⁹ bytes) for each second of one thread's processor time, from memory. This processor is at its quickest with {} messages at once.\n",
        lanes.wanted
    ));
    page.table(
        &["way", "messages at once:", "kernel", "GB/CPU-s:"],
        lanes.ways.iter().map(|way| {
            vec![
                format!("`{}`", way.name),
                way.messages.to_string(),
                way.kernel.clone(),
                format!("{:.2}", way.rate),
            ]
        }),
    );
}

fn cold_part(page: &mut Page, cold: &Cold) {
    page.heading("Cold");
    page.line(&format!(
        "{}, dropped from the page cache before each run. `cat` copies them to `/dev/null`.\n",
        cold.shape.title
    ));
    let bytes = cold.shape.files * cold.shape.size;
    page.table(
        &["work", "wall:", "CPU:", "bytes per second:", "peak RSS:", "fetched from the disk:"],
        cold.costs.iter().map(|(task, cost)| {
            vec![
                task.to_string(),
                format!("{:.2} s", cost.wall),
                format!("{:.2} s", cost.cpu),
                gigabytes(bytes, cost.wall),
                format!("{:.1} MiB", cost.rss),
                format!("{:.0} MiB", cost.fetched),
            ]
        }),
    );
}

fn growth_part(page: &mut Page, growths: &[Growth]) {
    page.heading("Growth");
    page.line("![Seconds to sign and to verify, over GiB and over files](hashing.svg)");
    for growth in growths {
        page.line("");
        page.table(
            &[&format!("{}:", growth.unit), "sign:", "peak RSS:", "verify:", "peak RSS:"],
            growth.points.iter().map(|point| {
                vec![
                    format!("{}", point.amount),
                    format!("{:.3} s", point.sign.wall),
                    format!("{:.1} MiB", point.sign.rss),
                    format!("{:.3} s", point.verify.wall),
                    format!("{:.1} MiB", point.verify.rss),
                ]
            }),
        );
        let fits: Vec<String> = VERBS
            .iter()
            .filter_map(|verb| {
                let fit = growth.fit(verb.cost)?;
                Some(format!("{} {} × {}^{:.2}", verb.name, duration(fit.factor), growth.unit, fit.exponent))
            })
            .collect();
        if !fits.is_empty() {
            page.line(&format!("\nBy least squares of the logarithms: {}.", fits.join("; ")));
        }
        if let Some(reason) = &growth.ended {
            page.line(&format!("\nThe row ends there: {reason}."));
        }
    }
}

/// A short time with three digits.
fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        seconds if seconds >= 0.1 => (seconds, "s"),
        seconds if seconds >= 1e-4 => (seconds * 1e3, "ms"),
        seconds => (seconds * 1e6, "µs"),
    };
    let digits = if value < 1.0 {
        3
    } else if value < 10.0 {
        2
    } else {
        1
    };
    format!("{value:.digits$} {unit}")
}

fn method_part(page: &mut Page, figures: &Figures<'_>) -> Outcome {
    let plan = figures.plan;
    page.heading("How it was measured");
    page.line(&format!(
        "- On {}. Each figure of time is the median of {} runs ({} when cold, {} starts of Lacre); peak RSS is the highest of them.",
        machine::date()?,
        plan.runs,
        plan.cold_runs,
        plan.starts
    ));
    for fact in [
        "The programs take turns, after one uncounted round; the page cache is warm unless it says cold. A plain read ends each round.",
        "Wall time is the clock's around the whole program; CPU (user and system), peak RSS and what was fetched from the disk are what the kernel says of that one process. Behind a virtual disk there may be another cache.",
        "All sign with one P-256 key. `model_signing` makes SHA-256 with its defaults; `b3sum` runs with its defaults (memory maps, all cores) and is built as Lacre is: optimisation level 3, thin LTO, one codegen unit.",
        "Each run of Lacre has an empty cache folder of its own, so that no run makes the next one easier.",
        "One core: pieces of 1 MiB for each message (`digest_many`: messages of 4 KiB), the best of nine rounds, by `cargo run --release -p lacre-hash --example throughput`.",
        "Inputs are made by the command, the same on every machine; they hold noise, and one 1 MiB block of it per file is repeated with its number stamped in.",
    ] {
        page.line(&format!("- {fact}"));
    }
    page.line(&format!(
        "- Growth: a folder grows by files of {}, and then one by files of {}; each is measured at every point. The fits hold what a start costs, too.",
        plan.bytes.size_in_words(),
        plan.files.size_in_words()
    ));
    for line in machine::facts().iter().chain(&figures.versions) {
        page.line(&format!("- {line}"));
    }
    Ok(())
}

/// The drawing of the growth.
pub(super) fn drawing(figures: &Figures<'_>) -> String {
    let panels = figures.growth.each_ref().map(|growth| Panel {
        title: format!("Over {}", growth.unit),
        across: growth.unit.to_owned(),
        lines: VERBS
            .iter()
            .map(|verb| {
                let fit = growth.fit(verb.cost);
                let name = fit.map_or_else(
                    || verb.name.to_owned(),
                    |fit| format!("{}: grows with the power {:.2}", verb.name, fit.exponent),
                );
                Line { name, points: growth.seconds(verb.cost), fit }
            })
            .collect(),
    });
    plot::svg(
        "Time to sign and to verify with Lacre",
        "Seconds on the clock over GiB of large files, and over the number of files of 1 KiB; both axes are logarithmic.",
        &panels,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::Task;
    use crate::bench::hashing::{self, bars::tests as given};
    use crate::bench::workload;

    fn figures() -> Figures<'static> {
        let sample = |wall| Sample { wall, cpu: wall, rss: 20.0, fetched: 4096.0 };
        let points = |amounts: &[f64]| {
            let point =
                |amount: &f64| Point { amount: *amount, sign: sample(*amount), verify: sample(amount / 4.0) };
            amounts.iter().map(point).collect::<Vec<_>>()
        };
        Figures {
            plan: &hashing::FULL,
            heats: given::heats(1.0, 40.0),
            starts: [0.002, 0.5],
            lanes: given::lanes(3.0),
            cold: Cold { shape: workload::LARGE, costs: vec![(Task::Cat, sample(4.0))] },
            growth: [
                Growth { unit: "GiB", points: points(&[1.0, 2.0, 4.0]), ended: None },
                Growth { unit: "files", points: points(&[1000.0]), ended: Some("too many".to_owned()) },
            ],
            versions: vec!["b3sum 0.0.0".to_owned()],
        }
    }

    #[test]
    fn the_part_says_what_was_measured() {
        let text = part(&figures()).unwrap();
        for words in [
            "11 of 14 hold.",
            "| 4 GiB in 8 files: `lacre verify` (BLAKE3) | 1.000 s | 2.00 s | 40.0 MiB | `b3sum` 10.000 s | 0.100 × | ≤ 0.95 × | holds |",
            "| SHA-256 of 4 messages, one core | 3.00 GB/CPU-s |  |  | crate `sha2` 2.00 GB/CPU-s | 1.500 × | ≥ 1.90 × | **missed** |",
            "| 4 GiB in 8 files | plain read | 0.500 s | 8.59 GB/s | 100 % |",
            "| 4 GiB in 8 files | `lacre sign` (both digests) | 1.000 s | 4.29 GB/s | 50 % |",
            "| `cat` | 4.00 s | 4.00 s | 1.07 GB/s | 20.0 MiB | 4096 MiB |",
            "sign 1.00 s × GiB^1.00; verify 0.250 s × GiB^1.00.",
            "The row ends there: too many.",
            "- Growth: a folder grows by files of 512 MiB, and then one by files of 1 KiB;",
            "- b3sum 0.0.0\n",
        ] {
            assert!(text.contains(words), "{words}\nnot in\n{text}");
        }
        // One point has no line.
        assert_eq!(text.matches("least squares").count(), 1);
        // Every row of a table has as many cells as the one above it.
        let cells = |line: &str| line.starts_with('|').then(|| line.matches('|').count());
        for (above, below) in text.lines().zip(text.lines().skip(1)) {
            if let (Some(above), Some(below)) = (cells(above), cells(below)) {
                assert_eq!(above, below, "{text}");
            }
        }
    }

    #[test]
    fn short_times_have_short_units() {
        let shown = [2.5, 0.25, 0.0125, 3.43e-5].map(duration);
        assert_eq!(shown, ["2.50 s", "0.250 s", "12.5 ms", "34.3 µs"]);
    }

    #[test]
    fn the_drawing_has_both_panels() {
        let svg = drawing(&figures());
        for words in ["Over GiB", "Over files", "sign: grows with the power 1.00", ">verify<"] {
            assert!(svg.contains(words), "{words}\nnot in\n{svg}");
        }
        // Four lines with 3, 3, 1 and 1 points, and a mark each in the key; only the first panel has lines to draw.
        assert_eq!(svg.matches("class=\"dot-").count(), 8 + 4);
        assert_eq!(svg.matches("class=\"fit line-").count(), 2);
    }
}
