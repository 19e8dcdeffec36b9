//! Policies in TOML and JSON: what is read says of every name which rule decides, and what is not read says where.

#![no_main]

use std::path::Path;

use lacre_verify::{Policy, VerifyError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What a policy names is read: a device would never end.
    if ["/dev", "/proc", "\\"].iter().any(|part| text.contains(part)) {
        return;
    }
    // Nothing is there that it could name beside itself.
    match Policy::parse(text, Path::new("/dev/null/policy.toml")) {
        Ok(policy) => {
            assert!(!policy.rules().is_empty());
            for (repository, model) in [(None, ""), (None, "org/a"), (Some("ghcr.io/org/a"), "org/a/b")] {
                if let Ok(rule) = policy.rule_for(repository, model) {
                    assert!(rule.is_about(repository, model));
                }
            }
        }
        Err(VerifyError::PolicyFile(fault)) => {
            assert!(!fault.to_string().contains(char::is_control), "{fault}");
            if let Some(spot) = fault.spot {
                assert!(spot.line >= 1 && spot.column >= 1 && spot.bytes.end <= text.len(), "{spot:?}");
            }
        }
        Err(other) => panic!("{other:?}"),
    }
});
