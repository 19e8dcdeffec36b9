//! Large files whose SHA-256 is wanted: a chain of blocks each, so a core takes several files at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::lane::{Lane, PIECE, Tree};
use super::{Found, Job, paired};
use crate::opened::Opened;
use crate::sha256_lanes::{Sha256, finalize_each, messages_wanted, nanoseconds_a_byte, update_each};
use crate::{DigestSet, FileDigests, HashError, Progress, Sha256Digest, Source};

/// How files are shared out among threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deal {
    /// Threads that take files.
    pub(super) workers: usize,
    /// Files that each of them advances at once.
    pub(super) lanes: usize,
    pub(super) manner: Manner,
}

/// What a worker does itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Everything.
    Alone,
    /// It reads and makes BLAKE3; a thread beside it makes SHA-256.
    Paired,
}

impl Deal {
    /// The deal of so many files, of which BLAKE3 is wanted too.
    fn of(files: usize, threads: usize) -> Self {
        let fair = files.div_ceil(threads);
        // The measurement behind the answers is worth its time only where there is a choice.
        if fair > 1 {
            Self::weighed(files, threads, messages_wanted(), nanoseconds_a_byte)
        } else {
            Self::plain(files, threads, 1)
        }
    }

    /// Each thread for itself; where there are fewer files than threads, an idle one helps.
    fn plain(files: usize, threads: usize, wanted: usize) -> Self {
        let lanes = files.div_ceil(threads).min(wanted).max(1);
        if files < threads {
            Self { workers: files, lanes: 1, manner: Manner::Paired }
        } else {
            Self { workers: threads, lanes, manner: Manner::Alone }
        }
    }

    /// The quicker of two ways, where a byte costs `sha256(n)` while `n` files are advanced at once.
    fn weighed(files: usize, threads: usize, wanted: usize, sha256: impl Fn(usize) -> f64) -> Self {
        /// Nanoseconds to read a byte from the page cache and to put it through BLAKE3, on the machines at hand.
        const BESIDE: f64 = 0.3;
        /// How much quicker the pairs must be to be worth their hand-over.
        const CLEARLY: f64 = 1.03;
        let plain = Self::plain(files, threads, wanted);
        let pairs = threads / 2;
        if plain.manner == Manner::Paired || pairs == 0 {
            return plain;
        }
        let paired =
            Self { workers: pairs, lanes: files.div_ceil(pairs).min(wanted).max(1), manner: Manner::Paired };
        let share = |workers: usize| 1.0 / f64::from(u32::try_from(workers).unwrap_or(u32::MAX));
        let alone = (sha256(plain.lanes) + BESIDE) * share(plain.workers);
        let together = sha256(paired.lanes).max(BESIDE) * share(paired.workers);
        if together * CLEARLY < alone { paired } else { plain }
    }
}

/// The files, largest first, and how they are dealt out.
pub(super) struct Serial<'a, S> {
    job: &'a Job<'a, S>,
    order: Vec<usize>,
    deal: Deal,
    next: AtomicUsize,
}

impl<'a, S: Source> Serial<'a, S> {
    pub(super) fn new(job: &'a Job<'a, S>, order: Vec<usize>) -> Self {
        let both = order.iter().all(|&index| job.sources[index].digests() == DigestSet::Both);
        let deal = match order.len() {
            0 => Deal { workers: 0, lanes: 0, manner: Manner::Alone },
            files if both => Deal::of(files, job.threads),
            files if files <= job.threads => Deal::plain(files, job.threads, 1),
            files => Deal::plain(files, job.threads, messages_wanted()),
        };
        Self::dealt(job, order, deal)
    }

    /// The files by this deal.
    pub(super) fn dealt(job: &'a Job<'a, S>, order: Vec<usize>, deal: Deal) -> Self {
        // The first files are taken by each worker itself, card by card, so that each gets large and small ones.
        let next = AtomicUsize::new(order.len().min(deal.lanes * deal.workers));
        Self { job, order, deal, next }
    }

    /// Works as the thread `number` (from 0) until no file is left.
    pub(super) fn work(&self, number: usize, found: &mut Found) -> Result<(), HashError> {
        let Deal { workers, lanes: slots, manner } = self.deal;
        if number >= workers {
            return Ok(());
        }
        let mut dealt = (0..slots).map(|card| number + card * workers);
        let mut take = || {
            let place = dealt.next().filter(|place| *place < self.order.len());
            let place = place.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
            self.order.get(place).copied()
        };
        if manner == Manner::Paired {
            return paired::work(self.job, slots, &mut take, found);
        }
        let mut lanes: Vec<Lane<'_, S>> = Vec::with_capacity(slots);
        loop {
            while lanes.len() < slots {
                let Some(index) = take() else { break };
                lanes.push(Lane::open(self.job, index)?);
            }
            if lanes.is_empty() {
                return Ok(());
            }
            step(&mut lanes, self.job.progress)?;
            finish(&mut lanes, found)?;
            self.job.check()?;
        }
    }
}

/// Hashes one file in order, on this thread, in pieces.
pub(super) fn whole<S: Source>(
    job: &Job<'_, S>,
    opened: &Opened<'_, S>,
    found: &mut Found,
) -> Result<(), HashError> {
    let wanted = opened.source().digests();
    let size = opened.size();
    let mut sha256 = wanted.has_sha256().then(Sha256::new);
    let mut tree = wanted.has_blake3().then(|| Tree::new(size));
    let mut buffer = Vec::new();
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from((size - offset).min(PIECE)).unwrap_or(usize::MAX);
        buffer.resize(length, 0);
        opened.read(offset, &mut buffer, job.progress)?;
        if let Some(sha256) = &mut sha256 {
            sha256.update(&buffer);
        }
        if let Some(tree) = &mut tree {
            tree.update(&buffer);
        }
        offset += length as u64;
        job.check()?;
    }
    opened.finish()?;
    let sha256 = sha256.map(|sha256| Sha256Digest::from_bytes(sha256.finalize()));
    let (blake3, chunks) = tree.map(Tree::finish).transpose()?.unzip();
    found.push((opened.index(), FileDigests { size, sha256, blake3, foreign: None, chunks }));
    Ok(())
}

/// Advances every lane by a piece: read and BLAKE3 one after the other, SHA-256 all at once.
fn step<S: Source>(lanes: &mut [Lane<'_, S>], progress: &dyn Progress) -> Result<(), HashError> {
    for lane in &mut *lanes {
        let mut buffer = std::mem::take(&mut lane.buffer);
        let read = lane.read(&mut buffer, PIECE, progress);
        lane.buffer = buffer;
        lane.filled = read?;
    }
    let mut work: Vec<_> =
        lanes.iter_mut().map(|lane| (&mut lane.sha256, &lane.buffer[..lane.filled])).collect();
    update_each(&mut work);
    Ok(())
}

/// Takes the lanes out whose files are at their end.
fn finish<S: Source>(lanes: &mut Vec<Lane<'_, S>>, found: &mut Found) -> Result<(), HashError> {
    let mut ended: Vec<Lane<'_, S>> = lanes.extract_if(.., |lane| lane.left() == 0).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let hashers: Vec<Sha256> = ended.iter_mut().map(|lane| std::mem::take(&mut lane.sha256)).collect();
    for (lane, sha256) in ended.iter_mut().zip(finalize_each(hashers)) {
        lane.opened.finish()?;
        found.push((lane.opened.index(), lane.digests(sha256)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that is as quick for any number of messages, and one that is quicker with more of them.
    const FLAT: fn(usize) -> f64 = |_| 0.3;
    const STEEP: fn(usize) -> f64 = |messages| if messages >= 8 { 0.3 } else { 0.44 };

    fn deal(workers: usize, lanes: usize, manner: Manner) -> Deal {
        Deal { workers, lanes, manner }
    }

    #[test]
    fn an_idle_thread_helps_where_there_are_fewer_files() {
        assert_eq!(Deal::of(1, 2), deal(1, 1, Manner::Paired));
        assert_eq!(Deal::of(3, 4), deal(3, 1, Manner::Paired));
        assert_eq!(Deal::of(2, 2), deal(2, 1, Manner::Alone));
        assert_eq!(Deal::of(1, 1), deal(1, 1, Manner::Alone));
    }

    #[test]
    fn threads_pair_where_more_messages_at_once_are_quicker() {
        assert_eq!(Deal::weighed(8, 2, 16, STEEP), deal(1, 8, Manner::Paired));
        assert_eq!(Deal::weighed(8, 2, 16, FLAT), deal(2, 4, Manner::Alone));
        assert_eq!(Deal::weighed(4, 2, 16, STEEP), deal(2, 2, Manner::Alone), "four are too few");
        assert_eq!(Deal::weighed(8, 1, 16, STEEP), deal(1, 8, Manner::Alone), "there is nobody to pair with");
        assert_eq!(Deal::weighed(64, 4, 16, STEEP), deal(4, 16, Manner::Alone), "there are enough for all");
    }
}
