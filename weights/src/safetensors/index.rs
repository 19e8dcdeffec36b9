//! The index of a model whose tensors lie in several files: `model.safetensors.index.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use lacre_json::Limits;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::problem::quoted;
use super::{IndexProblem, MAX_INDEX, MAX_NAME, MAX_SHARDS};
use crate::WeightsError;

/// `{metadata: {…}}`; what writers add to the metadata may be a little deeper.
const DEPTH: usize = 8;
const ENDING: &str = ".safetensors";
/// Longest name of a file, in bytes: what file systems allow.
const MAX_FILE_NAME: usize = 255;

/// Which tensor lies in which file. What it says is not compared with the files yet: that is [`Sharded`](super::Sharded).
///
/// Format: as `transformers` and `huggingface_hub` write it, `{"metadata": {"total_size": N, …}, "weight_map": {tensor:
/// file}}`. `metadata` and `total_size` may be missing, and the metadata may say more, as is the case with other writers;
/// nothing else may stand beside the two. A total that is no whole number is refused: it comes from writers who counted
/// truth values as an eighth of a byte, and is never the sum.
///
/// Files are plain names with the ending `.safetensors`: loaders choose the reader by the ending, and would take another
/// for a pickle and run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    total_size: Option<u64>,
    /// In order of the name.
    files: Vec<String>,
    /// Tensors, and positions in `files`.
    weight_map: BTreeMap<String, usize>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    metadata: Option<Object<WireMetadata>>,
    weight_map: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct WireMetadata {
    #[serde(default)]
    total_size: Option<u64>,
}

/// An object, and not the list of its values that derived code takes as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// `E-SAFETENSORS-INDEX` when it is none, is too large, or names a file by anything but a plain name.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WeightsError> {
        Ok(Self::parse(bytes)?)
    }

    /// The files that it names, in order, each once.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Whether it names the file.
    pub(super) fn names_file(&self, file: &str) -> bool {
        self.files.binary_search_by(|named| named.as_str().cmp(file)).is_ok()
    }

    /// The file in which it says that the tensor lies.
    pub fn file_of(&self, tensor: &str) -> Option<&str> {
        self.weight_map.get(tensor).and_then(|&at| self.files.get(at)).map(String::as_str)
    }

    /// The tensors that it names with their files, in order of the tensor's name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.weight_map
            .iter()
            .filter_map(|(tensor, &at)| Some((tensor.as_str(), self.files.get(at)?.as_str())))
    }

    /// The size of all tensors together in bytes, if it says so.
    pub fn total_size(&self) -> Option<u64> {
        self.total_size
    }

    fn parse(bytes: &[u8]) -> Result<Self, IndexProblem> {
        let limit = usize::try_from(MAX_INDEX).unwrap_or(usize::MAX);
        let Object(wire): Object<Wire> = lacre_json::from_slice(bytes, Limits::new(limit, DEPTH))?;
        if wire.weight_map.keys().any(|tensor| tensor.len() > MAX_NAME) {
            return Err(IndexProblem::TooMany { what: "bytes in the name of a tensor", limit: MAX_NAME });
        }
        let mut files: Vec<&String> = wire.weight_map.values().collect();
        files.sort_unstable();
        files.dedup();
        if files.len() > MAX_SHARDS {
            return Err(IndexProblem::TooMany { what: "files", limit: MAX_SHARDS });
        }
        if let Some(file) = files.iter().find(|file| !is_plain(file)) {
            return Err(IndexProblem::FileName { file: quoted(file) });
        }
        let files: Vec<String> = files.into_iter().cloned().collect();
        let weight_map = wire
            .weight_map
            .into_iter()
            .filter_map(|(tensor, file)| Some((tensor, files.binary_search(&file).ok()?)))
            .collect();
        let total_size = wire.metadata.and_then(|Object(metadata)| metadata.total_size);
        Ok(Self { total_size, files, weight_map })
    }
}

/// Whether it is the name of a safetensors file beside the index, on every system.
fn is_plain(file: &str) -> bool {
    let stem = file.strip_suffix(ENDING).unwrap_or_default();
    file.len() <= MAX_FILE_NAME
        && stem.chars().any(|character| character != '.')
        && !file.contains(|character: char| matches!(character, '/' | '\\' | ':') || character.is_control())
}
