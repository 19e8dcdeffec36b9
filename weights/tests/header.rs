//! Headers of safetensors files: what is taken, and what is refused for which reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use lacre_json::JsonError;
use lacre_weights::safetensors::{
    Dtype, Header, HeaderPlace, HeaderProblem, MAX_HEADER, MAX_METADATA, MAX_NAME, MAX_RANK, MAX_TENSORS,
};
use lacre_weights::{CODES, WeightsError};

const A: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;

/// A file with this header and eight bytes of data.
fn file(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat()
}

fn problem(file: &[u8]) -> HeaderProblem {
    let error = Header::from_slice(file).unwrap_err();
    assert_eq!(error.code(), "E-SAFETENSORS");
    assert!(CODES.contains(&error.code()));
    assert!(!error.to_string().contains(char::is_control), "{error}");
    match error {
        WeightsError::Safetensors(problem) => problem,
        other => panic!("{other:?}"),
    }
}

fn names(header: &str) -> Vec<String> {
    let header = Header::from_slice(&file(header)).unwrap_or_else(|error| panic!("{header}: {error}"));
    header.tensors().iter().map(|tensor| tensor.name().to_owned()).collect()
}

#[test]
fn a_header_says_what_lies_where() {
    let text = format!("{{\"__metadata__\":{{\"format\":\"pt\"}},{A}}} ");
    let header = Header::from_slice(&file(&text)).unwrap();
    let start = 8 + text.len() as u64;
    assert_eq!((header.data_start(), header.data_size(), header.file_size()), (start, 8, start + 8));
    assert_eq!(header.metadata().get("format").map(String::as_str), Some("pt"));
    let a = header.tensor("a").unwrap();
    assert_eq!((a.name(), a.dtype(), a.shape(), a.size()), ("a", Dtype::F32, &[2][..], 8));
    assert_eq!(a.place(), start..start + 8);
    for name in ["", "b", "A", "__metadata__"] {
        assert_eq!(header.tensor(name), None);
    }
}

#[test]
fn the_header_is_read_without_the_file() {
    let header = format!("{{{A}}}");
    let file = file(&header);
    let place = HeaderPlace::read(&file[..8], file.len() as u64).unwrap();
    assert_eq!(place.range(), 8..8 + header.len() as u64);
    assert_eq!(place.header(header.as_bytes()).unwrap(), Header::from_slice(&file).unwrap());
    let short = place.header(&header.as_bytes()[1..]).unwrap_err();
    assert_eq!(short, WeightsError::Safetensors(HeaderProblem::Short));
    let longer = HeaderPlace::read(&file[..8], file.len() as u64 + 1).unwrap().header(header.as_bytes());
    assert_eq!(longer, Err(HeaderProblem::End { described: 8, found: 9 }.into()));
}

#[test]
fn tensors_stand_in_order_of_their_place() {
    let (one, two) = (r#"{"dtype":"F16","shape":[2],"data_offsets":[0,4]}"#, "[4,8]}");
    let two = format!(r#"{{"shape":[1,2],"dtype":"BF16","data_offsets":{two}"#);
    assert_eq!(names(&format!("{{\"z\":{one},\"a\":{two}}}")), ["z", "a"]);
    assert_eq!(names(&format!("{{\"a\":{two},\"z\":{one}}}")), ["z", "a"]);
    let empty = r#"{"dtype":"U8","shape":[3,0],"data_offsets":[8,8]}"#;
    let first = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    assert_eq!(names(&format!("{{\"c\":{empty},{A},\"b\":{empty},\"d\":{first}}}")), ["d", "a", "b", "c"]);
}

#[test]
fn what_looks_odd_and_means_one_thing_is_taken() {
    for text in [
        format!("{{{A}}}       "),
        format!("{{ {A} }}"),
        format!("{{\n\t{A}\r\n}}"),
        format!("{{\"__metadata__\":{{}},{A}}}"),
        r#"{"\u0061":{"d\u0074ype":"F3\u0032","shape":[2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F4","shape":[4,4],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#
            .to_owned(),
    ] {
        assert_eq!(names(&text)[0], "a", "{text}");
    }
    let nothing = [&2_u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(Header::from_slice(&nothing).unwrap().tensors(), []);
    let unnamed = names(r#"{"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#);
    assert_eq!(unnamed, [""]);
}

#[test]
fn every_type_has_the_size_that_the_reference_gives_it() {
    for &dtype in Dtype::ALL {
        let theirs: safetensors::Dtype =
            serde_json::from_value(dtype.name().into()).unwrap_or_else(|_| panic!("{dtype}"));
        assert_eq!(dtype.bits(), theirs.bitsize() as u64, "{dtype}");
        assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
    }
    // A type that the reference learns has to be learnt here.
    let nonsense = serde_json::from_str::<safetensors::Dtype>(r#""F33""#).unwrap_err().to_string();
    let (_, known) = nonsense.split_once("expected one of ").unwrap();
    let known: Vec<&str> = known.split('`').filter(|name| name.starts_with(char::is_alphabetic)).collect();
    assert_eq!(known.iter().filter(|name| Dtype::from_name(name).is_none()).count(), 0, "{known:?}");
    assert!(known.len() >= Dtype::ALL.len());
}

#[test]
fn a_file_that_is_no_safetensors() {
    let good = file(&format!("{{{A}}}"));
    for length in [0, 1, 7, 8, 9, good.len() - 9] {
        assert_eq!(problem(&good[..length]), HeaderProblem::Short, "cut to {length}");
    }
    let cut = problem(&good[..good.len() - 1]);
    assert_eq!(cut, HeaderProblem::End { described: 8, found: 7 });
    assert_eq!(problem(&[&good[..], &[0]].concat()), HeaderProblem::End { described: 8, found: 9 });
    for size in [MAX_HEADER + 1, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
        let lying = [&size.to_le_bytes()[..], &good[8..]].concat();
        assert_eq!(problem(&lying), HeaderProblem::TooLarge { size, limit: MAX_HEADER });
    }
    let lying = [&MAX_HEADER.to_le_bytes()[..], &good[8..]].concat();
    assert_eq!(problem(&lying), HeaderProblem::Short);
    assert!(HeaderPlace::read(&lying[..8], u64::MAX).is_ok(), "the limit itself is allowed");
    assert_eq!(problem(&[0; 8]), HeaderProblem::Start);
    let eight = 8_u64.to_le_bytes();
    assert_eq!(HeaderPlace::read(&eight, 15), Err(HeaderProblem::Short.into()));
    assert_eq!(HeaderPlace::read(&eight, 16).unwrap().range(), 8..16);
}

#[test]
fn keys_that_stand_twice() {
    let metadata = r#""__metadata__":{"format":"pt","format":"tf"}"#;
    let half = r#""a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}"#;
    for text in [
        format!("{{{A},{A}}}"),
        format!("{{{A},{half}}}"),
        format!("{{{A},{}}}", half.replacen('a', "\\u0061", 1)),
        format!("{{{metadata},{A}}}"),
        format!("{{{},{A}}}", metadata.replacen("format", "f\\u006frmat", 1)),
        format!("{{\"__metadata__\":{{}},{A},\"__metadata__\":{{}}}}"),
        format!("{{\"__metadata__\":{{}},{A},\"__m\\u0065tadata__\":{{}}}}"),
        r#"{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[2],"sh\u0061pe":[1,2],"data_offsets":[0,8]}}"#.to_owned(),
    ] {
        let problem = problem(&file(&text));
        assert!(matches!(problem, HeaderProblem::Json(JsonError::DuplicateKey { .. })), "{text}: {problem}");
    }
}

#[test]
fn beginnings_and_paddings() {
    for text in [" {A}", "\n{A}", "\u{feff}{A}", "[{A}]", "\"{A}\"", ""] {
        assert_eq!(
            problem(&file(&text.replace("{A}", &format!("{{{A}}}")))),
            HeaderProblem::Start,
            "{text:?}"
        );
    }
    for padding in ["\n", " \n", "\n ", "\t", "\r\n", "   \t   "] {
        assert_eq!(problem(&file(&format!("{{{A}}}{padding}"))), HeaderProblem::Padding, "{padding:?}");
    }
    for padding in ["\0", " \0", "{}", "\u{a0}", ","] {
        let problem = problem(&file(&format!("{{{A}}}{padding}")));
        assert!(matches!(problem, HeaderProblem::Json(JsonError::Syntax { .. })), "{padding:?}: {problem}");
    }
}

#[test]
fn tensors_that_are_described_in_other_words() {
    let of = |inner: &str| problem(&file(&format!("{{\"a\":{{{inner}}}}}")));
    let (tensor, a) = ("\"a\"".to_owned(), r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#);
    let unknown =
        |field: &str| HeaderProblem::UnknownField { tensor: tensor.clone(), field: field.to_owned() };
    assert_eq!(of(&format!("{a},\"strides\":[1]")), unknown("\"strides\""));
    assert_eq!(of(&format!("{a},\"\":null")), unknown("\"\""));
    assert_eq!(of(&format!("{a},\"Dtype\":\"F32\"")), unknown("\"Dtype\""));
    for (rest, field) in [
        (r#""shape":[2],"data_offsets":[0,8]"#, "dtype"),
        (r#""dtype":"F32","data_offsets":[0,8]"#, "shape"),
        (r#""dtype":"F32","shape":[2]"#, "data_offsets"),
    ] {
        assert_eq!(of(rest), HeaderProblem::MissingField { tensor: tensor.clone(), field });
    }
    for name in ["F33", "f32", " F32", "", "F8", "float32"] {
        let dtype = format!("{name:?}");
        assert_eq!(
            of(&a.replace("F32", name)),
            HeaderProblem::UnknownDtype { tensor: tensor.clone(), dtype }
        );
    }
    for text in [
        r#"{"a":["F32",[2],[0,8]]}"#,
        r#"{"a":null}"#,
        r#"{"a":{"dtype":{"F32":null},"shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":["F32"],"shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":{"0":0,"1":8}}}"#,
        r#"{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":null,"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":["pt"],"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":{"step":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":{"step":null},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
    ] {
        let problem = problem(&file(text));
        assert!(matches!(problem, HeaderProblem::Json(JsonError::Shape { .. })), "{text}: {problem}");
    }
    let three = problem(&file(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#));
    assert!(matches!(three, HeaderProblem::Json(JsonError::Syntax { .. })), "{three}");
    for text in [
        r#"{"__metadata__":{"a":{"b":{}}},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}"#,
    ] {
        let problem = problem(&file(text));
        assert_eq!(problem, HeaderProblem::Json(JsonError::TooDeep { limit: 3 }), "{text}");
    }
}

#[test]
fn places_that_lie() {
    let of = |dtype: &str, shape: &str, offsets: &str| {
        problem(&file(&format!(
            "{{\"a\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}"
        )))
    };
    let tensor = || "\"a\"".to_owned();
    let size = |needed, start, end| HeaderProblem::Size { tensor: tensor(), needed, start, end };
    assert_eq!(of("F32", "[2]", "[0,9]"), size(8, 0, 9));
    assert_eq!(of("F32", "[2]", "[8,0]"), size(8, 8, 0));
    assert_eq!(of("F32", "[3]", "[0,8]"), size(12, 0, 8));
    assert_eq!(of("F32", "[]", "[0,8]"), size(4, 0, 8));
    assert_eq!(of("F32", "[0]", "[0,8]"), size(0, 0, 8));
    assert_eq!(of("F32", "[2]", "[0,18446744073709551615]"), size(8, 0, u64::MAX));
    assert_eq!(of("F32", "[1]", "[0,4]"), HeaderProblem::End { described: 4, found: 8 });
    assert_eq!(of("F32", "[4]", "[0,16]"), HeaderProblem::End { described: 16, found: 8 });
    assert_eq!(
        of("F32", "[1]", "[4,8]"),
        HeaderProblem::NotContiguous { tensor: tensor(), start: 4, expected: 0 }
    );
    for shape in ["[4611686018427387905,4]", "[0,9223372036854775808,2]", "[9223372036854775808,2,0]"] {
        assert_eq!(of("F32", shape, "[0,8]"), HeaderProblem::Overflow { tensor: tensor() }, "{shape}");
    }
    assert_eq!(of("F32", "[4294967296,134217728]", "[0,8]"), HeaderProblem::Overflow { tensor: tensor() });
    for (dtype, shape) in [("F4", "[15]"), ("F6_E2M3", "[11]"), ("F6_E3M2", "[2,3]"), ("F4", "[]")] {
        assert_eq!(
            of(dtype, shape, "[0,8]"),
            HeaderProblem::NotWholeBytes { tensor: tensor() },
            "{dtype}{shape}"
        );
    }
}

#[test]
fn tensors_that_overlap_or_leave_a_hole() {
    let two = |one: [u64; 2], other: [u64; 2]| {
        let tensor = |[start, end]: [u64; 2]| {
            let size = end - start;
            format!("{{\"dtype\":\"U8\",\"shape\":[{size}],\"data_offsets\":[{start},{end}]}}")
        };
        problem(&file(&format!("{{\"a\":{},\"b\":{}}}", tensor(one), tensor(other))))
    };
    let apart =
        |start, expected| HeaderProblem::NotContiguous { tensor: "\"b\"".to_owned(), start, expected };
    assert_eq!(two([0, 5], [4, 8]), apart(4, 5));
    assert_eq!(two([0, 4], [5, 8]), apart(5, 4));
    assert_eq!(two([0, 8], [0, 8]), apart(0, 8));
    assert_eq!(
        two([0, 8], [4, 4]),
        HeaderProblem::NotContiguous { tensor: "\"b\"".to_owned(), start: 4, expected: 8 }
    );
    assert_eq!(two([0, 8], [9, 9]), apart(9, 8));
}

#[test]
fn limits_are_exact() {
    let name = |length: usize| file(&format!("{{{}}}", A.replacen('a', &"n".repeat(length), 1)));
    assert!(Header::from_slice(&name(MAX_NAME)).is_ok());
    let too_many = |what, limit| HeaderProblem::TooMany { what, limit };
    assert_eq!(problem(&name(MAX_NAME + 1)), too_many("bytes in the name of a tensor", MAX_NAME));

    let rank = |rank: usize| {
        let shape = vec!["1"; rank].join(",");
        file(&format!("{{\"a\":{{\"dtype\":\"F64\",\"shape\":[{shape}],\"data_offsets\":[0,8]}}}}"))
    };
    assert!(Header::from_slice(&rank(MAX_RANK)).is_ok());
    assert_eq!(problem(&rank(MAX_RANK + 1)), too_many("dimensions of a tensor", MAX_RANK));

    let metadata = |entries: usize| {
        let entries: Vec<String> = (0..entries).map(|entry| format!("\"{entry}\":\"\"")).collect();
        file(&format!("{{\"__metadata__\":{{{}}},{A}}}", entries.join(",")))
    };
    assert_eq!(Header::from_slice(&metadata(MAX_METADATA)).unwrap().metadata().len(), MAX_METADATA);
    assert_eq!(problem(&metadata(MAX_METADATA + 1)), too_many("entries in its metadata", MAX_METADATA));

    let tensors = |tensors: usize| {
        let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let tensors: Vec<String> = (1..tensors).map(|tensor| format!("\"{tensor}\":{empty}")).collect();
        file(&format!("{{{A},{}}}", tensors.join(",")))
    };
    assert_eq!(Header::from_slice(&tensors(MAX_TENSORS)).unwrap().tensors().len(), MAX_TENSORS);
    assert_eq!(problem(&tensors(MAX_TENSORS + 1)), too_many("tensors", MAX_TENSORS));
}

#[test]
fn what_is_quoted_is_safe_for_a_terminal_and_short() {
    let hostile = problem(&file(r#"{"\u001b[2J\u202e":{"dtype":"F32","shape":[2]}}"#)).to_string();
    assert_eq!(hostile, r#"the tensor "\u{1b}[2J\u{202e}" has no `data_offsets`"#);
    let long = problem(&file(&format!("{{\"{}\":{{}}}}", "é".repeat(2000)))).to_string();
    assert!(long.chars().count() < 160 && long.contains('…'), "{long}");
}
