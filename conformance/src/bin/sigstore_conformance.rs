//! `sigstore-conformance`: exit 0 accepts, anything else rejects.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match lacre_conformance::sigstore::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // Nobody may listen; the exit code says it as well.
            let _ = writeln!(std::io::stderr(), "sigstore-conformance: {refusal}");
            ExitCode::FAILURE
        }
    }
}
