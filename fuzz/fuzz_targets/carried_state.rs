//! A state on its way between machines: a key that signed nothing vouches for nothing.

#![no_main]

use std::sync::OnceLock;

use lacre_attest::PublicKey;
use lacre_deliver::CarriedState;
use lacre_sign::FileKey;
use libfuzzer_sys::fuzz_target;

fn stranger() -> &'static PublicKey {
    static KEY: OnceLock<FileKey> = OnceLock::new();
    KEY.get_or_init(|| FileKey::generate(lacre_attest::KeyAlgorithm::Ed25519).expect("a key")).public_key()
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(carried) = CarriedState::parse(bytes) else { return };
    assert_eq!(CarriedState::parse(&carried.to_bytes()).expect("what was written can be read"), carried);
    carried.verify(std::slice::from_ref(stranger())).expect_err("nobody signed it");
});
