//! Ctrl-C: the first asks the work to stop and clean up, the second ends the process at once.
//!
//! SIGTERM and SIGHUP are treated alike: whoever stops Lacre gets the same clean end and exit code 130.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::CliError;

/// After this it is said that a stop takes its time (a service that does not answer is waited for until its time is over).
const PATIENCE: Duration = Duration::from_secs(1);

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Signals are somebody else's from now on.
static HANDED_OVER: AtomicBool = AtomicBool::new(false);

/// Starts listening; unless it is to be `quiet`, says of a stop that takes its time how to hurry it. Without a handler (a
/// second call, no threads left) the signals end the process at once.
pub(crate) fn listen(quiet: bool) {
    let listening = ctrlc::set_handler(move || {
        if HANDED_OVER.load(Ordering::SeqCst) {
            return;
        }
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        if !quiet {
            // Without a thread it is not said.
            drop(thread::Builder::new().spawn(|| {
                thread::sleep(PATIENCE);
                // As the printer does; it stays with the thread that works.
                let _ = writeln!(io::stderr(), "stopping: interrupt again to end at once");
            }));
        }
    });
    drop(listening);
}

/// Leaves signals to a program that runs on: whoever passes them on decides about nothing.
pub(crate) fn hand_over() {
    HANDED_OVER.store(true, Ordering::SeqCst);
}

/// Whether the user asked to stop.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// An error if the user asked to stop: to be asked before something becomes visible.
pub(crate) fn check() -> Result<(), CliError> {
    if requested() { Err(CliError::Interrupted) } else { Ok(()) }
}
