//! Blobs that go: whole or in chunks, from wherever the registry says it has come to.
//!
//! ```text
//! there? ─► mount? ─► session (noted? begun?) ─► whole PUT │ PATCH, PATCH, …, PUT ─► there
//!                            ▲                        │ lost, busy, out of step: ask how far it came
//!                            └── session gone ◄───────┴─ too large: chunks │ no chunks: whole
//! ```
//!
//! The bytes are hashed while they go, and the last of them goes only when the digest is right, so a file that is not
//! what its descriptor says is never taken for the blob, by nobody.

mod buffers;
mod reel;

use lacre_hash::Progress;

use self::reel::Reel;
use super::Remote;
use super::blobs;
use super::journal::Note;
use super::session::{Line, Mounted, Session};
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::store::{BlobContent, Presence, Put};
use crate::transport::{Answer, Attempts, pause};

/// Uploads of fewer bytes are not noted: to begin anew is as quick.
const NOTED: u64 = 8 * 1024 * 1024;
/// Chunks that a registry finds too large are halved, down to this many bytes.
const SMALLEST_CHUNK: u64 = 1024 * 1024;
/// Largest chunk that a registry can ask for, in bytes.
const LARGEST_CHUNK: u64 = 1024 * 1024 * 1024;
/// How often an upload is begun anew because the registry took its bytes for others.
const RESTARTS: u32 = 2;
/// So many bytes that went in one go make an end of earlier failures.
const PROGRESS: u64 = 1024 * 1024;

/// How the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Whole,
    Chunks,
}

pub(super) fn put(
    remote: &Remote,
    descriptor: &Descriptor,
    content: &dyn BlobContent,
    progress: &dyn Progress,
) -> Result<Put, RegistryError> {
    let options = remote.transport.options();
    let journal = options.journal.as_deref().filter(|_| descriptor.size >= NOTED);
    let place = format!("{}/{}", remote.registry(), remote.repository());
    let existed = |remote: &Remote| {
        remote.note_seen(descriptor.digest);
        // An upload that was noted may have ended without anybody left to see it.
        if let Some(note) = journal.and_then(|it| Note::left_behind(it, &place, &descriptor.digest)) {
            note.remove();
        }
        progress.advance(descriptor.size);
        Ok(Put::Existed)
    };
    if remote.was_seen(&descriptor.digest) || blobs::presence(remote, descriptor)? == Presence::Present {
        return existed(remote);
    }
    let mut begun: Option<Session> = None;
    for source in &remote.sources {
        let mounted = Session::mount(remote, descriptor, source)?;
        // An upload that was begun instead is used, if it comes to that.
        let replaced = match mounted {
            Mounted::Done | Mounted::Begun(_) => begun.take(),
            Mounted::No => None,
        };
        if let Some(session) = replaced {
            session.abandon(remote);
        }
        match mounted {
            Mounted::Done => return existed(remote),
            Mounted::Begun(session) => begun = Some(session),
            Mounted::No => {}
        }
    }
    let note = journal.and_then(|folder| Note::open(folder, &place, &descriptor.digest));
    let mut upload = Upload {
        remote,
        descriptor,
        progress,
        reel: Reel::new(descriptor, content, progress),
        note,
        way: if descriptor.size > options.whole { Way::Chunks } else { Way::Whole },
        chunk: options.chunk,
        line: Line::Shared,
        attempts: Attempts::new(options.retry),
        furthest: 0,
        restarts: 0,
        refused: [false; 2],
        chunked: false,
    };
    let outcome = upload.run(begun);
    if let Some(note) = upload.note.take() {
        match outcome {
            // What was cut off here goes on in the next attempt.
            Err(RegistryError::Interrupted) => {}
            Err(ref error) if error.is_lost() => {}
            _ => note.remove(),
        }
    }
    outcome?;
    remote.note_seen(descriptor.digest);
    Ok(Put::Written)
}

struct Upload<'a> {
    remote: &'a Remote,
    descriptor: &'a Descriptor,
    progress: &'a dyn Progress,
    reel: Reel<'a>,
    note: Option<Note>,
    way: Way,
    chunk: u64,
    line: Line,
    attempts: Attempts,
    /// The furthest place that the upload came to: only what goes beyond it is progress, or a registry that forgets
    /// again and again would be sent the same bytes for ever.
    furthest: u64,
    restarts: u32,
    /// The ways that the registry does not take: whole, chunks.
    refused: [bool; 2],
    /// Whether it has taken a chunk: then it knows them.
    chunked: bool,
}

/// Whether a registry has more than it ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Further,
    Nowhere,
}

/// What follows after something was sent.
enum Then {
    Done,
    /// Go on with this session.
    On(Session),
    /// Ask how far it came, after a while.
    Ask(Session, RegistryError, Option<std::time::Duration>),
    /// Begin anew.
    Anew,
}

impl Upload<'_> {
    fn run(&mut self, begun: Option<Session>) -> Result<(), RegistryError> {
        let mut session = match (self.left_behind()?, begun) {
            (Some(session), begun) => {
                // What came some way is worth more than what was just begun.
                if let Some(begun) = begun {
                    begun.abandon(self.remote);
                }
                session
            }
            (None, Some(session)) => self.noted(session),
            (None, None) => self.begin()?,
        };
        self.furthest = session.at;
        loop {
            session = match self.send(session)? {
                Then::Done => return Ok(()),
                Then::On(session) => {
                    self.came_to(session.at, 1);
                    session
                }
                Then::Anew => {
                    // That happens a few times at most.
                    self.furthest = 0;
                    self.begin()?
                }
                Then::Ask(session, error, asked) => match self.ask(session, error, asked)? {
                    Some(session) => session,
                    None => return Ok(()),
                },
            };
        }
    }

    /// The registry has the bytes up to `place`. If these are `enough` more than it ever had, earlier failures count no
    /// longer.
    fn came_to(&mut self, place: u64, enough: u64) -> Came {
        let came = if place >= self.furthest.saturating_add(enough) { Came::Further } else { Came::Nowhere };
        if came == Came::Further {
            self.attempts.forget();
        }
        self.furthest = self.furthest.max(place);
        came
    }

    fn begin(&mut self) -> Result<Session, RegistryError> {
        let session = Session::begin(self.remote, self.progress)?;
        Ok(self.noted(session))
    }

    fn noted(&mut self, session: Session) -> Session {
        if let Some(note) = &mut self.note {
            note.write(&session.location);
        }
        session
    }

    /// The session that an earlier attempt noted, if it came anywhere. One that cannot be asked for is none: the host that
    /// the note names may be gone, and whoever answers there has no say in whether the upload can begin.
    fn left_behind(&mut self) -> Result<Option<Session>, RegistryError> {
        let Some(location) = self.note.as_mut().and_then(Note::location) else { return Ok(None) };
        match Session::again(self.remote, location, self.progress) {
            Err(RegistryError::Interrupted) => Err(RegistryError::Interrupted),
            Err(_) | Ok(None) => Ok(None),
            Ok(Some(found)) => Ok(Some(found).filter(|it| it.at > 0 && it.at <= self.descriptor.size)),
        }
    }

    /// Something was lost: asks the registry how far it came. Nothing when the blob is there.
    fn ask(
        &mut self,
        session: Session,
        error: RegistryError,
        asked: Option<std::time::Duration>,
    ) -> Result<Option<Session>, RegistryError> {
        let Some(wait) = self.attempts.next(asked) else { return Err(error) };
        pause(wait, self.progress)?;
        let shortest = session.shortest;
        let found = Session::again(self.remote, session.location, self.progress)?;
        let found = match found.filter(|found| found.at <= self.descriptor.size) {
            Some(found) => self.noted(found),
            // It may have been done, and only the answer was lost.
            None if blobs::presence(self.remote, self.descriptor)? == Presence::Present => return Ok(None),
            None => self.begin()?,
        };
        if self.came_to(found.at, PROGRESS) == Came::Nowhere && self.attempts.made() >= 2 {
            // Who finds a request too large may hang up before it can be told, and keep nothing of it. docker-registry keeps
            // nothing at all of an upload when one of its requests breaks off.
            self.line = Line::Own;
            match self.way {
                Way::Whole if found.at == 0 => drop(self.turn(Way::Whole)),
                _ => drop(self.halve(shortest)),
            }
        }
        Ok(Some(found))
    }

    /// Makes chunks half as long, unless that is too short; whether it did.
    fn halve(&mut self, shortest: u64) -> bool {
        let possible = self.chunk / 2 >= SMALLEST_CHUNK.max(shortest);
        if possible {
            self.chunk /= 2;
        }
        possible
    }

    /// Sends what comes next: everything, a chunk, or the end.
    fn send(&mut self, session: Session) -> Result<Then, RegistryError> {
        if self.progress.cancelled() {
            return Err(self.stopped(session, RegistryError::Interrupted));
        }
        let left = self.descriptor.size.saturating_sub(session.at);
        if self.way == Way::Whole && session.at == 0 {
            let open = || self.reel.pieces(0, self.descriptor.size);
            let sent = session.whole(self.remote, self.descriptor, &open, self.progress);
            return self.judge(session, sent, Way::Whole);
        }
        if left == 0 {
            // Where all bytes came from an earlier attempt, nobody has looked at ours yet.
            if let Err(error) = self.reel.prove() {
                return Err(self.stopped(session, error));
            }
            let sent = session.end(self.remote, self.descriptor, self.progress);
            return self.judge(session, sent, Way::Chunks);
        }
        let size = self.chunk.max(session.shortest.min(LARGEST_CHUNK)).min(left);
        let open = || self.reel.pieces(session.at, size);
        match session.chunk(self.remote, size, self.line, &open, self.progress) {
            Ok(answer) if matches!(answer.status(), 201 | 202 | 204) => {
                self.chunked = true;
                let mut session = session;
                session.advance(&answer, size)?;
                Ok(Then::On(self.noted(session)))
            }
            sent => self.judge(session, sent, Way::Chunks),
        }
    }

    /// What an answer, or the lack of one, means for what comes next.
    fn judge(
        &mut self,
        session: Session,
        sent: Result<Answer, RegistryError>,
        way: Way,
    ) -> Result<Then, RegistryError> {
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) if error.is_lost() => return Ok(Then::Ask(session, error, None)),
            Err(error) => return Err(self.stopped(session, error)),
        };
        let ended = session.at == self.descriptor.size;
        match answer.status() {
            201 | 204 if ended || way == Way::Whole => return Ok(Then::Done),
            413 => {
                if way == Way::Chunks && self.halve(session.shortest) {
                    return Ok(Then::On(session));
                }
                if self.turn(way) {
                    session.abandon(self.remote);
                    return Ok(Then::Anew);
                }
            }
            404 | 405 | 501 if way == Way::Chunks && !ended && !self.chunked && self.turn(way) => {
                session.abandon(self.remote);
                return Ok(Then::Anew);
            }
            404 | 416 => return Ok(Then::Ask(session, answer.refusal(), None)),
            400 if self.restarts < RESTARTS && (session.at > 0 || ended) => {
                // What it had from before were other bytes than ours, or ours in another order.
                self.restarts += 1;
                session.abandon(self.remote);
                return Ok(Then::Anew);
            }
            _ if answer.is_passing() => {
                let asked = answer.asks_to_wait();
                return Ok(Then::Ask(session, answer.refusal(), asked));
            }
            _ => {}
        }
        let error = answer.refusal();
        Err(self.stopped(session, error))
    }

    /// Turns away from a way that the registry does not take; whether there is another.
    fn turn(&mut self, from: Way) -> bool {
        let (index, other) = match from {
            Way::Whole => (0, Way::Chunks),
            Way::Chunks => (1, Way::Whole),
        };
        self.refused[index] = true;
        let open = !self.refused[1 - index];
        if open {
            self.way = other;
        }
        open
    }

    /// Gives the session up, unless it is to go on later.
    fn stopped(&self, session: Session, error: RegistryError) -> RegistryError {
        let later = matches!(error, RegistryError::Interrupted) && self.note.is_some();
        if !later && !error.is_lost() {
            session.abandon(self.remote);
        }
        error
    }
}
