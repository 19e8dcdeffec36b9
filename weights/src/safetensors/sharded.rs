//! An index, and the files that are as it says.

use std::collections::BTreeMap;

use super::problem::quoted;
use super::{Header, Index, IndexProblem, Tensor};
use crate::WeightsError;

/// The headers of several files, and the index that they agree with: each tensor lies in one file, which is the one that
/// the index names; no file is missing, none is left over; the sizes add up.
///
/// ```compile_fail
/// // Not without the index.
/// # use lacre_weights::safetensors::*;
/// fn forge(headers: std::collections::BTreeMap<String, Header>) -> Sharded {
///     Sharded { headers }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharded {
    index: Index,
    headers: BTreeMap<String, Header>,
}

impl Sharded {
    /// Compares an index with the headers of the files that it names.
    ///
    /// # Errors
    /// `E-SAFETENSORS-INDEX` when anything differs.
    pub fn new(index: Index, headers: BTreeMap<String, Header>) -> Result<Self, WeightsError> {
        compare(&index, &headers)?;
        Ok(Self { index, headers })
    }

    /// Its index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The headers of its files, by their names.
    pub fn headers(&self) -> &BTreeMap<String, Header> {
        &self.headers
    }

    /// The tensor `name`, and the file in which it lies.
    pub fn tensor(&self, name: &str) -> Option<(&str, &Tensor)> {
        let file = self.index.file_of(name)?;
        Some((file, self.headers.get(file)?.tensor(name)?))
    }
}

fn compare(index: &Index, headers: &BTreeMap<String, Header>) -> Result<(), IndexProblem> {
    if let Some(file) = index.files().find(|&file| !headers.contains_key(file)) {
        return Err(IndexProblem::MissingFile { file: quoted(file) });
    }
    for (file, header) in headers {
        if !index.names_file(file) {
            return Err(IndexProblem::UnlistedFile { file: quoted(file) });
        }
        for tensor in header.tensors() {
            let name = tensor.name();
            match index.file_of(name) {
                None => {
                    return Err(IndexProblem::UnlistedTensor { tensor: quoted(name), file: quoted(file) });
                }
                Some(said) if said != file => {
                    let (said, found) = (quoted(said), quoted(file));
                    return Err(IndexProblem::Misplaced { tensor: quoted(name), said, found });
                }
                Some(_) => {}
            }
        }
    }
    for (tensor, file) in index.tensors() {
        if headers.get(file).is_none_or(|header| header.tensor(tensor).is_none()) {
            return Err(IndexProblem::MissingTensor { tensor: quoted(tensor), file: quoted(file) });
        }
    }
    let found = headers.values().fold(0, |sum: u64, header| sum.saturating_add(header.data_size()));
    match index.total_size() {
        Some(said) if said != found => Err(IndexProblem::TotalSize { said, found }),
        _ => Ok(()),
    }
}
