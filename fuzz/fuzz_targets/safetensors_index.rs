//! Indexes of safetensors files: what they name stays in their folder, and files that are as one says agree with it.

#![no_main]

use std::collections::BTreeMap;

use lacre_weights::safetensors::{Header, Index, IndexProblem, Sharded};
use lacre_weights::{CODES, WeightsError};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// The header of a file with these tensors, of a byte each.
fn header(tensors: &[&str]) -> Header {
    let described: serde_json::Map<String, Value> = tensors
        .iter()
        .enumerate()
        .map(|(at, &name)| {
            (name.to_owned(), json!({"dtype": "U8", "shape": [1], "data_offsets": [at, at + 1]}))
        })
        .collect();
    let header = serde_json::to_vec(&described).expect("JSON");
    let file = [&(header.len() as u64).to_le_bytes()[..], &header, &vec![0; tensors.len()]].concat();
    Header::from_slice(&file).expect("a good header")
}

fuzz_target!(|bytes: &[u8]| {
    let index = match Index::from_slice(bytes) {
        Ok(index) => index,
        Err(error) => {
            assert!(CODES.contains(&error.code()));
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return;
        }
    };
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tensor, file) in index.tensors() {
        assert_eq!(index.file_of(tensor), Some(file));
        files.entry(file).or_default().push(tensor);
    }
    assert!(index.files().eq(files.keys().copied()));
    for file in index.files() {
        assert!(file.len() > ".safetensors".len() && file.ends_with(".safetensors"), "{file:?}");
        assert!(!file.contains(['/', '\\', ':', '\0', '\n', '\u{1b}']), "{file:?}");
    }
    // A tensor of this name is the metadata, and cannot be written.
    if index.file_of("__metadata__").is_some() {
        return;
    }
    let mut headers: BTreeMap<String, Header> =
        files.iter().map(|(file, tensors)| ((*file).to_owned(), header(tensors))).collect();
    let count = index.tensors().count() as u64;
    match Sharded::new(index.clone(), headers.clone()) {
        Ok(sharded) => {
            assert!(index.total_size().is_none_or(|size| size == count));
            for (tensor, file) in index.tensors() {
                let (found, described) = sharded.tensor(tensor).expect("it is listed");
                assert_eq!((found, described.name()), (file, tensor));
            }
        }
        Err(WeightsError::SafetensorsIndex(IndexProblem::TotalSize { said, found })) => {
            assert!(said != found && found == count && index.total_size() == Some(said));
        }
        Err(error) => panic!("{error}"),
    }
    if headers.pop_first().is_some() {
        let error = Sharded::new(index, headers).expect_err("a file is missing");
        assert!(matches!(error, WeightsError::SafetensorsIndex(IndexProblem::MissingFile { .. })), "{error}");
    }
});
