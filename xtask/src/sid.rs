//! Packages of Debian's sid, beside the system: its own packages and apt state are left alone.
//!
//! The mirror is the one that the machine's apt already uses, and the lists are checked against the installed archive
//! keyring.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;

/// The suite's name.
pub(crate) const SUITE: &str = "sid";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The suite's lists, in a folder of their own.
pub(crate) struct Sid {
    apt: PathBuf,
}

impl Sid {
    /// Gets the lists into the folder `apt`, which is emptied first.
    pub(crate) fn open(apt: PathBuf) -> Outcome<Self> {
        if !Path::new(KEYRING).is_file() {
            return Err(Failure::new(
                "the package debian-archive-keyring is missing: its keys check Debian's lists",
            ));
        }
        cache::empty(&apt)?;
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = apt.join(part);
            fs::create_dir_all(&part).during(|| format!("cannot make {}", part.display()))?;
        }
        let architecture = Program::new("dpkg").arg("--print-architecture").read()?;
        let source =
            format!("deb [arch={} signed-by={KEYRING}] {} {SUITE} main\n", architecture.trim(), mirror()?);
        let sources = apt.join("sources.list");
        fs::write(&sources, source).during(|| format!("cannot write {}", sources.display()))?;
        let status = apt.join("status");
        fs::write(&status, "").during(|| format!("cannot write {}", status.display()))?;
        let sid = Self { apt };
        sid.apt_get().arg("update").read()?;
        Ok(sid)
    }

    /// The packages `names` and all that they depend on, as far as their names begin with `prefix`.
    pub(crate) fn with_dependencies(&self, names: &[&str], prefix: &str) -> Outcome<Vec<String>> {
        let plan = self.apt_get().args(["--no-install-recommends", "-s", "install"]).args(names).read()?;
        Ok(installed_by(&plan).filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
    }

    /// Fetches packages into the folder `debs`, which is emptied first.
    pub(crate) fn fetch<N: AsRef<str>>(&self, names: &[N], debs: &Path) -> Outcome {
        cache::empty(debs)?;
        self.apt_get().arg("download").args(names.iter().map(AsRef::as_ref)).dir(debs).read().map(drop)
    }

    /// Removes the lists.
    pub(crate) fn close(self) -> Outcome {
        cache::remove(&self.apt)
    }

    /// apt-get that sees only what is in this folder: no package of the machine, no source but sid.
    fn apt_get(&self) -> Program {
        let place = |option: &str, part: &str| format!("{option}={}", self.apt.join(part).display());
        let options = [
            place("Dir::Etc::SourceList", "sources.list"),
            place("Dir::State::Lists", "lists"),
            place("Dir::State::status", "status"),
            place("Dir::Cache", "cache"),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "APT::Get::List-Cleanup=0".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled=false".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ];
        options
            .iter()
            .fold(Program::new("apt-get").arg("-q"), |program, option| program.arg("-o").arg(option))
    }
}

/// The packages that were fetched into `debs`, by name.
pub(crate) fn packages(debs: &Path) -> Outcome<Vec<PathBuf>> {
    let read = || format!("cannot read {}", debs.display());
    let mut packages = Vec::new();
    for entry in fs::read_dir(debs).during(read)? {
        let path = entry.during(read)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages.push(path);
        }
    }
    packages.sort();
    Ok(packages)
}

/// Unpacks what was fetched into `debs` below `tree`, which appears whole or not at all.
pub(crate) fn unpack(debs: &Path, tree: &Path) -> Outcome {
    let partial = tree.with_extension("partial");
    cache::empty(&partial)?;
    for package in packages(debs)? {
        Program::new("dpkg").arg("-x").arg(&package).arg(&partial).read()?;
    }
    cache::remove(tree)?;
    fs::rename(&partial, tree).during(|| format!("cannot make {}", tree.display()))
}

/// Name and version of a package file.
pub(crate) fn version(package: &Path) -> Outcome<String> {
    let told =
        Program::new("dpkg-deb").args(["-W", "--showformat=${Package} ${Version}"]).arg(package).read()?;
    Ok(format!("{told} (Debian {SUITE})"))
}

/// The packages that apt would install, from its simulation: lines `Inst NAME (VERSION ...)`.
fn installed_by(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
}

/// The mirror that the machine's apt uses for Debian.
fn mirror() -> Outcome<String> {
    let told = Program::new("apt-get").args(["--print-uris", "update"]).finish()?.stdout;
    mirror_in(&told).ok_or_else(|| Failure::new("the machine's apt names no mirror of Debian"))
}

/// The first archive called `debian` among apt's lines `'ADDRESS/dists/SUITE/InRelease' FILE SIZE`.
fn mirror_in(uris: &str) -> Option<String> {
    uris.lines().find_map(|line| {
        let address = line.strip_prefix('\'')?.split('\'').next()?;
        let (base, rest) = address.split_once("/dists/")?;
        (rest.ends_with("/InRelease") && base.ends_with("/debian")).then(|| base.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_archive_itself_not_its_security_sibling() {
        let uris = "'http://mirror.test/debian-security/dists/bookworm-security/InRelease' a 0 \n\
                    'http://mirror.test/debian/dists/bookworm/main/binary-amd64/Packages.xz' b 0 \n\
                    'http://mirror.test/pub/debian/dists/bookworm/InRelease' c 0 \n";
        assert_eq!(mirror_in(uris), Some("http://mirror.test/pub/debian".to_owned()));
        assert_eq!(mirror_in("Hit:1 http://mirror.test/debian bookworm InRelease\n"), None);
    }

    #[test]
    fn what_apt_would_install_is_read_from_its_plan() {
        let plan = "Reading package lists...\nInst golang-x-dev (1.0 Debian:unstable [all])\n\
                    Inst libc6 (2.41 Debian:unstable [amd64])\nConf libc6 (2.41)\n";
        assert_eq!(installed_by(plan).collect::<Vec<_>>(), ["golang-x-dev", "libc6"]);
    }
}
