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

const PROGRAMS: [&str; 3] = ["cosign", "oras", "crane"];

/// Unpacks the programs below `folder/tree` if they are not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    let stamp = Stamp::new(folder.join("stamps/debian"), format!("{SUITE}: {}\n", PROGRAMS.join(" ")));
    if stamp.is_set() && PROGRAMS.iter().all(|name| program(folder, name).is_file()) {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note(format!("getting {} of Debian's {SUITE}", PROGRAMS.join(", ")));
    persistently("getting Debian's programs", || {
        let sid = Sid::open(folder.join("apt"))?;
        sid.fetch(&PROGRAMS, &folder.join("debs"))?;
        sid::unpack(&folder.join("debs"), &folder.join("tree"))?;
        sid.close()
    })?;
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
    sid::packages(&folder.join("debs"))?.iter().map(|package| sid::version(package)).collect()
}

/// One of the programs.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("tree/usr/bin").join(name)
}
