//! Programs of Debian's sid, unpacked beside the system: its own packages and apt state are left alone.
//!
//! The mirror is the one that the machine's apt already uses, and the lists are checked against the installed archive
//! keyring. sid moves: what was met is recorded, and the tests name it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::peers::Work;
use crate::process::{Program, persistently};
use crate::say;
use crate::stamp::Stamp;

const PROGRAMS: [&str; 3] = ["cosign", "oras", "crane"];
const SUITE: &str = "sid";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Unpacks the programs below `folder/tree` if they are not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    let stamp = Stamp::new(folder.join("stamps/debian"), format!("{SUITE}: {}\n", PROGRAMS.join(" ")));
    if stamp.is_set() && PROGRAMS.iter().all(|name| program(folder, name).is_file()) {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note(format!("getting {} of Debian's {SUITE}", PROGRAMS.join(", ")));
    persistently("getting Debian's programs", || unpack(folder))?;
    for name in PROGRAMS {
        if !program(folder, name).is_file() {
            return Err(Failure::new(format!(
                "Debian's {SUITE} package {name} holds no program of that name"
            )));
        }
    }
    stamp.set()?;
    Ok(Work::Done)
}

/// One line per program.
pub(crate) fn versions(folder: &Path) -> Outcome<Vec<String>> {
    packages(folder)?
        .iter()
        .map(|package| {
            let told = Program::new("dpkg-deb")
                .args(["-W", "--showformat=${Package} ${Version}"])
                .arg(package)
                .read()?;
            Ok(format!("{told} (Debian {SUITE})"))
        })
        .collect()
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("tree/usr/bin").join(name)
}

/// The packages as they were fetched, by name.
fn packages(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let fetched = folder.join("debs");
    let read = || format!("cannot read {}", fetched.display());
    let mut packages = Vec::new();
    for entry in fs::read_dir(&fetched).during(read)? {
        let path = entry.during(read)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages.push(path);
        }
    }
    packages.sort();
    Ok(packages)
}

fn unpack(folder: &Path) -> Outcome {
    if !Path::new(KEYRING).is_file() {
        return Err(Failure::new(
            "the package debian-archive-keyring is missing: its keys check Debian's lists",
        ));
    }
    let apt = folder.join("apt");
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

    let debs = folder.join("debs");
    cache::empty(&debs)?;
    apt_get(&apt).arg("update").read()?;
    apt_get(&apt).arg("download").args(PROGRAMS).dir(&debs).read()?;

    let tree = folder.join("tree");
    let partial = folder.join("tree.partial");
    cache::empty(&partial)?;
    for package in packages(folder)? {
        Program::new("dpkg").arg("-x").arg(&package).arg(&partial).read()?;
    }
    cache::remove(&tree)?;
    fs::rename(&partial, &tree).during(|| format!("cannot make {}", tree.display()))?;
    cache::remove(&apt)
}

/// apt-get that sees only what is below `apt`: no package of the machine, no source but sid.
fn apt_get(apt: &Path) -> Program {
    let place = |option: &str, part: &str| format!("{option}={}", apt.join(part).display());
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
    options.iter().fold(Program::new("apt-get").arg("-q"), |program, option| program.arg("-o").arg(option))
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
}
