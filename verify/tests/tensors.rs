//! Tensors over proven bytes: which files are asked, for which bytes, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a slice along one dimension")]

mod verifying;

use std::borrow::Cow;
use std::num::NonZero;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, OnceLock};

use lacre_testkit::{ModelDir, SafetensorsFile, Seal, Sealed, tamper};
use lacre_verify::{
    Dtype, HeaderProblem, IndexProblem, Model, ProvenBytes, ProvenFile, SliceProblem, Tensors, Verified,
    VerifyError, WeightsError,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::slice::TensorIndexer;
use serde_json::json;

use verifying::verify;

const INDEX: &str = "model.safetensors.index.json";
const ONE: &str = "model-00001-of-00002.safetensors";
const TWO: &str = "model-00002-of-00002.safetensors";

/// Two files and their index; `b` and `c` are in the second.
fn sharded() -> ModelDir {
    let one = SafetensorsFile::new().f32("a", &[2, 2], &[0.0, 1.0, 2.0, 3.0]);
    let two = SafetensorsFile::new().f32("c", &[1], &[8.5]).f32("b", &[1, 2], &[4.0, 5.0]);
    ModelDir::new()
        .file(ONE, one.build())
        .file(TWO, two.build())
        .file(INDEX, index(&[("a", ONE), ("b", TWO), ("c", TWO)], 28))
}

fn index(map: &[(&str, &str)], total: u64) -> Vec<u8> {
    let map: serde_json::Map<_, _> =
        map.iter().map(|(tensor, file)| ((*tensor).to_owned(), json!(file))).collect();
    json!({"metadata": {"total_size": total}, "weight_map": map}).to_string().into_bytes()
}

fn signed(model: ModelDir) -> (Sealed, Verified<Model>) {
    let sealed = Seal::of(model).sign();
    let model = verify(&sealed).unwrap();
    (sealed, model)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// What is wrong with the index of this model.
fn index_problem(model: ModelDir) -> IndexProblem {
    let error = signed(model).1.tensors().unwrap_err();
    assert_eq!(error.code(), "E-SAFETENSORS-INDEX", "{error}");
    match error {
        VerifyError::Weights { name, error } => match *error {
            WeightsError::SafetensorsIndex(problem) => {
                assert_eq!(name, INDEX);
                problem
            }
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// A proven file that notes what is asked of it.
#[derive(Debug)]
struct Counting {
    name: String,
    bytes: ProvenBytes,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<(String, Range<u64>)>>>;

impl ProvenFile for Counting {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError> {
        self.asked.lock().unwrap().push((self.name.clone(), range.clone()));
        // As one that has no memory of its own: a copy for each range.
        Ok(Cow::Owned(self.bytes.bytes(range)?.into_owned()))
    }
}

fn counting(model: &Verified<Model>) -> (Tensors<Counting>, Asked) {
    let asked = Asked::default();
    let tensors = model
        .tensors_from(|name| {
            Ok(Counting { name: name.to_owned(), bytes: model.read(name)?, asked: asked.clone() })
        })
        .unwrap();
    (tensors, asked)
}

/// What was asked since the last time, as lengths.
fn taken(asked: &Asked) -> Vec<(String, u64)> {
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    asked.into_iter().map(|(name, range)| (name, range.end - range.start)).collect()
}

#[test]
fn the_one_file_of_a_model_is_found() {
    let sealed = Sealed::sample();
    let model = verify(&sealed).unwrap();
    let bias = model.tensor("pooler.bias").unwrap();
    assert_eq!((bias.dtype(), bias.shape()), (Dtype::F32, &[4][..]));
    assert_eq!(floats(bias.data()), [0.5, -0.5, 1.5, -1.5]);
    let row = model.tensor_slice("embeddings.weight", &[1..2]).unwrap();
    assert_eq!((row.shape(), floats(row.data())), (&[1, 4][..], vec![4.0, 5.0, 6.0, 7.0]));
    assert_eq!(model.tensor("pooler.bia").unwrap_err().code(), "E-NOT-FOUND");
    let tensors = model.tensors().unwrap();
    assert!(tensors.index().is_none());
    let info = tensors.info("embeddings.weight").unwrap();
    assert_eq!((info.dtype(), info.shape(), info.size()), (Dtype::F32, &[3, 4][..], 48));
    let view = bias.view().unwrap();
    assert_eq!((view.dtype(), view.shape(), view.data()), (safetensors::Dtype::F32, &[4][..], bias.data()));
}

#[test]
fn the_tensors_of_an_index_are_those_of_its_files() {
    let (_sealed, model) = signed(sharded());
    let tensors = model.tensors().unwrap();
    assert_eq!(tensors.names(), ["a", "b", "c"]);
    assert_eq!(tensors.index().unwrap().total_size(), Some(28));
    for (name, values) in [("a", vec![0.0, 1.0, 2.0, 3.0]), ("b", vec![4.0, 5.0]), ("c", vec![8.5])] {
        assert_eq!(floats(tensors.tensor(name).unwrap().data()), values, "{name}");
        assert_eq!(floats(model.tensor(name).unwrap().data()), values, "{name}");
    }
    assert_eq!(model.safetensors(INDEX).unwrap().names(), ["a", "b", "c"]);
    assert_eq!(model.safetensors(TWO).unwrap().names(), ["c", "b"]);
    assert_eq!(model.safetensors(TWO).unwrap().info("a").unwrap_err().code(), "E-NOT-FOUND");
}

#[test]
fn an_index_names_files_in_its_own_folder() {
    let file = |value: f32| SafetensorsFile::new().f32("a", &[1], &[value]).build();
    let model = ModelDir::new()
        .file("unet/part.safetensors", file(1.0))
        .file("unet/model.safetensors.index.json", index(&[("a", "part.safetensors")], 4));
    let (_sealed, model) = signed(model);
    assert_eq!(floats(model.tensor("a").unwrap().data()), [1.0]);
}

#[test]
fn which_weights_are_meant_is_not_guessed() {
    let file = SafetensorsFile::new().f32("a", &[1], &[1.0]).build();
    let candidates = |model: ModelDir| match signed(model).1.tensor("a").unwrap_err() {
        error @ VerifyError::TensorsAmbiguous { .. } => {
            assert_eq!(error.code(), "E-TENSORS-AMBIGUOUS");
            let VerifyError::TensorsAmbiguous { candidates } = error else { unreachable!() };
            candidates
        }
        other => panic!("{other}"),
    };
    assert_eq!(
        candidates(ModelDir::new().file("a.safetensors", &file).file("sub/b.safetensors", &file)),
        ["a.safetensors", "sub/b.safetensors"]
    );
    assert_eq!(candidates(sharded().file("model.safetensors", &file)), [INDEX, "model.safetensors"]);
    let in_a_folder = format!("sub/{ONE}");
    assert_eq!(candidates(sharded().file(&in_a_folder, &file)), [INDEX, &in_a_folder]);
    let other = "other.safetensors.index.json";
    assert_eq!(candidates(sharded().file(other, index(&[("a", ONE)], 16))), [INDEX, other]);
    let none = signed(ModelDir::new().file("config.json", "{}")).1.tensors().unwrap_err();
    assert_eq!(
        (none.code(), none.to_string()),
        ("E-NOT-FOUND", "the file *.safetensors is not in the signed model".into())
    );
    // Whoever says which is meant is given it.
    let (_sealed, model) = signed(sharded().file("model.safetensors", &file));
    assert_eq!(model.safetensors("model.safetensors").unwrap().names(), ["a"]);
    assert_eq!(model.safetensors(INDEX).unwrap().names(), ["a", "b", "c"]);
}

#[test]
fn an_index_that_its_files_do_not_agree_with() {
    let quoted = |name: &str| format!("\"{name}\"");
    let with = |map: &[(&str, &str)], total| sharded().file(INDEX, index(map, total));
    assert_eq!(
        index_problem(with(&[("a", ONE), ("b", ONE), ("c", TWO)], 28)),
        IndexProblem::Misplaced { tensor: quoted("b"), said: quoted(ONE), found: quoted(TWO) }
    );
    assert_eq!(
        index_problem(with(&[("a", ONE), ("b", TWO)], 28)),
        IndexProblem::UnlistedTensor { tensor: quoted("c"), file: quoted(TWO) }
    );
    assert_eq!(
        index_problem(with(&[("a", ONE), ("b", TWO), ("c", TWO), ("d", TWO)], 28)),
        IndexProblem::MissingTensor { tensor: quoted("d"), file: quoted(TWO) }
    );
    assert_eq!(
        index_problem(with(&[("a", ONE), ("b", TWO), ("c", TWO)], 32)),
        IndexProblem::TotalSize { said: 32, found: 28 }
    );
    assert_eq!(
        index_problem(with(&[("a", ONE), ("b", TWO), ("c", TWO), ("d", "../x.safetensors")], 28)),
        IndexProblem::FileName { file: quoted("../x.safetensors") }
    );
}

#[test]
fn a_file_that_an_index_names_must_be_signed() {
    let named = "model-00003-of-00003.safetensors";
    let map = [("a", ONE), ("b", TWO), ("c", TWO), ("d", named)];
    let sealed = Seal::of(sharded().file(INDEX, index(&map, 32))).sign();
    let requirements = verifying::trusting(sealed.public_key()).allow_unsigned([verifying::path(named)]);
    // It lies where it should, and nobody signed it.
    let file = SafetensorsFile::new().f32("d", &[1], &[6.0]).build();
    tamper::plant(&sealed.model().entry(named), &file);
    let model = verifying::verify_with(
        &sealed,
        &requirements,
        &lacre_verify::Hold::Nothing,
        &lacre_verify::NoProgress,
    )
    .unwrap();
    match model.tensors().unwrap_err() {
        VerifyError::Weights { error, .. } => {
            let file = format!("\"{named}\"");
            assert_eq!(*error, WeightsError::SafetensorsIndex(IndexProblem::MissingFile { file }));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_bad_header_is_told_of_its_file() {
    let twice = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let file = [&(twice.len() as u64).to_le_bytes()[..], twice.as_bytes(), &[0; 4]].concat();
    match signed(sharded().file(TWO, file)).1.tensor("a").unwrap_err() {
        VerifyError::Weights { name, error } => {
            assert_eq!((name.as_str(), error.code()), (TWO, "E-SAFETENSORS"));
            assert!(matches!(*error, WeightsError::Safetensors(HeaderProblem::Json(_))), "{error}");
        }
        other => panic!("{other}"),
    }
    let error = signed(ModelDir::new().file("x.safetensors", "GGUF")).1.tensor("a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.safetensors is not an acceptable safetensors file: its header does not fit into it"
    );
}

#[test]
fn a_changed_file_gives_no_tensors() {
    let (sealed, model) = signed(sharded());
    for file in [TWO, INDEX] {
        tamper::flip(&sealed.model().entry(file), 30);
        assert_eq!(model.tensor("a").unwrap_err().code(), "E-FILE-CHANGED", "{file}");
        tamper::flip(&sealed.model().entry(file), 30);
        assert!(model.tensor("a").is_ok());
    }
}

#[test]
fn only_headers_are_read_to_open() {
    let (_sealed, model) = signed(sharded());
    let headers: Vec<u64> =
        [ONE, TWO].map(|file| u64::from_le_bytes(*model.read(file).unwrap().first_chunk().unwrap())).into();
    let (_tensors, asked) = counting(&model);
    let whole_index = model.read(INDEX).unwrap().len() as u64;
    let expected = [(INDEX, whole_index), (ONE, 8), (ONE, headers[0]), (TWO, 8), (TWO, headers[1])];
    assert_eq!(taken(&asked), expected.map(|(name, length)| (name.to_owned(), length)));
}

#[test]
fn a_slice_asks_for_its_own_bytes() {
    let name = "model.safetensors";
    // 64 × 32 × 8 values of four bytes.
    let values: Vec<f32> = (0..16_384_u16).map(f32::from).collect();
    let file = SafetensorsFile::new().f32("before", &[3], &[0.0; 3]).f32("w", &[64, 32, 8], &values);
    let (_sealed, model) = signed(ModelDir::new().file(name, file.build()));
    let (tensors, asked) = counting(&model);
    taken(&asked);
    let read = |ranges: &[Range<u64>]| {
        let slice = tensors.tensor_slice("w", ranges).unwrap();
        let lengths: Vec<u64> = taken(&asked).into_iter().map(|(_, length)| length).collect();
        assert_eq!(lengths.iter().sum::<u64>(), slice.data().len() as u64, "no byte in vain");
        (slice.shape().to_vec(), lengths)
    };
    let all = 64 * 32 * 8 * 4;
    assert_eq!(read(&[]), (vec![64, 32, 8], vec![all]));
    assert_eq!(read(&[0..64, 0..32, 0..8]), (vec![64, 32, 8], vec![all]));
    // An eighth along the outermost dimension is an eighth of the bytes, in one piece.
    assert_eq!(read(&[8..16]), (vec![8, 32, 8], vec![all / 8]));
    // Along the second: a piece for each of the outermost, in which all rows below lie together.
    assert_eq!(read(&[0..64, 4..8]), (vec![64, 4, 8], vec![4 * 8 * 4; 64]));
    assert_eq!(read(&[5..6, 4..8]), (vec![1, 4, 8], vec![4 * 8 * 4]));
    assert_eq!(read(&[2..4, 0..32, 3..5]), (vec![2, 32, 2], vec![2 * 4; 64]));
    assert_eq!(read(&[63..64, 31..32, 7..8]), (vec![1, 1, 1], vec![4]));
    for empty in [vec![3..3], vec![0..64, 32..32], vec![1..2, 1..1, 0..8]] {
        assert_eq!(read(&empty).1, [0; 0], "{empty:?}");
    }
    let slice = tensors.tensor_slice("w", &[1..2, 31..32, 6..8]).unwrap();
    assert_eq!(floats(slice.data()), [510.0, 511.0]);
}

#[test]
fn slices_that_there_are_not() {
    let file = SafetensorsFile::new()
        .f32("w", &[2, 3], &[0.0; 6])
        .f32("scalar", &[], &[1.0])
        .tensor("nibbles", "F4", &[2, 3, 2], &[0x10, 0x32, 0x54, 0x76, 0x98, 0xba])
        .tensor("empty", "F32", &[0, 5], &[]);
    let (_sealed, model) = signed(ModelDir::new().file("model.safetensors", file.build()));
    let tensors = model.tensors().unwrap();
    let problem = |name: &str, ranges: &[Range<u64>]| match tensors.tensor_slice(name, ranges).unwrap_err() {
        error @ VerifyError::Slice { problem, .. } => {
            assert_eq!(error.code(), "E-RANGE");
            problem
        }
        other => panic!("{other}"),
    };
    assert_eq!(problem("w", &[0..2, 0..3, 0..1]), SliceProblem::Ranges { ranges: 3, rank: 2 });
    assert_eq!(problem("scalar", &[0..1]), SliceProblem::Ranges { ranges: 1, rank: 0 });
    let outside = |dimension, size, start, end| SliceProblem::Outside { dimension, size, start, end };
    assert_eq!(problem("w", &[0..3]), outside(0, 2, 0, 3));
    assert_eq!(problem("w", &[0..2, 3..4]), outside(1, 3, 3, 4));
    assert_eq!(problem("w", &[0..0, 3..4]), outside(1, 3, 3, 4));
    assert_eq!(problem("w", &[Range { start: 2, end: 1 }]), outside(0, 2, 2, 1));
    assert_eq!(problem("w", &[0..u64::MAX]), outside(0, 2, 0, u64::MAX));
    assert_eq!(problem("empty", &[0..1]), outside(0, 0, 0, 1));
    assert_eq!(problem("nibbles", &[0..2, 0..3, 0..1]), SliceProblem::WithinByte);
    assert_eq!(problem("nibbles", &[0..1, 0..1, 1..2]), SliceProblem::WithinByte);
    assert_eq!(tensors.tensor_slice("nibbles", &[0..2, 1..2]).unwrap().data(), [0x32, 0x98]);
    assert_eq!(floats(tensors.tensor_slice("scalar", &[]).unwrap().data()), [1.0]);
    assert_eq!(tensors.tensor_slice("empty", &[0..0, 1..3]).unwrap().shape(), [0, 2]);
    assert_eq!(tensors.tensor_slice("none", &[]).unwrap_err().code(), "E-NOT-FOUND");
}

#[test]
fn a_header_that_claims_much_costs_nothing() {
    // It says a hundred megabytes, and has none of them.
    let claims = [&100_000_000_u64.to_le_bytes()[..], b"{}"].concat();
    let (_sealed, model) = signed(ModelDir::new().file("model.safetensors", claims));
    let asked = Asked::default();
    let error = model
        .tensors_from(|name| {
            Ok(Counting { name: name.to_owned(), bytes: model.read(name)?, asked: asked.clone() })
        })
        .unwrap_err();
    assert_eq!(error.code(), "E-SAFETENSORS");
    assert_eq!(taken(&asked), [("model.safetensors".to_owned(), 8)]);
}

/// The shapes that slices are compared in; the tensor of each has its position as its name.
const SHAPES: [&[usize]; 6] = [&[], &[7], &[4, 5], &[4, 3, 5], &[3, 1, 4, 2], &[2, 3, 2, 3, 2]];

/// Tensors of [`SHAPES`], signed, and the file as it is. The first of each pair is of bytes, the second of eight bytes each.
fn shapes() -> (Vec<u8>, Tensors<ProvenBytes>) {
    let mut file = SafetensorsFile::new().tensor("odd", "U8", &[3], &[9; 3]);
    for (at, shape) in SHAPES.iter().enumerate() {
        for (dtype, width) in [("U8", 1), ("I64", 8)] {
            let bytes: Vec<u8> = (0..shape.iter().product::<usize>() * width)
                .map(|byte| u8::try_from(byte % 251).unwrap())
                .collect();
            file = file.tensor(&format!("{at} {dtype}"), dtype, shape, &bytes);
        }
    }
    let file = file.build();
    let (_sealed, model) = signed(ModelDir::new().file("model.safetensors", &file));
    (file, model.tensors().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    /// The crate `safetensors` cuts the same bytes.
    #[test]
    fn slices_are_those_of_the_reference(
        at in 0..SHAPES.len(),
        dtype in prop::sample::select(vec!["U8", "I64"]),
        cuts in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..6),
    ) {
        static SIGNED: OnceLock<(Vec<u8>, Tensors<ProvenBytes>)> = OnceLock::new();
        let (file, tensors) = SIGNED.get_or_init(shapes);
        let name = format!("{at} {dtype}");
        let ranges: Vec<Range<usize>> = SHAPES[at]
            .iter()
            .zip(&cuts)
            .map(|(&size, (one, other))| {
                let (one, other) = (one.index(size), other.index(size));
                one.min(other)..one.max(other) + 1
            })
            .collect();
        let here: Vec<Range<u64>> = ranges.iter().map(|range| range.start as u64..range.end as u64).collect();
        let here = tensors.tensor_slice(&name, &here).unwrap();

        let reference = SafeTensors::deserialize(file).unwrap();
        let view = reference.tensor(&name).unwrap();
        let indexers: Vec<TensorIndexer> = ranges
            .iter()
            .map(|range| {
                let (start, end) = (Bound::Included(range.start), Bound::Excluded(range.end));
                TensorIndexer::Narrow(start, end, NonZero::<usize>::MIN)
            })
            .collect();
        let slices = view.sliced_data(&indexers).unwrap();
        prop_assert_eq!(here.shape(), slices.newshape());
        let there: Vec<u8> = slices.flatten().copied().collect();
        prop_assert_eq!(here.data(), there);
    }
}
