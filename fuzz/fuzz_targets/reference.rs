//! References: what is read is shown in one form, and that form is read as the same.

#![no_main]

use lacre_registry_client::{CODES, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Reference::parse(text) {
        Ok(reference) => {
            assert!(Reference::is_reference(text));
            let shown = reference.to_string();
            assert_eq!(Reference::parse(&shown).expect("what is shown is read"), reference, "{shown:?}");
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
});
