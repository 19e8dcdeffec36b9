//! What the annotations of a model's subject say: version, inspection, executable files and empty folders. The schema of
//! the predicate is closed; that of a subject is not, and other verifiers take no offence at them.

use std::fmt;

use lacre_manifest::{EntryPath, Manifest, ManifestError, Shape};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::model::{Inspection, ModelClaim, plain_text};
use crate::error::quoted;
use crate::statement::NAME_LISTS;
use crate::wire::Verbatim;
use crate::{AttestError, Subject};

/// The name of the version.
const VERSION: &str = "version";
/// What is said of a content that the signer did not look at.
const CONTENT: &str = "content";
const NOT_INSPECTED: &str = "not-inspected";
/// And of the digest that is missing for that reason.
const BLAKE3: &str = "blake3";
const ABSENT: &str = "absent";
/// The names of the two lists of a [`Shape`].
const EMPTY_FOLDERS: &str = NAME_LISTS[0];
const EXECUTABLE: &str = NAME_LISTS[1];

pub(super) fn signed_version(subject: &Subject) -> Result<Option<String>, AttestError> {
    let Some(text) = subject.annotations.get(VERSION) else { return Ok(None) };
    let version = read(text).ok_or_else(|| malformed("the version of the model is not a text"))?;
    plain_text("version", version).map(Some)
}

pub(super) fn signed_inspection(subject: &Subject, manifest: &Manifest) -> Result<Inspection, AttestError> {
    let annotated = |name: &str, only: &str| match subject.annotations.get(name) {
        None => Ok(false),
        Some(text) if read::<String>(text).is_some_and(|text| text == only) => Ok(true),
        // Whatever it is meant to say, it restricts what the signature is good for.
        Some(_) => Err(malformed(format!("the annotation {name} is not \"{only}\""))),
    };
    let no_blake3 = annotated(BLAKE3, ABSENT)?;
    let uninspected = annotated(CONTENT, NOT_INSPECTED)?;
    let inspection = if uninspected { Inspection::NotInspected } else { Inspection::Inspected };
    let contradicted = no_blake3 || uninspected;
    if contradicted && manifest.entries().iter().any(|entry| entry.blake3().is_some()) {
        return Err(malformed("blake3 digests beside the annotation that there are none"));
    }
    Ok(inspection)
}

/// The executable files and empty folders, if the statement says anything about them: then about both.
pub(super) fn signed_shape(subject: &Subject, manifest: &Manifest) -> Result<Option<Shape>, AttestError> {
    let annotation = |name| subject.annotations.get(name);
    let (executable, empty_folders) = match (annotation(EXECUTABLE), annotation(EMPTY_FOLDERS)) {
        (None, None) => return Ok(None),
        (Some(executable), Some(empty_folders)) => (executable, empty_folders),
        _ => return Err(malformed(format!("{EXECUTABLE} and {EMPTY_FOLDERS} are annotated together"))),
    };
    let executable = Names::parse(EXECUTABLE, executable)?;
    let empty_folders = Names::parse(EMPTY_FOLDERS, empty_folders)?;
    Shape::new(manifest, executable, empty_folders).map(Some).map_err(refused_shape)
}

pub(super) fn refused_shape(error: ManifestError) -> AttestError {
    match error {
        ManifestError::Duplicate { name } => AttestError::DuplicateName { name },
        ManifestError::Collision { first, second } => AttestError::NameCollision { first, second },
        ManifestError::NotEmpty { folder, inside } => AttestError::NotEmpty { folder, inside },
        other => malformed(other.to_string()),
    }
}

fn read<T: DeserializeOwned>(text: &Verbatim) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Statement { detail: detail.into() }
}

/// A list of names in strictly rising order, read in one pass: what is out of order is refused where it stands, so that
/// a list has no more names than there can be.
struct Names {
    list: &'static str,
    paths: Vec<EntryPath>,
    refusal: Option<AttestError>,
}

impl Names {
    fn parse(list: &'static str, text: &Verbatim) -> Result<Vec<EntryPath>, AttestError> {
        let mut names = Self { list, paths: Vec::new(), refusal: None };
        let outcome = (&mut names).deserialize(&mut serde_json::Deserializer::from_str(text.get()));
        match (outcome, names.refusal) {
            (_, Some(refusal)) => Err(refusal),
            (Err(error), None) => Err(malformed(format!("the annotation {list}: {error}"))),
            (Ok(()), None) => Ok(names.paths),
        }
    }

    fn take(&mut self, name: &str) -> Result<(), AttestError> {
        let path =
            EntryPath::parse(name).map_err(|source| AttestError::Path { name: quoted(name), source })?;
        match self.paths.last() {
            Some(last) if *last == path => Err(AttestError::DuplicateName { name: quoted(name) }),
            Some(last) if *last > path => {
                Err(malformed(format!("the annotation {} is not in code-point order", self.list)))
            }
            _ => {
                self.paths.push(path);
                Ok(())
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Names {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Names {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<(), A::Error> {
        while let Some(name) = names.next_element::<std::borrow::Cow<'de, str>>()? {
            if let Err(refusal) = self.take(&name) {
                self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize)]
pub(super) struct WrittenAnnotations<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    blake3: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    #[serde(rename = "emptyFolders", skip_serializing_if = "Option::is_none")]
    empty_folders: Option<&'a [EntryPath]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<&'a [EntryPath]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

impl<'a> WrittenAnnotations<'a> {
    /// Nothing when there is nothing to say.
    pub(super) fn of(claim: &'a ModelClaim) -> Option<Self> {
        let uninspected = claim.inspection() == Inspection::NotInspected;
        (uninspected || claim.version().is_some() || claim.shape().is_some()).then(|| Self {
            blake3: uninspected.then_some(ABSENT),
            content: uninspected.then_some(NOT_INSPECTED),
            empty_folders: claim.shape().map(Shape::empty_folders),
            executable: claim.shape().map(Shape::executable),
            version: claim.version(),
        })
    }
}
