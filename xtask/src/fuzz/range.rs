//! The targets as programs, and where their inputs are.

use std::fs;
use std::path::{Path, PathBuf};

use super::ending::Ending;
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{say, tools};

/// Seconds after which one input is too slow: nothing here takes a hundredth of it on a machine that is idle.
const SLOW: u32 = 25;
/// MiB that one input may ask for at once. The largest that a reader may want is scrypt's: 64 MiB and a little.
const LARGEST_ALLOCATION: u32 = 256;

/// All targets, built.
pub(crate) struct Range {
    targets: Vec<String>,
    programs: PathBuf,
    seeds: PathBuf,
    found: PathBuf,
    broken: PathBuf,
}

impl Range {
    /// Builds the targets of `checkout`, or the one that is named, and puts them aside.
    pub(crate) fn open(cache: &Cache, checkout: &Path, only: Option<&str>) -> Outcome<Self> {
        let mut targets = targets(&checkout.join("fuzz/fuzz_targets"))?;
        if let Some(only) = only {
            targets.retain(|target| target == only);
            if targets.is_empty() {
                return Err(Failure::new(format!("no fuzz target is called `{only}`")));
            }
        }
        let tool = tools::ensure(cache, &tools::FUZZ)?;
        let _alone = cache.hold("fuzz-build")?;
        let build = cache.folder("fuzz/target")?;
        say::note("building the fuzz targets");
        Program::new(&tool)
            .dir(checkout)
            // The sanitizer's flags are unstable; the compiler at hand is the stable one.
            .env("RUSTC_BOOTSTRAP", "1")
            .arg(tools::subcommand(&tools::FUZZ))
            .args(["build", "--target-dir"])
            .arg(&build)
            .args(only)
            .run()?;
        let release = triple(&build)?.join("release");
        let programs = cache.folder("fuzz/programs")?;
        for target in &targets {
            put_aside(&release.join(target), &programs.join(target))?;
        }
        Ok(Self {
            targets,
            programs,
            seeds: checkout.join("fuzz/corpus"),
            found: cache.folder("fuzz/corpus")?,
            broken: cache.folder("fuzz/broken")?,
        })
    }

    /// Their names, in order.
    pub(crate) fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The committed inputs.
    pub(crate) fn seeds(&self, target: &str) -> PathBuf {
        self.seeds.join(target)
    }

    /// What was discovered by all runs on this machine.
    pub(crate) fn found(&self, target: &str) -> PathBuf {
        self.found.join(target)
    }

    /// Runs one target for `seconds`.
    pub(crate) fn run(&self, target: &str, seconds: u64) -> Outcome<Ending> {
        let (found, seeds) = (self.found(target), self.seeds(target));
        fs::create_dir_all(&found).during(|| format!("cannot make {}", found.display()))?;
        let finished = self
            .program(target)
            .arg(found)
            .args(seeds.is_dir().then_some(seeds))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={SLOW}"))
            .arg(format!("-malloc_limit_mb={LARGEST_ALLOCATION}"))
            .arg(format!("-artifact_prefix={}/{target}-", self.broken.display()))
            .arg("-print_final_stats=1")
            .finish()?;
        Ok(Ending::of(&finished))
    }

    /// Adds to `into` the inputs of `from` that reach what nothing in it reaches, the smaller ones first.
    pub(crate) fn merge(&self, target: &str, into: &Path, from: &[&Path]) -> Outcome {
        self.program(target).arg("-merge=1").arg(into).args(from).read().map(drop)
    }

    fn program(&self, target: &str) -> Program {
        // As cargo-fuzz sets it: what is linked twice is no defect of ours.
        Program::new(self.programs.join(target)).env("ASAN_OPTIONS", "detect_odr_violation=0")
    }
}

/// Copies a program over one that may be running.
fn put_aside(from: &Path, to: &Path) -> Outcome {
    let next = to.with_extension("next");
    fs::copy(from, &next).during(|| format!("cannot copy {}", from.display()))?;
    fs::rename(&next, to).during(|| format!("cannot write {}", to.display()))
}

/// The folder of the one target triple that was built for.
fn triple(build: &Path) -> Outcome<PathBuf> {
    let told = Program::new("rustc").arg("-vV").read()?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(|host| build.join(host)).ok_or_else(|| Failure::new("rustc does not tell its host"))
}

fn targets(folder: &Path) -> Outcome<Vec<String>> {
    let read = || format!("cannot read {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).during(read)? {
        let path = entry.during(read)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    if names.is_empty() {
        Err(Failure::new(format!("no fuzz target in {}", folder.display())))
    } else {
        Ok(names)
    }
}

/// Replaces a folder by another one.
pub(crate) fn replace(folder: &Path, by: &Path) -> Outcome {
    cache::remove(folder)?;
    fs::rename(by, folder).during(|| format!("cannot rename {}", by.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_programs_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(targets(folder.path()).is_err());
        for name in ["path.rs", "bundle.rs", "notes.md"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(targets(folder.path()).unwrap(), ["bundle", "path"]);
    }
}
