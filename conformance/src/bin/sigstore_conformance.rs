//! `sigstore-conformance`: exit 0 accepts, anything else rejects.

use std::process::ExitCode;

use lacre_conformance::{answer, sigstore};

fn main() -> ExitCode {
    answer("sigstore-conformance", sigstore::run(std::env::args().skip(1)))
}
