//! Keeps the lanes of a kernel busy with messages of unequal length.

use std::cmp::Reverse;

use super::constants::{Block, State};
use super::plan::{Plan, WIDEST};

/// How many blocks a message gets while others wait for a lane. Large against the cost of changing lanes (the states are
/// moved in and out of vectors), small against a piece of a file.
const TURN: usize = 32;

/// What is still to be done for one message.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    /// The chaining value, advanced in place.
    pub(super) state: &'a mut State,
    /// The next blocks.
    pub(super) blocks: &'a [Block],
    /// The blocks behind them, which lie elsewhere.
    pub(super) then: &'a [Block],
}

impl Lane<'_> {
    const fn left(&self) -> usize {
        self.blocks.len() + self.then.len()
    }

    /// Goes on to the blocks that lie elsewhere once the first are used up. False when nothing is left.
    const fn settle(&mut self) -> bool {
        if self.blocks.is_empty() {
            self.blocks = self.then;
            self.then = &[];
        }
        !self.blocks.is_empty()
    }
}

/// Advances every message to its end.
///
/// The messages with most left always go first, so that all come to their end together and the last of them is not alone.
pub(super) fn advance(mut waiting: Vec<Lane<'_>>, plan: &Plan) {
    waiting.sort_unstable_by_key(Lane::left);
    let mut active = Vec::with_capacity(waiting.len().min(2 * WIDEST));
    loop {
        active.retain_mut(Lane::settle);
        while active.len() < WIDEST || active.len() + waiting.len() <= 2 * WIDEST {
            let Some(mut lane) = waiting.pop() else { break };
            if lane.settle() {
                active.push(lane);
            }
        }
        if active.is_empty() {
            return;
        }
        let kernel = plan.best(active.len());
        let width = kernel.width().min(active.len());
        let mut longest = usize::MAX;
        if width < active.len() {
            active.select_nth_unstable_by_key(width - 1, |lane| Reverse(lane.left()));
            longest = TURN;
        }
        let lanes = &mut active[..width];
        let count = lanes.iter().fold(longest, |least, lane| least.min(lane.blocks.len()));
        kernel.run(lanes, count);
    }
}
