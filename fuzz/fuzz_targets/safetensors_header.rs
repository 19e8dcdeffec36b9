//! Headers of safetensors files, against the reference reader: what it refuses is refused, and what is taken means the same
//! to it.
//!
//! The input is a whole file; or, if it begins with a line that is a number, the header of a file with that many bytes of
//! data.

#![no_main]

use std::collections::BTreeMap;

use lacre_weights::CODES;
use lacre_weights::safetensors::{Header, HeaderPlace};
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

/// Most bytes of data of a header that stands alone.
const MOST_DATA: usize = 1 << 16;

fn file(bytes: &[u8]) -> Vec<u8> {
    let parts = bytes.iter().position(|&byte| byte == b'\n').map(|at| bytes.split_at(at));
    let data = parts.and_then(|(data, _)| str::from_utf8(data).ok()?.parse::<usize>().ok());
    match (data, parts) {
        (Some(data), Some((_, header))) if data <= MOST_DATA => {
            let header = &header[1..];
            [&(header.len() as u64).to_le_bytes()[..], header, &vec![0; data]].concat()
        }
        _ => bytes.to_vec(),
    }
}

fn at(place: u64) -> usize {
    usize::try_from(place).expect("within the file")
}

fuzz_target!(|bytes: &[u8]| {
    let file = file(bytes);
    let header = match Header::from_slice(&file) {
        Ok(header) => header,
        Err(error) => {
            assert!(CODES.contains(&error.code()));
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return;
        }
    };
    let theirs = SafeTensors::deserialize(&file).expect("taken here, so taken there");
    let (_, metadata) = SafeTensors::read_metadata(&file).expect("taken before");
    let texts: BTreeMap<String, String> =
        metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    assert_eq!(*header.metadata(), texts);
    assert_eq!(header.tensors().len(), theirs.len());
    let mut end = header.data_start();
    for tensor in header.tensors() {
        let place = tensor.place();
        assert_eq!(place.start, end, "one behind the other");
        end = place.end;
        assert_eq!(header.tensor(tensor.name()), Some(tensor));
        let view = theirs.tensor(tensor.name()).expect("the same names");
        assert_eq!(format!("{:?}", view.dtype()), tensor.dtype().name());
        assert!(view.shape().iter().map(|&size| size as u64).eq(tensor.shape().iter().copied()));
        let data = &file[at(place.start)..at(place.end)];
        assert_eq!((view.data().as_ptr(), view.data().len()), (data.as_ptr(), data.len()));
    }
    assert_eq!(end, file.len() as u64, "to the end of the file");

    // Whoever has but the header reads the same.
    let place = HeaderPlace::read(&file[..8], file.len() as u64).expect("read before");
    let range = place.range();
    assert_eq!(place.header(&file[at(range.start)..at(range.end)]), Ok(header));
});
