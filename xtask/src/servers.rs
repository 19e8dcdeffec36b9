//! The servers of a local Sigstore, built once into the cache from Debian's Go sources: nothing else offers them to a
//! machine that reaches package registries only.
//!
//! ```text
//! servers/bin/authority            Fulcio, a certificate log and a timestamp authority (xtask/stack/authority)
//! servers/bin/rekor-server-posix   Rekor v2 on a folder
//! ```
//!
//! The sources and what the compiler makes on the way take more than 4 GB, and are removed when the programs are built.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Outcome};
use crate::golang::{self, Built};
use crate::peers::Work;
use crate::say;
use crate::sid::SUITE;
use crate::stamp::Stamp;

/// Packages that are named; those that they need come with them. Fulcio's own forgets the last one.
const PACKAGES: [&str; 6] = [
    "golang-go",
    "golang-github-sigstore-fulcio-dev",
    "golang-github-sigstore-timestamp-authority-dev",
    "golang-github-sigstore-rekor-tiles-dev",
    "golang-github-sigstore-sigstore-go-dev",
    "golang-github-asaskevich-govalidator-dev",
];
/// The packages whose versions are recorded: the servers themselves.
const RECORDED: [&str; 3] = [
    "golang-github-sigstore-fulcio-dev",
    "golang-github-sigstore-timestamp-authority-dev",
    "golang-github-sigstore-rekor-tiles-dev",
];

const SERVERS: [Built; 2] = [
    Built { name: "authority", package: "lacre/authority" },
    Built { name: "rekor-server-posix", package: "github.com/sigstore/rekor-tiles/cmd/rekor-server/posix" },
];

/// Our sources, by their place in a GOPATH. The two last take the place of packages whose needs Debian lacks.
const OURS: [(&str, &str); 6] = [
    // Without it, paths that end in a major version are not understood.
    ("lacre/authority/go.mod", "module lacre/authority\n\ngo 1.24\n"),
    ("lacre/authority/main.go", include_str!("../stack/authority/main.go")),
    ("lacre/authority/ctlog.go", include_str!("../stack/authority/ctlog.go")),
    ("lacre/authority/timestamp.go", include_str!("../stack/authority/timestamp.go")),
    ("github.com/sigstore/fulcio/pkg/log/log.go", include_str!("../stack/standins/log.go")),
    ("github.com/PaesslerAG/jsonpath/jsonpath.go", include_str!("../stack/standins/jsonpath.go")),
];

/// Builds the servers below `folder/servers` if they are not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    let recipe = OURS.iter().fold(format!("{SUITE}: {}\n", PACKAGES.join(" ")), |recipe, (path, text)| {
        recipe + path + "\n" + text
    });
    let stamp = Stamp::new(folder.join("stamps/servers"), recipe);
    let bin = folder.join("servers/bin");
    if stamp.is_set() && SERVERS.iter().all(|server| bin.join(server.name).is_file()) {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note(
        "building Fulcio, Rekor and a timestamp authority of Debian's sid (once, some minutes, 5 GB meanwhile)",
    );
    let work = folder.join("servers.build");
    golang::fetch(&work, &PACKAGES)?;
    golang::build(&work, &bin, &OURS, &SERVERS)?;
    let versions = versions_file(folder);
    fs::write(&versions, golang::versions(&work, &RECORDED)?)
        .during(|| format!("cannot write {}", versions.display()))?;
    cache::remove(&work)?;
    stamp.set()?;
    Ok(Work::Done)
}

/// One line per server.
pub(crate) fn versions(folder: &Path) -> Outcome<Vec<String>> {
    let path = versions_file(folder);
    let text = fs::read_to_string(&path).during(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn versions_file(folder: &Path) -> PathBuf {
    folder.join("servers/VERSIONS")
}
