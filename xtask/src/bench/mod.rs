//! `cargo xtask bench`: Lacre beside its peers, in one run, on one machine.
//!
//! `main_job` measures what a user waits for; `hashing` looks closer at the part that takes the time; `keyless` at signatures
//! of Sigstore, and at hostile bundles; `registry` at pushing and pulling; `channel` at
//! decisions; `loading` at loading. All run programs in turns (`contest`), tell what
//! each run cost (`measure`), and write a part each of one document (`document`).

pub(crate) mod channel;
mod contest;
mod document;
pub(crate) mod hashing;
pub(crate) mod keyless;
mod level;
pub(crate) mod loading;
mod machine;
pub(crate) mod main_job;
mod measure;
pub(crate) mod registry;
mod rivals;
pub(crate) mod workload;

use std::path::{Path, PathBuf};

use crate::failure::Outcome;
use crate::process::Program;
use crate::{cache, say};

/// Whether the figures are to be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Full,
    Quick,
}

/// Builds the program as it is released.
pub(crate) fn build(checkout: &Path) -> Outcome<PathBuf> {
    let folder = cache::build_folder()?;
    say::note("building lacre (release)");
    Program::cargo()
        .dir(checkout)
        .env("CARGO_TARGET_DIR", &folder)
        .args(["build", "--quiet", "--release", "--locked", "--package", "lacre", "--bin", "lacre"])
        .run()?;
    Ok(folder.join("release/lacre"))
}
