//! Lists of chunks: one is believed only for the digest that it gives, and is written as it was read.

#![no_main]

use lacre_hash::{Blake3Digest, ChunkList, HashError};
use libfuzzer_sys::fuzz_target;

const MIB: u64 = 1024 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let whole = (bytes.len() as u64 / 32) * MIB;
    let stranger = Blake3Digest::of(b"another file");
    for size in [whole, whole.saturating_sub(1), whole + 1, u64::MAX] {
        match ChunkList::prove(bytes, size, &stranger) {
            // A file of one group is its own proof.
            Ok(list) => assert!(list.groups().is_empty() && bytes.is_empty() && size <= MIB),
            Err(HashError::ChunkRoot { found, .. }) => {
                let list = ChunkList::prove(bytes, size, &found).expect("it gives this digest");
                assert_eq!(list.to_bytes(), bytes);
                assert_eq!(list.root(), Some(found));
            }
            Err(error) => assert_eq!(error.code(), "E-CHUNKS"),
        }
    }
});
