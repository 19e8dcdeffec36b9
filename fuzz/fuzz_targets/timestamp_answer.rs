//! Answers of timestamp authorities: only what answers the question is taken, and it is kept as it came.

#![no_main]

use lacre_sign::TimestampQuery;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &[u8]| {
    let query = TimestampQuery::with_nonce(b"a signature", 4711);
    match query.accept(answer) {
        Ok(timestamp) => {
            assert_eq!(timestamp.response(), answer);
            // The same answer is none to another question.
            assert!(TimestampQuery::with_nonce(b"a signature", 99).accept(answer).is_err());
            assert!(TimestampQuery::with_nonce(b"another", 4711).accept(answer).is_err());
        }
        Err(said) => assert!(!said.is_empty() && !said.contains('\u{1b}'), "{said:?}"),
    }
});
