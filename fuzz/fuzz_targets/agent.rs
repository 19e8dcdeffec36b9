//! What an SSH agent lists: keys that are read can be written again, and what is shown of them is harmless.

#![no_main]

use lacre_sign::AgentIdentity;
use libfuzzer_sys::fuzz_target;

const CODES: [&str; 3] = ["E-KEY", "E-SIGNER", "E-UNSUPPORTED"];

fuzz_target!(|answer: &[u8]| {
    let identities = match AgentIdentity::list(answer) {
        Ok(identities) => identities,
        Err(problem) => {
            assert_eq!(problem.code(), "E-SIGNER", "{problem}");
            return;
        }
    };
    let mut written = vec![12];
    written.extend(u32::try_from(identities.len()).expect("few").to_be_bytes());
    for identity in &identities {
        for string in [identity.key(), identity.comment()] {
            written.extend(u32::try_from(string.len()).expect("short").to_be_bytes());
            written.extend(string);
        }
        assert!(!identity.to_string().contains(char::is_control), "{identity}");
        match identity.public_key() {
            // The point is the end of both forms.
            Ok(key) => assert!(identity.key().ends_with(&key.to_der()[key.to_der().len() - 32..])),
            Err(problem) => assert!(CODES.contains(&problem.code()), "{problem}"),
        }
    }
    assert_eq!(written, answer);
});
