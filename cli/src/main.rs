//! `lacre`: the hand on all of Lacre. Verbs, output, exit codes, progress; what a program would want is in the crates.

mod args;
mod bug;
mod claims;
mod cmd;
mod decision;
mod drill;
mod error;
mod events;
mod excerpt;
mod exit;
mod follow;
mod gate;
mod hints;
mod interrupt;
mod keys;
mod passphrase;
mod place;
mod printer;
mod private_key;
mod progress;
mod registry;
mod report;
mod save;
mod session;
mod shell;
mod signer;
mod sigstore_trust;
mod text;
mod units;
mod user_cache;

use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    ExitCode::from(session::run(&argv))
}
