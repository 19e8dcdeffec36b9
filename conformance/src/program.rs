//! What the programs have in common: the exit code is the answer.

use std::io::Write as _;
use std::process::ExitCode;

use crate::Refusal;

/// Answers for the program `name`: exit 0 accepts, anything else rejects and says why on standard error.
pub fn answer(name: &str, result: Result<(), Refusal>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // Nobody may listen; the exit code says it as well.
            let _ = writeln!(std::io::stderr(), "{name}: {refusal}");
            ExitCode::FAILURE
        }
    }
}
