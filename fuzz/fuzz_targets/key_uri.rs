//! Words that name a signer: refused with a code of the crate, and never with the value of a PIN.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use lacre_sign::{CODES, KeyUri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|word: &[u8]| {
    match KeyUri::parse(OsStr::from_bytes(word)) {
        Ok(KeyUri::Pkcs11(uri)) => {
            let text = std::str::from_utf8(word).expect("a URI is text");
            assert!(!text.split(['?', '&', ';', ':']).any(|part| part.starts_with("pin-value=")), "{uri:?}");
        }
        Ok(KeyUri::File(path)) => {
            assert_eq!(path.as_os_str().as_bytes(), word);
            for scheme in ["awskms:", "exec:", "pkcs11:", "ssh-agent:"] {
                assert!(!word.starts_with(scheme.as_bytes()), "{}", path.display());
            }
        }
        Ok(_) => {}
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
    }
});
