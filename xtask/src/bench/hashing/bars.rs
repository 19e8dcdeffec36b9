//! What hashing has to reach, and whether it does.

use std::fmt;

use super::heat::{Heat, Heats};
use super::lanes::Lanes;
use crate::bench::contest::Task;
use crate::failure::Outcome;

/// A figure and the bar that it is held against.
pub(super) struct Row {
    pub(super) work: String,
    /// Lacre's own figure.
    pub(super) ours: String,
    pub(super) cpu: String,
    pub(super) rss: String,
    /// Who it is compared with, and that one's figure.
    pub(super) peer: String,
    pub(super) measured: f64,
    pub(super) bar: Bar,
}

/// What a figure must reach.
#[derive(Clone, Copy)]
pub(super) struct Bar {
    side: Side,
    limit: f64,
    unit: Unit,
}

#[derive(Clone, Copy)]
enum Side {
    AtMost,
    AtLeast,
}

#[derive(Clone, Copy)]
enum Unit {
    /// Of the peer's figure.
    Times,
    Mebibytes,
    Milliseconds,
}

/// Whether a bar is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Missed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Holds => "holds",
            Self::Missed => "**missed**",
        })
    }
}

impl Bar {
    const fn at_most(limit: f64, unit: Unit) -> Self {
        Self { side: Side::AtMost, limit, unit }
    }

    const fn at_least(limit: f64, unit: Unit) -> Self {
        Self { side: Side::AtLeast, limit, unit }
    }

    /// Whether `measured` reaches it; what is not a number does not.
    fn verdict(self, measured: f64) -> Verdict {
        let reached = match self.side {
            Side::AtMost => measured <= self.limit,
            Side::AtLeast => measured >= self.limit,
        };
        if reached { Verdict::Holds } else { Verdict::Missed }
    }

    /// A figure in the bar's unit.
    pub(super) fn figure(self, value: f64) -> String {
        match self.unit {
            Unit::Times => format!("{value:.3} ×"),
            Unit::Mebibytes => format!("{value:.1} MiB"),
            Unit::Milliseconds => format!("{value:.1} ms"),
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.side {
            Side::AtMost => '≤',
            Side::AtLeast => '≥',
        };
        match self.unit {
            Unit::Times => write!(out, "{sign} {:.2} ×", self.limit),
            Unit::Mebibytes => write!(out, "{sign} {} MiB", self.limit),
            Unit::Milliseconds => write!(out, "{sign} {} ms", self.limit),
        }
    }
}

impl Row {
    /// Whether the bar is reached.
    pub(super) fn verdict(&self) -> Verdict {
        self.bar.verdict(self.measured)
    }
}

/// Every bar. `starts` are the seconds that `--version` takes, Lacre's and `model_signing`'s.
pub(super) fn rows(heats: &Heats, lanes: &Lanes, starts: [f64; 2]) -> Outcome<Vec<Row>> {
    let (large, one, small) = (&heats.few_large, &heats.one_large, &heats.many_small);
    let mut rows = vec![
        against(large, Task::Verify, Task::PeerVerify, 0.33)?,
        against(large, Task::Verify, Task::B3sum, 0.95)?,
        against(large, Task::VerifySha256, Task::PeerVerify, 0.60)?,
        against(large, Task::Sign, Task::PeerSign, 0.75)?,
        against(one, Task::Sign, Task::PeerSign, 0.75)?,
        against(one, Task::Verify, Task::PeerVerify, 0.20)?,
        against(small, Task::Sign, Task::PeerSign, 0.10)?,
        against(small, Task::Verify, Task::PeerVerify, 0.10)?,
    ];
    for messages in [4, 8, 16] {
        rows.push(one_core(lanes, messages)?);
    }
    rows.push(memory(&[large, one], 48.0));
    rows.push(memory(&[small], 64.0));
    let [ours, theirs] = starts;
    rows.push(Row {
        work: "`lacre --version`".to_owned(),
        ours: format!("{:.1} ms", ours * 1e3),
        cpu: String::new(),
        rss: String::new(),
        peer: format!("`model_signing --version` {:.0} ms", theirs * 1e3),
        measured: ours * 1e3,
        bar: Bar::at_most(5.0, Unit::Milliseconds),
    });
    Ok(rows)
}

/// Time on the clock beside a peer's.
fn against(heat: &Heat, ours: Task, theirs: Task, at_most: f64) -> Outcome<Row> {
    let (cost, peer) = (heat.cost(ours)?, heat.cost(theirs)?);
    Ok(Row {
        work: format!("{}: {ours}", heat.shape.title),
        ours: format!("{:.3} s", cost.wall),
        cpu: format!("{:.2} s", cost.cpu),
        rss: format!("{:.1} MiB", cost.rss),
        peer: format!("{theirs} {:.3} s", peer.wall),
        measured: cost.wall / peer.wall,
        bar: Bar::at_most(at_most, Unit::Times),
    })
}

/// SHA-256 of several messages on one core, beside the crate that hashes one.
fn one_core(lanes: &Lanes, messages: u64) -> Outcome<Row> {
    let (ours, theirs) = (lanes.rate("update_each", messages)?, lanes.rate("sha2", 1)?);
    Ok(Row {
        work: format!("SHA-256 of {messages} messages, one core"),
        ours: format!("{ours:.2} GB/CPU-s"),
        cpu: String::new(),
        rss: String::new(),
        peer: format!("crate `sha2` {theirs:.2} GB/CPU-s"),
        measured: ours / theirs,
        bar: Bar::at_least(1.9, Unit::Times),
    })
}

/// The highest resident set of Lacre's runs.
fn memory(heats: &[&Heat], at_most: f64) -> Row {
    let highest = heats.iter().map(|heat| heat.highest_rss()).fold(0.0, f64::max);
    let titles: Vec<&str> = heats.iter().map(|heat| heat.shape.title).collect();
    Row {
        work: format!("peak RSS of `lacre`: {}", titles.join(", ")),
        ours: format!("{highest:.1} MiB"),
        cpu: String::new(),
        rss: String::new(),
        peer: String::new(),
        measured: highest,
        bar: Bar::at_most(at_most, Unit::Mebibytes),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::hashing::lanes::Way;
    use crate::bench::measure::Sample;
    use crate::bench::workload;

    /// Heats where Lacre takes `wall` seconds and `rss` MiB for everything, and every peer 10 seconds and 500 MiB.
    pub(in crate::bench::hashing) fn heats(wall: f64, rss: f64) -> Heats {
        let ours = Sample { wall, cpu: wall * 2.0, rss, fetched: 0.0 };
        let theirs = Sample { wall: 10.0, cpu: 10.0, rss: 500.0, fetched: 0.0 };
        let heat = |shape| Heat {
            shape,
            costs: vec![
                (Task::Sign, ours),
                (Task::Verify, ours),
                (Task::VerifySha256, ours),
                (Task::PeerSign, theirs),
                (Task::PeerVerify, theirs),
                (Task::B3sum, theirs),
            ],
            plain_read: 0.5,
        };
        Heats {
            few_large: heat(workload::LARGE),
            one_large: heat(workload::ONE),
            many_small: heat(workload::SMALL),
        }
    }

    pub(in crate::bench::hashing) fn lanes(rate: f64) -> Lanes {
        let way = |name: &str, messages, rate| Way {
            name: name.to_owned(),
            messages,
            kernel: "k".to_owned(),
            rate,
        };
        let mut ways = vec![way("sha2", 1, 2.0)];
        ways.extend([4, 8, 16].map(|messages| way("update_each", messages, rate)));
        Lanes { wanted: 16, ways }
    }

    fn missed(rows: &[Row]) -> Vec<usize> {
        rows.iter()
            .enumerate()
            .filter(|(_, row)| row.verdict() == Verdict::Missed)
            .map(|(at, _)| at)
            .collect()
    }

    #[test]
    fn a_bar_is_reached_at_its_limit_and_not_by_what_is_no_number() {
        let (most, least) = (Bar::at_most(2.0, Unit::Times), Bar::at_least(2.0, Unit::Times));
        assert_eq!((most.verdict(2.0), most.verdict(2.001)), (Verdict::Holds, Verdict::Missed));
        assert_eq!((least.verdict(2.0), least.verdict(1.999)), (Verdict::Holds, Verdict::Missed));
        assert_eq!((most.verdict(f64::NAN), least.verdict(f64::NAN)), (Verdict::Missed, Verdict::Missed));
        assert_eq!(format!("{most}, {least}"), "≤ 2.00 ×, ≥ 2.00 ×");
    }

    #[test]
    fn every_bar_is_held_against_its_own_figure() {
        let at = |wall, rss, rate, start| rows(&heats(wall, rss), &lanes(rate), [start, 0.5]).unwrap();
        assert_eq!(missed(&at(1.0, 48.0, 3.8, 0.005)), [0; 0]);
        // One second more than a tenth of the peers' ten: the small files only.
        assert_eq!(missed(&at(2.0, 48.0, 3.8, 0.005)), [6, 7]);
        assert_eq!(missed(&at(3.0, 48.0, 3.8, 0.005)), [5, 6, 7]);
        assert_eq!(missed(&at(6.5, 48.0, 3.8, 0.005)), [0, 2, 5, 6, 7]);
        assert_eq!(missed(&at(9.6, 48.0, 3.8, 0.005)), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(missed(&at(1.0, 48.0, 3.7, 0.005)), [8, 9, 10]);
        assert_eq!(missed(&at(1.0, 60.0, 3.8, 0.005)), [11]);
        assert_eq!(missed(&at(1.0, 65.0, 3.8, 0.006)), [11, 12, 13]);
    }

    #[test]
    fn a_figure_that_was_not_measured_is_a_failure() {
        let mut heats = heats(1.0, 48.0);
        heats.few_large.costs.retain(|(task, _)| *task != Task::B3sum);
        assert!(rows(&heats, &lanes(3.8), [0.005, 0.5]).is_err());
    }
}
