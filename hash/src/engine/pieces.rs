//! Files with digests that only signatures of other tools carry: BLAKE2b-512 of a whole file, or a digest for each shard.
//!
//! Here a *message* is what has a digest of its own: a shard, or a whole file. A thread holds as many messages as the
//! machine advances at once, from any files, and gets the next ones from a queue: one large file of many shards keeps all
//! threads busy, and so do many small files. Messages that are short are read and hashed many at a time.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::{Found, Job, SMALL, lock};
use crate::message_hash::MessageHash;
use crate::opened::Opened;
use crate::{DigestSet, FileDigests, HashError, Source};

/// Most bytes of one read: with all lanes filled, what they read lies in the second cache.
const PIECE: u64 = 128 << 10;

/// Most messages of one stretch: bounds what is made of shards of a few bytes.
const STRETCH: u64 = 64;

/// Stretches that a thread works on at once.
const STRETCHES: usize = 256;

/// How a file is cut into messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    size: u64,
    message: u64,
    messages: u64,
}

impl Cut {
    pub(super) const fn new(wanted: DigestSet, size: u64) -> Self {
        match wanted {
            DigestSet::Shards(sharding) => {
                let message = sharding.size.get();
                Self { size, message, messages: size.div_ceil(message) }
            }
            DigestSet::Blake2b | DigestSet::Blake3 | DigestSet::Both | DigestSet::Sha256 => {
                Self { size, message: u64::MAX, messages: 1 }
            }
        }
    }

    /// In how many stretches the file is taken. A stretch is one message, or several that are read together.
    pub(super) fn stretches(self) -> u64 {
        self.messages.div_ceil(self.stretch())
    }

    /// The messages of a stretch.
    fn stretch(self) -> u64 {
        (PIECE / self.message).clamp(1, STRETCH)
    }

    fn longest(self) -> u64 {
        self.message.min(self.size)
    }
}

/// The files, those with the longest messages first, and what of them is not yet taken.
pub(super) struct Pieces<'a, S, H: MessageHash> {
    job: &'a Job<'a, S>,
    order: Vec<usize>,
    /// Bytes that a thread reads before it hashes them.
    turn: usize,
    queue: Mutex<Queue<'a, S, H>>,
}

struct Queue<'a, S, H: MessageHash> {
    /// The next of the files.
    place: usize,
    /// What is left of the file before it.
    rest: Option<Rest<'a, S, H>>,
}

impl<'a, S: Source, H: MessageHash> Pieces<'a, S, H> {
    pub(super) fn new(job: &'a Job<'a, S>, mut order: Vec<usize>) -> Self {
        let cut = |index: usize| Cut::new(job.sources[index].digests(), job.sources[index].size());
        // Small files stay as they stand: neighbours in a folder are neighbours on the disk.
        order.sort_by_key(|&index| Reverse(Some(cut(index).longest()).filter(|longest| *longest >= SMALL)));
        let long = order.iter().map(|&index| cut(index)).filter(|cut| cut.longest() > PIECE);
        let long = long.fold(0, |sum: u64, cut| sum.saturating_add(cut.messages));
        let fair = usize::try_from(long.div_ceil(job.threads as u64)).unwrap_or(usize::MAX);
        // To know how many lanes there are may need a measurement, which is worth its time only where there is a choice.
        let lanes = match fair {
            0 if order.is_empty() => 1,
            0 => H::lanes(),
            1 => 1,
            _ => fair.min(H::lanes()),
        };
        let turn = lanes.max(1) * usize::try_from(PIECE).unwrap_or(usize::MAX);
        Self { job, order, turn, queue: Mutex::new(Queue { place: 0, rest: None }) }
    }

    /// Works until every message is taken.
    pub(super) fn work(&self, found: &mut Found) -> Result<(), HashError> {
        let mut desk = Desk { stretches: Vec::new(), buffer: Vec::new(), filled: 0 };
        loop {
            desk.filled = 0;
            // Only long messages are left from the turn before, and no more of them than there are lanes, or few more.
            for at in 0..desk.stretches.len() {
                desk.read(at, self.job)?;
            }
            while desk.filled < self.turn && desk.stretches.len() < STRETCHES {
                let Some(stretch) = self.take(found)? else { break };
                desk.stretches.push(stretch);
                desk.read(desk.stretches.len() - 1, self.job)?;
            }
            if desk.stretches.is_empty() {
                return Ok(());
            }
            desk.hash(found);
            self.job.check()?;
        }
    }

    fn take(&self, found: &mut Found) -> Result<Option<Stretch<'a, S, H>>, HashError> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(rest) = queue.rest.take() {
                let (stretch, rest) = rest.take();
                queue.rest = rest;
                return Ok(Some(stretch));
            }
            self.job.check()?;
            let Some(&index) = self.order.get(queue.place) else { return Ok(None) };
            queue.place += 1;
            let source = &self.job.sources[index];
            if Cut::new(source.digests(), source.size()).stretches() > 1 {
                // Nobody can take anything of it before it is open.
                queue.rest = self.open(index, found)?;
                continue;
            }
            // Opening is what a small file costs: the others need not wait for it.
            drop(queue);
            if let Some(rest) = self.open(index, found)? {
                return Ok(Some(rest.take().0));
            }
            queue = lock(&self.queue);
        }
    }

    /// Opens a file; none when it has no messages, and is done.
    fn open(&self, index: usize, found: &mut Found) -> Result<Option<Rest<'a, S, H>>, HashError> {
        let opened = self.job.open(index)?;
        let (wanted, size, said) = (opened.source().digests(), opened.size(), opened.source().size());
        let cut = Cut::new(wanted, size);
        // Each shard has a digest: memory is only given to as many as there were said to be.
        if cut.messages > Cut::new(wanted, said).messages {
            return Err(opened.changed(format!("{said} bytes were expected, it has {size}")));
        }
        let too_many = || opened.unreadable(io::ErrorKind::OutOfMemory.into());
        let messages = usize::try_from(cut.messages).map_err(|_| too_many())?;
        let mut digests = Vec::new();
        digests.try_reserve_exact(messages).map_err(|_| too_many())?;
        digests.resize(messages, H::ZERO);
        if messages == 0 {
            opened.read(0, &mut [], self.job.progress)?;
            opened.finish()?;
            found.push((index, foreign::<H>(size, wanted, digests)));
            return Ok(None);
        }
        let results = Results { index, size, wanted, done: Mutex::new(Done { messages: 0, digests }) };
        Ok(Some(Rest { opened: Arc::new(opened), results: Arc::new(results), cut, next: 0 }))
    }
}

fn foreign<H: MessageHash>(size: u64, wanted: DigestSet, digests: Vec<H::Digest>) -> FileDigests {
    let foreign = Some(Box::new(H::foreign(wanted, digests)));
    FileDigests { size, sha256: None, blake3: None, foreign, chunks: None }
}

/// What is not yet taken of an open file: at least one message.
struct Rest<'a, S, H: MessageHash> {
    opened: Arc<Opened<'a, S>>,
    results: Arc<Results<H>>,
    cut: Cut,
    /// The next message.
    next: u64,
}

impl<'a, S, H: MessageHash> Rest<'a, S, H> {
    /// The next stretch, and what is then left. The last stretch gets the file.
    fn take(mut self) -> (Stretch<'a, S, H>, Option<Self>) {
        let Cut { size, message, messages } = self.cut;
        let first = self.next;
        self.next += self.cut.stretch().min(messages - first);
        let start = first.saturating_mul(message);
        let end = self.next.saturating_mul(message).min(size);
        let results = Arc::clone(&self.results);
        let (opened, rest) =
            if self.next == messages { (self.opened, None) } else { (Arc::clone(&self.opened), Some(self)) };
        let stretch = Stretch {
            opened: Some(opened),
            results,
            message,
            first,
            offset: start,
            end,
            piece: 0..0,
            hasher: None,
        };
        (stretch, rest)
    }
}

/// One message, or several that are read together.
struct Stretch<'a, S, H: MessageHash> {
    /// None when all of it was read.
    opened: Option<Arc<Opened<'a, S>>>,
    results: Arc<Results<H>>,
    /// Bytes of a message. The last one of a file may be shorter.
    message: u64,
    /// Its first message.
    first: u64,
    /// What is read next.
    offset: u64,
    end: u64,
    /// Where in the buffer the bytes stand that were read last.
    piece: Range<usize>,
    /// Of a message that is not read at once.
    hasher: Option<H>,
}

/// What a thread works on.
struct Desk<'a, S, H: MessageHash> {
    stretches: Vec<Stretch<'a, S, H>>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are in use.
    filled: usize,
}

impl<S: Source, H: MessageHash> Desk<'_, S, H> {
    /// Reads the next piece of a stretch. Whoever reads the last byte of a file closes it.
    fn read(&mut self, at: usize, job: &Job<'_, S>) -> Result<(), HashError> {
        let stretch = &mut self.stretches[at];
        let length = (stretch.end - stretch.offset).min(PIECE);
        let end = self.filled + usize::try_from(length).unwrap_or(usize::MAX);
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        stretch.piece = self.filled..end;
        self.filled = end;
        let Some(opened) = stretch.opened.take() else { return Ok(()) };
        opened.read_anywhere(stretch.offset, &mut self.buffer[stretch.piece.clone()], job.progress)?;
        stretch.offset += length;
        if stretch.offset < stretch.end {
            stretch.opened = Some(opened);
        } else if let Some(opened) = Arc::into_inner(opened) {
            opened.finish()?;
        }
        Ok(())
    }

    /// Hashes what was read, and lets go of what is done.
    fn hash(&mut self, found: &mut Found) {
        let (mut parts, mut whole) = (Vec::new(), Vec::<&[u8]>::new());
        for stretch in &mut self.stretches {
            let bytes = &self.buffer[stretch.piece.clone()];
            if stretch.opened.is_some() || stretch.hasher.is_some() {
                parts.push((stretch.hasher.get_or_insert_with(H::start), bytes));
            } else if bytes.is_empty() {
                whole.push(bytes);
            } else {
                whole.extend(bytes.chunks(usize::try_from(stretch.message).unwrap_or(usize::MAX)));
            }
        }
        H::take_each(&mut parts);
        let mut whole = H::digest_each(&whole).into_iter();
        for stretch in self.stretches.extract_if(.., |stretch| stretch.opened.is_none()) {
            let done = if let Some(hasher) = stretch.hasher {
                stretch.results.put(stretch.first, [hasher.digest()])
            } else {
                let length = stretch.piece.len() as u64;
                let messages = usize::try_from(length.div_ceil(stretch.message).max(1)).unwrap_or(usize::MAX);
                stretch.results.put(stretch.first, whole.by_ref().take(messages))
            };
            found.extend(done.map(|digests| (stretch.results.index, digests)));
        }
    }
}

/// The digests of a file while they are made.
struct Results<H: MessageHash> {
    index: usize,
    size: u64,
    wanted: DigestSet,
    done: Mutex<Done<H>>,
}

struct Done<H: MessageHash> {
    messages: usize,
    /// In their places; zeros where none is yet.
    digests: Vec<H::Digest>,
}

impl<H: MessageHash> Results<H> {
    /// Takes the digests of the messages from `first` on; gives all of them when these were the last.
    fn put(&self, first: u64, digests: impl IntoIterator<Item = H::Digest>) -> Option<FileDigests> {
        let mut done = lock(&self.done);
        let Done { messages, digests: places } = &mut *done;
        let places_left = places.iter_mut().skip(usize::try_from(first).unwrap_or(usize::MAX));
        for (place, digest) in places_left.zip(digests) {
            *place = digest;
            *messages += 1;
        }
        (*messages == places.len()).then(|| foreign::<H>(self.size, self.wanted, std::mem::take(places)))
    }
}
