//! Files of age recipients and identities: what is read is written so that it is read again.

#![no_main]

use lacre_encrypt::{CODES, Identities, Recipients};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Identities::parse(bytes) {
        Ok(identities) => {
            let again = Identities::parse(identities.to_file().as_bytes()).expect("what was written is read");
            assert_eq!(again.recipients(), identities.recipients());
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error}"),
    }
    match Recipients::parse(&String::from_utf8_lossy(bytes)) {
        // Sealing for whatever was taken must not panic.
        Ok(recipients) => drop(recipients.seal(Vec::new()).expect("a recipient that was taken")),
        Err(error) => assert!(CODES.contains(&error.code()), "{error}"),
    }
});
