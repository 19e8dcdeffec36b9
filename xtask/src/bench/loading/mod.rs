//! `cargo xtask bench load`: what the guarantees of verified loading cost, beside loading without any check, and beside
//! verifying with `model_signing` and then loading.
//!
//! Each way of loading is one run of an example of `lacre-verify`, which tells what the loading cost inside of its process;
//! what a user waits for is measured around whole programs. The ways take turns.

mod report;
mod shards;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{self, Part};
use super::hashing::cold::drop_from_memory;
use super::measure::{self, Sample};
use super::registry::Server;
use super::rivals::Rivals;
use super::{Extent, build, level, workload};
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{peers, python, registries, say, system};

use report::Figures;
use shards::Shards;

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of each way with the files in memory; the median counts.
    warm: usize,
    /// Runs with the files on disk only.
    cold: usize,
    /// Verdicts in a row, whose processor time is divided by their number.
    verdicts: usize,
    shards: Shards,
    extent: Extent,
}

pub(crate) const FULL: Plan = Plan {
    warm: 5,
    cold: 3,
    verdicts: 100,
    shards: Shards { title: "4 GiB in 8 shards", name: "shards", number: 8 },
    extent: Extent::Full,
};
pub(crate) const QUICK: Plan = Plan {
    warm: 3,
    cold: 1,
    verdicts: 20,
    shards: Shards { title: "1 GiB in 2 shards", name: "shards-quick", number: 2 },
    extent: Extent::Quick,
};

/// A way of loading: what the example calls it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Copy,
    PlainCopy,
    Sealed,
    PlainMemfd,
    Slice,
    Eighth,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::Copy, Self::PlainCopy, Self::Sealed, Self::PlainMemfd, Self::Slice, Self::Eighth];

    const fn word(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::PlainCopy => "plain-copy",
            Self::Sealed => "sealed",
            Self::PlainMemfd => "plain-memfd",
            Self::Slice => "slice",
            Self::Eighth => "eighth",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Copy => "verified and held in memory, in one pass",
            Self::PlainCopy => "read into memory, no check",
            Self::Sealed => "verified and sealed, in one pass",
            Self::PlainMemfd => "written into `memfd`s, no check",
            Self::Slice => "the first 64 MiB, proven",
            Self::Eighth => "an eighth of each tensor, proven",
        })
    }
}

/// What a way cost inside of its process.
#[derive(Clone, Copy)]
struct Loaded {
    way: Way,
    wall: f64,
    cpu: f64,
    given: f64,
    proven: f64,
}

/// What is at hand.
struct Stand {
    rivals: Rivals,
    model: PathBuf,
    files: Vec<PathBuf>,
    example: PathBuf,
    /// Chunk lists, as whoever verified the model has them.
    lists: PathBuf,
    bytes: u64,
}

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
    let model = plan.shards.ensure(&bench)?;
    let stand = Stand {
        example: example(&checkout)?,
        lists: rivals.scratch.join("lists"),
        files: workload::files(&model)?,
        bytes: plan.shards.bytes(),
        model,
        rivals,
    };
    for entry in [stand.rivals.sign(&stand.model), stand.rivals.peer_sign(&stand.model)] {
        say::note(format!("signing: {}", entry.task));
        measure::cost(&stand.rivals.scratch, &entry.words)?;
    }
    let warm = stand.rounds("warm", plan.warm, || workload::warm(&stand.model))?;
    let cold = stand.rounds("cold", plan.cold, || drop_from_memory(&stand.files))?;
    let peer = [
        stand.peer(plan.warm, || workload::warm(&stand.model))?,
        stand.peer(plan.cold, || drop_from_memory(&stand.files))?,
    ];
    let figures = Figures {
        plan,
        warm,
        cold,
        peer,
        verdict: stand.verdict(&peers, plan.verdicts)?,
        versions: stand.rivals.versions()?,
    };
    let text = report::part(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        document::write(&checkout, Part::Loading, &text)?;
    }
    cache::remove(&stand.rivals.scratch)
}

/// Verifying with `model_signing`, loading without a check, and the same job done by Lacre: whole programs.
struct Peer {
    verify: Sample,
    load: Sample,
    lacre: Sample,
}

/// Builds the example as it is released.
fn example(checkout: &Path) -> Outcome<PathBuf> {
    let folder = cache::build_folder()?;
    say::note("building the example load_cost (release)");
    Program::cargo()
        .dir(checkout)
        .env("CARGO_TARGET_DIR", &folder)
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "lacre-verify",
            "--example",
            "load_cost",
        ])
        .run()?;
    Ok(folder.join("release/examples/load_cost"))
}

impl Stand {
    fn words(&self, way: Way) -> Vec<OsString> {
        vec![
            self.example.clone().into(),
            self.model.clone().into(),
            self.rivals.scratch.join("lacre.sig").into(),
            self.rivals.scratch.join("bench.pub").into(),
            self.lists.clone().into(),
            way.word().into(),
        ]
    }

    /// Every way in turn, so that whatever else the machine does falls on all of them. The first round leaves the chunk
    /// lists that the others find, and is not counted.
    fn rounds(&self, heat: &str, runs: usize, mut before: impl FnMut() -> Outcome) -> Outcome<Vec<Loaded>> {
        let mut all: Vec<Vec<Loaded>> = vec![Vec::new(); Way::ALL.len()];
        for round in 0..=runs {
            say::note(format!("loading, {heat}: round {round} of {runs}"));
            for (way, samples) in Way::ALL.into_iter().zip(&mut all) {
                level::before_writing(self.bytes)?;
                before()?;
                let words = self.words(way);
                let told = Program::new(&words[0]).args(&words[1..]).read()?;
                if round > 0 {
                    samples.push(Loaded::read(way, &told)?);
                }
            }
        }
        Ok(all.iter().map(|samples| Loaded::typical(samples)).collect())
    }

    fn peer(&self, runs: usize, mut before: impl FnMut() -> Outcome) -> Outcome<Peer> {
        let script = cache::checkout()?.join("xtask/python/load.py");
        let mut load: Vec<OsString> =
            vec![self.rivals.model_signing.with_file_name("python").into(), script.into()];
        let weights =
            self.files.iter().filter(|path| path.extension().is_some_and(|end| end == "safetensors"));
        load.extend(weights.map(OsString::from));
        let verify = self.rivals.peer_verify(&self.model).words;
        let jobs = [verify, load, self.words(Way::Copy)];
        let mut samples = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..=runs {
            say::note(format!("verifying and loading: round {round} of {runs}"));
            for (place, (words, samples)) in jobs.iter().zip(&mut samples).enumerate() {
                level::before_writing(self.bytes)?;
                // What is verified first is then in memory: loading it never waits for the disk.
                if place != 1 {
                    before()?;
                }
                let sample = measure::cost(&self.rivals.scratch, words)?;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        let [verify, load, lacre] = samples.each_ref().map(|samples| measure::typical(samples));
        Ok(Peer { verify, load, lacre })
    }

    /// Seconds of processor time to decide about what a registry holds, without fetching any of its files.
    fn verdict(&self, peers: &Path, many: usize) -> Outcome<f64> {
        let scratch = &self.rivals.scratch;
        let model = scratch.join("verdict");
        fs::create_dir_all(&model).during(|| format!("cannot make {}", model.display()))?;
        for file in &self.files {
            // What is decided upon is the manifest: it is as long for short files.
            let name = file.file_name().unwrap_or_default();
            fs::write(model.join(name), name.as_encoded_bytes())
                .during(|| format!("cannot write {}", file.display()))?;
        }
        let server = Server::start(&registries::docker(peers), scratch)?;
        let reference = format!("{}/lacre/verdict:v1", server.host());
        let lacre = &self.rivals.lacre;
        let signature = scratch.join("verdict.sig");
        Program::new(lacre)
            .arg("sign")
            .arg(&model)
            .args(["--name", "org/verdict", "--key"])
            .arg(scratch.join("bench.key"))
            .arg("--signature")
            .arg(&signature)
            .read()?;
        Program::new(lacre)
            .arg("push")
            .arg(&model)
            .arg(&reference)
            .arg("--signature")
            .arg(&signature)
            .read()?;
        let repeat =
            format!("n=0; while [ $n -lt {many} ]; do \"$@\" >/dev/null || exit 1; n=$((n+1)); done");
        let mut words: Vec<OsString> = ["sh", "-c", &repeat, "sh"].map(OsString::from).into();
        words.extend([lacre.clone().into(), "verify".into(), reference.into()]);
        words.extend(["--key".into(), scratch.join("bench.pub").into()]);
        say::note(format!("asking for a verdict {many} times"));
        let sample = measure::cost(scratch, &words)?;
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        Ok(sample.cpu / many as f64)
    }
}

impl Loaded {
    fn read(way: Way, told: &str) -> Outcome<Self> {
        let value: Value = serde_json::from_str(told).during(|| format!("cannot read `{told}`"))?;
        let number =
            |name: &str| value[name].as_f64().ok_or_else(|| Failure::new(format!("no {name} in `{told}`")));
        Ok(Self {
            way,
            wall: number("wall_seconds")?,
            cpu: number("cpu_seconds")?,
            given: number("loaded_bytes")?,
            proven: number("proven_bytes")?,
        })
    }

    /// The medians; a way loads and proves the same each time.
    fn typical(samples: &[Self]) -> Self {
        let part = |of: fn(&Self) -> f64| measure::median(samples.iter().map(of).collect());
        Self {
            way: samples[0].way,
            wall: part(|one| one.wall),
            cpu: part(|one| one.cpu),
            given: part(|one| one.given),
            proven: part(|one| one.proven),
        }
    }
}
