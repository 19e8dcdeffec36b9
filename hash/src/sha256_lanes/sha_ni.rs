//! Some messages at once through the SHA instructions of x86-64.
//!
//! One message keeps the SHA unit waiting: each `sha256rnds2` needs the result of the one before. Two to four messages in
//! one instruction stream fill the wait of each with the work of the others, up to the throughput of the unit.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_ror_epi32, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_srli_epi32, _mm_storeu_si128, _mm_ternarylogic_epi32,
};

use super::constants::{Block, ROUND, State};

/// Writes the kernel for one way to compute the schedule.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $features:literal, $schedule:ident) => {
        $(#[$doc])*
        #[allow(clippy::needless_range_loop, reason = "lanes, quads and blocks index several arrays in step")]
        #[target_feature(enable = $features)]
        pub(super) fn $name<const N: usize>(states: &mut [State; N], inputs: [&[Block]; N]) {
            let count = inputs.iter().map(|input| input.len()).min().unwrap_or(0);
            let inputs = inputs.map(|input| &input[..count]);
            let mut abef = [_mm_setzero_si128(); N];
            let mut cdgh = abef;
            for lane in 0..N {
                (abef[lane], cdgh[lane]) = load_state(&states[lane]);
            }
            for at in 0..count {
                let before = (abef, cdgh);
                let mut words = [[_mm_setzero_si128(); 4]; N];
                for quads in 0..4 {
                    for quad in 0..4 {
                        for lane in 0..N {
                            let next = if quads == 0 {
                                load_quad(&inputs[lane][at], quad)
                            } else {
                                $schedule(&words[lane], quad)
                            };
                            words[lane][quad] = next;
                            rounds4(&mut abef[lane], &mut cdgh[lane], next, quads * 4 + quad);
                        }
                    }
                }
                for lane in 0..N {
                    abef[lane] = _mm_add_epi32(abef[lane], before.0[lane]);
                    cdgh[lane] = _mm_add_epi32(cdgh[lane], before.1[lane]);
                }
            }
            for lane in 0..N {
                store_state(&mut states[lane], abef[lane], cdgh[lane]);
            }
        }
    };
}

kernel!(
    /// Advances each state over its blocks, as many as the shortest input has.
    compress,
    "sha,sse4.1,ssse3",
    schedule
);

kernel!(
    /// The same with help of AVX-512: a gain where `sha256msg1` competes with `sha256rnds2` for the SHA unit.
    compress_helped,
    "sha,sse4.1,ssse3,avx512f,avx512vl",
    schedule_helped
);

/// Four rounds: `words` are the four schedule words of round `4 * quad`.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn rounds4(abef: &mut __m128i, cdgh: &mut __m128i, words: __m128i, quad: usize) {
    let constants = &ROUND[4 * quad..4 * quad + 4];
    // SAFETY: the slice holds four words, the 16 bytes that are read; the load needs no alignment.
    let constants = unsafe { _mm_loadu_si128(constants.as_ptr().cast()) };
    let low = _mm_add_epi32(words, constants);
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, low);
    let high = _mm_shuffle_epi32::<0x0E>(low);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, high);
}

/// The next four schedule words from the last sixteen, of which `words[quad]` are the oldest.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn schedule(words: &[__m128i; 4], quad: usize) -> __m128i {
    let [first, second, third, fourth] =
        [words[quad], words[(quad + 1) % 4], words[(quad + 2) % 4], words[(quad + 3) % 4]];
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(first, second), _mm_alignr_epi8::<4>(fourth, third));
    _mm_sha256msg2_epu32(sum, fourth)
}

/// [`schedule`] without `sha256msg1`: its work, the lower sigma 0 of FIPS 180-4, section 4.1.2, in the vector units.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3,avx512f,avx512vl")]
fn schedule_helped(words: &[__m128i; 4], quad: usize) -> __m128i {
    let [first, second, third, fourth] =
        [words[quad], words[(quad + 1) % 4], words[(quad + 2) % 4], words[(quad + 3) % 4]];
    let near = _mm_alignr_epi8::<4>(second, first);
    // 0x96 is the truth table of the exclusive or of three.
    let sigma = _mm_ternarylogic_epi32::<0x96>(
        _mm_ror_epi32::<7>(near),
        _mm_ror_epi32::<18>(near),
        _mm_srli_epi32::<3>(near),
    );
    let sum = _mm_add_epi32(_mm_add_epi32(first, sigma), _mm_alignr_epi8::<4>(fourth, third));
    _mm_sha256msg2_epu32(sum, fourth)
}

/// Four big-endian words of a block.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load_quad(block: &Block, quad: usize) -> __m128i {
    let bytes = &block[16 * quad..16 * quad + 16];
    // SAFETY: the slice holds the 16 bytes that are read; the load needs no alignment.
    let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203))
}

/// From the order of FIPS 180-4 to the order of the instructions.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load_state(state: &State) -> (__m128i, __m128i) {
    let (low, high) = state.split_at(4);
    // SAFETY: this half holds four words, the 16 bytes that are read; the load needs no alignment.
    let dcba = unsafe { _mm_loadu_si128(low.as_ptr().cast()) };
    // SAFETY: and so does this half.
    let hgfe = unsafe { _mm_loadu_si128(high.as_ptr().cast()) };
    let cdab = _mm_shuffle_epi32::<0xB1>(dcba);
    let efgh = _mm_shuffle_epi32::<0x1B>(hgfe);
    (_mm_alignr_epi8::<8>(cdab, efgh), _mm_blend_epi16::<0xF0>(efgh, cdab))
}

/// From the order of the instructions to the order of FIPS 180-4.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn store_state(state: &mut State, abef: __m128i, cdgh: __m128i) {
    let feba = _mm_shuffle_epi32::<0x1B>(abef);
    let dchg = _mm_shuffle_epi32::<0xB1>(cdgh);
    let (low, high) = state.split_at_mut(4);
    // SAFETY: each half holds four words, the 16 bytes that are written; the stores need no alignment.
    unsafe {
        _mm_storeu_si128(low.as_mut_ptr().cast(), _mm_blend_epi16::<0xF0>(feba, dchg));
        _mm_storeu_si128(high.as_mut_ptr().cast(), _mm_alignr_epi8::<8>(dchg, feba));
    }
}
