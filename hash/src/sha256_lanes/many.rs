//! Many whole messages.

use std::cmp::Reverse;

use super::constants::INITIAL;
use super::lanes::{self, Lane};
use super::plan::Plan;
use super::stream::{Sha256, Tail, bytes};

/// The messages that are worked on together: bounds the memory, and is far above the number of lanes.
const BATCH: usize = 256;

/// Fewer bytes than this are digested message by message before the plan that would share them out is measured.
const WORTH_A_PLAN: usize = 128 << 10;

/// The digests of whole messages, 32 bytes each, in their order.
///
/// Equal or unequal, empty or large. Memory: one index and one digest for each message, and some tens of KiB.
pub fn digest_many(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let bytes = messages.iter().fold(0_usize, |sum, message| sum.saturating_add(message.len()));
    if messages.len() == 1 || bytes < WORTH_A_PLAN {
        messages.iter().map(|message| Sha256::digest(message)).collect()
    } else {
        digest_many_with(messages, Plan::get())
    }
}

/// [`digest_many`] by a plan.
pub(super) fn digest_many_with(messages: &[&[u8]], plan: &Plan) -> Vec<[u8; 32]> {
    let mut digests = vec![[0; 32]; messages.len()];
    // Messages of like length side by side: their lanes end together.
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_by_key(|&index| Reverse(messages[index].len()));
    for batch in order.chunks(BATCH) {
        let mut states = [INITIAL; BATCH];
        let cut: Vec<_> = batch
            .iter()
            .map(|&index| {
                let (body, rest) = messages[index].as_chunks();
                (body, Tail::new(rest, messages[index].len() as u64))
            })
            .collect();
        let lanes = states
            .iter_mut()
            .zip(&cut)
            .map(|(state, (body, tail))| Lane { state, blocks: body, then: tail.blocks() })
            .collect();
        lanes::advance(lanes, plan);
        for (&index, state) in batch.iter().zip(&states) {
            digests[index] = bytes(state);
        }
    }
    digests
}
