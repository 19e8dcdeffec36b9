//! The beginning of an age file, and what opens it: no panic, a bounded length, a code of the crate.

#![no_main]

use std::io::Read as _;
use std::sync::LazyLock;

use lacre_encrypt::{CODES, Head, Identities, LONGEST_HEAD, file_size, is_forged};
use libfuzzer_sys::fuzz_target;

/// The one of the tests of age's crate: the inputs to start from are for it.
static IDENTITIES: LazyLock<Identities> = LazyLock::new(|| {
    let key = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    Identities::parse(key.as_bytes()).expect("an identity")
});

fuzz_target!(|bytes: &[u8]| match Head::parse(bytes) {
    Ok(head) => {
        assert!(head.len() <= LONGEST_HEAD && bytes.starts_with(head.as_bytes()));
        let chunks = &bytes[head.len()..];
        match IDENTITIES.open(&head, 0, chunks) {
            Ok(mut opened) => {
                let mut content = Vec::new();
                match opened.read_to_end(&mut content) {
                    Ok(read) => {
                        assert_eq!(file_size(head.len() as u64, read as u64), Some(bytes.len() as u64));
                    }
                    Err(error) => assert!(is_forged(&error), "{error}"),
                }
            }
            Err(error) => assert!(CODES.contains(&error.code()), "{error}"),
        }
        // From elsewhere, too.
        if let Err(error) = IDENTITIES.open(&head, 1, chunks) {
            assert!(CODES.contains(&error.code()), "{error}");
        }
    }
    Err(error) => assert!(CODES.contains(&error.code()), "{error}"),
});
