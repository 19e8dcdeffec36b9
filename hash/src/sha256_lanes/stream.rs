//! Messages that come in pieces.

use std::slice;

use super::constants::{Block, INITIAL, State};
use super::lanes::{self, Lane};
use super::plan::Plan;

/// SHA-256 of one message that comes in pieces.
///
/// One hasher alone is as quick as `sha2`; several that are advanced together by [`update_each`] are quicker.
#[derive(Debug, Clone)]
pub struct Sha256 {
    state: State,
    /// The bytes since the last full block: the first `length % 64` count.
    buffer: Block,
    /// Bytes so far.
    length: u64,
}

impl Sha256 {
    /// The hasher of an empty message.
    pub const fn new() -> Self {
        Self { state: INITIAL, buffer: [0; 64], length: 0 }
    }

    /// The digest of `message`, 32 bytes.
    pub fn digest(message: &[u8]) -> [u8; 32] {
        let mut hasher = Self::new();
        hasher.update(message);
        hasher.finalize()
    }

    /// Appends `bytes` to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        let split = self.split(bytes);
        sha2::block_api::compress256(&mut self.state, &slice::from_ref(&self.buffer)[..split.head]);
        sha2::block_api::compress256(&mut self.state, split.body);
        self.keep(bytes, &split);
    }

    /// The digest of the message, 32 bytes.
    pub fn finalize(mut self) -> [u8; 32] {
        let tail = self.tail();
        sha2::block_api::compress256(&mut self.state, tail.blocks());
        bytes(&self.state)
    }

    /// Bytes that wait in the buffer.
    const fn buffered(&self) -> usize {
        (self.length % 64) as usize
    }

    /// Cuts `bytes` at the borders of blocks and fills the buffer from their front, when that completes its block.
    fn split<'a>(&mut self, bytes: &'a [u8]) -> Split<'a> {
        let buffered = self.buffered();
        let missing = 64 - buffered;
        if buffered == 0 {
            Split { head: 0, body: bytes.as_chunks().0 }
        } else if bytes.len() < missing {
            Split { head: 0, body: &[] }
        } else {
            let (front, rest) = bytes.split_at(missing);
            self.buffer[buffered..].copy_from_slice(front);
            Split { head: 1, body: rest.as_chunks().0 }
        }
    }

    /// Counts `bytes` and keeps what stands behind their last full block.
    fn keep(&mut self, bytes: &[u8], split: &Split<'_>) {
        let started = if split.head == 0 && split.body.is_empty() { self.buffered() } else { 0 };
        self.length = self.length.wrapping_add(bytes.len() as u64);
        let kept = &bytes[bytes.len() - (self.buffered() - started)..];
        self.buffer[started..started + kept.len()].copy_from_slice(kept);
    }

    fn tail(&self) -> Tail {
        Tail::new(&self.buffer[..self.buffered()], self.length)
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// A piece of a message, cut at the borders of blocks.
struct Split<'a> {
    /// Full blocks in the buffer: 0 or 1.
    head: usize,
    /// Full blocks in the piece.
    body: &'a [Block],
}

/// Appends to each message its piece of bytes, all of them at once.
///
/// The result is that of [`Sha256::update`] on each pair. The pieces may differ in length: a message that has come to its end
/// leaves its lane to another one. Quickest with [`messages_wanted`](super::messages_wanted) pieces or more of some KiB each.
pub fn update_each(work: &mut [(&mut Sha256, &[u8])]) {
    if let [(hasher, bytes)] = work {
        hasher.update(bytes);
    } else {
        update_each_with(work, Plan::get());
    }
}

/// [`update_each`] by a plan.
pub(super) fn update_each_with(work: &mut [(&mut Sha256, &[u8])], plan: &Plan) {
    let splits: Vec<_> = work.iter_mut().map(|(hasher, bytes)| hasher.split(bytes)).collect();
    let lanes = work
        .iter_mut()
        .zip(&splits)
        .map(|((Sha256 { state, buffer, .. }, _), split)| Lane {
            state,
            blocks: &slice::from_ref(buffer)[..split.head],
            then: split.body,
        })
        .collect();
    lanes::advance(lanes, plan);
    for ((hasher, bytes), split) in work.iter_mut().zip(&splits) {
        hasher.keep(bytes, split);
    }
}

/// The digests of messages, 32 bytes each, in their order, all of them at once.
pub fn finalize_each(hashers: impl IntoIterator<Item = Sha256>) -> Vec<[u8; 32]> {
    finalize_each_with(hashers, Plan::get())
}

/// [`finalize_each`] by a plan.
pub(super) fn finalize_each_with(hashers: impl IntoIterator<Item = Sha256>, plan: &Plan) -> Vec<[u8; 32]> {
    let (mut states, tails): (Vec<State>, Vec<Tail>) =
        hashers.into_iter().map(|hasher| (hasher.state, hasher.tail())).unzip();
    let lanes = states
        .iter_mut()
        .zip(&tails)
        .map(|(state, tail)| Lane { state, blocks: tail.blocks(), then: &[] })
        .collect();
    lanes::advance(lanes, plan);
    states.iter().map(bytes).collect()
}

/// The last blocks of a message: its last bytes, the padding and the length (FIPS 180-4, section 5.1.1).
#[derive(Debug, Clone)]
pub(super) struct Tail {
    blocks: [Block; 2],
    count: usize,
}

impl Tail {
    /// `rest` is what stands behind the last full block, `length` the bytes of the whole message.
    pub(super) fn new(rest: &[u8], length: u64) -> Self {
        let mut blocks = [[0; 64]; 2];
        let text = blocks.as_flattened_mut();
        text[..rest.len()].copy_from_slice(rest);
        text[rest.len()] = 0x80;
        // The mark and the eight bytes of the length need their place behind the rest.
        let count = if rest.len() < 56 { 1 } else { 2 };
        text[64 * count - 8..64 * count].copy_from_slice(&length.wrapping_mul(8).to_be_bytes());
        Self { blocks, count }
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks[..self.count]
    }
}

/// The digest as bytes (FIPS 180-4, section 6.2.2, last step).
pub(super) fn bytes(state: &State) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}
