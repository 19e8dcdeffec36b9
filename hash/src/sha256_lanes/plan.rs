//! Which kernel for how many messages.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::constants::INITIAL;
use super::kernel::Kernel;
use super::lanes::Lane;

/// The width of the widest kernel: with so many messages at hand no lane is ever empty.
pub(super) const WIDEST: usize = 16;

/// The blocks of each message in one measurement: 2 KiB, so that the messages stay in the nearest cache.
const SAMPLE: usize = 32;

/// The same in bytes.
const SAMPLE_BYTES: f64 = 2048.0;

/// The measurements of each kernel, the best of which counts: the others met an interrupt, or a core that was waking up.
const ROUNDS: usize = 6;

/// The best kernel of this machine for each number of messages.
#[derive(Debug)]
pub(super) struct Plan {
    /// For one message at index 0, up to `WIDEST`.
    best: [Kernel; WIDEST],
    /// What a byte costs with it, in nanoseconds.
    cost: [f64; WIDEST],
}

impl Plan {
    /// The plan of this process, measured at the first call.
    pub(super) fn get() -> &'static Self {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| Self::new(&measure(&Kernel::available())))
    }

    /// The plan for kernels that take so long for the same number of blocks in each of their lanes.
    pub(super) fn new(times: &[(Kernel, Duration)]) -> Self {
        let mut cost = [0.0; WIDEST];
        let best = std::array::from_fn(|at| {
            let messages = at + 1;
            let mut best = Kernel::SINGLE;
            let mut most = 0.0;
            for &(kernel, time) in times {
                // More messages than lanes take turns, so they fill the lanes; fewer leave lanes empty.
                let filled = u32::try_from(kernel.width().min(messages)).unwrap_or(u32::MAX);
                let rate = f64::from(filled) / time.as_secs_f64().max(f64::MIN_POSITIVE);
                if rate > most {
                    (best, most) = (kernel, rate);
                }
            }
            cost[at] = 1e9 / (most * SAMPLE_BYTES);
            best
        });
        Self { best, cost }
    }

    /// The best kernel for so many messages.
    pub(super) fn best(&self, messages: usize) -> Kernel {
        self.best[messages.clamp(1, WIDEST) - 1]
    }
}

/// The name of the kernel that this machine uses while `messages` messages are advanced together, for reports.
pub fn kernel_for(messages: usize) -> &'static str {
    Plan::get().best(messages).name()
}

/// The number of messages with which this machine is at its quickest: who has more at hand gives at least so many to
/// [`update_each`](super::update_each) at once.
pub fn messages_wanted() -> usize {
    Plan::get().best(WIDEST).width()
}

/// What a byte costs while so many messages are advanced together, in nanoseconds of one core.
pub(crate) fn nanoseconds_a_byte(messages: usize) -> f64 {
    Plan::get().cost[messages.clamp(1, WIDEST) - 1]
}

/// How long each kernel takes for `SAMPLE` blocks in all its lanes.
fn measure(kernels: &[Kernel]) -> Vec<(Kernel, Duration)> {
    let mut times: Vec<_> = kernels.iter().map(|&kernel| (kernel, Duration::MAX)).collect();
    if kernels.len() < 2 {
        return times;
    }
    let blocks = vec![[0x5A; 64]; SAMPLE];
    for _ in 0..ROUNDS {
        // In turns, so that a slow moment of the machine meets all of them.
        for (kernel, time) in &mut times {
            let mut states = [INITIAL; WIDEST];
            let mut lanes: Vec<_> = states
                .iter_mut()
                .take(kernel.width())
                .map(|state| Lane { state, blocks: black_box(&blocks), then: &[] })
                .collect();
            let start = Instant::now();
            kernel.run(&mut lanes, SAMPLE);
            *time = start.elapsed().min(*time);
            black_box(states);
        }
    }
    times
}
