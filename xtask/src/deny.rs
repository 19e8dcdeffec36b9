//! `cargo xtask deny`: licences, banned crates and sources, without a network.

use crate::cache::{self, Cache};
use crate::failure::Outcome;
use crate::process::{Program, persistently};
use crate::tools;

/// Runs the checks of `deny.toml`.
pub(crate) fn run() -> Outcome {
    let cache = Cache::open()?;
    let deny = tools::ensure(&cache, &tools::DENY)?;
    let checkout = cache::checkout()?;
    // The check reads the crates of every platform, more than a build of this one has fetched.
    persistently("fetching the crates", || {
        Program::cargo().dir(&checkout).args(["fetch", "--quiet", "--locked"]).run()
    })?;
    Program::new(deny)
        .dir(&checkout)
        .arg(tools::subcommand(&tools::DENY))
        .args([
            "--offline",
            "--locked",
            "--workspace",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ])
        .run()
}
