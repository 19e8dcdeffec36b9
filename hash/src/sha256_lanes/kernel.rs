//! The compression kernels of this machine.

use super::lanes::Lane;
#[cfg(target_arch = "x86_64")]
use super::{
    avx512,
    constants::{Block, INITIAL, State},
    sha_ni,
};

/// A way to advance some messages at once, which the processor of this machine has.
///
/// Only [`Kernel::available`] makes one, after it has asked the processor: that is what makes the calls sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The compression function of `sha2`, which knows the SHA instructions of several architectures.
    Single,
    #[cfg(target_arch = "x86_64")]
    ShaNi2,
    #[cfg(target_arch = "x86_64")]
    ShaNi3,
    #[cfg(target_arch = "x86_64")]
    ShaNi4,
    #[cfg(target_arch = "x86_64")]
    ShaNiHelped2,
    #[cfg(target_arch = "x86_64")]
    ShaNiHelped4,
    #[cfg(target_arch = "x86_64")]
    Avx512x8,
    #[cfg(target_arch = "x86_64")]
    Avx512x16,
}

impl Kernel {
    /// One message, on every machine.
    pub(super) const SINGLE: Self = Self(Kind::Single);

    /// All kernels that this machine can run.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn available() -> Vec<Self> {
        let mut kernels = vec![Self::SINGLE];
        let sha = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        if sha {
            kernels.extend([Self(Kind::ShaNi2), Self(Kind::ShaNi3), Self(Kind::ShaNi4)]);
        }
        if sha && vectors {
            kernels.extend([Self(Kind::ShaNiHelped2), Self(Kind::ShaNiHelped4)]);
        }
        if vectors && is_x86_feature_detected!("avx2") {
            kernels.push(Self(Kind::Avx512x8));
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            kernels.push(Self(Kind::Avx512x16));
        }
        kernels
    }

    /// All kernels that this machine can run: `sha2` chooses the instructions.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn available() -> Vec<Self> {
        vec![Self::SINGLE]
    }

    /// How many messages it advances at once.
    pub(super) const fn width(self) -> usize {
        match self.0 {
            Kind::Single => 1,
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi2 | Kind::ShaNiHelped2 => 2,
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi3 => 3,
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi4 | Kind::ShaNiHelped4 => 4,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x8 => 8,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x16 => 16,
        }
    }

    /// The name for reports.
    pub(super) const fn name(self) -> &'static str {
        match self.0 {
            Kind::Single => "sha2",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi2 => "sha-ni x2",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi3 => "sha-ni x3",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi4 => "sha-ni x4",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNiHelped2 => "sha-ni and avx-512 x2",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNiHelped4 => "sha-ni and avx-512 x4",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x8 => "avx-512 x8",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x16 => "avx-512 x16",
        }
    }

    /// Advances the first [`width`](Self::width) of the lanes (or as many as there are) by `count` of their next blocks.
    ///
    /// Each of these lanes must have so many in `blocks`.
    pub(super) fn run(self, lanes: &mut [Lane<'_>], count: usize) {
        match self.0 {
            Kind::Single => {
                for lane in lanes.iter_mut().take(1) {
                    let (now, later) = lane.blocks.split_at(count);
                    sha2::block_api::compress256(lane.state, now);
                    lane.blocks = later;
                }
            }
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi2 => advance::<2>(lanes, count, |states, inputs| {
                // SAFETY: `available` found sha, sse4.1 and ssse3.
                unsafe { sha_ni::compress(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi3 => advance::<3>(lanes, count, |states, inputs| {
                // SAFETY: `available` found sha, sse4.1 and ssse3.
                unsafe { sha_ni::compress(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi4 => advance::<4>(lanes, count, |states, inputs| {
                // SAFETY: `available` found sha, sse4.1 and ssse3.
                unsafe { sha_ni::compress(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNiHelped2 => advance::<2>(lanes, count, |states, inputs| {
                // SAFETY: `available` found sha, sse4.1, ssse3, avx512f and avx512vl.
                unsafe { sha_ni::compress_helped(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNiHelped4 => advance::<4>(lanes, count, |states, inputs| {
                // SAFETY: `available` found sha, sse4.1, ssse3, avx512f and avx512vl.
                unsafe { sha_ni::compress_helped(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x8 => advance::<8>(lanes, count, |states, inputs| {
                // SAFETY: `available` found avx512f, avx512vl and avx2.
                unsafe { avx512::compress8(states, inputs) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512x16 => advance::<16>(lanes, count, |states, inputs| {
                // SAFETY: `available` found avx512f and avx512bw.
                unsafe { avx512::compress16(states, inputs) }
            }),
        }
    }
}

/// Brings the lanes into the shape of a kernel and back. A place without a message repeats the first one for nothing.
#[cfg(target_arch = "x86_64")]
fn advance<const N: usize>(
    lanes: &mut [Lane<'_>],
    count: usize,
    compress: impl FnOnce(&mut [State; N], [&[Block]; N]),
) {
    let Some(first) = lanes.first() else { return };
    let mut states = [INITIAL; N];
    let mut inputs = [&first.blocks[..count]; N];
    for ((state, input), lane) in states.iter_mut().zip(&mut inputs).zip(lanes.iter()) {
        *state = *lane.state;
        *input = &lane.blocks[..count];
    }
    compress(&mut states, inputs);
    for (state, lane) in states.iter().zip(lanes.iter_mut()) {
        *lane.state = *state;
        lane.blocks = &lane.blocks[count..];
    }
}
