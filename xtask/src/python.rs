//! The reference implementation of OMS and a stand-in for AWS, in a Python environment of their own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Outcome};
use crate::peers::Work;
use crate::process::{Program, persistently};
use crate::stamp::Stamp;
use crate::{cache, say, system};

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// Makes the environment below `folder/venv` if it is not there.
pub(crate) fn ensure(folder: &Path) -> Outcome<Work> {
    // An environment cannot be moved: its programs name their interpreter by its full path.
    let recipe = format!("{}\n{REQUIREMENTS}", folder.display());
    let stamp = Stamp::new(folder.join("stamps/python"), recipe);
    if stamp.is_set() && python(folder).is_file() && model_signing(folder).is_file() {
        return Ok(Work::WasDone);
    }
    stamp.clear()?;
    say::note("getting model_signing and moto of PyPI into a Python environment");
    if !has_venv()? {
        system::install(&["python3-venv"])?;
    }
    let environment = folder.join("venv");
    cache::remove(&environment)?;
    interpreter().args(["-m", "venv"]).arg(&environment).read()?;
    let wanted = environment.join("requirements.txt");
    fs::write(&wanted, REQUIREMENTS).during(|| format!("cannot write {}", wanted.display()))?;
    persistently("installing Python packages", || {
        Program::new(python(folder))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&wanted)
            .read()
            .map(drop)
    })?;
    Program::new(model_signing(folder)).arg("--version").read()?;
    stamp.set()?;
    Ok(Work::Done)
}

/// One line per package, and one for Python.
pub(crate) fn versions(folder: &Path) -> Outcome<Vec<String>> {
    let frozen =
        Program::new(python(folder)).args(["-m", "pip", "freeze", "--disable-pip-version-check"]).read()?;
    let told = Program::new(python(folder)).arg("--version").read()?;
    let mut lines = vec![format!("{} (the machine's)", told.trim())];
    lines.extend(frozen.lines().map(|line| format!("{} (PyPI)", line.replacen("==", " ", 1))));
    Ok(lines)
}

/// The program `model_signing` of the environment.
pub(crate) fn model_signing(folder: &Path) -> PathBuf {
    folder.join("venv/bin/model_signing")
}

/// The machine's own Python.
pub(crate) fn interpreter() -> Program {
    // Whatever environment is active around this run must not leak into the one being made.
    Program::new("python3").without_env("PYTHONHOME").without_env("PYTHONPATH")
}

fn python(folder: &Path) -> PathBuf {
    folder.join("venv/bin/python")
}

/// Debian ships the module `venv` without the part that makes an environment usable.
fn has_venv() -> Outcome<bool> {
    Ok(interpreter().args(["-c", "import ensurepip, venv"]).finish()?.status.success())
}
