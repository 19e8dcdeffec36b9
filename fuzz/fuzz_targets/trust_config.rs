//! Configurations of a Sigstore: what is taken says where the identity will be published.

#![no_main]

use lacre_sign::{CODES, TrustConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    match TrustConfig::from_json(text) {
        Ok(config) => {
            let [authority, log] = config.public_places();
            assert!(authority.starts_with("https://") || authority.starts_with("http://"), "{authority}");
            assert!(log.starts_with("https://") || log.starts_with("http://"), "{log}");
            assert!(!format!("{authority}{log}").contains(char::is_control));
        }
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
});
