//! Indexes of several safetensors files, and the files in their light.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;

use lacre_json::JsonError;
use lacre_weights::safetensors::{Header, Index, IndexProblem, MAX_INDEX, MAX_NAME, MAX_SHARDS, Sharded};
use lacre_weights::{CODES, WeightsError};
use serde_json::json;

const ONE: &str = "model-00001-of-00002.safetensors";
const TWO: &str = "model-00002-of-00002.safetensors";

fn problem<T: std::fmt::Debug>(outcome: Result<T, WeightsError>) -> IndexProblem {
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), "E-SAFETENSORS-INDEX");
    assert!(CODES.contains(&error.code()));
    assert!(!error.to_string().contains(char::is_control), "{error}");
    match error {
        WeightsError::SafetensorsIndex(problem) => problem,
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str) -> IndexProblem {
    problem(Index::from_slice(text.as_bytes()))
}

/// The header of a file with tensors of one byte each.
fn header(tensors: &[&str]) -> Header {
    let described: BTreeMap<&str, serde_json::Value> = tensors
        .iter()
        .enumerate()
        .map(|(at, &name)| (name, json!({"dtype": "U8", "shape": [1], "data_offsets": [at, at + 1]})))
        .collect();
    let header = serde_json::to_vec(&described).unwrap();
    let file = [&(header.len() as u64).to_le_bytes()[..], &header, &vec![0; tensors.len()]].concat();
    Header::from_slice(&file).unwrap()
}

fn index(total_size: Option<u64>) -> Index {
    let metadata = total_size.map_or(json!({}), |size| json!({"total_size": size}));
    let map = json!({"a": ONE, "b": ONE, "c": TWO});
    Index::from_slice(json!({"metadata": metadata, "weight_map": map}).to_string().as_bytes()).unwrap()
}

/// Files, and the tensors in them.
type Files<'a> = &'a [(&'a str, &'a [&'a str])];

fn sharded(index: Index, files: Files<'_>) -> Result<Sharded, WeightsError> {
    let headers = files.iter().map(|(name, tensors)| ((*name).to_owned(), header(tensors))).collect();
    Sharded::new(index, headers)
}

#[test]
fn an_index_says_which_tensor_lies_where() {
    // As `huggingface_hub` writes it: indented, keys sorted, a line's end behind it.
    let text = format!(
        "{{\n  \"metadata\": {{\n    \"total_parameters\": 3,\n    \"total_size\": 3\n  }},\n  \"weight_map\": {{\n    \
         \"b\": \"{ONE}\",\n    \"a\": \"{TWO}\",\n    \"c\": \"{ONE}\"\n  }}\n}}\n"
    );
    let index = Index::from_slice(text.as_bytes()).unwrap();
    assert_eq!(index.files().collect::<Vec<_>>(), [ONE, TWO]);
    assert_eq!(index.tensors().collect::<Vec<_>>(), [("a", TWO), ("b", ONE), ("c", ONE)]);
    assert_eq!((index.file_of("a"), index.file_of("d")), (Some(TWO), None));
    assert_eq!(index.total_size(), Some(3));
}

#[test]
fn the_total_may_be_missing_and_not_be_wrong() {
    for text in [
        r#"{"weight_map":{}}"#,
        r#"{"weight_map":{},"metadata":null}"#,
        r#"{"weight_map":{},"metadata":{}}"#,
        r#"{"weight_map":{},"metadata":{"total_size":null}}"#,
        r#"{"weight_map":{},"metadata":{"mflux_version":"0.9","quantization_level":{"bits":[4]}}}"#,
    ] {
        let index = Index::from_slice(text.as_bytes()).unwrap();
        assert_eq!((index.total_size(), index.files().len()), (None, 0), "{text}");
    }
    for total in ["26.0", "26.125", "-1", "\"26\"", "[26]", "18446744073709551616", "1e3"] {
        let text = format!("{{\"weight_map\":{{}},\"metadata\":{{\"total_size\":{total}}}}}");
        assert!(matches!(refused(&text), IndexProblem::Json(JsonError::Shape { .. })), "{total}");
    }
}

#[test]
fn what_is_no_index() {
    for text in [
        "{}",
        r#"{"metadata":{"total_size":1}}"#,
        r#"{"weight_map":null}"#,
        r#"{"weight_map":[]}"#,
        r#"{"weight_map":["a","f.safetensors"]}"#,
        r#"{"weight_map":{"a":1}}"#,
        r#"{"weight_map":{"a":["f.safetensors"]}}"#,
        r#"{"weight_map":{},"metadata":[26]}"#,
        r#"{"weight_map":{},"metadata":"x"}"#,
        r#"{"weight_map":{},"weights":{}}"#,
        r#"[null,{"a":"f.safetensors"}]"#,
        "null",
    ] {
        let problem = refused(text);
        assert!(matches!(problem, IndexProblem::Json(JsonError::Shape { .. })), "{text}: {problem}");
    }
    for text in ["", "{", r#"{"weight_map":{}}{}"#, "\u{feff}{\"weight_map\":{}}"] {
        assert!(matches!(refused(text), IndexProblem::Json(JsonError::Syntax { .. })), "{text}");
    }
    for text in [
        r#"{"weight_map":{"a":"f.safetensors","a":"g.safetensors"}}"#,
        r#"{"weight_map":{"a":"f.safetensors","\u0061":"g.safetensors"}}"#,
        r#"{"weight_map":{},"weight_map":{}}"#,
        r#"{"weight_map":{},"metadata":{"total_size":1,"total_size":2}}"#,
    ] {
        assert!(matches!(refused(text), IndexProblem::Json(JsonError::DuplicateKey { .. })), "{text}");
    }
    let deep = format!(
        "{{\"weight_map\":{{}},\"metadata\":{}{}}}",
        "{\"a\":".repeat(8),
        "1".to_owned() + &"}".repeat(8)
    );
    assert_eq!(refused(&deep), IndexProblem::Json(JsonError::TooDeep { limit: 8 }));
}

#[test]
fn files_that_are_not_plain_names() {
    for file in [
        "../model.safetensors",
        "..",
        ".",
        "",
        ".safetensors",
        "..safetensors",
        "...safetensors",
        "/etc/model.safetensors",
        "sub/model.safetensors",
        "sub\\model.safetensors",
        "C:model.safetensors",
        "model.safetensors:stream.safetensors",
        "a\u{0}.safetensors",
        "a\u{1b}[2J.safetensors",
        "a\u{9f}.safetensors",
        "a\n.safetensors",
        "model.bin",
        "pytorch_model-00001-of-00002.bin",
        "model.SAFETENSORS",
        "model.safetensors ",
        "model.safetensors/",
        "safetensors",
        &format!("{}.safetensors", "n".repeat(244)),
    ] {
        let text = json!({"weight_map": {"a": ONE, "b": file}}).to_string();
        assert!(matches!(refused(&text), IndexProblem::FileName { .. }), "{file:?}");
    }
    for file in [ONE, "a.safetensors", "größe 1.safetensors", &format!("{}.safetensors", "n".repeat(243))] {
        let text = json!({"weight_map": {"a": file}}).to_string();
        assert_eq!(Index::from_slice(text.as_bytes()).unwrap().files().collect::<Vec<_>>(), [file]);
    }
}

#[test]
fn limits_are_exact() {
    let map = |files: usize| {
        let map: BTreeMap<String, String> =
            (0..files).map(|file| (format!("t{file}"), format!("{file}.safetensors"))).collect();
        json!({"weight_map": map}).to_string()
    };
    assert_eq!(Index::from_slice(map(MAX_SHARDS).as_bytes()).unwrap().files().len(), MAX_SHARDS);
    assert_eq!(refused(&map(MAX_SHARDS + 1)), IndexProblem::TooMany { what: "files", limit: MAX_SHARDS });
    let name = |length: usize| json!({"weight_map": {"n".repeat(length): ONE}}).to_string();
    assert!(Index::from_slice(name(MAX_NAME).as_bytes()).is_ok());
    let what = "bytes in the name of a tensor";
    assert_eq!(refused(&name(MAX_NAME + 1)), IndexProblem::TooMany { what, limit: MAX_NAME });
    let limit = usize::try_from(MAX_INDEX).unwrap();
    let mut text = r#"{"weight_map":{}}"#.to_owned();
    text.push_str(&" ".repeat(limit - text.len()));
    assert!(Index::from_slice(text.as_bytes()).is_ok());
    text.push(' ');
    assert_eq!(refused(&text), IndexProblem::Json(JsonError::TooLarge { size: limit + 1, limit }));
}

#[test]
fn files_that_are_as_the_index_says() {
    for total in [None, Some(3)] {
        let sharded = sharded(index(total), &[(ONE, &["a", "b"]), (TWO, &["c"])]).unwrap();
        let (file, tensor) = sharded.tensor("b").unwrap();
        assert_eq!((file, tensor.name(), tensor.size()), (ONE, "b", 1));
        assert_eq!(sharded.tensor("c").unwrap().0, TWO);
        assert_eq!(sharded.tensor("d"), None);
        assert_eq!((sharded.index(), sharded.headers().len()), (&index(total), 2));
    }
}

#[test]
fn files_that_are_not_as_the_index_says() {
    let (file, tensor) = (|name: &str| format!("\"{name}\""), |name: &str| format!("\"{name}\""));
    let cases: [(Files<'_>, IndexProblem); 8] = [
        (&[(ONE, &["a", "b"])], IndexProblem::MissingFile { file: file(TWO) }),
        (&[], IndexProblem::MissingFile { file: file(ONE) }),
        (
            &[(ONE, &["a", "b"]), (TWO, &["c"]), ("other.safetensors", &[])],
            IndexProblem::UnlistedFile { file: file("other.safetensors") },
        ),
        (
            &[(ONE, &["a", "b", "d"]), (TWO, &["c"])],
            IndexProblem::UnlistedTensor { tensor: tensor("d"), file: file(ONE) },
        ),
        (
            &[(ONE, &["a", "b", "c"]), (TWO, &["c"])],
            IndexProblem::Misplaced { tensor: tensor("c"), said: file(TWO), found: file(ONE) },
        ),
        (
            &[(ONE, &["a"]), (TWO, &["b", "c"])],
            IndexProblem::Misplaced { tensor: tensor("b"), said: file(ONE), found: file(TWO) },
        ),
        (
            &[(ONE, &["a"]), (TWO, &["c"])],
            IndexProblem::MissingTensor { tensor: tensor("b"), file: file(ONE) },
        ),
        (
            &[(ONE, &["a", "b"]), (TWO, &[])],
            IndexProblem::MissingTensor { tensor: tensor("c"), file: file(TWO) },
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(problem(sharded(index(None), files)), expected);
    }
    for said in [0, 2, 4, u64::MAX] {
        let outcome = sharded(index(Some(said)), &[(ONE, &["a", "b"]), (TWO, &["c"])]);
        assert_eq!(problem(outcome), IndexProblem::TotalSize { said, found: 3 });
    }
}
