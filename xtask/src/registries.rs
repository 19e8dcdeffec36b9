//! Registries of others, beside the system: nothing is installed, so no service is started.
//!
//! ```text
//! registries/bin/referrers-registry            go-containerregistry's registry, with the referrers API mended to the
//!                                              letter of OCI 1.1 (xtask/stack/registry)
//! registries/tree/usr/bin/docker-registry      CNCF distribution, which has no referrers API
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::golang::{self, Built};
use crate::peers::Work;
use crate::process::persistently;
use crate::say;
use crate::sid::{self, SUITE, Sid};
use crate::stamp::Stamp;

const DOCKER: &str = "docker-registry";
const LIBRARY: &str = "golang-github-google-go-containerregistry-dev";
const PACKAGES: [&str; 2] = ["golang-go", LIBRARY];
const BUILT: [Built; 1] = [Built { name: "referrers-registry", package: "lacre/registry" }];
const OURS: [(&str, &str); 2] = [
    ("lacre/registry/go.mod", "module lacre/registry\n\ngo 1.24\n"),
    ("lacre/registry/main.go", include_str!("../stack/registry/main.go")),
];

/// Gets both below `folder/registries` if they are not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    let recipe =
        OURS.iter().fold(format!("{SUITE}: {DOCKER} {}\n", PACKAGES.join(" ")), |recipe, (path, text)| {
            recipe + path + "\n" + text
        });
    let stamp = Stamp::new(folder.join("stamps/registries"), recipe);
    let place = folder.join("registries");
    let bin = place.join("bin");
    let docker = docker(folder);
    if stamp.is_set() && docker.is_file() && BUILT.iter().all(|built| bin.join(built.name).is_file()) {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note("getting docker-registry, and building a registry that knows referrers (once, 1 GB meanwhile)");
    persistently("getting docker-registry", || {
        let sid = Sid::open(place.join("apt"))?;
        sid.fetch(&[DOCKER], &place.join("debs"))?;
        sid::unpack(&place.join("debs"), &place.join("tree"))?;
        sid.close()
    })?;
    if !docker.is_file() {
        return Err(Failure::new(format!("Debian's {SUITE} package {DOCKER} holds no program of that name")));
    }
    let work = folder.join("registries.build");
    golang::fetch(&work, &PACKAGES)?;
    golang::build(&work, &bin, &OURS, &BUILT)?;
    let mut lines = golang::versions(&work, &[LIBRARY])?;
    for package in sid::packages(&place.join("debs"))? {
        lines.push_str(&sid::version(&package)?);
        lines.push('\n');
    }
    let versions = versions_file(folder);
    fs::write(&versions, lines).during(|| format!("cannot write {}", versions.display()))?;
    cache::remove(&work)?;
    stamp.set()?;
    Ok(Work::Done)
}

/// The program of docker-registry.
pub(crate) fn docker(folder: &Path) -> PathBuf {
    folder.join("registries/tree/usr/bin").join(DOCKER)
}

/// One line per registry.
pub(crate) fn versions(folder: &Path) -> Outcome<Vec<String>> {
    let path = versions_file(folder);
    let text = fs::read_to_string(&path).during(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn versions_file(folder: &Path) -> PathBuf {
    folder.join("registries/VERSIONS")
}
