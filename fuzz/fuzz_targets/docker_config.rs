//! Files of credentials: refused with a code of the crate, and never with a value of theirs in the message.

#![no_main]

use lacre_registry_client::CODES;
use lacre_registry_client::readers_of_untrusted_bytes::fuzz_docker_config;
use libfuzzer_sys::fuzz_target;

/// Stands for a secret: inputs have it where values are.
const SECRET: &str = "hunter2";

fuzz_target!(|text: &[u8]| {
    if let Err(problem) = fuzz_docker_config(text, "a.test", "org/m") {
        assert!(CODES.contains(&problem.code()), "{problem:?}");
        let shown = problem.to_string();
        // A key is named, and may be anything.
        let key = shown.contains("stands twice") || shown.contains('(');
        assert!(key || !shown.contains(SECRET), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
});
