//! Statements about manifests, as others sign them, and predicates that a user has signed.

#![no_main]

use lacre_attest::{AttestError, CODES, Limits, ManifestClaim, Statement};
use lacre_hash::Sha256Digest;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { statement: 1 << 20, depth: 32 };

fn read(payload: &[u8]) -> Result<ManifestClaim, AttestError> {
    ManifestClaim::from_statement(&Statement::parse_any_version(payload, &LIMITS)?)
}

/// What was accepted is written in one form, and that is read as the same.
fn written_and_read(claim: &ManifestClaim) {
    let written = match claim.to_statement(&LIMITS) {
        Ok(written) => written,
        Err(error) => return assert_eq!(error.code(), "E-LIMIT"),
    };
    assert_eq!(read(&written).as_ref(), Ok(claim));
    // Lacre's own form is of v1.
    assert!(Statement::parse(&written, &LIMITS).is_ok());
    assert!(serde_json::from_str::<serde_json::Map<_, _>>(claim.predicate().get()).is_ok(), "an object");
}

fuzz_target!(|bytes: &[u8]| {
    match read(bytes) {
        Ok(claim) => {
            assert!(!claim.manifests().is_empty());
            if claim.is_signature() {
                let said: serde_json::Value = serde_json::from_str(claim.predicate().get()).expect("JSON");
                assert_eq!(said, serde_json::json!({}));
            }
            written_and_read(&claim);
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
    match ManifestClaim::attestation(vec![Sha256Digest::of(b"")], "urn:x", bytes) {
        Ok(claim) => {
            assert!(!claim.is_signature());
            written_and_read(&claim);
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
});
