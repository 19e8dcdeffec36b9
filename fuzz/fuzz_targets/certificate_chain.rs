//! Certificates in PEM, as a signer is given them.

#![no_main]

use lacre_sign::{CODES, CertificateChain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match CertificateChain::from_pem(text) {
        Ok(chain) => assert!(!chain.subject().contains(['\u{1b}', '\n'])),
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
});
