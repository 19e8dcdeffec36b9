//! The only mouth: results on stdout, everything else on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// A line of the result. A reader that went away is not an error of the command.
pub(crate) fn out(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// A line about what is going on.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
