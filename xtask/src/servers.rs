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
use crate::failure::{Context, Failure, Outcome};
use crate::peers::Work;
use crate::process::{Program, persistently};
use crate::say;
use crate::sid::{self, SUITE, Sid};
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
const RECORDED: [&str; 3] = ["fulcio", "timestamp-authority", "rekor-tiles"];
/// Go, and Go's libraries: what else they depend on is not needed to build.
const PREFIX: &str = "golang-";

/// A program to build.
struct Server {
    name: &'static str,
    package: &'static str,
}

const SERVERS: [Server; 2] = [
    Server { name: "authority", package: "lacre/authority" },
    Server { name: "rekor-server-posix", package: "github.com/sigstore/rekor-tiles/cmd/rekor-server/posix" },
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
    persistently("getting Go and its libraries", || {
        cache::empty(&work)?;
        let sid = Sid::open(work.join("apt"))?;
        let packages = sid.with_dependencies(&PACKAGES, PREFIX)?;
        sid.fetch(&packages, &work.join("debs"))?;
        sid.close()
    })?;
    sid::unpack(&work.join("debs"), &work.join("tree"))?;
    build(&work, &bin)?;
    record(&work, folder)?;
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

fn record(work: &Path, folder: &Path) -> Outcome {
    let mut lines = String::new();
    for package in sid::packages(&work.join("debs"))? {
        let line = sid::version(&package)?;
        if RECORDED.iter().any(|name| line.starts_with(&format!("golang-github-sigstore-{name}-dev "))) {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    let path = versions_file(folder);
    fs::write(&path, lines).during(|| format!("cannot write {}", path.display()))
}

fn build(work: &Path, bin: &Path) -> Outcome {
    let ours = work.join("ours");
    for (path, text) in OURS {
        let path = ours.join("src").join(path);
        let parent = path.parent().unwrap_or(&ours);
        fs::create_dir_all(parent).during(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, text).during(|| format!("cannot write {}", path.display()))?;
    }
    cache::empty(bin)?;
    let tree = work.join("tree");
    let go = go_in(&tree.join("usr/lib"))?;
    let debian = tree.join("usr/share/gocode");
    for server in &SERVERS {
        say::note(format!("building {}", server.name));
        Program::new(go.join("bin/go"))
            .dir(work)
            .env("GOROOT", &go)
            // Ours come first.
            .env("GOPATH", format!("{}:{}", ours.display(), debian.display()))
            .env("GOCACHE", work.join("gocache"))
            .env("GO111MODULE", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("CGO_ENABLED", "0")
            .without_env("GOFLAGS")
            .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
            .arg(bin.join(server.name))
            .arg(server.package)
            .read()?;
    }
    Ok(())
}

/// The folder of the one Go that was unpacked: `go-1.N`.
fn go_in(lib: &Path) -> Outcome<PathBuf> {
    let read = || format!("cannot read {}", lib.display());
    for entry in fs::read_dir(lib).during(read)? {
        let path = entry.during(read)?.path();
        if path.join("bin/go").exists() && path.file_name().is_some_and(|name| name != "go") {
            return Ok(path);
        }
    }
    Err(Failure::new(format!("no Go below {}", lib.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_is_found_by_its_program() {
        let folder = tempfile::tempdir().unwrap();
        assert!(go_in(folder.path()).is_err());
        for path in ["go-1.27/bin", "git-core/bin"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(folder.path().join("go-1.27/bin/go"), "").unwrap();
        assert_eq!(go_in(folder.path()).unwrap(), folder.path().join("go-1.27"));
    }
}
