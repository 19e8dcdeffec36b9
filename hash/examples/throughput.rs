//! How many bytes one core hashes in a second of its time: SHA-256 of one message and of several, and BLAKE3.
//!
//! Prints one line of JSON: for each way its name, the messages advanced together, the kernel, and GB (10⁹ bytes) for each
//! second of this thread's processor time, the best of several rounds. Time that another program had the core for does not
//! count. The digests are compared with those of `sha2` first.
//!
//! ```text
//! cargo run --release --package lacre-hash --example throughput
//! ```

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};

use lacre_hash::{Sha256 as Lane, digest_many, finalize_each, kernel_for, messages_wanted, update_each};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};

/// Bytes that a message gets at once: what the engine reads of a large file.
const PIECE: usize = 1 << 20;
/// The messages of a folder of small files.
const SMALL: usize = 4096;
const SMALL_MESSAGES: usize = 256;
/// Rounds of each way; the ways take turns.
const ROUNDS: usize = 9;
/// Seconds of one measurement.
const ENOUGH: f64 = 0.1;

/// One way of hashing.
struct Way {
    name: &'static str,
    /// Messages advanced together.
    messages: usize,
    kernel: &'static str,
    /// Bytes of one turn.
    bytes: usize,
    turn: Box<dyn Fn()>,
}

fn main() -> io::Result<()> {
    let large: &'static [Vec<u8>] = Vec::leak(messages(16, PIECE));
    let small: &'static [Vec<u8>] = Vec::leak(messages(SMALL_MESSAGES, SMALL));
    let slices: Vec<&[u8]> = small.iter().map(Vec::as_slice).collect();
    if digests_of(large) != expected(large) || digest_many(&slices) != expected(small) {
        return Err(io::Error::other("a digest differs from the one of sha2"));
    }

    let mut ways = vec![Way {
        name: "sha2",
        messages: 1,
        kernel: "sha2",
        bytes: PIECE,
        turn: Box::new(|| {
            black_box(Sha256::digest(black_box(&large[0])));
        }),
    }];
    for count in [1, 2, 3, 4, 8, 16] {
        ways.push(Way {
            name: "update_each",
            messages: count,
            kernel: kernel_for(count),
            bytes: count * PIECE,
            turn: Box::new(move || {
                black_box(digests_of(black_box(&large[..count])));
            }),
        });
    }
    ways.push(Way {
        name: "digest_many",
        messages: SMALL_MESSAGES,
        kernel: kernel_for(SMALL_MESSAGES),
        bytes: SMALL_MESSAGES * SMALL,
        turn: Box::new(move || {
            black_box(digest_many(black_box(&slices)));
        }),
    });
    ways.push(Way {
        name: "blake3",
        messages: 1,
        kernel: "blake3",
        bytes: PIECE,
        turn: Box::new(|| {
            black_box(blake3::hash(black_box(&large[0])));
        }),
    });

    let mut best = vec![0.0_f64; ways.len()];
    for _ in 0..ROUNDS {
        for (best, way) in best.iter_mut().zip(&ways) {
            *best = best.max(rate(way));
        }
    }
    io::stdout().write_all(json(&ways, &best).as_bytes())
}

/// The digests by `sha2`, one message after the other.
fn expected(messages: &[Vec<u8>]) -> Vec<[u8; 32]> {
    messages.iter().map(|message| Sha256::digest(message).into()).collect()
}

/// The digests of messages that are advanced together.
fn digests_of(messages: &[Vec<u8>]) -> Vec<[u8; 32]> {
    let mut hashers = vec![Lane::new(); messages.len()];
    let mut work: Vec<(&mut Lane, &[u8])> =
        hashers.iter_mut().zip(messages.iter().map(Vec::as_slice)).collect();
    update_each(&mut work);
    finalize_each(hashers)
}

/// Messages that differ in every block.
fn messages(count: usize, size: usize) -> Vec<Vec<u8>> {
    let mut hasher = blake3::Hasher::new().finalize_xof();
    (0..count)
        .map(|_| {
            let mut message = vec![0; size];
            hasher.fill(&mut message);
            message
        })
        .collect()
}

/// GB for each second of this thread.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn rate(way: &Way) -> f64 {
    let begin = thread_seconds();
    let mut bytes = 0;
    loop {
        (way.turn)();
        bytes += way.bytes;
        let took = thread_seconds() - begin;
        if took >= ENOUGH {
            return bytes as f64 / took / 1e9;
        }
    }
}

/// Processor time of this thread.
#[expect(clippy::cast_precision_loss, reason = "seconds since the start of the thread")]
fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn json(ways: &[Way], rates: &[f64]) -> String {
    let mut text = format!("{{\"messages_wanted\":{},\"ways\":[", messages_wanted());
    for (index, (way, rate)) in ways.iter().zip(rates).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Names are plain words of this program: nothing in them needs an escape.
        let _ = write!(
            text,
            "{comma}{{\"name\":\"{}\",\"messages\":{},\"kernel\":\"{}\",\"gb_per_cpu_second\":{rate:.3}}}",
            way.name, way.messages, way.kernel
        );
    }
    text.push_str("]}\n");
    text
}
