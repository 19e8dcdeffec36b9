//! Which of the signed files are the model's weights.

use std::collections::BTreeSet;

use lacre_manifest::{Manifest, escape};
use lacre_weights::safetensors::Index;

use crate::VerifyError;

const FILE: &str = ".safetensors";
const INDEX: &str = ".safetensors.index.json";

/// A safetensors file, or the index of several, by its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weights<'a> {
    File(&'a str),
    Index(&'a str),
}

impl<'a> Weights<'a> {
    /// What the name says that it is.
    pub(super) fn named(name: &'a str) -> Self {
        if name.ends_with(INDEX) { Self::Index(name) } else { Self::File(name) }
    }

    /// The one index of the model, or its one file. Loaders differ in what they take first where there are both, and where an
    /// index stands they do not look at what it leaves out: see [`demand_no_other`](Self::demand_no_other).
    pub(super) fn of(manifest: &'a Manifest) -> Result<Self, VerifyError> {
        let indexes: Vec<&str> = names(manifest, INDEX).collect();
        let files: Vec<&str> = names(manifest, FILE).collect();
        match (indexes.as_slice(), files.as_slice()) {
            ([index], _) => Ok(Self::Index(index)),
            ([], [file]) => Ok(Self::File(file)),
            ([], []) => Err(VerifyError::NotSigned { what: "the file", name: format!("*{FILE}") }),
            ([], files) => Err(ambiguous(files.iter().copied())),
            (indexes, _) => Err(ambiguous(indexes.iter().copied())),
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::File(name) | Self::Index(name) => name,
        }
    }

    pub(super) fn is_index(self) -> bool {
        matches!(self, Self::Index(_))
    }

    /// The path of a file in the same folder.
    pub(super) fn beside(self, file: &str) -> String {
        self.name().rsplit_once('/').map_or_else(|| file.to_owned(), |(folder, _)| format!("{folder}/{file}"))
    }

    /// Refuses a safetensors file that is signed, and that the index does not name.
    pub(super) fn demand_no_other(
        self,
        manifest: &Manifest,
        index: Option<&Index>,
    ) -> Result<(), VerifyError> {
        let Some(index) = index else { return Ok(()) };
        let named: BTreeSet<String> = index.files().map(|file| self.beside(file)).collect();
        let others: Vec<&str> = names(manifest, FILE).filter(|&file| !named.contains(file)).collect();
        if others.is_empty() { Ok(()) } else { Err(ambiguous([self.name()].into_iter().chain(others))) }
    }
}

/// The signed files with this ending.
fn names<'a>(manifest: &'a Manifest, ending: &'static str) -> impl Iterator<Item = &'a str> {
    manifest.entries().iter().map(|entry| entry.path.as_str()).filter(move |path| path.ends_with(ending))
}

fn ambiguous<'a>(candidates: impl Iterator<Item = &'a str>) -> VerifyError {
    VerifyError::TensorsAmbiguous { candidates: candidates.map(escape).collect() }
}
