//! A draft of a channel that waits where anybody could write: what is read of it is written as it was, and nothing is
//! published that nobody signed.

#![no_main]

use lacre_publish::channel::Draft;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Draft::parse(bytes, None) {
        Ok(draft) => {
            let written = draft.to_bytes().expect("what was read can be written");
            assert_eq!(Draft::parse(&written, None).expect("what was written can be read"), draft);
            // Whether enough keys of its own have signed it or not: neither is a panic.
            let _ = draft.pending();
            let _ = draft.finish();
        }
        Err(error) => assert!(error.code().starts_with("E-"), "{error:?}"),
    }
});
