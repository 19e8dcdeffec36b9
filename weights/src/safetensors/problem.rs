//! What is wrong with a header or an index.

use lacre_json::JsonError;

/// What is wrong with a safetensors file. Names of tensors are quoted safe for a terminal, and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderProblem {
    /// The file ends before its header does.
    #[error("its header does not fit into it")]
    Short,
    /// The header is longer than the format allows.
    #[error("its header has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Size in bytes, as the file states it.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The header does not begin with `{`.
    #[error("its header does not begin with `{{`")]
    Start,
    /// Something other than spaces stands behind the header's JSON.
    #[error("its header is padded with something other than spaces")]
    Padding,
    /// The header is not JSON of the right shape, or names a key twice.
    #[error("its header: {0}")]
    Json(#[from] JsonError),
    /// A tensor has a field that the format does not have.
    #[error("the tensor {tensor} has the unknown field {field}")]
    UnknownField {
        /// The tensor.
        tensor: String,
        /// The field.
        field: String,
    },
    /// A tensor lacks a field.
    #[error("the tensor {tensor} has no `{field}`")]
    MissingField {
        /// The tensor.
        tensor: String,
        /// The field.
        field: &'static str,
    },
    /// A tensor is of a type that is not known.
    #[error("the tensor {tensor} is of the unknown type {dtype}")]
    UnknownDtype {
        /// The tensor.
        tensor: String,
        /// What stands where its type should.
        dtype: String,
    },
    /// More of something than the limit.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The size of a tensor is beyond what can be counted.
    #[error("the shape of the tensor {tensor} overflows")]
    Overflow {
        /// The tensor.
        tensor: String,
    },
    /// A tensor does not end with a whole byte.
    #[error("the tensor {tensor} is not a whole number of bytes")]
    NotWholeBytes {
        /// The tensor.
        tensor: String,
    },
    /// The place of a tensor is not as large as its shape and type.
    #[error("the tensor {tensor} needs {needed} bytes, and has the place {start}..{end}")]
    Size {
        /// The tensor.
        tensor: String,
        /// Size in bytes by its shape and type.
        needed: u64,
        /// Where it is said to begin, in bytes from the beginning of the data.
        start: u64,
        /// Where it is said to end.
        end: u64,
    },
    /// A tensor does not begin where the one before it ends: a hole, or two tensors in one place.
    #[error("the tensor {tensor} begins at byte {start} of the data, not at {expected}")]
    NotContiguous {
        /// The tensor.
        tensor: String,
        /// Where it is said to begin.
        start: u64,
        /// Where the one before it ends.
        expected: u64,
    },
    /// The last tensor does not end where the file does.
    #[error("its tensors have {described} bytes, and the file has {found} for them")]
    End {
        /// Bytes that the header describes.
        described: u64,
        /// Bytes behind the header.
        found: u64,
    },
}

/// What is wrong with the index of several safetensors files, or with the files in its light. Names are quoted safe for a
/// terminal, and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexProblem {
    /// The index is not JSON of the right shape, or names a key twice.
    #[error("it is no index: {0}")]
    Json(#[from] JsonError),
    /// More of something than the limit.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A file is not named by a plain name that ends with `.safetensors`.
    #[error("it names the file {file}, which is not a plain name with the ending `.safetensors`")]
    FileName {
        /// What it names.
        file: String,
    },
    /// The header of a file that the index names was not given.
    #[error("it names the file {file}, which is not there")]
    MissingFile {
        /// The file.
        file: String,
    },
    /// A file was given that the index does not name.
    #[error("it does not name the file {file}")]
    UnlistedFile {
        /// The file.
        file: String,
    },
    /// A file holds a tensor that the index does not name.
    #[error("it does not name the tensor {tensor} in {file}")]
    UnlistedTensor {
        /// The tensor.
        tensor: String,
        /// Where it lies.
        file: String,
    },
    /// A tensor lies in another file than the index says; the one that it says may hold it too.
    #[error("it says that the tensor {tensor} lies in {said}, and there is one in {found}")]
    Misplaced {
        /// The tensor.
        tensor: String,
        /// Where the index says it lies.
        said: String,
        /// Where one lies.
        found: String,
    },
    /// The file that the index names for a tensor does not hold it.
    #[error("it says that the tensor {tensor} lies in {file}, and it does not")]
    MissingTensor {
        /// The tensor.
        tensor: String,
        /// Where the index says it lies.
        file: String,
    },
    /// The sizes of the tensors do not add up to what the index says.
    #[error("it says that all tensors have {said} bytes, and they have {found}")]
    TotalSize {
        /// `total_size`, in bytes.
        said: u64,
        /// What the headers add up to, in bytes.
        found: u64,
    },
}

/// Longest name in a message, in characters.
const QUOTED: usize = 120;

/// A name from a file for a message: what would move a terminal's cursor is escaped, what is long is cut.
pub(super) fn quoted(name: &str) -> String {
    let mut safe: String = name.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    if name.chars().nth(QUOTED).is_some() {
        safe.push('…');
    }
    format!("\"{safe}\"")
}
