//! The header of one file.

use std::collections::BTreeMap;
use std::ops::Range;

use lacre_json::Limits;

use super::problem::quoted;
use super::wire::{WireHeader, WireTensor};
use super::{Dtype, HeaderProblem, MAX_HEADER, MAX_METADATA, MAX_NAME, MAX_RANK, MAX_TENSORS};
use crate::WeightsError;

/// Size of the length that a file begins with.
const LENGTH: u64 = 8;
/// `{name: {shape: […]}}`.
const DEPTH: usize = 3;

/// Where the header of a file lies. It fits into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderPlace {
    /// Size in bytes, at most [`MAX_HEADER`].
    header_size: u64,
    file_size: u64,
}

/// What a file says of its tensors. They lie one behind the other, fill the file to its end, and each is as large as its
/// shape and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In order of their place, then of their name.
    tensors: Vec<Tensor>,
    /// Positions in `tensors`, in order of the name.
    by_name: Vec<usize>,
    metadata: BTreeMap<String, String>,
    data_start: u64,
    file_size: u64,
}

/// What a header says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<u64>,
    place: Range<u64>,
}

impl HeaderPlace {
    /// How many bytes of a file [`read`](Self::read) asks for, from its beginning.
    pub const FIRST: u64 = LENGTH;

    /// Where the header lies in a file of `file_size` bytes that begins with `first`: with [`FIRST`](Self::FIRST) bytes, or
    /// all of a shorter file.
    ///
    /// # Errors
    /// `E-SAFETENSORS` when no header of a legal size can be there.
    pub fn read(first: &[u8], file_size: u64) -> Result<Self, WeightsError> {
        let Some(length) = first.first_chunk() else { return Err(HeaderProblem::Short.into()) };
        let header_size = u64::from_le_bytes(*length);
        if header_size > MAX_HEADER {
            return Err(HeaderProblem::TooLarge { size: header_size, limit: MAX_HEADER }.into());
        }
        if LENGTH + header_size > file_size {
            return Err(HeaderProblem::Short.into());
        }
        Ok(Self { header_size, file_size })
    }

    /// The bytes of the file that are the header.
    pub fn range(&self) -> Range<u64> {
        LENGTH..LENGTH + self.header_size
    }

    /// Reads the header from the bytes of [`range`](Self::range).
    ///
    /// # Errors
    /// `E-SAFETENSORS` when they are no header of a file of this size, or one that two readers could read differently.
    pub fn header(self, bytes: &[u8]) -> Result<Header, WeightsError> {
        Ok(Header::parse(self, bytes)?)
    }
}

impl Header {
    /// The header of a file of which all bytes are at hand.
    ///
    /// # Errors
    /// `E-SAFETENSORS` when it is no safetensors file, or one that two readers could read differently.
    pub fn from_slice(file: &[u8]) -> Result<Self, WeightsError> {
        let place = HeaderPlace::read(file, file.len() as u64)?;
        let range = place.range();
        let bytes = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .and_then(|(start, end)| file.get(start..end))
            .ok_or(HeaderProblem::Short)?;
        place.header(bytes)
    }

    /// Its tensors, in order of their place; empty ones in one place, in order of their name.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensor `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let of = |&at: &usize| self.tensors.get(at).map_or("", Tensor::name);
        let at = self.by_name.binary_search_by(|at| of(at).cmp(name)).ok()?;
        self.by_name.get(at).and_then(|&at| self.tensors.get(at))
    }

    /// The free texts in its `__metadata__`; none when it has no such entry.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Where the data begins, in bytes from the beginning of the file.
    pub fn data_start(&self) -> u64 {
        self.data_start
    }

    /// How many bytes of data there are.
    pub fn data_size(&self) -> u64 {
        self.file_size - self.data_start
    }

    /// The size of the file in bytes.
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    fn parse(place: HeaderPlace, bytes: &[u8]) -> Result<Self, HeaderProblem> {
        if bytes.len() as u64 != place.header_size {
            return Err(HeaderProblem::Short);
        }
        if bytes.first() != Some(&b'{') {
            return Err(HeaderProblem::Start);
        }
        let wire: WireHeader = lacre_json::from_slice(bytes, Limits::new(bytes.len(), DEPTH))?;
        // Behind its value JSON allows four kinds of white space, and the format one.
        let spaces = bytes.iter().rev().take_while(|&&byte| byte == b' ').count();
        if bytes.iter().rev().nth(spaces) != Some(&b'}') {
            return Err(HeaderProblem::Padding);
        }
        if wire.has_more_tensors {
            return Err(HeaderProblem::TooMany { what: "tensors", limit: MAX_TENSORS });
        }
        let metadata = wire.metadata.unwrap_or_default();
        if metadata.has_more {
            return Err(HeaderProblem::TooMany { what: "entries in its metadata", limit: MAX_METADATA });
        }
        let data_start = LENGTH + place.header_size;
        let found = place.file_size - data_start;
        let mut tensors = wire
            .tensors
            .into_iter()
            .map(|(name, tensor)| Tensor::new(name, tensor))
            .collect::<Result<Vec<_>, _>>()?;
        tensors.sort_by(|one, other| {
            (one.place.start, one.place.end, &one.name).cmp(&(
                other.place.start,
                other.place.end,
                &other.name,
            ))
        });
        let mut expected = 0;
        for tensor in &mut tensors {
            let Range { start, end } = tensor.place;
            if start != expected {
                return Err(HeaderProblem::NotContiguous { tensor: quoted(&tensor.name), start, expected });
            }
            if end > found {
                return Err(HeaderProblem::End { described: end, found });
            }
            expected = end;
            tensor.place = data_start + start..data_start + end;
        }
        if expected != found {
            return Err(HeaderProblem::End { described: expected, found });
        }
        let mut by_name: Vec<usize> = (0..tensors.len()).collect();
        by_name.sort_by_key(|&at| tensors.get(at).map(Tensor::name));
        Ok(Self { tensors, by_name, metadata: metadata.texts, data_start, file_size: place.file_size })
    }
}

impl Tensor {
    /// Its name: any text, also an empty one, of at most [`MAX_NAME`] bytes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its size in each dimension, in elements; none of a scalar. What the dimensions other than empty ones multiply to can
    /// be counted in a `u64`.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Where it lies, in bytes from the beginning of the file.
    pub fn place(&self) -> Range<u64> {
        self.place.clone()
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// A tensor whose place still counts from the beginning of the data.
    fn new(name: String, wire: WireTensor) -> Result<Self, HeaderProblem> {
        if name.len() > MAX_NAME {
            return Err(HeaderProblem::TooMany { what: "bytes in the name of a tensor", limit: MAX_NAME });
        }
        if let Some(field) = wire.unknown {
            return Err(HeaderProblem::UnknownField { tensor: quoted(&name), field: quoted(&field) });
        }
        let missing = |field| HeaderProblem::MissingField { tensor: quoted(&name), field };
        let dtype = wire
            .dtype
            .ok_or_else(|| missing("dtype"))?
            .map_err(|dtype| HeaderProblem::UnknownDtype { tensor: quoted(&name), dtype: quoted(&dtype) })?;
        let shape = wire.shape.ok_or_else(|| missing("shape"))?;
        let [start, end] = wire.data_offsets.ok_or_else(|| missing("data_offsets"))?;
        if shape.has_more {
            return Err(HeaderProblem::TooMany { what: "dimensions of a tensor", limit: MAX_RANK });
        }
        let shape = shape.dimensions;
        let needed = size(&name, dtype, &shape)?;
        if end.checked_sub(start) != Some(needed) {
            return Err(HeaderProblem::Size { tensor: quoted(&name), needed, start, end });
        }
        Ok(Self { name, dtype, shape, place: start..end })
    }
}

/// Size in bytes.
fn size(name: &str, dtype: Dtype, shape: &[u64]) -> Result<u64, HeaderProblem> {
    let overflow = || HeaderProblem::Overflow { tensor: quoted(name) };
    // Dimensions of zero are left out: whoever computes strides multiplies the others, whatever their order.
    let elements = shape
        .iter()
        .filter(|&&size| size != 0)
        .try_fold(1_u64, |elements, &size| elements.checked_mul(size))
        .ok_or_else(overflow)?;
    let bits = elements.checked_mul(dtype.bits()).ok_or_else(overflow)?;
    if shape.contains(&0) {
        return Ok(0);
    }
    if !bits.is_multiple_of(8) {
        return Err(HeaderProblem::NotWholeBytes { tensor: quoted(name) });
    }
    Ok(bits / 8)
}
