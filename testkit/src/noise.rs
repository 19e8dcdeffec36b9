//! Bytes that look random and are the same on every machine.

/// `length` bytes that follow from `seed` alone (`SplitMix64`, little endian).
///
/// ```
/// assert_eq!(lacre_testkit::noise(1, 10), lacre_testkit::noise(1, 20)[..10]);
/// assert_ne!(lacre_testkit::noise(1, 10), lacre_testkit::noise(2, 10));
/// ```
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_first_values_of_splitmix64() {
        // The sequence for seed 1234567 that Rosetta Code gives for this generator.
        let words: Vec<u64> =
            noise(1_234_567, 24).chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_length_is_exact() {
        for length in [0, 1, 7, 8, 9, 4096] {
            assert_eq!(noise(7, length).len(), length);
        }
    }
}
