//! Programs of Debian's sid, unpacked beside the system.
//!
//! sid moves: what was met is recorded, and the tests name it.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::peers::Work;
use crate::process::persistently;
use crate::say;
use crate::sid::{self, SUITE, Sid};
use crate::stamp::Stamp;

/// Packages, each with a program of it.
const PACKAGES: [(&str, &str); 4] =
    [("cosign", "cosign"), ("oras", "oras"), ("crane", "crane"), ("sigstore-go", "sigstore-go-verification")];

/// Unpacks the programs below `folder/tree` if they are not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    let names = PACKAGES.map(|(package, _)| package);
    let stamp = Stamp::new(folder.join("stamps/debian"), format!("{SUITE}: {}\n", names.join(" ")));
    if stamp.is_set() && PACKAGES.iter().all(|(_, name)| program(folder, name).is_file()) {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note(format!("getting {} of Debian's {SUITE}", names.join(", ")));
    persistently("getting Debian's programs", || {
        let sid = Sid::open(folder.join("apt"))?;
        sid.fetch(&names, &folder.join("debs"))?;
        sid::unpack(&folder.join("debs"), &folder.join("tree"))?;
        sid.close()
    })?;
    for (package, name) in PACKAGES {
        if !program(folder, name).is_file() {
            return Err(Failure::new(format!("Debian's {SUITE} package {package} holds no program {name}")));
        }
    }
    stamp.set()?;
    Ok(Work::Done)
}

/// One line per program.
pub(crate) fn versions(folder: &Path) -> Outcome<Vec<String>> {
    sid::packages(&folder.join("debs"))?.iter().map(|package| sid::version(package)).collect()
}

/// One of the programs.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("tree/usr/bin").join(name)
}
