//! The index of an encrypted artifact: read without panic, and refused with a code of the crate.

#![no_main]

use lacre_registry_client::CODES;
use lacre_registry_client::readers_of_untrusted_bytes::fuzz_index;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(code) = fuzz_index(bytes) {
        assert!(CODES.contains(&code), "{code}");
    }
});
