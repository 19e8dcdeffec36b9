//! One message for each 32-bit lane of an AVX-512 vector: 8 messages in 256 bits, 16 in 512.
//!
//! A vector holds the same word of every message, so that a round is written as in FIPS 180-4 and works on all messages at
//! once. `vprold` rotates and `vpternlogd` computes Ch, Maj and the three-way exclusive or in one instruction each.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_set_epi64x, _mm256_add_epi32, _mm256_loadu_si256, _mm256_permute2x128_si256,
    _mm256_ror_epi32, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi32, _mm256_storeu_si256, _mm256_ternarylogic_epi32, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm512_add_epi32,
    _mm512_broadcast_i32x4, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::constants::{Block, ROUND, State};

/// Truth tables of `vpternlogd` for three inputs.
const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xCA;
const MAJORITY: i32 = 0xE8;

/// Writes the kernel for one width of vector.
macro_rules! kernel {
    (
        $(#[$doc:meta])*
        $name:ident, $features:literal, $vector:ty, $lanes:literal,
        $splat:ident, $add:ident, $ror:ident, $shr:ident, $ternary:ident,
        $load:ident, $load_states:ident, $store_states:ident
    ) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(super) fn $name(states: &mut [State; $lanes], inputs: [&[Block]; $lanes]) {
            /// One round on `state`, whose word `a` is at index `8 - round % 8`: no word is ever moved.
            macro_rules! round {
                ($state:ident, $round:literal, $input:expr) => {
                    let [a, b, c, d, e, f, g, h] = [
                        (8 - $round % 8) % 8, (9 - $round % 8) % 8, (10 - $round % 8) % 8, (11 - $round % 8) % 8,
                        (12 - $round % 8) % 8, (13 - $round % 8) % 8, (14 - $round % 8) % 8, (15 - $round % 8) % 8,
                    ];
                    let e6 = $ror::<6>($state[e]);
                    let e11 = $ror::<11>($state[e]);
                    let e25 = $ror::<25>($state[e]);
                    let sum1 = $ternary::<XOR>(e6, e11, e25);
                    let choice = $ternary::<CHOOSE>($state[e], $state[f], $state[g]);
                    let first = $add($add($state[h], $input), $add(sum1, choice));
                    let a2 = $ror::<2>($state[a]);
                    let a13 = $ror::<13>($state[a]);
                    let a22 = $ror::<22>($state[a]);
                    let sum0 = $ternary::<XOR>(a2, a13, a22);
                    let majority = $ternary::<MAJORITY>($state[a], $state[b], $state[c]);
                    $state[d] = $add($state[d], first);
                    $state[h] = $add(first, $add(sum0, majority));
                };
            }
            /// Replaces the oldest of the sixteen schedule words by the next one.
            macro_rules! schedule {
                ($words:ident, $at:literal) => {
                    let near = $words[($at + 1) % 16];
                    let far = $words[($at + 14) % 16];
                    let small0 = $ternary::<XOR>($ror::<7>(near), $ror::<18>(near), $shr::<3>(near));
                    let small1 = $ternary::<XOR>($ror::<17>(far), $ror::<19>(far), $shr::<10>(far));
                    $words[$at] = $add($add($words[$at], small0), $add($words[($at + 9) % 16], small1));
                };
            }
            macro_rules! sixteen {
                ($each:ident) => {
                    $each!(0); $each!(1); $each!(2); $each!(3); $each!(4); $each!(5); $each!(6); $each!(7);
                    $each!(8); $each!(9); $each!(10); $each!(11); $each!(12); $each!(13); $each!(14); $each!(15);
                };
            }
            let count = inputs.iter().map(|input| input.len()).min().unwrap_or(0);
            let inputs = inputs.map(|input| &input[..count]);
            let mut state = $load_states(states);
            for at in 0..count {
                let before = state;
                let mut words = $load(&inputs, at);
                macro_rules! first {
                    ($round:literal) => {
                        round!(state, $round, $add(words[$round], $splat(ROUND[$round].cast_signed())));
                    };
                }
                sixteen!(first);
                for constants in ROUND[16..].chunks_exact(16) {
                    macro_rules! later {
                        ($round:literal) => {
                            schedule!(words, $round);
                            round!(state, $round, $add(words[$round], $splat(constants[$round].cast_signed())));
                        };
                    }
                    sixteen!(later);
                }
                for (word, old) in state.iter_mut().zip(before) {
                    *word = $add(*word, old);
                }
            }
            $store_states(states, &state);
        }
    };
}

kernel!(
    /// Advances 8 states over their blocks, as many as the shortest input has.
    compress8, "avx512f,avx512vl,avx2", __m256i, 8,
    _mm256_set1_epi32, _mm256_add_epi32, _mm256_ror_epi32, _mm256_srli_epi32,
    _mm256_ternarylogic_epi32, load8, load_states8, store_states8
);

kernel!(
    /// Advances 16 states over their blocks, as many as the shortest input has.
    compress16, "avx512f,avx512bw", __m512i, 16,
    _mm512_set1_epi32, _mm512_add_epi32, _mm512_ror_epi32, _mm512_srli_epi32,
    _mm512_ternarylogic_epi32, load16, load_states16, store_states16
);

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn load_states8(states: &[State; 8]) -> [__m256i; 8] {
    let mut rows = [_mm256_setzero_si256(); 8];
    for (row, state) in rows.iter_mut().zip(states) {
        // SAFETY: a state is the 32 bytes that are read; the load needs no alignment.
        *row = unsafe { _mm256_loadu_si256(state.as_ptr().cast()) };
    }
    transpose8(rows)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn store_states8(states: &mut [State; 8], words: &[__m256i; 8]) {
    for (state, row) in states.iter_mut().zip(transpose8(*words)) {
        // SAFETY: a state is the 32 bytes that are written; the store needs no alignment.
        unsafe { _mm256_storeu_si256(state.as_mut_ptr().cast(), row) };
    }
}

/// The sixteen words of block `at` of 8 messages.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn load8(inputs: &[&[Block]; 8], at: usize) -> [__m256i; 16] {
    let swap = _mm256_set_epi64x(
        0x0C0D_0E0F_0809_0A0B,
        0x0405_0607_0001_0203,
        0x0C0D_0E0F_0809_0A0B,
        0x0405_0607_0001_0203,
    );
    let mut words = [_mm256_setzero_si256(); 16];
    for (half, words) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut rows = [_mm256_setzero_si256(); 8];
        for (row, input) in rows.iter_mut().zip(inputs) {
            let bytes = &input[at][32 * half..32 * half + 32];
            // SAFETY: the slice holds the 32 bytes that are read; the load needs no alignment.
            *row = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        }
        for (word, column) in words.iter_mut().zip(transpose8(rows)) {
            *word = _mm256_shuffle_epi8(column, swap);
        }
    }
    words
}

/// Rows to columns of an 8 by 8 matrix of words.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn transpose8(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = rows;
    for at in 0..4 {
        pairs[2 * at] = _mm256_unpacklo_epi32(rows[2 * at], rows[2 * at + 1]);
        pairs[2 * at + 1] = _mm256_unpackhi_epi32(rows[2 * at], rows[2 * at + 1]);
    }
    // quads[4 * half + n]: in its two halves the words n and n + 4 of the rows 4 * half to 4 * half + 3.
    let mut quads = rows;
    for half in [0, 4] {
        quads[half] = _mm256_unpacklo_epi64(pairs[half], pairs[half + 2]);
        quads[half + 1] = _mm256_unpackhi_epi64(pairs[half], pairs[half + 2]);
        quads[half + 2] = _mm256_unpacklo_epi64(pairs[half + 1], pairs[half + 3]);
        quads[half + 3] = _mm256_unpackhi_epi64(pairs[half + 1], pairs[half + 3]);
    }
    let mut columns = rows;
    for at in 0..4 {
        columns[at] = _mm256_permute2x128_si256::<0x20>(quads[at], quads[at + 4]);
        columns[at + 4] = _mm256_permute2x128_si256::<0x31>(quads[at], quads[at + 4]);
    }
    columns
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_states16(states: &[State; 16]) -> [__m512i; 8] {
    let mut words = [_mm512_setzero_si512(); 8];
    for (at, word) in words.iter_mut().enumerate() {
        let mut column = [0_u32; 16];
        for (lane, state) in column.iter_mut().zip(states) {
            *lane = state[at];
        }
        // SAFETY: the array is the 64 bytes that are read; the load needs no alignment.
        *word = unsafe { _mm512_loadu_si512(column.as_ptr().cast()) };
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_states16(states: &mut [State; 16], words: &[__m512i; 8]) {
    for (at, word) in words.iter().enumerate() {
        let mut column = [0_u32; 16];
        // SAFETY: the array is the 64 bytes that are written; the store needs no alignment.
        unsafe { _mm512_storeu_si512(column.as_mut_ptr().cast(), *word) };
        for (lane, state) in column.iter().zip(states.iter_mut()) {
            state[at] = *lane;
        }
    }
}

/// The sixteen words of block `at` of 16 messages.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load16(inputs: &[&[Block]; 16], at: usize) -> [__m512i; 16] {
    let swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203));
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, input) in rows.iter_mut().zip(inputs) {
        // SAFETY: a block is the 64 bytes that are read; the load needs no alignment.
        *row = unsafe { _mm512_loadu_si512(input[at].as_ptr().cast()) };
    }
    let mut words = transpose16(&rows);
    for word in &mut words {
        *word = _mm512_shuffle_epi8(*word, swap);
    }
    words
}

/// Rows to columns of a 16 by 16 matrix of words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose16(rows: &[__m512i; 16]) -> [__m512i; 16] {
    // quads[4 * group + n]: in its four quarters the words n, n + 4, n + 8, n + 12 of the four rows of the group.
    let mut quads = *rows;
    for group in [0, 4, 8, 12] {
        let low01 = _mm512_unpacklo_epi32(rows[group], rows[group + 1]);
        let high01 = _mm512_unpackhi_epi32(rows[group], rows[group + 1]);
        let low23 = _mm512_unpacklo_epi32(rows[group + 2], rows[group + 3]);
        let high23 = _mm512_unpackhi_epi32(rows[group + 2], rows[group + 3]);
        quads[group] = _mm512_unpacklo_epi64(low01, low23);
        quads[group + 1] = _mm512_unpackhi_epi64(low01, low23);
        quads[group + 2] = _mm512_unpacklo_epi64(high01, high23);
        quads[group + 3] = _mm512_unpackhi_epi64(high01, high23);
    }
    let mut columns = *rows;
    for at in 0..4 {
        let near_even = _mm512_shuffle_i32x4::<0x88>(quads[at], quads[at + 4]);
        let near_odd = _mm512_shuffle_i32x4::<0xDD>(quads[at], quads[at + 4]);
        let far_even = _mm512_shuffle_i32x4::<0x88>(quads[at + 8], quads[at + 12]);
        let far_odd = _mm512_shuffle_i32x4::<0xDD>(quads[at + 8], quads[at + 12]);
        columns[at] = _mm512_shuffle_i32x4::<0x88>(near_even, far_even);
        columns[at + 8] = _mm512_shuffle_i32x4::<0xDD>(near_even, far_even);
        columns[at + 4] = _mm512_shuffle_i32x4::<0x88>(near_odd, far_odd);
        columns[at + 12] = _mm512_shuffle_i32x4::<0xDD>(near_odd, far_odd);
    }
    columns
}
