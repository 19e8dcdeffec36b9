//! Go programs, built from Debian sid's Go and Go libraries in the manner of `GOPATH`: no proxy of modules is asked.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::process::{Program, persistently};
use crate::say;
use crate::sid::{self, Sid};

/// Go, and Go's libraries: what else they depend on is not needed to build.
const PREFIX: &str = "golang-";

/// A program to build.
pub(crate) struct Built {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

/// Our sources, by their place in a `GOPATH`. They come before Debian's.
pub(crate) type Sources<'a> = &'a [(&'static str, &'static str)];

/// Fetches `packages` and what they depend on into the folder `work`, and unpacks them.
pub(crate) fn fetch(work: &Path, packages: &[&str]) -> Outcome {
    persistently("getting Go and its libraries", || {
        cache::empty(work)?;
        let sid = Sid::open(work.join("apt"))?;
        let packages = sid.with_dependencies(packages, PREFIX)?;
        sid.fetch(&packages, &work.join("debs"))?;
        sid.close()
    })?;
    sid::unpack(&work.join("debs"), &work.join("tree"))
}

/// Builds `programs` into the folder `bin`, which is emptied first.
pub(crate) fn build(work: &Path, bin: &Path, sources: Sources<'_>, programs: &[Built]) -> Outcome {
    let ours = work.join("ours");
    for (path, text) in sources {
        let path = ours.join("src").join(path);
        let parent = path.parent().unwrap_or(&ours);
        fs::create_dir_all(parent).during(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, text).during(|| format!("cannot write {}", path.display()))?;
    }
    cache::empty(bin)?;
    let tree = work.join("tree");
    let go = go_in(&tree.join("usr/lib"))?;
    let debian = tree.join("usr/share/gocode");
    for program in programs {
        say::note(format!("building {}", program.name));
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
            .arg(bin.join(program.name))
            .arg(program.package)
            .read()?;
    }
    Ok(())
}

/// Name and version of those fetched packages that are called `names`, one per line.
pub(crate) fn versions(work: &Path, names: &[&str]) -> Outcome<String> {
    let mut lines = String::new();
    for package in sid::packages(&work.join("debs"))? {
        let line = sid::version(&package)?;
        if names.iter().any(|name| line.split(' ').next() == Some(name)) {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    Ok(lines)
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
