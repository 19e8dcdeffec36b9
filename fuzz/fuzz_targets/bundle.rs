//! Sigstore bundles: what is read is written in one form, and that form is read as the same.

#![no_main]

use lacre_attest::{Bundle, CODES, KeyHint, Limits, Material};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { statement: 4096, depth: 16 };

fuzz_target!(|text: &[u8]| {
    let bundle = match Bundle::parse(text, &LIMITS) {
        Ok(bundle) => bundle,
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            return;
        }
    };
    let written = bundle.to_json();
    let again = Bundle::parse(&written, &LIMITS).expect("what is written is read");
    assert_eq!(again, bundle);
    assert_eq!(again.to_json(), written);
    assert!(bundle.log_entries() <= 32 && bundle.timestamps() <= 32);
    match bundle.material() {
        Material::PublicKey(hint) => {
            if let Some(text) = hint.text() {
                assert_ne!(KeyHint::parse(&text), KeyHint::Missing);
            }
            if let KeyHint::Key(key) = hint {
                assert_eq!(hint.names(key), Some(true));
                assert_eq!(KeyHint::parse(&key.hint()).names(key), Some(true));
                // A key that the bundle brings along is worth nothing, but it must not crash the check.
                let _ = bundle.envelope().verify(key);
            }
        }
        Material::Certificates(held) => assert!(held.certificates().iter().all(|der| !der.is_empty())),
        other => panic!("{other:?}"),
    }
    if bundle.log_entries() == 0 && bundle.timestamps() == 0 {
        let value: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
        assert_eq!(lacre_json::to_vec(&value), written, "keys in order");
    }
});
