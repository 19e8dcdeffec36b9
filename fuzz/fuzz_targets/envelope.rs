//! DSSE envelopes: what is read is written in one form, and that form is read as the same.

#![no_main]

use lacre_attest::{CODES, Envelope, IN_TOTO_PAYLOAD_TYPE, Limits, pae};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { statement: 4096, depth: 16 };

fuzz_target!(|text: &[u8]| {
    let envelope = match Envelope::parse(text, &LIMITS) {
        Ok(envelope) => envelope,
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            return;
        }
    };
    assert_eq!(envelope.payload_type(), IN_TOTO_PAYLOAD_TYPE);
    assert!((1..=LIMITS.statement).contains(&envelope.payload().len()));
    assert!(!envelope.signature().is_empty());
    assert_ne!(envelope.key_id(), Some(""));

    let written = envelope.to_json();
    assert_eq!(Envelope::parse(&written, &LIMITS).as_ref(), Ok(&envelope));
    let value: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(lacre_json::to_vec(&value), written, "keys in order");
    assert_eq!(value["signatures"].as_array().map(Vec::len), Some(1));

    let message = pae(envelope.payload_type(), envelope.payload());
    assert!(message.starts_with(b"DSSEv1 28 application/vnd.in-toto+json "));
    assert!(message.ends_with(envelope.payload()));
});
