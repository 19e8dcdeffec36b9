//! Chains of certificates: nothing crashes, and nothing is accepted that a good anchor did not sign.

#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lacre_verify::{Anchors, CODES, CertificateIdentity, ChainInput, TrustedTime, verify_chain};
use libfuzzer_sys::fuzz_target;

const ROOT: &[u8] = include_bytes!("../corpus/certificate/root.der");

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_780_000_000)
}

fn check(given: &[Vec<u8>], anchors: &Anchors) {
    let at = [TrustedTime::now(now())];
    match verify_chain(ChainInput { leaf_first: given, anchors, crls: None, at: &at, now: now() }) {
        Ok(leaf) => {
            assert!(leaf.not_before() <= now() && now() <= leaf.not_after());
            assert!(leaf.matches(&CertificateIdentity::Spki(*leaf.spki_sha256())).is_ok());
            assert!((1..=8).contains(&leaf.chain_fingerprints().len()));
            assert!(leaf.warnings().iter().all(|line| !line.contains(char::is_control)));
        }
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}

/// Certificates in a row: each begins with the length of its DER.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [0x30, 0x82, high, low, ..] = bytes {
        let length = (usize::from(*high) << 8 | usize::from(*low)) + 4;
        let Some((one, rest)) = bytes.split_at_checked(length) else { break };
        found.push(one.to_vec());
        bytes = rest;
    }
    if found.is_empty() || !bytes.is_empty() {
        found.push(bytes.to_vec());
    }
    found
}

fuzz_target!(|bytes: &[u8]| {
    let given = split(bytes);
    check(&given, &Anchors::from_der([ROOT]).expect("a good root"));
    // What comes is its own anchor, too: rules are reached that no signature of the root leads to.
    match Anchors::from_der(&given) {
        Ok(anchors) => check(&given, &anchors),
        Err(error) => assert_eq!(error.code(), "E-ANCHOR"),
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Err(error) = Anchors::from_pem(text)
    {
        assert_eq!(error.code(), "E-ANCHOR");
    }
});
