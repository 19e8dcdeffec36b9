//! One run of a program: one text in, one bounded answer out, and an end in any case.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use zeroize::Zeroizing;

/// The longest answer, in bytes. Tokens of clouds have a few kilobytes.
pub(super) const ANSWER_LIMIT: usize = 64 * 1024;
/// How much of standard error is kept, in bytes. The rest is read and dropped, so that the program goes on.
const SAID_LIMIT: usize = 1024;
/// How long a program that ended is listened to: its last words may not have been read yet. Longer only if somebody outside
/// of its group holds its standard error open, and who that is says nothing for it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a program that ended has said.
pub(super) struct Spoken {
    pub(super) succeeded: bool,
    /// Its standard output.
    pub(super) answer: Zeroizing<Vec<u8>>,
    /// The start of its standard error.
    pub(super) said: String,
}

/// Why there is no answer.
pub(super) enum Fault {
    Start(io::Error),
    Pipes,
    TimedOut { said: String },
    TooLong,
}

/// What the threads tell that wait for a program.
enum Event {
    Answered(io::Result<Zeroizing<Vec<u8>>>),
    Ended,
}

/// Runs `program get`, which has `patience` to read `input`, to answer and to end. Then it is ended with all that it has
/// started in its process group.
pub(super) fn run(program: &Path, input: &str, patience: Duration) -> Result<Spoken, Fault> {
    let start = Instant::now();
    let (mut running, events) = Running::start(program, input)?;
    let (mut answer, mut ended) = (None, false);
    while answer.is_none() || !ended {
        match events.recv_timeout(patience.saturating_sub(start.elapsed())) {
            Ok(Event::Answered(Ok(text))) if text.len() > ANSWER_LIMIT => return Err(Fault::TooLong),
            Ok(Event::Answered(Ok(text))) => answer = Some(text),
            Ok(Event::Ended) => {
                ended = true;
                // A child of it that lives on would keep its output open.
                running.end_group();
            }
            Err(RecvTimeoutError::Timeout) => return Err(Fault::TimedOut { said: running.said() }),
            Ok(Event::Answered(Err(_))) | Err(RecvTimeoutError::Disconnected) => return Err(Fault::Pipes),
        }
    }
    running.hear_out(LAST_WORDS.min(patience.saturating_sub(start.elapsed())));
    let said = running.said();
    Ok(Spoken { succeeded: running.end()?, answer: answer.unwrap_or_default(), said })
}

/// A program in a process group of its own. When this goes, so does all that is left in that group.
struct Running {
    child: Child,
    group: Pid,
    reaped: bool,
    said: Arc<Mutex<Vec<u8>>>,
    /// Never tells anything: it is cut off when all of standard error was read.
    listening: Receiver<()>,
}

impl Running {
    fn start(program: &Path, input: &str) -> Result<(Self, Receiver<Event>), Fault> {
        let mut command = Command::new(program);
        command.arg("get").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Fault::Start)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Pid::from_child(&child);
        let (listens, listening) = mpsc::channel();
        let running = Self { child, group, reaped: false, said: Arc::default(), listening };
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Fault::Pipes);
        };
        let (events, received) = mpsc::channel();
        let input = input.to_owned();
        // A program that answers without reading is none of our business: the write fails, and nobody minds.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let answers = events.clone();
        thread::spawn(move || {
            // Room for all of it at once: a buffer that grows leaves copies of a secret behind.
            let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT + 1));
            let read = stdout.take(ANSWER_LIMIT as u64 + 1).read_to_end(&mut answer);
            let _ = answers.send(Event::Answered(read.map(|_| answer)));
        });
        let said = Arc::clone(&running.said);
        thread::spawn(move || {
            listen(stderr, &said);
            drop::<Sender<()>>(listens);
        });
        thread::spawn(move || await_end(group, &events));
        Ok((running, received))
    }

    /// Waits until all that it said was read, or for so long.
    fn hear_out(&self, patience: Duration) {
        let _ = self.listening.recv_timeout(patience);
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn end_group(&self) {
        // The group is empty already, as a rule.
        let _ = rustix::process::kill_process_group(self.group, Signal::KILL);
    }

    /// Ends what is left of the group; whether the program ended well.
    fn end(&mut self) -> Result<bool, Fault> {
        self.reaped = true;
        self.end_group();
        self.child.wait().map(|status| status.success()).map_err(|_| Fault::Pipes)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.end();
        }
    }
}

/// Tells when the program has ended. It is not reaped here: until then its number belongs to nobody else.
fn await_end(program: Pid, events: &Sender<Event>) {
    let _ = rustix::process::waitid(WaitId::Pid(program), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let _ = events.send(Event::Ended);
}

/// Keeps the start of what is written to standard error, and reads to its end.
fn listen(mut stderr: impl Read, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = SAID_LIMIT - said.len();
        said.extend_from_slice(&buffer[..length.min(room)]);
    }
}
