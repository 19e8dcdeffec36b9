//! The `OpenSSF` Model Signing predicate, v1.0 (<https://github.com/ossf/model-signing-spec>), with Lacre's members
//! `size` and `blake3` beside each file's `digest`, and `lacre` beside the subject's `sha256`.

use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_manifest::{Entry, EntryPath, Manifest, ModelIdentity, Shape};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::annotations::{
    WrittenAnnotations, refused_shape, signed_inspection, signed_shape, signed_version,
};
use super::form::{Algorithm, WireSerialization};
use super::legacy::{self, LEGACY_PREDICATE_TYPE};
use super::listing::{Listed, Listing};
use crate::error::quoted;
use crate::statement::STATEMENT_TYPE;
use crate::wire::{Object, to_json};
use crate::{AttestError, Statement, Subject};

/// The predicate type of OMS v1.0.
pub const MODEL_PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

/// The one algorithm that is written.
const ALGORITHM: &str = Algorithm::Sha256.name();
/// The one serialization method that is written: a digest per file.
const METHOD: &str = "files";
/// The name of the OMS root among the subject's digests.
const ROOT_DIGEST: &str = "sha256";
/// The name of the model identity among the subject's digests.
const IDENTITY_DIGEST: &str = "lacre";
/// Bytes of a resource beside its name, about: two digests, a size, and what stands around them.
const BESIDE_NAME: usize = 240;
/// The longest name or version of a model, in bytes.
const TEXT_LIMIT: usize = 4096;

/// What an OMS statement claims: the model of this name and version consists of exactly these files.
///
/// A claim, not a proof: nobody has checked who makes it, or looked at a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelClaim {
    name: String,
    version: Option<String>,
    manifest: Manifest,
    ignore_paths: Vec<EntryPath>,
    root: Sha256Digest,
    identity: Option<ModelIdentity>,
    single_file: bool,
    inspection: Inspection,
    shape: Option<Shape>,
    legacy: bool,
}

/// Whether whoever signed had looked at the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// As far as the statement says: the signer hashed the files.
    Inspected,
    /// The digests were taken from a manifest in a registry, and the statement says so.
    NotInspected,
}

impl ModelClaim {
    /// Makes a claim to be signed.
    ///
    /// `ignore_paths` are what a verifier shall not look at, relative to the model's root; sorted here. The claim has
    /// an [identity](Self::identity) if every entry of `manifest` has a size and a BLAKE3 digest.
    ///
    /// Refused: a name or version that is empty, longer than 4096 bytes or holds control characters (`E-STATEMENT`),
    /// ignore paths that hide an entry of `manifest` (`E-IGNORE`), entries without SHA-256 and entries of which only
    /// some have a size or a BLAKE3 digest (`E-PREDICATE`).
    pub fn new(
        name: impl Into<String>,
        version: Option<String>,
        manifest: Manifest,
        ignore_paths: Vec<EntryPath>,
    ) -> Result<Self, AttestError> {
        let name = plain_text("name", name.into())?;
        let version = version.map(|version| plain_text("version", version)).transpose()?;
        let ignore_paths = hiding_nothing(ignore_paths, &manifest)?;
        if manifest.entries().iter().any(|entry| entry.sha256().is_none()) {
            return Err(malformed("a file has no sha256 digest: nothing else is signed"));
        }
        let carried = |entry: &Entry| (entry.size.is_some(), entry.blake3().is_some());
        if manifest.entries().windows(2).any(|pair| carried(&pair[0]) != carried(&pair[1])) {
            return Err(malformed("only some files have a size or a blake3 digest"));
        }
        let identity = if manifest.entries().iter().all(|entry| entry.blake3().is_some()) {
            manifest.identity()
        } else {
            None
        };
        let root = manifest.oms_root();
        Ok(Self {
            name,
            version,
            manifest,
            ignore_paths,
            root,
            identity,
            single_file: false,
            inspection: Inspection::Inspected,
            shape: None,
            legacy: false,
        })
    }

    /// The same claim, with the signed facts that nobody looked at the content, and that there are no BLAKE3 digests
    /// therefore.
    ///
    /// # Errors
    /// `E-PREDICATE` when there are BLAKE3 digests or modes: somebody looked.
    pub fn not_inspected(self) -> Result<Self, AttestError> {
        if self.manifest.entries().iter().any(|entry| entry.blake3().is_some()) {
            return Err(malformed("blake3 digests of a content that nobody looked at"));
        }
        if self.shape.is_some() {
            return Err(malformed("modes of files that nobody looked at"));
        }
        Ok(Self { inspection: Inspection::NotInspected, ..self })
    }

    /// The same claim, with the signed facts which files their owner may execute and which folders hold no file.
    ///
    /// # Errors
    /// `E-DUPLICATE-NAME`, `E-NAME-COLLISION` and `E-STATEMENT` for lists that are no [`Shape`] of the files; `E-IGNORE`
    /// for a folder that nobody shall look at.
    pub fn with_shape(
        self,
        executable: Vec<EntryPath>,
        empty_folders: Vec<EntryPath>,
    ) -> Result<Self, AttestError> {
        let shape = Shape::new(&self.manifest, executable, empty_folders).map_err(refused_shape)?;
        self.shaped(Some(shape))
    }

    fn shaped(self, shape: Option<Shape>) -> Result<Self, AttestError> {
        let contradiction = |detail: &str| Err(AttestError::Statement { detail: detail.to_owned() });
        if let Some(shape) = &shape {
            if self.inspection == Inspection::NotInspected {
                return contradiction("modes of files that nobody looked at");
            }
            if self.single_file {
                return contradiction("modes beside a file that is listed as \".\"");
            }
            for path in &self.ignore_paths {
                if let Some(hidden) = hidden_by(path, shape.empty_folders(), |folder| folder) {
                    return Err(hides(path, "folder", hidden));
                }
            }
        }
        Ok(Self { shape, ..self })
    }

    /// Reads a claim from a statement of OMS v1.0, or of model-signing 0.2 ([`is_legacy`](Self::is_legacy)): that says
    /// less, and nothing of what it says is stricter.
    ///
    /// # Errors
    /// Those of [`from_statement`](Self::from_statement), but for `E-LEGACY`; `E-UNSUPPORTED` for digests that are not
    /// SHA-256 of whole files.
    pub fn from_statement_or_legacy(statement: &Statement<'_>) -> Result<Self, AttestError> {
        if statement.predicate_type() != LEGACY_PREDICATE_TYPE {
            return Self::from_statement(statement);
        }
        let manifest = legacy::manifest(statement)?;
        let root = manifest.oms_root();
        Ok(Self {
            name: String::new(),
            version: None,
            manifest,
            ignore_paths: Vec::new(),
            root,
            identity: None,
            single_file: false,
            inspection: Inspection::Inspected,
            shape: None,
            legacy: true,
        })
    }

    /// Reads a claim from a statement.
    ///
    /// Every rule of OMS v1.0 that keeps a signature from meaning two things is enforced; see the variants of
    /// [`AttestError`]. Read beside strict v1.0: resources in component order (Python), a model that is one file and
    /// lists itself as `.` (before model-signing 1.1), and the Python implementation's way to write pieces
    /// (`shard_size` as `1000.0`, algorithms like `sha256-sharded-1000`).
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, AttestError> {
        if statement.predicate_type() == LEGACY_PREDICATE_TYPE {
            return Err(AttestError::Legacy { what: "a statement" });
        }
        if statement.predicate_type() != MODEL_PREDICATE_TYPE {
            return Err(AttestError::PredicateType {
                found: quoted(statement.predicate_type()),
                expected: MODEL_PREDICATE_TYPE,
            });
        }
        let [subject] = statement.subjects() else {
            let detail = format!("a model has exactly one subject, not {}", statement.subjects().len());
            return Err(AttestError::Statement { detail });
        };
        let name = plain_text("name", subject.name.clone())?;
        let version = signed_version(subject)?;
        let Object(predicate) =
            serde_json::from_str::<Object<WirePredicate<'_>>>(statement.predicate().get())
                .map_err(|error| malformed(error.to_string()))?;
        let Object(serialization) = predicate.serialization;
        let (form, ignored) = serialization.check()?;
        let Listed { manifest, root, model_itself } = Listing::parse(predicate.resources.get(), form, &name)?;
        let ignore_paths = hiding_nothing(ignored, &manifest)?;
        signed_root(subject, &root)?;
        let identity = signed_identity(subject, &manifest)?;
        let inspection = signed_inspection(subject, &manifest)?;
        let shape = signed_shape(subject, &manifest)?;
        let claim = Self {
            name,
            version,
            manifest,
            ignore_paths,
            root,
            identity,
            single_file: model_itself,
            inspection,
            shape: None,
            legacy: false,
        };
        claim.shaped(shape)
    }

    /// The payload to sign: compact JSON, keys in code-point order, resources in code-point order, so that equal
    /// claims have equal bytes.
    ///
    /// Made for claims of [`ModelClaim::new`]. A claim that was read keeps its meaning, but takes Lacre's form: a new
    /// payload is not the one that was signed. One whose digests Lacre does not sign is refused (`E-UNSUPPORTED`), and so
    /// is one of model-signing 0.2 (`E-LEGACY`).
    pub fn to_statement(&self) -> Result<Vec<u8>, AttestError> {
        if self.legacy {
            return Err(AttestError::Legacy { what: "a claim" });
        }
        let resources: Option<Vec<_>> = self.manifest.entries().iter().map(WrittenResource::of).collect();
        let resources = resources.ok_or_else(|| AttestError::Unsupported {
            what: "a statement to be written with digests other than",
            found: ALGORITHM.to_owned(),
        })?;
        let statement = WrittenStatement {
            kind: STATEMENT_TYPE,
            predicate: WrittenPredicate {
                resources,
                serialization: WrittenSerialization {
                    allow_symlinks: false,
                    hash_type: ALGORITHM,
                    ignore_paths: &self.ignore_paths,
                    method: METHOD,
                },
            },
            predicate_type: MODEL_PREDICATE_TYPE,
            subject: [WrittenSubject {
                annotations: WrittenAnnotations::of(self),
                digest: WrittenDigest { lacre: self.identity.as_ref(), sha256: self.manifest.oms_root() },
                name: &self.name,
            }],
        };
        // Written from structs whose members stand in order: a tree of values would take ten times the memory.
        let names: usize = self.manifest.entries().iter().map(|entry| entry.path.as_str().len()).sum();
        let lists = self.shape.iter().flat_map(|shape| [shape.executable(), shape.empty_folders()]);
        let listed: usize = lists.flatten().map(|path| path.as_str().len() + 3).sum();
        Ok(to_json(&statement, names + listed + (self.manifest.len() + 4) * BESIDE_NAME))
    }

    /// The signed name of the model. Not escaped: it may hold anything but control characters. Empty only where none is
    /// signed ([`is_legacy`](Self::is_legacy)).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signed version of the model.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The files of the model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files of the model, for what can only be done with SHA-256 digests: comparing them with layers, above all.
    ///
    /// # Errors
    /// `E-UNSUPPORTED` when the signature holds others, which Lacre does not write.
    pub fn sha256_manifest(&self) -> Result<&Manifest, AttestError> {
        match self.manifest.entries().iter().find(|entry| entry.sha256().is_none()) {
            None => Ok(&self.manifest),
            Some(entry) => Err(AttestError::Unsupported {
                what: "to do this under a signature by",
                found: entry.digests.to_string(),
            }),
        }
    }

    /// What a verifier shall not look at, relative to the model's root, sorted. None of it hides a signed file.
    pub fn ignore_paths(&self) -> &[EntryPath] {
        &self.ignore_paths
    }

    /// The signed OMS root: SHA-256 over the files' digests in the order in which they are listed. It does not bind
    /// names, so it says nothing about which model this is.
    pub fn root(&self) -> &Sha256Digest {
        &self.root
    }

    /// The model's identity, if the statement carries it. It has been compared with the files that are listed.
    pub fn identity(&self) -> Option<&ModelIdentity> {
        self.identity.as_ref()
    }

    /// The identity that the statement carries, or would carry if it named the sizes: for one that does not, `size_of` says
    /// them, by name. `None` when one stays unknown.
    pub fn identity_by(&self, size_of: impl Fn(&EntryPath) -> Option<u64>) -> Option<ModelIdentity> {
        if let Some(identity) = self.identity {
            return Some(identity);
        }
        let sized =
            |entry: &Entry| Entry { size: entry.size.or_else(|| size_of(&entry.path)), ..entry.clone() };
        Manifest::new(self.manifest.entries().iter().map(sized).collect()).ok()?.identity()
    }

    /// Which files their owner may execute and which folders hold no file, if the statement says so.
    pub fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    /// Whether the statement is one of model-signing 0.2, which lists files and nothing else: it has no name, and its root
    /// was computed here, not signed.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Whether the signer had looked at the content.
    pub fn inspection(&self) -> Inspection {
        self.inspection
    }

    /// Whether the statement is of the old form in which a model that is one file lists itself as `.`: the one entry
    /// then has the name of the subject, and the file on disk may have any.
    pub fn single_file(&self) -> bool {
        self.single_file
    }
}

pub(super) fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Predicate { detail: detail.into() }
}

pub(super) fn plain_text(what: &str, text: String) -> Result<String, AttestError> {
    let fault = if text.is_empty() {
        "is empty"
    } else if text.len() > TEXT_LIMIT {
        "is longer than 4096 bytes"
    } else if text.chars().any(char::is_control) {
        "holds control characters"
    } else {
        return Ok(text);
    };
    Err(AttestError::Statement { detail: format!("the {what} of the model {fault}") })
}

fn signed_root(subject: &Subject, computed: &Sha256Digest) -> Result<(), AttestError> {
    let Some(signed) = subject.digest.get(ROOT_DIGEST) else {
        return Err(AttestError::Statement { detail: "the subject has no sha256 digest".to_owned() });
    };
    let computed = computed.to_string();
    // Compared as text: one digest has one spelling, and any other text is not this digest.
    if *signed == computed { Ok(()) } else { Err(AttestError::Root { signed: quoted(signed), computed }) }
}

fn signed_identity(subject: &Subject, manifest: &Manifest) -> Result<Option<ModelIdentity>, AttestError> {
    let Some(signed) = subject.digest.get(IDENTITY_DIGEST) else {
        return Ok(None);
    };
    let refused = |detail: String| Err(AttestError::Identity { detail });
    if manifest.entries().iter().any(|entry| entry.blake3().is_none()) {
        return refused("the files have no blake3 digests".to_owned());
    }
    match manifest.identity() {
        None => refused("the files have no sizes, or no sha256 digests".to_owned()),
        Some(computed) if computed.to_string() == *signed => Ok(Some(computed)),
        Some(computed) => refused(format!("signed {}, computed {computed}", quoted(signed))),
    }
}

/// Sorts ignore paths and refuses those that would keep a verifier from looking at a file that is signed.
fn hiding_nothing(mut paths: Vec<EntryPath>, manifest: &Manifest) -> Result<Vec<EntryPath>, AttestError> {
    paths.sort_unstable();
    paths.dedup();
    for path in &paths {
        if let Some(hidden) = hidden_by(path, manifest.entries(), |entry| &entry.path) {
            return Err(hides(path, "file", hidden));
        }
    }
    Ok(paths)
}

/// What of `sorted` is `path`, or lies beneath it.
fn hidden_by<'a, T>(
    path: &EntryPath,
    sorted: &'a [T],
    path_of: fn(&T) -> &EntryPath,
) -> Option<&'a EntryPath> {
    // In code-point order: those beneath `path` follow one another.
    let first = |from: &str| {
        let next = sorted.partition_point(|one| path_of(one).as_str() < from);
        sorted.get(next).map(path_of).filter(|found| found.is_or_is_under(path))
    };
    first(&format!("{}/", path.as_str())).or_else(|| first(path.as_str()))
}

fn hides(path: &EntryPath, what: &str, hidden: &EntryPath) -> AttestError {
    AttestError::Ignore {
        path: quoted(path.as_str()),
        detail: format!("it hides the signed {what} {hidden}"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePredicate<'a> {
    #[serde(borrow)]
    resources: &'a RawValue,
    #[serde(borrow)]
    serialization: Object<WireSerialization<'a>>,
}

// Members of the written types stand in code-point order of their names.

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStatement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    predicate: WrittenPredicate<'a>,
    predicate_type: &'static str,
    subject: [WrittenSubject<'a>; 1],
}

#[derive(Debug, Serialize)]
struct WrittenPredicate<'a> {
    resources: Vec<WrittenResource<'a>>,
    serialization: WrittenSerialization<'a>,
}

#[derive(Debug, Serialize)]
struct WrittenResource<'a> {
    algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blake3: Option<&'a Blake3Digest>,
    digest: &'a Sha256Digest,
    name: &'a EntryPath,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

impl<'a> WrittenResource<'a> {
    fn of(entry: &'a Entry) -> Option<Self> {
        Some(Self {
            algorithm: ALGORITHM,
            blake3: entry.blake3(),
            digest: entry.sha256()?,
            name: &entry.path,
            size: entry.size,
        })
    }
}

#[derive(Debug, Serialize)]
struct WrittenSerialization<'a> {
    allow_symlinks: bool,
    hash_type: &'static str,
    #[serde(skip_serializing_if = "<[EntryPath]>::is_empty")]
    ignore_paths: &'a [EntryPath],
    method: &'static str,
}

#[derive(Debug, Serialize)]
struct WrittenSubject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<WrittenAnnotations<'a>>,
    digest: WrittenDigest<'a>,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct WrittenDigest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lacre: Option<&'a ModelIdentity>,
    sha256: Sha256Digest,
}

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod tests;
