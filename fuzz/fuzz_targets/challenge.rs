//! What registries demand: read without panic, within limits, and refused with a code of the crate.

#![no_main]

use lacre_registry_client::CODES;
use lacre_registry_client::readers_of_untrusted_bytes::fuzz_challenges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    match fuzz_challenges(header) {
        Ok(challenges) => assert!((1..=16).contains(&challenges), "{challenges}"),
        Err(problem) => {
            assert!(CODES.contains(&problem.code()), "{problem:?}");
            assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
        }
    }
});
