//! A connection whose bytes are counted below TLS, and which can be cut at any of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::rules::Cut;

/// What is known of one connection.
pub(super) struct Line {
    /// Its number, from 0 on.
    pub(super) number: u64,
    cut: Cut,
    received: AtomicU64,
    sent: AtomicU64,
    hung_up: AtomicBool,
}

impl Line {
    pub(super) fn new(number: u64, cut: Cut) -> Arc<Self> {
        let (received, sent, hung_up) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { number, cut, received, sent, hung_up })
    }

    /// Ends the connection as soon as all that was written so far is on its way.
    pub(super) fn hang_up(&self) {
        self.hung_up.store(true, Ordering::Relaxed);
    }
}

/// The connection itself.
pub(super) struct Wire {
    stream: TcpStream,
    line: Arc<Line>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self { stream, line }
    }
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        let new = (into.filled().len() - before) as u64;
        let all = this.line.received.fetch_add(new, Ordering::Relaxed) + new;
        if this.line.cut.received.is_some_and(|limit| all > limit) {
            into.set_filled(before);
            return Poll::Ready(Err(cut()));
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let room = match this.line.cut.sent {
            Some(limit) => usize::try_from(limit - this.line.sent.load(Ordering::Relaxed)).unwrap(),
            None => bytes.len(),
        };
        if room == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(cut()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, &bytes[..room.min(bytes.len())]);
        if let Poll::Ready(Ok(count)) = written {
            this.line.sent.fetch_add(count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        // Whoever flushes has handed over all that it had: now the connection may go.
        if flushed.is_ready() && this.line.hung_up.load(Ordering::Relaxed) {
            return Poll::Ready(Err(cut()));
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
