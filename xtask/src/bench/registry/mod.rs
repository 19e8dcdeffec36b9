//! `cargo xtask bench registry`: pushing a model into a registry and getting it back, beside the clients that people use.

mod delta;
mod report;
mod server;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::contest::{self, Costs, Entry, Task};
use super::document::{self, Part};
use super::workload::{self, Shape};
use super::{Extent, build, level, measure, rivals};
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{debian, peers, registries, say, system};

use delta::Delta;
use report::{Figures, Row};
pub(super) use server::Server;

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of each measured command; the median counts.
    runs: usize,
    shapes: [Shape; 2],
    extent: Extent,
}

pub(crate) const FULL: Plan =
    Plan { runs: 3, shapes: [workload::TWO, workload::TWO_PARTS], extent: Extent::Full };
pub(crate) const QUICK: Plan =
    Plan { runs: 1, shapes: [workload::ONE_QUICK, workload::LARGE_QUICK], extent: Extent::Quick };

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
    let lacre = build(&checkout)?;
    Program::new(&lacre).dir(&scratch).args(["key", "new", "bench", "--no-passphrase"]).read()?;
    let server = Server::start(&registries::docker(&peers), &scratch)?;
    let mut rows = Vec::new();
    let mut delta = None;
    for shape in &plan.shapes {
        let model = workload::ensure(&bench, shape)?;
        workload::warm(&model)?;
        let stand = Stand { lacre: &lacre, peers: &peers, scratch: &scratch, server: &server, model };
        let (costs, again) = stand.measure(shape, plan.runs)?;
        rows.push(Row { title: shape.title, costs, again });
        delta = Some(Delta::measure(&stand)?);
    }
    let delta = delta.ok_or_else(|| Failure::new("nothing was measured"))?;
    let figures = Figures { plan, rows, delta, versions: versions(&lacre, &peers)? };
    let text = report::part(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        document::write(&checkout, Part::Registry, &text)?;
    }
    drop(server);
    cache::remove(&scratch)
}

/// What is at hand for one model.
struct Stand<'a> {
    lacre: &'a Path,
    peers: &'a Path,
    scratch: &'a Path,
    server: &'a Server,
    model: PathBuf,
}

impl Stand<'_> {
    /// What pushing and pulling cost, and what a push of something that is there costs.
    fn measure(&self, shape: &Shape, runs: usize) -> Outcome<(Costs, measure::Sample)> {
        self.sign(&self.model, "model")?;
        let pushes = self.pushes()?;
        let mut costs = contest::rounds(
            &format!("pushing {}", shape.title),
            runs,
            &pushes,
            |entry| {
                self.server.clear()?;
                let cache = self.scratch.join(if entry.task == Task::Push { "signer" } else { "cache" });
                if entry.task != Task::Push {
                    cache::empty(&cache)?;
                }
                level::before_writing(shape.files * shape.size)?;
                measure::cost_beside(self.scratch, &cache, &entry.words)
            },
            || Ok(()),
        )?;
        self.server.clear()?;
        let push = self.push("model", "v1");
        self.told(&push)?;
        let again =
            (0..runs).map(|_| measure::cost_beside(self.scratch, &self.scratch.join("signer"), &push));
        let again = measure::typical(&again.collect::<Outcome<Vec<_>>>()?);
        let pulls = self.pulls();
        let run = |entry: &Entry| {
            cache::empty(&self.arrived())?;
            level::before_writing(shape.files * shape.size)?;
            measure::cost(self.scratch, &entry.words)
        };
        costs.extend(contest::rounds(&format!("pulling {}", shape.title), runs, &pulls, run, || Ok(()))?);
        cache::remove(&self.arrived())?;
        Ok((costs, again))
    }

    /// Signs `model` as `name`, and leaves the traces that signing leaves in the signer's cache.
    fn sign(&self, model: &Path, name: &str) -> Outcome {
        Program::new(self.lacre)
            .env("XDG_CACHE_HOME", self.scratch.join("signer"))
            .arg("sign")
            .arg(model)
            .args(["--force", "--name", name, "--key"])
            .arg(self.scratch.join("bench.key"))
            .arg("--signature")
            .arg(self.signature(name))
            .read()
            .map(drop)
    }

    /// Runs Lacre with the signer's cache and gives what it says in JSON.
    fn told(&self, words: &[OsString]) -> Outcome<serde_json::Value> {
        let told = Program::new(&words[0])
            .env("XDG_CACHE_HOME", self.scratch.join("signer"))
            .args(&words[1..])
            .arg("--json")
            .read()?;
        serde_json::from_str(&told).during(|| format!("cannot read `{told}`"))
    }

    fn pushes(&self) -> Outcome<[Entry; 5]> {
        let files: Vec<OsString> =
            workload::files(&self.model)?.into_iter().map(PathBuf::into_os_string).collect();
        let host = self.server.host();
        let entry = |task, words| Entry { task, words, makes: None };
        let mut oras = self.program("oras", &["push", "--plain-http", "--disable-path-validation"]);
        oras.push(format!("{host}/peer/oras:v1").into());
        oras.extend(files.iter().cloned());
        let mut crane = self.program("crane", &["append", "--insecure", "-t"]);
        crane.push(format!("{host}/peer/crane:v1").into());
        crane.extend(files.iter().flat_map(|file| ["-f".into(), file.clone()]));
        // skopeo pushes what lies in its own kind of folder: the artifact that Lacre pushed.
        self.server.clear()?;
        self.told(&self.push("model", "v1"))?;
        let folder = self.scratch.join("skopeo");
        cache::empty(&folder)?;
        let copy = skopeo_copy(&format!("docker://{}", self.reference("v1")), &at("dir", &folder));
        Program::new(&copy[0]).args(&copy[1..]).read()?;
        let skopeo = skopeo_copy(&at("dir", &folder), &format!("docker://{host}/peer/skopeo:v1"));
        Ok([
            entry(Task::Push, self.push("model", "v1")),
            entry(Task::PushUnseen, self.push("model", "v1")),
            entry(Task::OrasPush, oras),
            entry(Task::CranePush, crane),
            entry(Task::SkopeoPush, skopeo),
        ])
    }

    /// All get the same artifact.
    fn pulls(&self) -> [Entry; 4] {
        let entry = |task, words| Entry { task, words, makes: None };
        let reference = self.reference("v1");
        let folder = self.arrived().join("model");
        let mut oras = self.program("oras", &["pull", "--plain-http", "-o"]);
        oras.extend([folder.clone().into(), reference.clone().into()]);
        let mut crane = self.program("crane", &["pull", "--insecure", "--format", "oci"]);
        crane.extend([reference.clone().into(), folder.clone().into()]);
        let skopeo = skopeo_copy(&format!("docker://{reference}"), &at("dir", &folder));
        [
            entry(Task::Pull, self.pull("v1", &folder)),
            entry(Task::OrasPull, oras),
            entry(Task::CranePull, crane),
            entry(Task::SkopeoPull, skopeo),
        ]
    }

    fn push(&self, name: &str, tag: &str) -> Vec<OsString> {
        let model = if name == "model" { self.model.clone() } else { self.scratch.join(name) };
        let mut words: Vec<OsString> = vec![self.lacre.into(), "push".into(), model.into()];
        words.extend([self.reference(tag).into(), "--signature".into(), self.signature(name).into()]);
        words
    }

    fn pull(&self, tag: &str, folder: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![self.lacre.into(), "pull".into(), self.reference(tag).into()];
        words.extend([folder.into(), "--key".into(), self.scratch.join("bench.pub").into()]);
        words
    }

    fn program(&self, name: &str, words: &[&str]) -> Vec<OsString> {
        let program = debian::program(self.peers, name).into_os_string();
        std::iter::once(program).chain(words.iter().map(OsString::from)).collect()
    }

    fn reference(&self, tag: &str) -> String {
        format!("{}/lacre/model:{tag}", self.server.host())
    }

    fn signature(&self, name: &str) -> PathBuf {
        self.scratch.join(format!("{name}.sig"))
    }

    /// Where what is pulled goes.
    fn arrived(&self) -> PathBuf {
        self.scratch.join("arrived")
    }
}

fn skopeo_copy(from: &str, to: &str) -> Vec<OsString> {
    let words = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", from, to];
    words.map(OsString::from).into()
}

fn at(kind: &str, folder: &Path) -> String {
    format!("{kind}:{}", folder.display())
}

/// The programs that took part, as they name themselves.
fn versions(lacre: &Path, peers: &Path) -> Outcome<Vec<String>> {
    let mut versions = vec![rivals::version(lacre)?, rivals::version(Path::new("rustc"))?];
    let clients = debian::versions(peers)?;
    versions
        .extend(clients.into_iter().filter(|line| line.starts_with("oras ") || line.starts_with("crane ")));
    versions.push(rivals::version(Path::new("skopeo"))?);
    versions
        .extend(registries::versions(peers)?.into_iter().filter(|line| line.starts_with("docker-registry")));
    Ok(versions)
}

/// Copies a model.
fn copy(from: &Path, to: &Path) -> Outcome {
    cache::empty(to)?;
    for path in workload::files(from)? {
        let place = to.join(path.strip_prefix(from).unwrap_or(&path));
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).during(|| format!("cannot make {}", folder.display()))?;
        }
        fs::copy(&path, &place).during(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}
