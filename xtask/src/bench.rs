//! `cargo xtask bench`: Lacre beside `model_signing`, in one run, on one machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{self, Cache};
use crate::failure::{Context, Outcome};
use crate::measure::{self, Sample};
use crate::process::Program;
use crate::report::{Figures, Pair, Row};
use crate::workload::{self, Extent, Plan, Shape};
use crate::{peers, python, report, say, system};

/// Measures, prints the figures, and writes them down when they are the full ones.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let cache = Cache::open()?;
    system::ensure(system::FOR_BENCH)?;
    let peers = peers::ensure(&cache)?;
    let _alone = cache.hold("bench")?;
    let checkout = cache::checkout()?;
    let rivals = Rivals { lacre: build(&checkout)?, model_signing: python::model_signing(&peers) };

    let bench = cache.folder("bench")?;
    let scratch = bench.join("scratch");
    cache::empty(&scratch)?;
    Program::new(&rivals.lacre).dir(&scratch).args(["key", "new", "bench", "--no-passphrase"]).read()?;

    let mut rows = Vec::new();
    for shape in [&plan.few_large, &plan.many_small] {
        let folder = workload::ensure(&bench, shape)?;
        rows.extend(compare(&rivals, shape, &folder, &scratch, plan.runs)?);
    }
    say::note("measuring start-up");
    let starts = Pair {
        lacre: measure::start_up(&rivals.lacre, plan.starts)?,
        // It takes a hundred times as long, and so its median needs fewer starts.
        model_signing: measure::start_up(&rivals.model_signing, plan.starts / 5)?,
    };
    let figures = Figures { plan, rows, starts, versions: versions(&rivals)? };
    let text = report::document(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        let target = checkout.join("docs/BENCHMARKS.md");
        fs::write(&target, text).during(|| format!("cannot write {}", target.display()))?;
        say::note("written to docs/BENCHMARKS.md");
    }
    cache::remove(&scratch)
}

struct Rivals {
    lacre: PathBuf,
    model_signing: PathBuf,
}

/// Builds the program as it is released.
pub(crate) fn build(checkout: &Path) -> Outcome<PathBuf> {
    let folder = cache::build_folder()?;
    say::note("building lacre (release)");
    Program::cargo()
        .dir(checkout)
        .env("CARGO_TARGET_DIR", &folder)
        .args(["build", "--quiet", "--release", "--locked", "--package", "lacre", "--bin", "lacre"])
        .run()?;
    Ok(folder.join("release/lacre"))
}

/// Signs and verifies `folder` with both, turn by turn, so that whatever else the machine does falls on both.
fn compare(rivals: &Rivals, shape: &Shape, folder: &Path, scratch: &Path, runs: usize) -> Outcome<[Row; 2]> {
    let path = |name: &str| scratch.join(name);
    let (private, public) = (path("bench.key"), path("bench.pub"));
    let (ours, theirs) = (path("lacre.sig"), path("model_signing.sig"));
    let (lacre, peer) = (rivals.lacre.as_path(), rivals.model_signing.as_path());
    let word = Path::new;
    let lacre_sign = [lacre, word("sign"), folder, word("--key"), &private, word("--signature"), &ours];
    let lacre_verify = [lacre, word("verify"), folder, word("--key"), &public, word("--signature"), &ours];
    let peer_common = |verb, option, key| {
        [peer, word(verb), word("key"), folder, word("--signature"), &theirs, word(option), key]
    };
    let peer_sign = peer_common("sign", "--private_key", &private);
    let peer_verify = peer_common("verify", "--public_key", &public);

    workload::warm(folder)?;
    let mut samples: [Vec<Sample>; 4] = Default::default();
    // The first round warms the programs themselves, and is not counted.
    for round in 0..=runs {
        say::note(if round == 0 {
            format!("{}: warming up", shape.title)
        } else {
            format!("{}: round {round} of {runs}", shape.title)
        });
        for signature in [&ours, &theirs] {
            if signature.exists() {
                fs::remove_file(signature).during(|| format!("cannot remove {}", signature.display()))?;
            }
        }
        let costs = [
            measure::cost(scratch, &lacre_sign)?,
            measure::cost(scratch, &peer_sign)?,
            measure::cost(scratch, &lacre_verify)?,
            measure::cost(scratch, &peer_verify)?,
        ];
        if round > 0 {
            for (all, cost) in samples.iter_mut().zip(costs) {
                all.push(cost);
            }
        }
    }
    let [lacre_sign, peer_sign, lacre_verify, peer_verify] = samples.map(|all| measure::typical(&all));
    Ok([
        Row { title: shape.title, verb: "sign", costs: Pair { lacre: lacre_sign, model_signing: peer_sign } },
        Row {
            title: shape.title,
            verb: "verify",
            costs: Pair { lacre: lacre_verify, model_signing: peer_verify },
        },
    ])
}

/// The programs that took part, as they name themselves.
fn versions(rivals: &Rivals) -> Outcome<Vec<String>> {
    let told = |program: &Path| Program::new(program).arg("--version").read();
    let all = [
        told(&rivals.lacre)?,
        told(Path::new("rustc"))?,
        told(&rivals.model_signing)?,
        told(&rivals.model_signing.with_file_name("python"))?,
    ];
    Ok(all.iter().map(|text| text.lines().next().unwrap_or_default().trim().to_owned()).collect())
}
