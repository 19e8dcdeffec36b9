//! `cargo xtask bench hash`: hashing beside its peers and beside a plain read, cold and warm, and how time grows.

mod bars;
pub(super) mod cold;
mod fit;
mod growth;
mod heat;
mod lanes;
mod plain_read;
mod plot;
mod report;

use std::fs;
use std::path::PathBuf;

use super::document::{self, Part};
use super::rivals::{self, Rivals};
use super::workload::{self, Shape};
use super::{Extent, build, measure};
use crate::cache::{self, Cache};
use crate::failure::{Context, Outcome};
use crate::{peers, python, say, system, tools};

use report::Figures;

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of each measured command; the median counts.
    runs: usize,
    /// Runs of each command with nothing in the page cache.
    cold_runs: usize,
    /// Starts of the program; the median counts.
    starts: usize,
    few_large: Shape,
    one_large: Shape,
    many_small: Shape,
    /// How the bytes grow: the shape of the largest folder, and the files of each point.
    bytes: growth::Range,
    /// How the files grow.
    files: growth::Range,
    extent: Extent,
}

pub(crate) const FULL: Plan = Plan {
    runs: 5,
    cold_runs: 3,
    starts: 50,
    few_large: workload::LARGE,
    one_large: workload::ONE,
    many_small: workload::SMALL,
    bytes: growth::Range { size: 512 << 20, per_folder: 64, counts: &[2, 4, 8, 16, 32] },
    files: growth::Range { size: 1024, per_folder: 500, counts: &[1_000, 10_000, 100_000, 1_000_000] },
    extent: Extent::Full,
};

pub(crate) const QUICK: Plan = Plan {
    runs: 3,
    cold_runs: 1,
    starts: 20,
    few_large: workload::LARGE_QUICK,
    one_large: workload::ONE_QUICK,
    many_small: workload::SMALL_QUICK,
    bytes: growth::Range { size: 32 << 20, per_folder: 64, counts: &[2, 4, 8] },
    files: growth::Range { size: 1024, per_folder: 500, counts: &[1_000, 3_000, 10_000] },
    extent: Extent::Quick,
};

/// The programs and folders of one run.
struct Stand {
    rivals: Rivals,
    b3sum: PathBuf,
    /// Where the inputs are.
    bench: PathBuf,
}

/// Measures, prints the figures, and writes them down when they are the full ones.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let cache = Cache::open()?;
    system::ensure(system::FOR_BENCH)?;
    let peers = peers::ensure(&cache)?;
    let b3sum = tools::ensure(&cache, &tools::B3SUM)?;
    let _alone = cache.hold("bench")?;
    let checkout = cache::checkout()?;
    let bench = cache.folder("bench")?;
    let scratch = bench.join("scratch");
    cache::empty(&scratch)?;
    let lacre = build(&checkout)?;
    let throughput = lanes::build(&checkout)?;
    let rivals = Rivals { lacre, model_signing: python::model_signing(&peers), scratch };
    rivals.make_key()?;
    let stand = Stand { rivals, b3sum, bench };

    let heats = heat::Heats {
        few_large: heat::run(&stand, &plan.few_large, heat::Peers::All, plan.runs)?,
        one_large: heat::run(&stand, &plan.one_large, heat::Peers::ModelSigning, plan.runs)?,
        many_small: heat::run(&stand, &plan.many_small, heat::Peers::ModelSigning, plan.runs)?,
    };
    say::note("measuring start-up");
    let starts = [
        measure::start_up(&stand.rivals.lacre, plan.starts)?,
        // It takes a hundred times as long, and so its median needs fewer starts.
        measure::start_up(&stand.rivals.model_signing, plan.starts / 5)?,
    ];
    let lanes = lanes::measure(&throughput)?;
    let cold = cold::run(&stand, &plan.few_large, plan.cold_runs)?;
    let growth =
        [growth::bytes(&stand, &plan.bytes, plan.runs)?, growth::files(&stand, &plan.files, plan.runs)?];

    let mut versions = stand.rivals.versions()?;
    versions.push(rivals::version(&stand.b3sum)?);
    let figures = Figures { plan, heats, starts, lanes, cold, growth, versions };
    let text = report::part(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        let drawing = checkout.join("docs/hashing.svg");
        fs::write(&drawing, report::drawing(&figures))
            .during(|| format!("cannot write {}", drawing.display()))?;
        document::write(&checkout, Part::Hashing, &text)?;
    }
    cache::remove(&stand.rivals.scratch)
}
