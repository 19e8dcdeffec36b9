//! `tuf-conformance`: exit 0 accepts, anything else rejects.

use std::process::ExitCode;

use lacre_conformance::{answer, tuf};

fn main() -> ExitCode {
    answer("tuf-conformance", tuf::run(std::env::args().skip(1)))
}
