//! A program that runs on proven files: signals go to it, and its end is ours.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

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

/// Runs the program to its end.
pub(super) fn run(
    mut command: Command,
    watching: Option<&Watching<'_>>,
    session: &Session,
) -> Result<Ended, CliError> {
    let program = text::os(command.get_program());
    let listening = |source| CliError::Output { path: "the handlers of signals".to_owned(), source };
    // Before the program is there: none of its signals is lost.
    let signals = SignalsInfo::<WithOrigin>::new(PASSED.into_iter().chain([SIGCHLD])).map_err(listening)?;
    // From here on a signal is for the program.
    interrupt::hand_over();
    let mut child = command.spawn().map_err(|source| CliError::NotStarted { program, source })?;
    let (sender, events) = mpsc::channel();
    let handle = signals.handle();
    thread::Builder::new().spawn(move || listen(signals, &sender)).map_err(listening)?;
    let mut state = State::Running { next: watching.map(|watching| Instant::now() + watching.every()) };
    let status = loop {
        // It may have ended before anybody listened.
        if let Some(status) = child.try_wait().map_err(listening)? {
            break status;
        }
        let event = match state.due() {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match event {
            Ok(Event::Child) => {}
            Ok(Event::Signal(signal)) => send(&child, signal),
            Err(RecvTimeoutError::Timeout) => state = state.due_now(&mut child, watching, session),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(listening(std::io::Error::other("nobody listens to signals any more")));
            }
        }
    };
    handle.close();
    Ok(Ended { exit: exit_code(status), refused: state.refused() })
}

enum Event {
    Child,
    Signal(Signal),
}

fn listen(mut signals: SignalsInfo<WithOrigin>, events: &Sender<Event>) {
    for origin in &mut signals {
        let event = if origin.signal == SIGCHLD { Some(Event::Child) } else { passed(&origin) };
        if event.is_some_and(|event| events.send(event).is_err()) {
            return;
        }
    }
}

/// What the terminal sends, it sends to the program, too: passed on, it would come twice.
fn passed(origin: &Origin) -> Option<Event> {
    if origin.cause == Cause::Kernel && [SIGINT, SIGQUIT, SIGWINCH, SIGHUP].contains(&origin.signal) {
        return None;
    }
    Signal::from_named_raw(origin.signal).map(Event::Signal)
}

/// What is to be done next, and when.
enum State {
    Running {
        next: Option<Instant>,
    },
    /// It was told to stop, and is killed then, if it is to be.
    Stopping {
        refused: CliError,
        kill: Option<Instant>,
    },
}

impl State {
    fn due(&self) -> Option<Instant> {
        match self {
            Self::Running { next } => *next,
            Self::Stopping { kill, .. } => *kill,
        }
    }

    /// The time has come.
    fn due_now(self, child: &mut Child, watching: Option<&Watching<'_>>, session: &Session) -> Self {
        match (self, watching) {
            (Self::Running { .. }, Some(watching)) => match watching.look(session) {
                Ok(()) => Self::Running { next: Some(Instant::now() + watching.every()) },
                Err(refused) => {
                    session.warn(format!("stopping the program: {refused}"));
                    send(child, watching.signal());
                    let kill = watching.grace().map(|grace: Duration| Instant::now() + grace);
                    Self::Stopping { refused, kill }
                }
            },
            (Self::Running { .. }, None) => Self::Running { next: None },
            (Self::Stopping { refused, .. }, _) => {
                session.warn("the program did not stop in time: it is killed");
                // It has ended, or it ends now.
                let _ = child.kill();
                Self::Stopping { refused, kill: None }
            }
        }
    }

    fn refused(self) -> Option<CliError> {
        match self {
            Self::Running { .. } => None,
            Self::Stopping { refused, .. } => Some(refused),
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
