//! Stamps of files, as the user's cache holds them: what is read is written in one form, and is of one model and one
//! machine. The checksum is made here, from its definition: without it nothing behind it would ever be reached.

#![no_main]

use lacre_hash::Blake3Digest;
use lacre_manifest::{MachineId, ModelIdentity, Stamps, StampsError};
use libfuzzer_sys::fuzz_target;

const ID: &str = "00112233445566778899aabbccddeeff";

fn checked(body: &[u8], identity: &ModelIdentity) -> Vec<u8> {
    let checksum = Blake3Digest::derive("lacre 2026 stamps v1", [identity.to_string().as_bytes(), body]);
    [body, checksum.as_bytes()].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let machine = MachineId::parse(ID).expect("an id");
    let other = MachineId::parse("ffeeddccbbaa99887766554433221100").expect("an id");
    let identity = ModelIdentity::from_hex(&"5a".repeat(32)).expect("hexadecimal");
    let stranger = ModelIdentity::from_hex(&"a5".repeat(32)).expect("hexadecimal");

    // As it comes, as a body, and as what stands behind a good header.
    let machine_bytes = Blake3Digest::derive("lacre 2026 machine id v1", [ID.as_bytes()]);
    let count = (bytes.len() as u64 / 40).to_le_bytes();
    let whole = [b"lacre stamps v1\n".as_slice(), machine_bytes.as_bytes(), &count, bytes].concat();
    for text in [bytes.to_vec(), checked(bytes, &identity), checked(&whole, &identity)] {
        let Ok(stamps) = Stamps::parse(&text, &identity, &machine) else { continue };
        assert_eq!(text.len(), 56 + 40 * stamps.len() + 32);
        assert!(stamps.usable() <= stamps.len());
        assert_eq!(stamps.to_bytes(&identity, &machine), text);
        assert!(matches!(Stamps::parse(&text, &identity, &other), Err(StampsError::OtherMachine)));
        assert!(matches!(Stamps::parse(&text, &stranger, &machine), Err(StampsError::Corrupt(_))));
    }
});
