//! `cargo xtask fuzz`: every fuzz target for a while.

use std::fs;
use std::path::Path;

use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{say, tools};

/// How long a target runs when nothing else is said.
pub(crate) const DEFAULT_SECONDS: u64 = 30;

/// Runs each target for `seconds`.
pub(crate) fn run(seconds: u64) -> Outcome {
    let cache = Cache::open()?;
    let checkout = cache::checkout()?;
    let targets = targets(&checkout.join("fuzz/fuzz_targets"))?;
    let tool = tools::ensure(&cache, &tools::FUZZ)?;
    let build = cache.folder("fuzz/target")?;
    for target in &targets {
        say::note(format!("fuzzing {target} for {seconds} s"));
        // What a run discovers stays in the cache; the committed inputs are read beside it.
        let discovered = cache.folder(&format!("fuzz/corpus/{target}"))?;
        let seeds = checkout.join("fuzz/corpus").join(target);
        Program::new(&tool)
            .dir(&checkout)
            // The sanitizer's flags are unstable; the compiler at hand is the stable one.
            .env("RUSTC_BOOTSTRAP", "1")
            .arg(tools::subcommand(&tools::FUZZ))
            .args(["run", "--target-dir"])
            .arg(&build)
            .arg(target)
            .arg(discovered)
            .args(seeds.is_dir().then_some(seeds))
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .run()?;
    }
    say::out(format!("{} fuzz targets ran for {seconds} s each, and nothing broke", targets.len()));
    Ok(())
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
