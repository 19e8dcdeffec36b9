//! Answers, and bodies that come from anywhere and end anyhow.

use std::future::Future;
use std::io::{self, Cursor, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzEncoder;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame};
use serde_json::{Value, json};

use super::fault::Lie;
use super::gate::Dam;
use super::log::Going;
use super::wire::Line;

/// Bytes that are read and sent at once.
const PIECE: usize = 64 * 1024;

/// The request ends with its connection, without an answer.
pub(super) struct HangUp;

/// A status, headers, and a body that is still to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    body: Content,
}

struct Content {
    from: Box<dyn Read + Send + Sync>,
    /// `None`: nobody knows.
    size: Option<u64>,
    /// Where it begins in what it is a part of.
    offset: u64,
}

impl Content {
    fn bytes(bytes: Vec<u8>) -> Self {
        Self { size: Some(bytes.len() as u64), from: Box::new(Cursor::new(bytes)), offset: 0 }
    }
}

impl Answer {
    /// Without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Content::bytes(Vec::new()) }
    }

    /// With a body at hand.
    pub(super) fn full(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let answer = Self { status, headers: Vec::new(), body: Content::bytes(body) };
        answer.with("content-type", content_type)
    }

    /// With a body of `size` bytes that begins `offset` bytes after the beginning of its whole.
    pub(super) fn part(status: u16, from: impl Read + Send + Sync + 'static, size: u64, offset: u64) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Content { from: Box::new(from.take(size)), size: Some(size), offset },
        }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::full(status, "application/json", serde_json::to_vec(value).unwrap())
    }

    /// An error in the form of the specification.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    /// With one more header, or another value of it.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a body that is not the one it should have.
    pub(super) fn lying(mut self, lie: Lie) -> Self {
        let size = self.body.size.unwrap_or(0);
        match lie {
            Lie::Flipped { at } => {
                if let Some(at) = at.checked_sub(self.body.offset) {
                    self.body.from = Box::new(Flipped { from: self.body.from, at, position: 0 });
                }
            }
            Lie::Shortened { by } => {
                let size = size.saturating_sub(by);
                self.body.from = Box::new(self.body.from.take(size));
                self.body.size = Some(size);
            }
            Lie::Lengthened { by } => {
                self.body.from = Box::new(self.body.from.chain(io::repeat(b'+').take(by)));
                self.body.size = Some(size + by);
            }
            Lie::Other(bytes) => self.body = Content::bytes(bytes),
            Lie::Zeros(size) => {
                self.body = Content { from: Box::new(io::repeat(0).take(size)), size: Some(size), offset: 0 };
            }
            Lie::Endless => {
                self.body = Content { from: Box::new(io::repeat(b' ')), size: None, offset: 0 };
            }
            Lie::Gzip(size) => {
                let bomb = GzEncoder::new(io::repeat(0).take(size), Compression::best());
                self.body = Content { from: Box::new(bomb), size: None, offset: 0 };
                self = self.with("content-encoding", "gzip");
            }
        }
        self
    }

    /// What is sent. The body of an answer to `HEAD` is not.
    pub(super) fn send(
        self,
        method: &str,
        manner: Manner,
        line: Arc<Line>,
        counted: Counted,
    ) -> Response<Flow> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        let bodiless = matches!(self.status, 204 | 304);
        if let Some(size) = self.body.size
            && !bodiless
            && !self.headers.iter().any(|(name, _)| name == "content-length")
        {
            response = response.header("content-length", size);
        }
        counted.going.0.answered(self.status);
        let from = if method == "HEAD" || bodiless || self.body.size == Some(0) {
            None
        } else {
            Some(self.body.from)
        };
        response.body(Flow { from, manner, sent: 0, pause: None, line, counted }).unwrap()
    }
}

/// One bit of a stream is wrong.
struct Flipped {
    from: Box<dyn Read + Send + Sync>,
    at: u64,
    position: u64,
}

impl Read for Flipped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        if let Some(index) = self.at.checked_sub(self.position).and_then(|index| usize::try_from(index).ok())
            && let Some(byte) = into[..count].get_mut(index)
        {
            *byte ^= 1;
        }
        self.position += count as u64;
        Ok(count)
    }
}

/// How a body is sent.
#[derive(Default, Clone, Copy)]
pub(super) struct Manner {
    /// Where it stops before its end, and what happens there.
    pub(super) stop: Option<(u64, Stop)>,
    /// Pieces, and the pause before each.
    pub(super) slow: Option<(usize, Duration)>,
}

#[derive(Clone, Copy)]
pub(super) enum Stop {
    HangUp,
    Stall,
}

/// Where the bytes of an answer are counted.
pub(super) struct Counted {
    pub(super) going: Going,
    pub(super) dam: Arc<Dam>,
}

/// The body of an answer on its way.
pub(super) struct Flow {
    from: Option<Box<dyn Read + Send + Sync>>,
    manner: Manner,
    sent: u64,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    line: Arc<Line>,
    counted: Counted,
}

impl Flow {
    /// How much may be sent now; `None`: nothing, for good.
    fn room(&self) -> Option<usize> {
        let piece = self.manner.slow.map_or(PIECE, |(piece, _)| piece);
        match self.manner.stop {
            Some((after, _)) if self.sent >= after => None,
            Some((after, _)) => Some(piece.min(usize::try_from(after - self.sent).unwrap_or(piece))),
            None => Some(piece),
        }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.pause.is_none() {
            this.pause = match (this.counted.dam.closed(), this.manner.slow) {
                (Some(gate), _) => Some(Box::pin(gate.pass())),
                (None, Some((_, pause))) => Some(Box::pin(tokio::time::sleep(pause))),
                (None, None) => None,
            };
        }
        if let Some(pause) = &mut this.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.pause = None;
        }
        let Some(room) = this.room() else {
            // What was sent is flushed now, and after that the connection may go.
            if let Some((_, Stop::HangUp)) = this.manner.stop {
                this.line.hang_up();
            }
            return Poll::Pending;
        };
        let Some(from) = &mut this.from else { return Poll::Ready(None) };
        let mut piece = vec![0; room];
        match from.read(&mut piece) {
            Ok(0) => Poll::Ready(None),
            Ok(count) => {
                piece.truncate(count);
                this.sent += count as u64;
                this.counted.going.0.sent(count);
                this.counted.dam.count(count);
                Poll::Ready(Some(Ok(Frame::data(piece.into()))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.from.is_none()
    }
}
