//! Which instances run a release before it is current.

use lacre_hash::Sha256Digest;

use crate::Rollout;

/// Whether `instance` is in the share: the first 8 bytes of SHA-256 over `lacre canary v1`, a zero byte, the seed, a
/// zero byte and the instance, as a big-endian number, leave a remainder below the percentage when divided by 100.
///
/// So an instance that is in the share of 5 percent is in that of 20 with the same seed, and anyone can compute who is.
/// A seed has no zero byte, so no two pairs of seed and instance are hashed alike.
pub(super) fn draws(rollout: &Rollout, instance: &str) -> bool {
    let message = [b"lacre canary v1".as_slice(), rollout.seed.as_bytes(), instance.as_bytes()].join(&0);
    let digest = Sha256Digest::of(&message);
    let drawn = digest.as_bytes().iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    drawn % 100 < u64::from(rollout.percent)
}

#[cfg(test)]
mod tests {
    use super::draws;
    use crate::Rollout;

    fn rollout(percent: u8, seed: &str) -> Rollout {
        Rollout { percent, seed: seed.to_owned(), version: "1".parse().unwrap() }
    }

    // Made with `hashlib` of Python 3 from the definition.
    #[test]
    fn the_share_is_the_one_that_others_compute() {
        for (seed, instance, drawn) in
            [("a", "pod-0", 13), ("a", "pod-1", 60), ("2026", "node/7", 55), ("Zz9", "é", 50)]
        {
            assert!(!draws(&rollout(drawn, seed), instance), "{seed} {instance}");
            assert!(draws(&rollout(drawn + 1, seed), instance), "{seed} {instance}");
        }
    }
}
