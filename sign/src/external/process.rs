//! One run of a program: a line in, a line out, and an end in any case.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use lacre_manifest::escape;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::ExternalProgram;
use super::protocol::{ANSWER_LIMIT, refusal};
use crate::attendant::Deadline;
use crate::{Attendant, SignerProblem};

/// The longest line of standard error that is passed on, in bytes; what is behind it comes as another line.
const SAID_LINE: u64 = 1024;
/// The most lines of standard error that are passed on. The rest is read and dropped, so that the program goes on.
const SAID_LINES: usize = 200;
/// How long the end of standard error is waited for once the program has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What comes from the threads that hold the program's pipes.
enum Event {
    Said(String),
    SaidAll,
    Answered(io::Result<Vec<u8>>),
}

/// Runs the program with `input` on its standard input, and gives what it wrote to standard output.
pub(crate) fn run(
    program: &ExternalProgram,
    input: Vec<u8>,
    limit: Duration,
    attendant: &dyn Attendant,
) -> Result<Vec<u8>, SignerProblem> {
    let deadline = Deadline::after(limit);
    let (mut running, events) = Running::start(program, input)?;
    let answer = loop {
        match events.recv_timeout(deadline.patience(attendant)?) {
            Ok(Event::Said(line)) => attendant.said(&line),
            Ok(Event::Answered(answer)) => break answer,
            Ok(Event::SaidAll) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(SignerProblem::failed("its pipes were lost")),
        }
    };
    let answer = answer.map_err(|error| SignerProblem::failed(format!("its output: {error}")))?;
    if answer.len() > ANSWER_LIMIT {
        return Err(SignerProblem::TooLong { what: "the answer", limit: ANSWER_LIMIT });
    }
    while !running.has_ended()? {
        let patience = deadline.patience(attendant)?.min(Duration::from_millis(5));
        match events.recv_timeout(patience) {
            Ok(Event::Said(line)) => attendant.said(&line),
            // Nobody is left who would make the wait a wait.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(patience),
            Ok(Event::SaidAll | Event::Answered(_)) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
    while let Ok(event) = events.recv_timeout(LAST_WORDS) {
        match event {
            Event::Said(line) => attendant.said(&line),
            Event::SaidAll => break,
            Event::Answered(_) => {}
        }
    }
    let status = running.end()?;
    if status.success() {
        return Ok(answer);
    }
    // Its own words say more than a number.
    Err(refusal(&answer).unwrap_or_else(|| SignerProblem::failed(format!("the program failed ({status})"))))
}

/// A program that runs in a process group of its own. When this goes, so does all that is left in that group.
struct Running {
    child: Child,
    group: Pid,
    reaped: bool,
}

impl Running {
    fn start(program: &ExternalProgram, input: Vec<u8>) -> Result<(Self, Receiver<Event>), SignerProblem> {
        let mut command = Command::new(&program.program);
        command.args(&program.arguments).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Pid::from_child(&child);
        let running = Self { child, group, reaped: false };
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(SignerProblem::failed("its pipes were lost"));
        };
        let (events, received) = mpsc::channel();
        // A program that answers without reading is none of our business: the write fails, and nobody minds.
        thread::spawn(move || drop(stdin.write_all(&input)));
        let answers = events.clone();
        thread::spawn(move || {
            let mut answer = Vec::new();
            let read = stdout.take(ANSWER_LIMIT as u64 + 1).read_to_end(&mut answer);
            let _ = answers.send(Event::Answered(read.map(|_| answer)));
        });
        thread::spawn(move || listen(stderr, &events));
        Ok((running, received))
    }

    /// Whether the program has ended. It is not reaped yet: until then its number belongs to nobody else.
    fn has_ended(&self) -> Result<bool, SignerProblem> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(self.group), options)
            .map(|ended| ended.is_some())
            .map_err(|errno| SignerProblem::failed(format!("waiting for it: {errno}")))
    }

    /// Ends what is left of the group, and gives how the program ended.
    fn end(&mut self) -> Result<ExitStatus, SignerProblem> {
        self.reaped = true;
        // The group is empty already, as a rule.
        let _ = rustix::process::kill_process_group(self.group, Signal::KILL);
        self.child.wait().map_err(|error| SignerProblem::failed(format!("waiting for it: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.end();
        }
    }
}

fn not_started(error: &io::Error) -> SignerProblem {
    match error.kind() {
        io::ErrorKind::NotFound => SignerProblem::Absent {
            what: "such program, or not the interpreter that its first line names".to_owned(),
            there: Vec::new(),
        },
        _ => SignerProblem::failed(format!("the program cannot be started: {error}")),
    }
}

/// Passes on what is written to standard error, line by line, and reads to its end.
fn listen(stderr: impl Read, events: &Sender<Event>) {
    let mut lines = BufReader::new(stderr);
    let mut passed = 0;
    loop {
        let mut line = Vec::new();
        match (&mut lines).take(SAID_LINE).read_until(b'\n', &mut line) {
            Ok(1..) if passed < SAID_LINES => {
                passed += 1;
                let text = escape(String::from_utf8_lossy(line.trim_ascii_end()).as_ref());
                let last = if passed == SAID_LINES { " (the rest is not shown)" } else { "" };
                if !text.is_empty() {
                    let _ = events.send(Event::Said(format!("{text}{last}")));
                }
            }
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    let _ = events.send(Event::SaidAll);
}
