//! Lacre's habits as commands: `cargo xtask <command>`.
//!
//! Each command is one file. Nothing here is part of the product, and nothing that a user of the product would miss
//! lives here.

mod attacks;
mod bench;
mod cache;
mod debian;
mod demo;
mod deny;
mod failure;
mod fuzz;
mod golang;
mod interop;
mod kills;
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
  interop               run the tests against other implementations alone, and write docs/INTEROP.md (as `test` does)
  demo [--keep]         walk the main job on a real model: sign, push, pull, verify, load, and what is refused
  bench [--quick]       measure against model_signing and write the first part of docs/BENCHMARKS.md
                        (--quick: small inputs, writes nothing)
  bench hash [--quick]  measure hashing against model_signing, b3sum, sha2 and a plain read, and how time grows; write
                        the second part of docs/BENCHMARKS.md, and docs/hashing.svg
                        (full: the largest inputs want 40 GiB of free disk and 20 GiB of memory, and are left out
                        without; --quick: small inputs, writes nothing)
  bench keyless [--quick]
                        measure the verification of a Sigstore bundle against cosign and model_signing, and what hostile
                        bundles cost; write the third part of docs/BENCHMARKS.md (--quick: few runs, writes nothing)
  bench registry [--quick]
                        measure pushing and pulling against oras, crane and skopeo at a docker-registry on this machine, and
                        what a new version moves; write the fourth part of docs/BENCHMARKS.md (full: 25 GiB of free disk;
                        --quick: small inputs, one run, writes nothing)
  bench channel [--quick]
                        measure what a decision costs and how a channel grows; write the fifth part of docs/BENCHMARKS.md
                        (--quick: few runs, writes nothing)
  bench load [--quick]  measure verified loading against loading without any check, and against model_signing and then loading;
                        write the sixth part of docs/BENCHMARKS.md (full: 4 GiB of disk and 12 GiB of memory; --quick: small
                        inputs, writes nothing)
  fuzz [SECONDS]        run every fuzz target for SECONDS (default 20), as many at once as there are cores
  soak [--minutes N] [--only TARGET] [--keep]
                        run every fuzz target for N minutes (default 10), one after another, and print a table; a round
                        that was interrupted goes on with the next target (--keep: put the smallest of the inputs that
                        were discovered into fuzz/corpus, up to 100 files and 200 KiB a target)
  soak kills [--seed N] kill a push and a pull at 20 random moments each, and see that the next ones go on
  soak load [--attacks N] [--seed N]
                        attack models N times (default 100000) while they are loaded in each way, and see that nothing is
                        given out that was not signed
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
        ["interop"] => interop::run(),
        ["demo"] => demo::run(demo::Leave::Nothing),
        ["demo", "--keep"] => demo::run(demo::Leave::Folder),
        ["bench"] => bench::main_job::run(&bench::main_job::FULL),
        ["bench", "--quick"] => bench::main_job::run(&bench::main_job::QUICK),
        ["bench", "hash"] => bench::hashing::run(&bench::hashing::FULL),
        ["bench", "hash", "--quick"] => bench::hashing::run(&bench::hashing::QUICK),
        ["bench", "keyless"] => bench::keyless::run(&bench::keyless::FULL),
        ["bench", "keyless", "--quick"] => bench::keyless::run(&bench::keyless::QUICK),
        ["bench", "channel"] => bench::channel::run(&bench::channel::FULL),
        ["bench", "channel", "--quick"] => bench::channel::run(&bench::channel::QUICK),
        ["bench", "registry"] => bench::registry::run(&bench::registry::FULL),
        ["bench", "registry", "--quick"] => bench::registry::run(&bench::registry::QUICK),
        ["bench", "load"] => bench::loading::run(&bench::loading::FULL),
        ["bench", "load", "--quick"] => bench::loading::run(&bench::loading::QUICK),
        ["fuzz"] => fuzz::run(fuzz::DEFAULT_SECONDS),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds),
            Err(_) => Err(Failure::new(format!("fuzz takes a number of seconds, not `{seconds}`"))),
        },
        ["soak", "kills", options @ ..] => kills::run(options),
        ["soak", "load", options @ ..] => attacks::run(options),
        ["soak", options @ ..] => fuzz::soak::run(&fuzz::soak::Order::parse(options)?),
        ["deny"] => deny::run(),
        [] | ["help" | "--help" | "-h"] => {
            say::out(USAGE);
            Ok(())
        }
        _ => Err(Failure::new(format!("not a command: `{}`\n\n{USAGE}", words.join(" ")))),
    }
}
