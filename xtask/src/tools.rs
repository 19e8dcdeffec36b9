//! Programs of crates.io that these commands need, built into the cache when they are missing.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::failure::Outcome;
use crate::process::{Program, persistently};
use crate::{cache, say, system};

/// A program, as crates.io has it.
pub(crate) struct Tool {
    /// The crate, which is the program's name too.
    pub(crate) name: &'static str,
    /// The version that is built.
    pub(crate) version: &'static str,
    /// Whether one that the machine has already serves as well, whatever its version.
    pub(crate) machine: Machine,
    /// Further arguments of `cargo install`.
    pub(crate) install: &'static [&'static str],
    /// What its build is good for.
    pub(crate) build: Build,
}

/// What counts about a program that is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// It runs for seconds: the time to build it is what counts.
    Soon,
    /// It is measured: it gets whatever our own release has.
    Fast,
}

impl Build {
    /// The settings of the release profile, for cargo's environment.
    const fn profile(self) -> [(&'static str, &'static str); 4] {
        match self {
            Self::Soon => [
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
                ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
            ],
            Self::Fast => [
                ("CARGO_PROFILE_RELEASE_LTO", "thin"),
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
                ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
            ],
        }
    }
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
    build: Build::Soon,
};

pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    machine: Machine::DoesNotServe,
    install: &[],
    build: Build::Soon,
};

pub(crate) const FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    machine: Machine::Serves,
    install: &[],
    build: Build::Soon,
};

/// BLAKE3's own program, which the benchmark is measured against.
pub(crate) const B3SUM: Tool = Tool {
    name: "b3sum",
    version: "1.8.7",
    machine: Machine::DoesNotServe,
    install: &[],
    build: Build::Fast,
};

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
        let cargo =
            tool.build.profile().iter().fold(Program::cargo(), |cargo, (name, value)| cargo.env(name, value));
        cargo
            // Not in the checkout, whose own settings are not the tool's.
            .dir(&cache.folder("tools")?)
            .env("CARGO_TARGET_DIR", &build)
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
