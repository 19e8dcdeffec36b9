//! Cargo's subcommands that these commands need, built into the cache when they are missing.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::failure::Outcome;
use crate::process::{Program, persistently};
use crate::{cache, say, system};

/// A subcommand of cargo, as crates.io has it.
pub(crate) struct Tool {
    /// The crate, which is the program's name too.
    pub(crate) name: &'static str,
    /// The version that is built.
    pub(crate) version: &'static str,
    /// Whether one that the machine has already serves as well, whatever its version.
    pub(crate) machine: Machine,
    /// Further arguments of `cargo install`.
    pub(crate) install: &'static [&'static str],
}

/// Whether the machine's own copy may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    Serves,
    DoesNotServe,
}

pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.143",
    machine: Machine::Serves,
    install: &["--no-default-features", "--features", "default-no-update"],
};

pub(crate) const DENY: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", machine: Machine::DoesNotServe, install: &[] };

pub(crate) const FUZZ: Tool =
    Tool { name: "cargo-fuzz", version: "0.13.2", machine: Machine::Serves, install: &[] };

/// The program of `tool`, built first if need be.
pub(crate) fn ensure(cache: &Cache, tool: &Tool) -> Outcome<PathBuf> {
    if tool.machine == Machine::Serves
        && let Some(program) = system::find(tool.name)
    {
        return Ok(program);
    }
    let _alone = cache.hold(tool.name)?;
    // A folder per version: cargo writes the program last, so one that is there is whole.
    let root = cache.folder("tools")?.join(format!("{}-{}", tool.name, tool.version));
    let program = root.join("bin").join(tool.name);
    if program.is_file() {
        return Ok(program);
    }
    say::note(format!("building {} {} (once)", tool.name, tool.version));
    let build = cache.folder("tools")?.join(format!("build-{}", tool.name));
    persistently("building it", || {
        Program::cargo()
            // Not in the checkout, whose own settings are not the tool's.
            .dir(&cache.folder("tools")?)
            .env("CARGO_TARGET_DIR", &build)
            // The tool runs for seconds: the time to build it is what counts.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .without_env("RUSTFLAGS")
            .args(["install", "--quiet", "--locked", "--version", tool.version, "--root"])
            .arg(&root)
            .args(tool.install)
            .arg(tool.name)
            .run()
    })?;
    cache::remove(&build)?;
    Ok(program)
}

/// Cargo's name of the subcommand: a program `cargo-x` is called as `cargo-x x ...`.
pub(crate) fn subcommand(tool: &Tool) -> OsString {
    tool.name.strip_prefix("cargo-").unwrap_or(tool.name).into()
}
