//! Two threads for some files: one reads and makes BLAKE3, the other advances the SHA-256 chains of all of them.
//!
//! For a file that is alone (its chain is the limit, and a second core is idle), and where one thread with all chains is
//! quicker than two with half of them each, because the kernel for more messages is.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use super::lane::{Lane, PIECE};
use super::{Found, Job};
use crate::sha256_lanes::{Sha256, finalize_each, update_each};
use crate::{HashError, Source};

/// Rounds on their way from one thread to the other.
const IN_FLIGHT: usize = 3;

/// A piece of a file, on its way to the chain of its slot.
struct Piece {
    slot: usize,
    bytes: Vec<u8>,
    length: usize,
    last: bool,
}

/// A round that was hashed: its buffers, and the digests of the files that ended in it, in the order of the pieces.
struct Hashed {
    pieces: Vec<Piece>,
    digests: Vec<[u8; 32]>,
}

/// Hashes the files that `take` gives, so many at once, until there are no more.
pub(super) fn work<S: Source>(
    job: &Job<'_, S>,
    slots: usize,
    take: &mut dyn FnMut() -> Option<usize>,
    found: &mut Found,
) -> Result<(), HashError> {
    std::thread::scope(|scope| {
        let (send, rounds) = mpsc::sync_channel(IN_FLIGHT);
        let (give_back, hashed) = mpsc::channel();
        let chains = scope.spawn(move || chains(slots, &rounds, &give_back));
        let mut reader = Reader {
            job,
            lanes: std::iter::repeat_with(|| None).take(slots).collect(),
            ending: VecDeque::new(),
            spare: Vec::new(),
            under_way: 0,
            hashed,
        };
        let outcome = reader.run(send, take, found);
        // It ends when nothing can come any more; only a panic is told.
        chains.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        outcome
    })
}

struct Reader<'a, 'j, S> {
    job: &'a Job<'j, S>,
    lanes: Vec<Option<Lane<'j, S>>>,
    /// Files that were read to their end, and whose SHA-256 is not known yet.
    ending: VecDeque<Lane<'j, S>>,
    spare: Vec<Vec<u8>>,
    /// Rounds that were sent and have not come back.
    under_way: usize,
    hashed: Receiver<Hashed>,
}

impl<S: Source> Reader<'_, '_, S> {
    fn run(
        &mut self,
        send: SyncSender<Vec<Piece>>,
        take: &mut dyn FnMut() -> Option<usize>,
        found: &mut Found,
    ) -> Result<(), HashError> {
        loop {
            let round = self.round(take)?;
            if round.is_empty() {
                break;
            }
            // Sending fails only when the other thread has panicked; joining it says so.
            if send.send(round).is_err() {
                return Ok(());
            }
            self.under_way += 1;
            if self.under_way > IN_FLIGHT + 1 {
                self.collect(found)?;
            }
            self.job.check()?;
        }
        drop(send);
        while self.under_way > 0 {
            self.collect(found)?;
        }
        Ok(())
    }

    /// The next piece of every file that is open; opens files for free slots first.
    fn round(&mut self, take: &mut dyn FnMut() -> Option<usize>) -> Result<Vec<Piece>, HashError> {
        let mut round = Vec::with_capacity(self.lanes.len());
        for (slot, place) in self.lanes.iter_mut().enumerate() {
            let mut lane = match place.take() {
                Some(lane) => lane,
                None => match take() {
                    Some(index) => Lane::open(self.job, index)?,
                    None => continue,
                },
            };
            let mut bytes = self.spare.pop().unwrap_or_default();
            let length = lane.read(&mut bytes, PIECE, self.job.progress)?;
            let last = lane.left() == 0;
            if last {
                self.ending.push_back(lane);
            } else {
                *place = Some(lane);
            }
            round.push(Piece { slot, bytes, length, last });
        }
        Ok(round)
    }

    /// Waits for a round to come back.
    fn collect(&mut self, found: &mut Found) -> Result<(), HashError> {
        self.under_way -= 1;
        let Ok(Hashed { pieces, digests }) = self.hashed.recv() else { return Ok(()) };
        self.spare.extend(pieces.into_iter().map(|piece| piece.bytes));
        for sha256 in digests {
            let Some(mut lane) = self.ending.pop_front() else { break };
            lane.opened.finish()?;
            found.push((lane.opened.index(), lane.digests(sha256)?));
        }
        Ok(())
    }
}

/// Advances one chain for each slot by what comes, until nothing comes any more.
fn chains(slots: usize, rounds: &Receiver<Vec<Piece>>, give_back: &Sender<Hashed>) {
    let mut hashers: Vec<Sha256> = std::iter::repeat_with(Sha256::new).take(slots).collect();
    for pieces in rounds {
        // The pieces stand in the order of their slots, each slot at most once.
        let mut next = pieces.iter().peekable();
        let mut work: Vec<(&mut Sha256, &[u8])> = Vec::with_capacity(pieces.len());
        for (slot, hasher) in hashers.iter_mut().enumerate() {
            if let Some(piece) = next.next_if(|piece| piece.slot == slot) {
                work.push((hasher, &piece.bytes[..piece.length]));
            }
        }
        update_each(&mut work);
        let ended: Vec<Sha256> = pieces
            .iter()
            .filter(|piece| piece.last)
            .filter_map(|piece| hashers.get_mut(piece.slot).map(std::mem::take))
            .collect();
        let digests = if ended.is_empty() { Vec::new() } else { finalize_each(ended) };
        // The reader may have stopped on an error; then nobody wants anything back.
        if give_back.send(Hashed { pieces, digests }).is_err() {
            return;
        }
    }
}
