//! The figures of the benchmark, for people.

use super::hostile::Row;
use super::{Inside, Plan};
use crate::bench::contest::{self, Costs, Task};
use crate::bench::machine;
use crate::failure::Outcome;

/// Milliseconds of processor time that a verification may take beyond hashing.
const CPU_BAR: f64 = 5.0;
/// How many times as long each peer must take.
const PEERS: [(Task, f64); 2] = [(Task::CosignVerify, 10.0), (Task::PeerKeylessVerify, 100.0)];
/// Milliseconds and MiB within which a hostile bundle is refused.
const REFUSAL: [f64; 2] = [50.0, 64.0];

/// All that was measured.
pub(super) struct Figures<'a> {
    pub(super) plan: &'a Plan,
    pub(super) costs: Costs,
    /// Seconds of processor time of one `lacre verify`, and of one `lacre --version`.
    pub(super) each: f64,
    pub(super) start: f64,
    pub(super) inside: Inside,
    pub(super) hostile: Vec<Row>,
    pub(super) versions: Vec<String>,
}

/// The part of the document.
pub(super) fn part(figures: &Figures<'_>) -> Outcome<String> {
    let mut lines = vec![
        "## Keyless signatures\n".to_owned(),
        format!(
            "Written by `cargo xtask bench keyless` on {}: a bundle with a certificate of Fulcio, an entry of Rekor v2 and a timestamp, verified offline beside its other verifiers, in one run.\n",
            machine::processor()
        ),
    ];
    lines.extend(verification(figures)?);
    lines.extend(beyond_hashing(figures));
    lines.extend(refusals(&figures.hostile));
    lines.extend(method(figures)?);
    Ok(lines.join("\n"))
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "**missed**" }
}

fn verification(figures: &Figures<'_>) -> Outcome<Vec<String>> {
    let ours = contest::cost(&figures.costs, Task::KeylessVerify)?;
    let mut lines = vec![
        "| program | wall | CPU | peak RSS | wall, times Lacre's | bar | |".to_owned(),
        "|---|---:|---:|---:|---:|---:|---|".to_owned(),
        format!(
            "| {} | {:.1} ms | {:.1} ms | {:.1} MiB | 1 | | |",
            Task::KeylessVerify,
            ours.wall * 1e3,
            figures.each * 1e3,
            ours.rss
        ),
    ];
    for (task, bar) in PEERS {
        let theirs = contest::cost(&figures.costs, task)?;
        let ratio = theirs.wall / ours.wall;
        lines.push(format!(
            "| {task} | {:.0} ms | {:.0} ms | {:.0} MiB | {ratio:.0} | ≥ {bar:.0} | {} |",
            theirs.wall * 1e3,
            theirs.cpu * 1e3,
            theirs.rss,
            verdict(ratio >= bar)
        ));
    }
    Ok(lines)
}

fn beyond_hashing(figures: &Figures<'_>) -> Vec<String> {
    let beyond = (figures.each - figures.start) * 1e3;
    vec![
        "\n### Processor time beyond hashing\n".to_owned(),
        "| what | CPU | bar | |".to_owned(),
        "|---|---:|---:|---|".to_owned(),
        format!(
            "| `lacre verify`, whole process, a model of two files of 20 bytes | {:.2} ms | | |",
            figures.each * 1e3
        ),
        format!("| `lacre --version`, whole process | {:.2} ms | | |", figures.start * 1e3),
        format!(
            "| the difference: all that verification takes | {beyond:.2} ms | ≤ {CPU_BAR} ms | {} |",
            verdict(beyond <= CPU_BAR)
        ),
        format!(
            "| in one process: the bundle, read and verified | {:.2} ms | | |",
            figures.inside.bundle / 1e3
        ),
        format!("| in one process: the trusted root, read | {:.2} ms | | |", figures.inside.root / 1e3),
    ]
}

fn refusals(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![
        "\n### Hostile bundles\n".to_owned(),
        format!(
            "`lacre verify` of each, whole process; the bar is {} ms and {} MiB.\n",
            REFUSAL[0], REFUSAL[1]
        ),
        "| bundle | size | refused with | wall | CPU | peak RSS | |".to_owned(),
        "|---|---:|---|---:|---:|---:|---|".to_owned(),
    ];
    for Row { title, bytes, code, cost } in rows {
        let holds = cost.wall * 1e3 < REFUSAL[0] && cost.rss < REFUSAL[1];
        #[expect(clippy::cast_precision_loss, reason = "a size in megabytes")]
        let megabytes = *bytes as f64 / 1e6;
        lines.push(format!(
            "| {title} | {megabytes:.1} MB | `{code}` | {:.1} ms | {:.0} ms | {:.1} MiB | {} |",
            cost.wall * 1e3,
            cost.cpu * 1e3,
            cost.rss,
            verdict(holds)
        ));
    }
    lines
}

fn method(figures: &Figures<'_>) -> Outcome<Vec<String>> {
    let Plan { runs, many, .. } = figures.plan;
    let mut lines = vec![
        "\n### How it was measured\n".to_owned(),
        format!(
            "- On {}. Each figure of time is the median of {runs} runs, after one that does not count; peak RSS is the highest of them.",
            machine::date()?
        ),
        "- The programs take turns. Wall time is the clock's around the whole program, started directly; CPU (user and system) and peak RSS are what the kernel says of the process in a run of its own, by GNU time.".to_owned(),
        format!("- Lacre's own CPU is that of {many} runs in a row, divided by their number: the kernel tells hundredths of a second."),
        "- The signature is made by Lacre with Fulcio, Rekor v2 and a timestamp authority on this machine, which are stopped before anything is verified; each verifier is given the trusted root as a file (`--trusted-root`, `--trust_config`).".to_owned(),
        "- In one process: microseconds of the thread's own time, the median of 450 rounds, by `cargo run --release -p lacre-verify --features sigstore --example keyless_cost`.".to_owned(),
        "- `cosign` is given the digest and reads no file of the model; the model has two files of some bytes, so that nobody hashes.".to_owned(),
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
    use crate::bench::keyless;
    use crate::bench::measure::Sample;

    fn sample(wall: f64, rss: f64) -> Sample {
        Sample { wall, cpu: wall, rss, fetched: 0.0 }
    }

    fn text(each: f64, cosign: f64, refusal: Sample) -> String {
        part(&Figures {
            plan: &keyless::FULL,
            costs: vec![
                (Task::KeylessVerify, sample(0.005, 9.0)),
                (Task::PeerKeylessVerify, sample(1.0, 90.0)),
                (Task::CosignVerify, sample(cosign, 60.0)),
            ],
            each,
            start: 0.001,
            inside: Inside { root: 200.0, bundle: 900.0 },
            hostile: vec![Row {
                title: "big",
                bytes: 1_000_000_000,
                code: "E-LIMIT".to_owned(),
                cost: refusal,
            }],
            versions: vec!["lacre 0.0.0".to_owned()],
        })
        .unwrap()
    }

    #[test]
    fn bars_hold_or_are_missed() {
        let good = text(0.004, 0.05, sample(0.004, 8.0));
        assert!(
            good.contains(
                "| `cosign verify-blob-attestation` | 50 ms | 50 ms | 60 MiB | 10 | ≥ 10 | holds |"
            ),
            "{good}"
        );
        assert!(good.contains("| 3.00 ms | ≤ 5 ms | holds |"), "{good}");
        assert!(good.contains("| big | 1000.0 MB | `E-LIMIT` | 4.0 ms | 4 ms | 8.0 MiB | holds |"), "{good}");
        assert!(!good.contains("missed"), "{good}");
        let bad = text(0.007, 0.04, sample(0.051, 8.0));
        assert_eq!(bad.matches("**missed**").count(), 3, "{bad}");
    }
}
