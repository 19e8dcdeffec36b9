//! The body of a request as it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::{Body, Bytes, Incoming};

use super::answer::HangUp;
use super::gate::Dam;
use super::log::Entry;

/// Bytes of a refused body that are still read: a client that writes to a closed connection would miss the answer.
const LINGER: u64 = 64 << 20;

/// A body on its way.
pub(super) struct Intake {
    incoming: Incoming,
    seen: Entry,
    dam: Arc<Dam>,
    /// Bytes until the connection is cut.
    left: Option<u64>,
    /// Whether the client waits for `100 Continue`, which is sent as soon as somebody reads.
    waited_for: bool,
}

/// The body is larger than it may be.
pub(super) struct TooLarge;

impl Intake {
    pub(super) fn new(
        incoming: Incoming,
        seen: Entry,
        dam: Arc<Dam>,
        cut: Option<u64>,
        waited_for: bool,
    ) -> Self {
        Self { incoming, seen, dam, left: cut, waited_for }
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, HangUp> {
        self.waited_for = false;
        // Whoever asks for more has stored what came before.
        if let Some(gate) = self.dam.closed() {
            gate.pass().await;
        }
        loop {
            if self.left == Some(0) {
                return Err(HangUp);
            }
            let frame = poll_fn(|cx| Pin::new(&mut self.incoming).poll_frame(cx)).await;
            let Some(frame) = frame else { return Ok(None) };
            let Ok(mut bytes) = frame.map_err(|_| HangUp)?.into_data() else { continue };
            if let Some(left) = &mut self.left {
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
            }
            self.seen.received(&bytes);
            self.dam.count(bytes.len());
            return Ok(Some(bytes));
        }
    }

    /// All of it, up to `limit` bytes.
    pub(super) async fn whole(&mut self, limit: u64) -> Result<Result<Vec<u8>, TooLarge>, HangUp> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if (whole.len() + piece.len()) as u64 > limit {
                return Ok(Err(TooLarge));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Ok(whole))
    }

    /// Reads what nobody wants.
    pub(super) async fn drain(&mut self) -> Result<(), HangUp> {
        let mut drained = 0;
        while !self.waited_for && drained < LINGER {
            match self.piece().await? {
                Some(piece) => drained += piece.len() as u64,
                None => break,
            }
        }
        Ok(())
    }
}
