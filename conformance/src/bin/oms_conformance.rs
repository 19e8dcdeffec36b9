//! `oms-conformance`: exit 0 accepts, anything else rejects.

use std::process::ExitCode;

use lacre_conformance::{answer, oms};

fn main() -> ExitCode {
    answer("oms-conformance", oms::run(std::env::args().skip(1)))
}
