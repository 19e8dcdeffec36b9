//! Tensors of a safetensors file, over proven bytes.

use lacre_manifest::escape;
use safetensors::tensor::{Metadata, SafeTensors, TensorView};

use super::ProvenBytes;
use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

/// Longest header in bytes, as in the reference implementation.
const MAX_HEADER: usize = 100_000_000;
/// The header nests three deep (`{name: {shape: […]}}`); more is not safetensors.
const MAX_DEPTH: usize = 4;

/// The tensors of a signed safetensors file. They borrow from a private, proven copy.
#[derive(Debug)]
pub struct ProvenTensors {
    bytes: ProvenBytes,
    data: usize,
    metadata: Metadata,
    file: String,
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The tensors of the signed file `name`.
    ///
    /// # Errors
    /// Those of [`read`](Verified::read); `E-SAFETENSORS` when the file is not in that format, or when its header
    /// names a key twice: readers differ in which of the two they take.
    pub fn safetensors(&self, name: &str) -> Result<ProvenTensors, VerifyError> {
        ProvenTensors::parse(self.read(name)?, name)
    }
}

impl ProvenTensors {
    pub(crate) fn parse(bytes: ProvenBytes, name: &str) -> Result<Self, VerifyError> {
        let file = escape(name);
        let refused = |detail: String| VerifyError::Safetensors { name: escape(name), detail };
        let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
        let header = length
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= MAX_HEADER)
            .and_then(|length| bytes.get(8..8 + length))
            .ok_or_else(|| refused("its header does not fit into it".to_owned()))?;
        let data = 8 + header.len();
        if header.first() != Some(&b'{') {
            return Err(refused("its header does not begin with `{`".to_owned()));
        }
        lacre_json::check(header, lacre_json::Limits::new(MAX_HEADER, MAX_DEPTH))
            .map_err(|error| refused(error.to_string()))?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| refused(error.to_string()))?;
        Ok(Self { bytes, data, metadata, file })
    }

    /// The names of the tensors, in order of their place in the file.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The tensor `name`: data type, shape, and its bytes (little-endian, row-major).
    ///
    /// # Errors
    /// `E-NOT-FOUND` when the file has no such tensor.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>, VerifyError> {
        let missing = || VerifyError::NotSigned { what: "the tensor", name: name.to_owned() };
        let refused = |detail: String| VerifyError::Safetensors { name: self.file.clone(), detail };
        let info = self.metadata.info(name).ok_or_else(missing)?;
        let (start, end) = info.data_offsets;
        let bytes = self
            .bytes
            .get(self.data..)
            .and_then(|data| data.get(start..end))
            .ok_or_else(|| refused("a tensor lies outside of the file".to_owned()))?;
        TensorView::new(info.dtype, info.shape.clone(), bytes).map_err(|error| refused(error.to_string()))
    }
}
