//! SHA-256 (FIPS 180-4) of several messages at once on one core.
//!
//! SHA-256 of one message is a chain: every round needs the one before, and most of the core waits. Independent messages
//! have no such bond, so one core advances several of them in one instruction stream:
//!
//! - two to four messages through the SHA instructions (`sha256rnds2`), interleaved;
//! - eight or sixteen messages in the lanes of an AVX-512 vector.
//!
//! Which of them is the quickest for how many messages depends on the processor (SHA units of equal latency differ in
//! throughput), so it is measured once in the process, in a fraction of a millisecond, at the first use of
//! several messages that together are worth it. Where no kernel applies, and for a single message, the compression function of
//! `sha2` does the work,
//! with the instructions that it knows for the architecture. The digests are the same on every way.
//!
//! The walk of the data: [`update_each`], [`finalize_each`] and [`digest_many`] cut messages into blocks (`stream`, `many`);
//! `lanes` keeps the lanes of unequal messages busy; `plan` chooses a kernel for the number of messages that are left;
//! `kernel` proves that the processor has it; `sha_ni` and `avx512` compute.

#![allow(
    unsafe_code,
    reason = "vector loads and stores, and calls of kernels that need a processor's feature"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod constants;
mod kernel;
mod lanes;
mod many;
mod plan;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
mod stream;

#[cfg(test)]
mod tests;

pub use many::digest_many;
pub(crate) use plan::nanoseconds_a_byte;
pub use plan::{kernel_for, messages_wanted};
pub use stream::{Sha256, finalize_each, update_each};
