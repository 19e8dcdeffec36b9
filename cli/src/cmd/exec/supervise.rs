//! A program that runs on proven files: signals go to it, and its end is ours.
//!
//! ```text
//! signals ─► listen ─┐
//!                    ├─ events ─► supervise ─► the program
//! channel ─► watch ──┘
//! ```

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::limit::OpenFiles;
use super::watch::Watching;
use crate::error::CliError;
use crate::session::Session;
use crate::{interrupt, text};

/// What is passed on.
const PASSED: [i32; 8] = [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];
/// What a shell adds to the number of a signal that ended a program.
const BY_SIGNAL: i32 = 128;

/// How it ended.
pub(super) struct Ended {
    pub(super) exit: u8,
    /// Why it was stopped, if it was.
    pub(super) refused: Option<CliError>,
}

/// What happened.
pub(super) enum Event {
    /// A child ended, or stopped.
    Child,
    /// To be passed on.
    Signal(Signal),
    /// It may not run any more.
    Refused(CliError),
}

/// Runs the program to its end.
pub(super) fn run(
    mut command: Command,
    files: &OpenFiles,
    watching: Option<&Watching<'_>>,
    session: &Session,
) -> Result<Ended, CliError> {
    let program = text::os(command.get_program());
    // Before the program is there: none of its signals is lost.
    let signals = SignalsInfo::<WithOrigin>::new(PASSED.into_iter().chain([SIGCHLD])).map_err(listening)?;
    let (sender, events) = mpsc::channel();
    let handle = signals.handle();
    let heard = sender.clone();
    thread::Builder::new().spawn(move || listen(signals, &heard)).map_err(listening)?;
    // From here on a signal is for the program; who sent one before wanted an end.
    interrupt::hand_over();
    interrupt::check()?;
    let started = files.as_before(|| command.spawn())?;
    let mut child = started.map_err(|source| CliError::NotStarted { program, source })?;
    let (end, ended) = mpsc::channel();
    let outcome = thread::scope(|scope| {
        if let Some(watching) = watching {
            // A service that does not answer must not keep signals from the program.
            let watch = move || watching.watch(&ended, &sender, session);
            thread::Builder::new().spawn_scoped(scope, watch).map_err(listening)?;
        }
        let outcome = supervise(&mut child, &events, watching, session);
        drop(end);
        outcome
    });
    if outcome.is_err() {
        // Nobody would look after it. It has ended, or it ends now.
        let _ = child.kill();
        let _ = child.wait();
    }
    handle.close();
    outcome
}

fn listening(source: io::Error) -> CliError {
    CliError::Output { path: "the handlers of signals".to_owned(), source }
}

fn listen(mut signals: SignalsInfo<WithOrigin>, events: &Sender<Event>) {
    for origin in &mut signals {
        let event = if origin.signal == SIGCHLD { Some(Event::Child) } else { passed(&origin) };
        if event.is_some_and(|event| events.send(event).is_err()) {
            return;
        }
    }
}

/// What is typed at the terminal, it sends to the program, too: passed on, it would come twice. That the terminal is gone, it
/// may tell nobody but the first process of the session.
fn passed(origin: &Origin) -> Option<Event> {
    if origin.cause == Cause::Kernel && [SIGINT, SIGQUIT, SIGWINCH].contains(&origin.signal) {
        return None;
    }
    Signal::from_named_raw(origin.signal).map(Event::Signal)
}

/// Waits for the end of the program.
fn supervise(
    child: &mut Child,
    events: &Receiver<Event>,
    watching: Option<&Watching<'_>>,
    session: &Session,
) -> Result<Ended, CliError> {
    let (mut refused, mut kill): (Option<CliError>, Option<Instant>) = (None, None);
    loop {
        // It may have ended before anybody listened.
        if let Some(status) = child.try_wait().map_err(listening)? {
            return Ok(Ended { exit: exit_code(status), refused });
        }
        let event = match kill {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match (event, watching) {
            (Ok(Event::Signal(signal)), _) => send(child, signal),
            (Ok(Event::Refused(why)), Some(watching)) => {
                session.warn(format!("stopping the program: {why}"));
                send(child, watching.signal());
                kill = watching.grace().map(|grace: Duration| Instant::now() + grace);
                refused = Some(why);
            }
            (Ok(Event::Child | Event::Refused(_)), _) => {}
            (Err(RecvTimeoutError::Timeout), _) => {
                session.warn("the program did not stop in time: it is killed");
                // It has ended, or it ends now.
                let _ = child.kill();
                kill = None;
            }
            (Err(RecvTimeoutError::Disconnected), _) => {
                return Err(listening(io::Error::other("nobody listens to signals any more")));
            }
        }
    }
}

/// One that has ended needs no signal: it was not waited for yet, so that its number is nobody else's.
fn send(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(BY_SIGNAL + status.signal()?)).unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}
