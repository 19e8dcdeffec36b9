//! `cargo xtask peers`: what the tests run against, in one folder outside the checkout.
//!
//! ```text
//! peers/VERSIONS              one line per program or package: name, version, where it is from
//! peers/tree/usr/bin/         cosign, oras, crane, sigstore-go's examples: Debian sid's, unpacked beside the system
//! peers/servers/bin/          the servers of a local Sigstore, built from Debian sid's sources
//! peers/registries/           docker-registry of Debian sid, and one with referrers, built from sid's sources
//! peers/venv/bin/             model_signing, moto_server and python: PyPI's, at the versions of constraints.txt
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::failure::{Context, Outcome};
use crate::process::Program;
use crate::{debian, python, registries, say, servers, system};

/// What is printed at the end.
#[derive(Clone, Copy)]
pub(crate) enum Show {
    Versions,
    FolderOnly,
}

/// Gets the peers and prints where they are.
pub(crate) fn run(show: Show) -> Outcome {
    let folder = ensure(&Cache::open()?)?;
    if let Show::Versions = show {
        let versions = versions_file(&folder);
        let text = fs::read_to_string(&versions).during(|| format!("cannot read {}", versions.display()))?;
        say::note(text.trim_end());
    }
    say::out(folder.display());
    Ok(())
}

/// Gets what is missing and gives the folder.
pub(crate) fn ensure(cache: &Cache) -> Outcome<PathBuf> {
    let _alone = cache.hold("peers")?;
    let folder = cache.folder("peers")?;
    system::ensure(system::FOR_PEERS)?;
    system::ensure_libraries()?;
    let programs = debian::ensure(&folder)?;
    let packages = python::ensure(&folder)?;
    let servers = servers::ensure(&folder)?;
    let registries = registries::ensure(&folder)?;
    let versions = versions_file(&folder);
    if [programs, packages, servers, registries].into_iter().any(Work::is_new) || !versions.is_file() {
        let text = record(&folder)?;
        fs::write(&versions, text).during(|| format!("cannot write {}", versions.display()))?;
    }
    Ok(folder)
}

/// Whether a step had anything to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Done,
    WasDone,
}

impl Work {
    fn is_new(self) -> bool {
        self == Self::Done
    }
}

fn versions_file(folder: &Path) -> PathBuf {
    folder.join("VERSIONS")
}

fn record(folder: &Path) -> Outcome<String> {
    let mut lines = debian::versions(folder)?;
    lines.extend(servers::versions(folder)?);
    lines.extend(registries::versions(folder)?);
    lines.extend(python::versions(folder)?);
    // The last one tells no name.
    for (program, argument, name) in [
        ("openssl", "version", ""),
        ("skopeo", "--version", ""),
        ("softhsm2-util", "--version", "SoftHSM "),
        ("age", "--version", "age "),
        ("swtpm", "--version", "swtpm: "),
        ("chromium", "--version", ""),
    ] {
        let told = Program::new(program).arg(argument).read()?;
        lines.push(format!("{name}{} (the machine's)", told.lines().next().unwrap_or(program)));
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}
