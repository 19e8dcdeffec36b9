//! The figures of the benchmark, for people.

use super::Plan;
use super::delta::Delta;
use crate::bench::contest::{self, Costs, Task};
use crate::bench::machine;
use crate::bench::measure::Sample;
use crate::failure::Outcome;

/// Those who push, and those who pull: Lacre first.
const PUSHES: [Task; 4] = [Task::Push, Task::OrasPush, Task::CranePush, Task::SkopeoPush];
const PULLS: [Task; 4] = [Task::Pull, Task::OrasPull, Task::CranePull, Task::SkopeoPull];
/// Lacre's share of the best peer's CPU and wall time: pushing, pulling.
const BARS: [(&str, &[Task; 4], f64, f64); 2] = [("push", &PUSHES, 0.7, 1.0), ("pull", &PULLS, 1.0, 0.8)];
/// MiB, at any size.
const RSS: f64 = 48.0;
/// Milliseconds for a push of what is there.
const AGAIN: f64 = 100.0;
/// Share of the bytes that a version moves in which one group of a hundred is another.
const MOVED: f64 = 0.03;

/// All that was measured.
pub(super) struct Figures<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rows: Vec<Row>,
    pub(super) delta: Delta,
    pub(super) versions: Vec<String>,
}

/// One model.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) costs: Costs,
    /// A push of what is there.
    pub(super) again: Sample,
}

/// The part of the document.
pub(super) fn part(figures: &Figures<'_>) -> Outcome<String> {
    let mut lines = vec![
        "## Registries\n".to_owned(),
        format!(
            "Written by `cargo xtask bench registry` on {}: Lacre beside other clients of the same docker-registry on the same machine, in one run.\n",
            machine::processor()
        ),
        "| model | work | wall | CPU | peak RSS |".to_owned(),
        "|---|---|---:|---:|---:|".to_owned(),
    ];
    for row in &figures.rows {
        let told = row.costs.iter().map(|(task, cost)| (task.to_string(), cost));
        let again = ("`lacre push` of what is there".to_owned(), &row.again);
        for (work, cost) in told.chain([again]) {
            lines.push(format!(
                "| {} | {work} | {:.3} s | {:.2} s | {:.1} MiB |",
                row.title, cost.wall, cost.cpu, cost.rss
            ));
        }
    }
    lines.push("\n### Bars\n".to_owned());
    lines.push("| what | bar | measured | |".to_owned());
    lines.push("|---|---:|---:|---|".to_owned());
    for row in &figures.rows {
        lines.extend(bars(row)?);
    }
    lines.extend(moved(&figures.delta));
    lines.extend(method(figures)?);
    Ok(lines.join("\n"))
}

fn bars(row: &Row) -> Outcome<Vec<String>> {
    let mut lines = Vec::new();
    for (verb, tasks, cpu, wall) in BARS {
        let ours = contest::cost(&row.costs, tasks[0])?;
        let peers = tasks[1..].iter().map(|&task| Ok((task, contest::cost(&row.costs, task)?)));
        let peers = peers.collect::<Outcome<Vec<_>>>()?;
        for (name, of, bar) in
            [("CPU", (|it| it.cpu) as fn(&Sample) -> f64, cpu), ("wall time", |it| it.wall, wall)]
        {
            let Some((best, least)) = peers
                .iter()
                .map(|(task, cost)| (task, of(cost)))
                .min_by(|(_, one), (_, other)| one.total_cmp(other))
            else {
                continue;
            };
            let what = format!("{verb}, {}: {name}, times that of {best}", row.title);
            lines.push(line(&what, &format!("≤ {bar}"), of(&ours) / least, bar, 2, ""));
        }
        lines.push(line(
            &format!("{verb}, {}: peak RSS", row.title),
            &format!("≤ {RSS} MiB"),
            ours.rss,
            RSS,
            1,
            " MiB",
        ));
    }
    lines.push(line(
        &format!("push of what is there, {}", row.title),
        &format!("< {AGAIN} ms"),
        row.again.wall * 1e3,
        AGAIN,
        0,
        " ms",
    ));
    Ok(lines)
}

fn line(what: &str, bar: &str, measured: f64, limit: f64, digits: usize, unit: &str) -> String {
    let verdict = if measured <= limit { "holds" } else { "**missed**" };
    format!("| {what} | {bar} | {measured:.digits$}{unit} | {verdict} |")
}

#[expect(clippy::cast_precision_loss, reason = "gibibytes")]
fn moved(delta: &Delta) -> Vec<String> {
    let Delta { all, changed, fetched, rolled_back } = delta;
    let share = *fetched as f64 / *all as f64;
    let back = *rolled_back as f64 / *all as f64;
    vec![
        line(
            &format!(
                "pull of a version in which {:.2} % of the bytes were overwritten, beside the old one: share of the bytes that moves",
                *changed as f64 / *all as f64 * 1e2
            ),
            &format!("≤ {} %", MOVED * 1e2),
            share * 1e2,
            MOVED * 1e2,
            2,
            " %",
        ),
        line("going back to a version in the cache: share that moves", "0 %", back * 1e2, 0.0, 2, " %"),
    ]
}

fn method(figures: &Figures<'_>) -> Outcome<Vec<String>> {
    let mut lines = vec![
        "\n### How it was measured\n".to_owned(),
        format!(
            "- On {}. Each figure is the median of {} runs, after one that does not count; peak RSS is the highest of them.",
            machine::date()?,
            figures.plan.runs
        ),
        "- The programs take turns. Wall time is the clock's around the whole client, and holds what the registry does meanwhile; CPU (user and system) and peak RSS are the client's alone.".to_owned(),
        "- Before each run the disk has taken all that was written, and as much memory as the run needs has just been in use: a virtual machine's memory that was not costs its first user the host's work, whoever that is.".to_owned(),
        "- The registry holds nothing before each push. Lacre, oras and crane push the files of the model; skopeo pushes a folder of its own kind, with the same blobs. All pull the artifact that Lacre pushed. crane packs each layer with gzip as it goes.".to_owned(),
        "- `lacre push` runs where the model was signed, and knows from the times of the files that they were not touched; \"signed elsewhere\" knows nothing and hashes all files first.".to_owned(),
        "- `lacre pull` checks signature and signer, and proves every byte under the signed BLAKE3 before it is written; the others compare SHA-256 digests that the registry gave.".to_owned(),
    ];
    lines.extend(
        machine::facts().into_iter().chain(figures.versions.iter().cloned()).map(|fact| format!("- {fact}")),
    );
    lines.push(String::new());
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::registry;

    fn sample(wall: f64, cpu: f64, rss: f64) -> Sample {
        Sample { wall, cpu, rss, fetched: 0.0 }
    }

    fn text(push: Sample, again: f64, fetched: u64, rolled_back: u64) -> String {
        let peers = [Task::OrasPush, Task::CranePush, Task::SkopeoPush].into_iter().chain([
            Task::OrasPull,
            Task::CranePull,
            Task::SkopeoPull,
        ]);
        let mut costs: Costs = peers.map(|task| (task, sample(10.0, 4.0, 15.0))).collect();
        costs.extend([(Task::Push, push), (Task::Pull, sample(7.9, 3.9, 30.0))]);
        let rows = vec![Row { title: "t", costs, again: sample(again, 0.01, 9.0) }];
        let delta = Delta { all: 1000, changed: 10, fetched, rolled_back };
        part(&Figures { plan: &registry::FULL, rows, delta, versions: vec!["lacre 0.0.0".to_owned()] })
            .unwrap()
    }

    #[test]
    fn bars_hold_or_are_missed() {
        let good = text(sample(9.9, 2.7, 40.0), 0.05, 30, 0);
        assert!(
            good.contains("| push, t: CPU, times that of `oras push` | ≤ 0.7 | 0.68 | holds |"),
            "{good}"
        );
        assert!(good.contains("| push of what is there, t | < 100 ms | 50 ms | holds |"), "{good}");
        assert!(!good.contains("missed"), "{good}");
        let bad = text(sample(10.1, 2.9, 49.0), 0.2, 31, 1);
        assert_eq!(bad.matches("**missed**").count(), 6, "{bad}");
    }
}
