//! Timestamps: nothing crashes, and no other bytes are ever accepted under the same time.

#![no_main]

use lacre_verify::{TimeSource, TimestampAuthorities, verify_token};
use libfuzzer_sys::fuzz_target;

const CHAIN: &[u8] = include_bytes!("../corpus/certificate/tsa-root.der");
const OVER: &[u8] = b"the bytes of a signature";

fuzz_target!(|bytes: &[u8]| {
    let authorities = TimestampAuthorities::new().and_der(&[CHAIN.to_vec()]).expect("a good root");
    match verify_token(bytes, OVER, &authorities) {
        Ok(time) => {
            assert!(matches!(time.source(), TimeSource::Timestamp { .. }));
            let other = verify_token(bytes, b"other bytes", &authorities);
            assert_eq!(other.map_err(|error| error.code()), Err("E-TIMESTAMP"));
        }
        Err(error) => {
            assert_eq!(error.code(), "E-TIMESTAMP", "{error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
});
