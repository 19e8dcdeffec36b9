//! Tensors over proven bytes.
//!
//! The walk of the data: a [`Weights`] names the one file, or the one index, that is asked (`weights`); its header and those
//! of its other files are read, strictly, and no other byte; a tensor, or a slice of one, is then the ranges of bytes that
//! it consists of (`slice`), which the [`ProvenFile`] proves as it gives them.

mod slice;
mod weights;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use lacre_manifest::{Manifest, escape};
use lacre_weights::WeightsError;
use lacre_weights::safetensors::{
    Dtype, Header, HeaderPlace, Index, IndexProblem, MAX_INDEX, Sharded, Tensor,
};
use safetensors::SafeTensorError;
use safetensors::tensor::TensorView;

use self::slice::Slice;
use self::weights::Weights;
use super::{ProvenBytes, ProvenFile};
use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

pub use self::slice::SliceProblem;

/// The tensors of a signed safetensors file, in a private, proven copy.
pub type ProvenTensors = Tensors<ProvenBytes>;

/// The tensors of one signed safetensors file, or of all that one signed index names.
///
/// Whatever is known of them was read from proven bytes: a header that has but one meaning, and an index that its files agree
/// with. What a tensor's bytes are worth is what `F` says of its own.
#[derive(Debug)]
pub struct Tensors<F> {
    layout: Layout,
    /// By their names in the layout.
    files: BTreeMap<String, F>,
}

#[derive(Debug)]
enum Layout {
    /// The one file has the name "".
    One(Header),
    Many(Sharded),
}

/// A tensor, or a slice of one: its type, its shape, and its bytes (little endian, row-major).
#[derive(Clone, PartialEq, Eq)]
pub struct ProvenTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The tensors of the signed file `name`, or of the files that the signed index `name` (`….safetensors.index.json`)
    /// names, in private copies of all of them.
    ///
    /// # Errors
    /// Those of [`safetensors_from`](Self::safetensors_from) and of [`read`](Self::read).
    pub fn safetensors(&self, name: &str) -> Result<ProvenTensors, VerifyError> {
        self.safetensors_from(name, |name| self.read(name))
    }

    /// The tensors of the signed file or index `name`, over whatever `open` makes of the names of signed files. Of each file
    /// its header is read, and of an index all.
    ///
    /// # Errors
    /// Those of `open`; `E-NOT-FOUND` when `name` is not signed; `E-SAFETENSORS` when a file is not in that format, or when
    /// two readers could read its header differently; `E-SAFETENSORS-INDEX` when an index is not acceptable, names a file
    /// that is not signed, or is not what its files say.
    pub fn safetensors_from<F: ProvenFile>(
        &self,
        name: &str,
        open: impl FnMut(&str) -> Result<F, VerifyError>,
    ) -> Result<Tensors<F>, VerifyError> {
        Tensors::named(&self.model().manifest, name, open)
    }

    /// The tensors of the whole model, in private copies of its files: those of its one index, or of its one safetensors file.
    ///
    /// # Errors
    /// Those of [`tensors_from`](Self::tensors_from) and of [`read`](Self::read).
    pub fn tensors(&self) -> Result<ProvenTensors, VerifyError> {
        self.tensors_from(|name| self.read(name))
    }

    /// The tensors of the whole model, over whatever `open` makes of the names of signed files.
    ///
    /// ```no_run
    /// # use lacre_verify::{Model, Verified, VerifyError};
    /// /// The rows of a weight that fall to one of eight workers.
    /// fn share(model: &Verified<Model>, name: &str, worker: u64) -> Result<Vec<u8>, VerifyError> {
    ///     let tensors = model.tensors_from(|file| model.read(file))?;
    ///     let rows = tensors.info(name)?.shape()[0] / 8;
    ///     Ok(tensors.tensor_slice(name, &[worker * rows..(worker + 1) * rows])?.into_data())
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`safetensors_from`](Self::safetensors_from); `E-NOT-FOUND` when no safetensors file is signed;
    /// `E-TENSORS-AMBIGUOUS` when there is more than one index, or a safetensors file that the one index does not name: which
    /// of them is the model is then for the caller to say.
    pub fn tensors_from<F: ProvenFile>(
        &self,
        open: impl FnMut(&str) -> Result<F, VerifyError>,
    ) -> Result<Tensors<F>, VerifyError> {
        Tensors::whole(&self.model().manifest, open)
    }

    /// The tensor `name` of the whole model. Only headers and the tensor are read, and proven again, where BLAKE3 proved the
    /// content; else whole files. For more than one, open [`tensors`](Self::tensors) once.
    ///
    /// # Errors
    /// Those of [`tensors_from`](Self::tensors_from) and of [`lazy`](Self::lazy); `E-NOT-FOUND` when there is no such tensor.
    pub fn tensor(&self, name: &str) -> Result<ProvenTensor<'static>, VerifyError> {
        Ok(self.tensors_from(|file| self.touch(file))?.tensor(name)?.into_owned())
    }

    /// A slice of the tensor `name` of the whole model, as [`Tensors::tensor_slice`], of which no more is read than of
    /// [`tensor`](Self::tensor).
    ///
    /// # Errors
    /// Those of [`tensor`](Self::tensor) and [`Tensors::tensor_slice`].
    pub fn tensor_slice(
        &self,
        name: &str,
        ranges: &[Range<u64>],
    ) -> Result<ProvenTensor<'static>, VerifyError> {
        Ok(self.tensors_from(|file| self.touch(file))?.tensor_slice(name, ranges)?.into_owned())
    }
}

impl<F> Tensors<F> {
    /// The names of the tensors: of a file in order of their place, of an index in order of the name.
    pub fn names(&self) -> Vec<&str> {
        match &self.layout {
            Layout::One(header) => header.tensors().iter().map(Tensor::name).collect(),
            Layout::Many(sharded) => sharded.index().tensors().map(|(name, _)| name).collect(),
        }
    }

    /// What is known of a tensor without its bytes: type, shape, size.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is no such tensor.
    pub fn info(&self, name: &str) -> Result<&Tensor, VerifyError> {
        Ok(self.find(name)?.0)
    }

    /// The index, if it is not one file alone.
    pub fn index(&self) -> Option<&Index> {
        match &self.layout {
            Layout::One(_) => None,
            Layout::Many(sharded) => Some(sharded.index()),
        }
    }

    /// A tensor, and the file that it lies in.
    fn find(&self, name: &str) -> Result<(&Tensor, &F), VerifyError> {
        let found = match &self.layout {
            Layout::One(header) => header.tensor(name).map(|tensor| ("", tensor)),
            Layout::Many(sharded) => sharded.tensor(name),
        };
        found
            .and_then(|(file, tensor)| Some((tensor, self.files.get(file)?)))
            .ok_or_else(|| VerifyError::NotSigned { what: "the tensor", name: name.to_owned() })
    }
}

impl<F: ProvenFile> Tensors<F> {
    /// The tensor `name`. Its bytes are read, and no others.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is no such tensor; those of the file.
    pub fn tensor(&self, name: &str) -> Result<ProvenTensor<'_>, VerifyError> {
        self.tensor_slice(name, &[])
    }

    /// A slice of the tensor `name`: of each dimension, from the outermost on, the elements from the range's start up to its end;
    /// of dimensions that have no range, all.
    ///
    /// Only the slice's bytes are asked of the file, each once: in one piece where they lie in one, as those of a range of
    /// the outermost dimension do; else one piece for each row, a row being what lies in one.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is no such tensor; `E-RANGE` when there are more ranges than dimensions, when one is not within
    /// its dimension, or when a row of elements smaller than a byte would not begin and end with one; those of the file.
    pub fn tensor_slice(&self, name: &str, ranges: &[Range<u64>]) -> Result<ProvenTensor<'_>, VerifyError> {
        let (tensor, file) = self.find(name)?;
        let refused = |problem| VerifyError::Slice { tensor: escape(name), problem };
        let slice = Slice::of(tensor, ranges).map_err(refused)?;
        let data = match slice.in_one_piece().map_err(refused)? {
            Some(range) if range.is_empty() => Cow::Borrowed(&[][..]),
            Some(range) => file.bytes(range)?,
            None => {
                let mut data = Vec::with_capacity(slice.size().map_err(refused)?);
                for row in slice.rows() {
                    data.extend_from_slice(&file.bytes(row.map_err(refused)?)?);
                }
                Cow::Owned(data)
            }
        };
        Ok(ProvenTensor { dtype: tensor.dtype(), shape: slice.shape().map_err(refused)?, data })
    }

    /// Those of the file or index `name`, of the files in `manifest`.
    pub(super) fn named(
        manifest: &Manifest,
        name: &str,
        open: impl FnMut(&str) -> Result<F, VerifyError>,
    ) -> Result<Self, VerifyError> {
        Self::open(manifest, Weights::named(name), open)
    }

    /// Those of all the files in `manifest`.
    pub(super) fn whole(
        manifest: &Manifest,
        open: impl FnMut(&str) -> Result<F, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let weights = Weights::of(manifest)?;
        let tensors = Self::open(manifest, weights, open)?;
        weights.demand_no_other(manifest, tensors.index())?;
        Ok(tensors)
    }

    fn open(
        manifest: &Manifest,
        weights: Weights<'_>,
        mut open: impl FnMut(&str) -> Result<F, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let name = weights.name();
        let first = open(name)?;
        let mut files = BTreeMap::new();
        let layout = if weights.is_index() {
            let index = index(name, &first)?;
            let mut headers = BTreeMap::new();
            for (file, path) in index.files().map(|file| (file, weights.beside(file))) {
                // What is not signed is not opened, and missed below.
                if manifest.get(&path).is_some() {
                    let shard = open(&path)?;
                    headers.insert(file.to_owned(), header(&path, &shard)?);
                    files.insert(file.to_owned(), shard);
                }
            }
            Layout::Many(Sharded::new(index, headers).map_err(|error| refused(name, error))?)
        } else {
            let header = header(name, &first)?;
            files.insert(String::new(), first);
            Layout::One(header)
        };
        Ok(Self { layout, files })
    }
}

impl ProvenTensor<'_> {
    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its size in each dimension, in elements.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, little endian, in row-major order.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Its elements, as their own.
    pub fn into_data(self) -> Vec<u8> {
        self.data.into_owned()
    }

    /// The same, independent of what it was read from.
    pub fn into_owned(self) -> ProvenTensor<'static> {
        ProvenTensor { dtype: self.dtype, shape: self.shape, data: Cow::Owned(self.data.into_owned()) }
    }

    /// As the crate `safetensors` sees it, for whoever takes its views.
    ///
    /// # Errors
    /// None that is known: it makes the checks again that were made when the header was read.
    pub fn view(&self) -> Result<TensorView<'_>, SafeTensorError> {
        TensorView::new(theirs(self.dtype), self.shape.clone(), &self.data)
    }
}

impl std::fmt::Debug for ProvenTensor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ProvenTensor({} {:?}, {} bytes)", self.dtype, self.shape, self.data.len())
    }
}

fn refused(name: &str, error: WeightsError) -> VerifyError {
    VerifyError::Weights { name: escape(name), error: Box::new(error) }
}

/// The header of a file, of which nothing else is read.
fn header(name: &str, file: &impl ProvenFile) -> Result<Header, VerifyError> {
    let size = file.size();
    let first = file.bytes(0..size.min(HeaderPlace::FIRST))?;
    let place = HeaderPlace::read(&first, size).map_err(|error| refused(name, error))?;
    place.header(&file.bytes(place.range())?).map_err(|error| refused(name, error))
}

fn index(name: &str, file: &impl ProvenFile) -> Result<Index, VerifyError> {
    let size = file.size();
    if size > MAX_INDEX {
        let limit = usize::try_from(MAX_INDEX).unwrap_or(usize::MAX);
        return Err(refused(name, IndexProblem::TooMany { what: "bytes", limit }.into()));
    }
    Index::from_slice(&file.bytes(0..size)?).map_err(|error| refused(name, error))
}

/// The type, as the reference implementation calls it.
fn theirs(dtype: Dtype) -> safetensors::Dtype {
    use safetensors::Dtype as Theirs;
    match dtype {
        Dtype::Bool => Theirs::BOOL,
        Dtype::F4 => Theirs::F4,
        Dtype::F6E2M3 => Theirs::F6_E2M3,
        Dtype::F6E3M2 => Theirs::F6_E3M2,
        Dtype::U8 => Theirs::U8,
        Dtype::I8 => Theirs::I8,
        Dtype::F8E5M2 => Theirs::F8_E5M2,
        Dtype::F8E4M3 => Theirs::F8_E4M3,
        Dtype::F8E8M0 => Theirs::F8_E8M0,
        Dtype::F8E4M3Fnuz => Theirs::F8_E4M3FNUZ,
        Dtype::F8E5M2Fnuz => Theirs::F8_E5M2FNUZ,
        Dtype::I16 => Theirs::I16,
        Dtype::U16 => Theirs::U16,
        Dtype::F16 => Theirs::F16,
        Dtype::Bf16 => Theirs::BF16,
        Dtype::I32 => Theirs::I32,
        Dtype::U32 => Theirs::U32,
        Dtype::F32 => Theirs::F32,
        Dtype::C64 => Theirs::C64,
        Dtype::F64 => Theirs::F64,
        Dtype::I64 => Theirs::I64,
        Dtype::U64 => Theirs::U64,
    }
}
