//! `cargo xtask bench`: Lacre beside `model_signing` at the main job.

mod report;

use super::contest::{self, Costs, Task};
use super::document::{self, Part};
use super::rivals::Rivals;
use super::workload::{self, Shape};
use super::{Extent, build, measure};
use crate::cache::{self, Cache};
use crate::failure::Outcome;
use crate::{peers, python, say, system};

use report::{Figures, Pair, Row};

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of each measured command; the median counts.
    runs: usize,
    /// Starts of each program; the median counts.
    starts: usize,
    few_large: Shape,
    many_small: Shape,
    extent: Extent,
}

pub(crate) const FULL: Plan = Plan {
    runs: 5,
    starts: 50,
    few_large: workload::LARGE,
    many_small: workload::SMALL,
    extent: Extent::Full,
};

pub(crate) const QUICK: Plan = Plan {
    runs: 3,
    starts: 20,
    few_large: workload::LARGE_QUICK,
    many_small: workload::SMALL_QUICK,
    extent: Extent::Quick,
};

/// Measures, prints the figures, and writes them down when they are the full ones.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let cache = Cache::open()?;
    system::ensure(system::FOR_BENCH)?;
    let peers = peers::ensure(&cache)?;
    let _alone = cache.hold("bench")?;
    let checkout = cache::checkout()?;
    let bench = cache.folder("bench")?;
    let scratch = bench.join("scratch");
    cache::empty(&scratch)?;
    let rivals = Rivals { lacre: build(&checkout)?, model_signing: python::model_signing(&peers), scratch };
    rivals.make_key()?;

    let mut rows = Vec::new();
    for shape in [&plan.few_large, &plan.many_small] {
        let folder = workload::ensure(&bench, shape)?;
        workload::warm(&folder)?;
        let entries = [
            rivals.sign(&folder),
            rivals.peer_sign(&folder),
            rivals.verify(&folder),
            rivals.peer_verify(&folder),
        ];
        let run = |entry: &contest::Entry| measure::cost(&rivals.scratch, &entry.words);
        let costs = contest::rounds(shape.title, plan.runs, &entries, run, || Ok(()))?;
        rows.extend(compared(shape, &costs)?);
    }
    say::note("measuring start-up");
    let starts = Pair {
        lacre: measure::start_up(&rivals.lacre, plan.starts)?,
        // It takes a hundred times as long, and so its median needs fewer starts.
        model_signing: measure::start_up(&rivals.model_signing, plan.starts / 5)?,
    };
    let figures = Figures { plan, rows, starts, versions: rivals.versions()? };
    let text = report::part(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        document::write(&checkout, Part::MainJob, &text)?;
    }
    cache::remove(&rivals.scratch)
}

fn compared(shape: &Shape, costs: &Costs) -> Outcome<[Row; 2]> {
    let row = |verb, ours, theirs| -> Outcome<Row> {
        let costs = Pair { lacre: contest::cost(costs, ours)?, model_signing: contest::cost(costs, theirs)? };
        Ok(Row { title: shape.title, verb, costs })
    };
    Ok([row("sign", Task::Sign, Task::PeerSign)?, row("verify", Task::Verify, Task::PeerVerify)?])
}
