//! Level ground for runs that write gigabytes: what the run before has left behind is not this one's burden.
//!
//! Two things would be. Its bytes may still be on their way to the disk. And a virtual machine gives memory that lies free
//! for seconds back to its host; whoever takes it next waits for the host to bring it again, which costs up to ten times
//! what writing into the page cache costs otherwise.

use super::machine;
use crate::failure::Outcome;

/// What a run takes beside the bytes that it writes.
const BESIDE: u64 = 1 << 30;

/// Waits for the disk, and takes and returns as much free memory as a run will need that writes `bytes`.
pub(crate) fn before_writing(bytes: u64) -> Outcome {
    rustix::fs::sync();
    // More would push files out of the page cache, which are to be there.
    let room = machine::free_memory()? / 4 * 3;
    let length = usize::try_from((bytes + BESIDE).min(room)).unwrap_or(usize::MAX);
    // Not zeros: those would be asked for, and never be taken.
    drop(std::hint::black_box(vec![1_u8; length]));
    Ok(())
}
