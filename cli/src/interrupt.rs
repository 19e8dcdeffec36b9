//! Ctrl-C: the first asks the work to stop and clean up, the second ends the process at once.
//!
//! SIGTERM and SIGHUP are treated alike: whoever stops Lacre gets the same clean end and exit code 130.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Starts listening. Without a handler (a second call, no threads left) the signals end the process at once.
pub(crate) fn listen() {
    let listening = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    drop(listening);
}

/// Whether the user asked to stop.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// An error if the user asked to stop: to be asked before something becomes visible.
pub(crate) fn check() -> Result<(), CliError> {
    if requested() { Err(CliError::Interrupted) } else { Ok(()) }
}
