//! Revocation lists: nothing crashes; what is no list, or says less than everything, is refused where it is loaded.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use lacre_verify::{Anchors, CODES, ChainInput, Crls, TrustedTime, verify_chain};
use libfuzzer_sys::fuzz_target;

const ROOT: &[u8] = include_bytes!("../corpus/certificate/root.der");
const MIDDLE: &[u8] = include_bytes!("../corpus/certificate/middle.der");
const LEAF: &[u8] = include_bytes!("../corpus/certificate/leaf.der");
const LIST_OF_ROOT: &[u8] = include_bytes!("../corpus/crl/root.der");

fuzz_target!(|bytes: &[u8]| {
    let lists = match Crls::from_der([bytes]) {
        Ok(lists) => lists,
        Err(error) => {
            assert_eq!(error.code(), "E-REVOCATION-UNKNOWN");
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return;
        }
    };
    let crls = lists.and(Crls::from_der([LIST_OF_ROOT]).expect("a good list"));
    let anchors = Anchors::from_der([ROOT]).expect("a good root");
    let now = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let given = [LEAF.to_vec(), MIDDLE.to_vec()];
    let at = [TrustedTime::now(now)];
    let input = ChainInput { leaf_first: &given, anchors: &anchors, crls: Some(&crls), at: &at, now };
    if let Err(error) = verify_chain(input) {
        assert!(CODES.contains(&error.code()), "{error:?}");
        assert!(error.code().contains("REV"), "the chain itself is good: {error:?}");
    }
});
