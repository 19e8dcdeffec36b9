//! How much work a key file may ask for before it opens: bounds that are checked before anything is derived.

use super::{KeyFault, malformed};

/// Largest accepted scrypt cost N (RFC 7914): eight times what is written in PKCS#8, twice what cosign writes.
const SCRYPT_N_LIMIT: u64 = 1 << 17;
/// Largest memory that scrypt may take, 128·r·N and 128·r·p bytes, in bytes.
const SCRYPT_MEMORY_LIMIT: u64 = 128 << 20;
/// Largest accepted product N·r·p, which the time of scrypt is proportional to.
const SCRYPT_WORK_LIMIT: u64 = 1 << 22;
/// Largest accepted count of PBKDF2 iterations (RFC 8018, section 5.2).
const PBKDF2_LIMIT: u64 = 10_000_000;
/// Largest accepted count of rounds of `bcrypt_pbkdf`. `ssh-keygen` writes 16 or 24 by itself; a round takes milliseconds.
const BCRYPT_LIMIT: u64 = 1024;

/// Checks the parameters of scrypt.
pub(super) fn scrypt(n: u64, r: u64, p: u64) -> Result<(), KeyFault> {
    // RFC 7914, section 2: N is a power of two above one. The libraries below assume it.
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(malformed("its scrypt parameters are not valid"));
    }
    at_most("scrypt N", n, SCRYPT_N_LIMIT)?;
    at_most(
        "scrypt memory in bytes",
        128_u64.saturating_mul(r).saturating_mul(n.max(p)),
        SCRYPT_MEMORY_LIMIT,
    )?;
    at_most("scrypt work (N * r * p)", n.saturating_mul(r).saturating_mul(p), SCRYPT_WORK_LIMIT)
}

/// Checks the count of iterations of PBKDF2.
pub(super) fn pbkdf2(iterations: u64) -> Result<(), KeyFault> {
    if iterations == 0 {
        return Err(malformed("its PBKDF2 has no iterations"));
    }
    at_most("PBKDF2 iterations", iterations, PBKDF2_LIMIT)
}

/// Checks the count of rounds of `bcrypt_pbkdf`.
pub(super) fn bcrypt(rounds: u64) -> Result<(), KeyFault> {
    if rounds == 0 {
        return Err(malformed("its bcrypt has no rounds"));
    }
    at_most("bcrypt rounds", rounds, BCRYPT_LIMIT)
}

fn at_most(parameter: &'static str, value: u64, limit: u64) -> Result<(), KeyFault> {
    if value > limit { Err(KeyFault::Limit { parameter, value, limit }) } else { Ok(()) }
}
