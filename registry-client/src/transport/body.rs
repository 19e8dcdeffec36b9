//! Bodies that are too large for memory: sent in pieces from the caller's thread, taken in pieces by it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::RegistryError;

/// Pieces that are ready to be sent while the caller makes the next one.
const AHEAD: usize = 2;

/// What gives the bytes of a request, in order, on the thread of whoever sends it.
pub(crate) trait Pieces {
    /// The next piece; nothing at the end. An error ends the request before the registry has all of it.
    fn next(&mut self) -> Result<Option<Bytes>, RegistryError>;
}

/// Whether anything was sent since somebody last asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved(Arc<AtomicBool>);

impl Moved {
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The body of a request, fed through a channel. It is exactly `size` bytes or it breaks.
pub(super) struct Fed {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
    moved: Moved,
}

impl Fed {
    pub(super) fn new(size: u64, moved: Moved) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, pieces) = mpsc::channel(AHEAD);
        (sender, Self { pieces, left: size, moved })
    }
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(context));
        let rest = piece.as_ref().and_then(|piece| self.left.checked_sub(piece.len() as u64));
        Poll::Ready(Some(match (piece, rest) {
            (Some(piece), Some(rest)) => {
                self.left = rest;
                self.moved.note();
                Ok(Frame::data(piece))
            }
            // Whoever feeds gave up, or has more than was announced.
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
