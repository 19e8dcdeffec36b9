//! Against the reference reader, the crate `safetensors`: what it refuses is refused here, and what is taken here means the
//! same to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::collections::HashMap;

use lacre_weights::safetensors::{Dtype, Header};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// Whether it is taken here; then it must mean the same to the reference reader.
fn is_taken(file: &[u8]) -> bool {
    let Ok(header) = Header::from_slice(file) else { return false };
    let text = || String::from_utf8_lossy(file).into_owned();
    let theirs = SafeTensors::deserialize(file)
        .unwrap_or_else(|error| panic!("taken here, refused there: {error}\n{}", text()));
    let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
    let there: HashMap<String, String> = metadata.metadata().clone().unwrap_or_default();
    let here: HashMap<_, _> = header.metadata().clone().into_iter().collect();
    assert_eq!(here, there, "{}", text());
    assert_eq!(header.tensors().len(), theirs.len(), "{}", text());
    for tensor in header.tensors() {
        let view = theirs.tensor(tensor.name()).unwrap();
        assert_eq!(format!("{:?}", view.dtype()), tensor.dtype().name(), "{}", text());
        let shape: Vec<u64> = view.shape().iter().map(|&size| size as u64).collect();
        assert_eq!(shape, tensor.shape(), "{}", text());
        let place = tensor.place();
        let bytes = &file[usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap()];
        assert_eq!((bytes.as_ptr(), bytes.len()), (view.data().as_ptr(), view.data().len()), "{}", text());
    }
    true
}

/// A file with this header and `data` bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let header = header.as_bytes();
    [&(header.len() as u64).to_le_bytes()[..], header, &vec![7; data]].concat()
}

fn size(dtype: Dtype, shape: &[u64]) -> u64 {
    (shape.iter().product::<u64>() * dtype.bits()).div_ceil(8)
}

prop_compose! {
    /// Tensors one behind the other; those of less than a byte are not always whole.
    fn tensors()(
        described in vec(
            (select(vec!["a", "b", "é", "layer.0.weight", "", "\\n", "__metadata", "\\u0061"]),
             select(Dtype::ALL.to_vec()), vec(0_u64..5, 0..4)),
            0..5,
        ),
    ) -> (Vec<String>, u64) {
        let mut start = 0;
        let mut tensors = Vec::new();
        for (name, dtype, shape) in described {
            let end = start + size(dtype, &shape);
            tensors.push(format!(
                "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}"
            ));
            start = end;
        }
        (tensors, start)
    }
}

/// A text instead of another, at one of its places.
fn swaps() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(vec![
        ("[0,", "[1,"),
        ("[0,", "[0.0,"),
        ("[0,", "[-0,"),
        ("[0,", "[18446744073709551615,"),
        ("\"F32\"", "\"F64\""),
        ("\"F32\"", "{\"F32\":null}"),
        ("\"BOOL\"", "[\"BOOL\"]"),
        ("\"shape\":[", "\"shape\":[0,"),
        ("\"shape\":[", "\"shape\":[1,"),
        ("\"shape\":[", "\"shape\":[0,9223372036854775808,2,"),
        ("\"shape\":[", "\"shape\":[null,"),
        ("\"shape\":", "\"sh\\u0061pe\":"),
        ("\"shape\":", "\"shape\":[],\"shape\":"),
        ("\"shape\":", "\"strides\":[1],\"shape\":"),
        ("\"dtype\"", "\"dtyp\""),
        ("{", " {"),
        ("{", "{\"__metadata__\":null,"),
        ("{", "{\"__metadata__\":{},"),
        ("{", "{\"__metadata__\":{\"k\":\"v\"},"),
        ("{", "{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"},"),
        ("{", "{\"__metadata__\":{\"k\":1},"),
        ("{", "{\"__metadata__\":[],"),
        ("}", "} "),
        ("}", "}\n"),
        ("}", "}}"),
        ("}", ",}"),
        (",", ",,"),
        (",", " ,\t"),
        ("a", "\\u0061"),
        ("\"", "'"),
        ("[", "[["),
        ("]", ",0]"),
    ])
}

fn replace_one(text: &str, old: &str, new: &str, which: usize) -> String {
    let places: Vec<usize> = text.match_indices(old).map(|(at, _)| at).collect();
    match places.get(which % places.len().max(1)) {
        Some(&at) => format!("{}{new}{}", &text[..at], &text[at + old.len()..]),
        None => text.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn headers_that_are_nearly_right(
        (tensors, data) in tensors(),
        metadata in select(vec!["", "\"__metadata__\":{\"format\":\"pt\"}"]),
        swaps in vec((swaps(), any::<usize>()), 0..3),
        order in any::<bool>(),
        padding in select(vec!["", "  ", "       ", "\n", "\0"]),
        more in -1_i64..=1,
        is_exact in prop::bool::weighted(0.9),
    ) {
        let mut members = tensors;
        if order {
            members.reverse();
        }
        if !metadata.is_empty() {
            members.push(metadata.to_owned());
        }
        let mut header = format!("{{{}}}{padding}", members.join(","));
        for ((old, new), which) in swaps {
            header = replace_one(&header, old, new, which);
        }
        let data = if is_exact { data } else { data.saturating_add_signed(more) };
        is_taken(&file(&header, usize::try_from(data).unwrap()));
    }

    #[test]
    fn files_in_which_bytes_are_changed(
        (tensors, data) in tensors(),
        changes in vec((any::<usize>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<usize>()),
    ) {
        let mut file = file(&format!("{{{}}}", tensors.join(",")), usize::try_from(data).unwrap());
        for (at, byte) in changes {
            let length = file.len();
            file[at % length] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut % (file.len() + 1));
        }
        is_taken(&file);
    }

    #[test]
    fn what_the_reference_writes_is_taken(
        tensors in prop::collection::btree_map("[a-zé._\\n\"\\\\]{0,12}", (select(Dtype::ALL.to_vec()), vec(0_usize..6, 0..4)), 0..6),
        metadata in prop::option::of(prop::collection::hash_map("\\PC{0,8}", "\\PC{0,8}", 0..3)),
    ) {
        let whole: Vec<(String, safetensors::Dtype, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, (dtype, shape))| {
                let bits = shape.iter().product::<usize>() * usize::try_from(dtype.bits()).unwrap();
                let dtype = serde_json::from_value(dtype.name().into()).unwrap();
                (name, dtype, shape, bits)
            })
            .filter(|(_, _, _, bits)| bits % 8 == 0)
            .map(|(name, dtype, shape, bits)| (name, dtype, shape, vec![1; bits / 8]))
            .collect();
        let views = whole
            .iter()
            .map(|(name, dtype, shape, bytes)| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        let file = safetensors::serialize(views, metadata).unwrap();
        // Of metadata without tensors it writes what it cannot read (`{},"__metadata__":{…}}`).
        prop_assert_eq!(
            is_taken(&file),
            SafeTensors::deserialize(&file).is_ok(),
            "{}",
            String::from_utf8_lossy(&file)
        );
    }
}

/// What the reference reader takes and this one refuses. It is the table in the room's documentation, and in
/// `docs/ARCHITECTURE.md`.
#[test]
fn what_only_the_reference_takes() {
    let a = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let half = r#""a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}"#;
    for (what, header) in [
        ("a tensor twice", format!("{{{half},{a}}}")),
        ("a tensor twice, through an escape", format!("{{{half},{}}}", a.replacen('a', "\\u0061", 1))),
        ("a key of the metadata twice", format!("{{\"__metadata__\":{{\"k\":\"1\",\"k\":\"2\"}},{a}}}")),
        ("white space before the header", format!(" \n{{{a}}}")),
        ("a line's end as padding", format!("{{{a}}}\n")),
        ("an unknown field", format!("{{{}}}", a.replace("\"shape\"", "\"strides\":[1],\"shape\""))),
        ("a tensor as a list", r#"{"a":["F32",[2],[0,8]]}"#.to_owned()),
        ("a type as an object", format!("{{{}}}", a.replace("\"F32\"", "{\"F32\":null}"))),
        ("no metadata, in so many words", format!("{{\"__metadata__\":null,{a}}}")),
        (
            "an empty tensor of a size beyond counting",
            format!(
                "{{{a},\"b\":{}}}",
                r#"{"dtype":"U8","shape":[0,9223372036854775808,2],"data_offsets":[8,8]}"#
            ),
        ),
    ] {
        let file = file(&header, 8);
        assert!(SafeTensors::deserialize(&file).is_ok(), "the reference refuses {what} as well");
        assert_eq!(Header::from_slice(&file).unwrap_err().code(), "E-SAFETENSORS", "{what}");
    }
}

/// The property tests would pass if nothing were ever taken.
#[test]
fn what_both_take() {
    let a = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    for header in [
        format!("{{{a}}}"),
        format!("{{{a}}}   "),
        format!("{{ \t\n{a}\r }} "),
        format!("{{{a},\"__metadata__\":{{}}}}"),
        format!("{{{},{a}}}", r#""b":{"dtype":"F4","shape":[0,3],"data_offsets":[0,0]}"#),
        r#"{"a":{"dtype":"F4","shape":[2,8],"data_offsets":[0,8]}}"#.to_owned(),
    ] {
        assert!(is_taken(&file(&header, 8)), "{header}");
    }
    assert!(is_taken(&file("{}", 0)));
}
