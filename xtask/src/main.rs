//! Lacre's habits as commands: `cargo xtask <command>`.
//!
//! Each command is one file. Nothing here is part of the product, and nothing that a user of the product would miss
//! lives here.

mod bench;
mod cache;
mod debian;
mod demo;
mod deny;
mod failure;
mod fuzz;
mod golang;
mod model;
mod peers;
mod process;
mod python;
mod registries;
mod say;
mod servers;
mod sid;
mod stamp;
mod system;
mod tally;
mod test;
mod tools;

use std::process::ExitCode;

use failure::{Failure, Outcome};

const USAGE: &str = "\
cargo xtask <command>

  peers [--print]       get the programs that the tests run against; print their folder (--print: only that)
  test [FILTER...]      get the peers, run every test and doctest, close with `N passed, N failed`
  demo [--keep]         walk the main job on a real model: sign, push, pull, verify, load, and what is refused
  bench [--quick]       measure against model_signing and write the first part of docs/BENCHMARKS.md
                        (--quick: small inputs, writes nothing)
  bench hash [--quick]  measure hashing against model_signing, b3sum, sha2 and a plain read, and how time grows; write
                        the second part of docs/BENCHMARKS.md, and docs/hashing.svg
                        (full: the largest inputs want 40 GiB of free disk and 20 GiB of memory, and are left out
                        without; --quick: small inputs, writes nothing)
  fuzz [SECONDS]        run every fuzz target for SECONDS (default 30)
  deny                  check licences, banned crates and sources

Everything fetched or built on the way is kept in $LACRE_CACHE, else $XDG_CACHE_HOME/lacre, else ~/.cache/lacre.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::note(format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["peers"] => peers::run(peers::Show::Versions),
        ["peers", "--print"] => peers::run(peers::Show::FolderOnly),
        ["test", filters @ ..] => test::run(filters),
        ["demo"] => demo::run(demo::Leave::Nothing),
        ["demo", "--keep"] => demo::run(demo::Leave::Folder),
        ["bench"] => bench::main_job::run(&bench::main_job::FULL),
        ["bench", "--quick"] => bench::main_job::run(&bench::main_job::QUICK),
        ["bench", "hash"] => bench::hashing::run(&bench::hashing::FULL),
        ["bench", "hash", "--quick"] => bench::hashing::run(&bench::hashing::QUICK),
        ["fuzz"] => fuzz::run(fuzz::DEFAULT_SECONDS),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds),
            Err(_) => Err(Failure::new(format!("fuzz takes a number of seconds, not `{seconds}`"))),
        },
        ["deny"] => deny::run(),
        [] | ["help" | "--help" | "-h"] => {
            say::out(USAGE);
            Ok(())
        }
        _ => Err(Failure::new(format!("not a command: `{}`\n\n{USAGE}", words.join(" ")))),
    }
}
