//! The pipeline: bundles to a claim, and then the content.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lacre_attest::{Gauge, Limits};
use lacre_hash::{Engine, Progress};
use lacre_manifest::{Beside, EntryPath, Links, ManifestError, Root, escape_os};

use crate::content::{self, Hold};
use crate::load::{LoadOptions, SealedFiles};
use crate::proof::{Claim, Endorsement, Model, ModelInput, Unverified, Verified};
use crate::report::{Report, Step};
use crate::{Failure, Prove, Requirements, VerifyError};

impl Unverified<Model> {
    /// Opens the model at `path` (a folder or a file) and reads the bundle at `signature`, or where it lies by
    /// default: `model.sig` in a folder, `NAME.sig` beside a file; and then looks for others in the folder
    /// `NAME.signatures` beside the model. Nothing is believed yet.
    ///
    /// # Errors
    /// `E-NOT-FOUND`, `E-UNREADABLE` or `E-INPUT-TYPE` for the model; `E-NO-SIGNATURE`, `E-LIMIT` or a code of the
    /// bundle for the signature.
    pub fn open(
        path: &Path,
        signature: Option<&Path>,
        links: Links,
        requirements: &Requirements,
    ) -> Result<Self, Box<Failure>> {
        let failed = |error: VerifyError| Report::default().fail(Step::Bundle, error);
        let root = Root::open(path, links).map_err(|error| failed(error.into()))?;
        let limits = requirements.reading_limits();
        let (at, inside, others) = if let Some(named) = signature {
            (named.to_path_buf(), root.locate(named), Vec::new())
        } else {
            let (at, inside) = default_signature(path, &root).map_err(failed)?;
            (at, inside, Beside::of(&root).bundles().map_err(|error| failed(error.into()))?)
        };
        let first = match read_signature(&root, &at, inside.as_ref(), limits) {
            Err(VerifyError::NoSignature { .. }) if !others.is_empty() => None,
            Err(error) => return Err(failed(error)),
            Ok(bundle) => match Unverified::<Endorsement>::parse(&bundle, limits) {
                Ok(bundle) => Some(Ok(bundle)),
                // Another bundle may be a good one.
                Err(failure) if !others.is_empty() => Some(Err(failure)),
                Err(failure) => return Err(failure),
            },
        };
        Ok(Self { input: ModelInput { first, others, root, signature: inside } })
    }

    /// Verifies the claim, and then that the files are exactly the signed ones. Files named by `hold` are kept in
    /// private memory as they are read: the same bytes that were hashed.
    pub fn verify(
        self,
        requirements: &Requirements,
        hold: &Hold,
        progress: &dyn Progress,
    ) -> Result<Verified<Model>, Box<Failure>> {
        self.claim(requirements)?.prove(requirements, hold, progress)
    }

    /// Verifies the claim, and leaves the content for later: what nobody trusted signed needs no hashing, and there may be
    /// more to ask about the claim.
    pub fn claim(self, requirements: &Requirements) -> Result<Claimed, Box<Failure>> {
        let ModelInput { first, others, root, signature } = self.input;
        let claim = unite(first, &others, requirements)?;
        Ok(Claimed { claim, root, signature })
    }

    /// The names that the bundles call the model by, each once, in the order of the bundles. Nobody has vouched for any.
    pub fn claimed_names(&self, requirements: &Requirements) -> Vec<String> {
        let limits = requirements.reading_limits();
        let mut names: Vec<String> = Vec::new();
        let first = self.input.first.iter().flatten().filter_map(|bundle| bundle.claimed_name(limits));
        let others = self.input.others.iter().filter_map(|at| read_other(at, requirements).ok());
        for name in first.chain(others.filter_map(|bundle| bundle.claimed_name(limits))) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The bundles that lie beside the model: further signatures, and attestations. Those that cannot be read are left out, and
    /// so is what would be more than one bundle may have, in bytes: all of them are held at once.
    pub(crate) fn beside(&self, limits: &Limits) -> Vec<Vec<u8>> {
        let read = |at: &PathBuf| read_limited(Beside::open(at).ok()?, at, limits).ok();
        let mut left = limits.bundle();
        let fits = |bundle: &Vec<u8>| {
            let rest = left.checked_sub(bundle.len());
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        self.input.others.iter().filter_map(read).filter(fits).collect()
    }
}

/// A model on disk whose claim is verified: who signed what. Not a byte of its content was read yet.
#[derive(Debug)]
pub struct Claimed {
    claim: Verified<Claim>,
    root: Root,
    signature: Option<EntryPath>,
}

impl Claimed {
    /// Who claims what.
    pub fn claim(&self) -> &Verified<Claim> {
        &self.claim
    }

    /// Verifies that the files are exactly the signed ones. Files named by `hold` are kept in private memory as they are
    /// read: the same bytes that were hashed.
    ///
    /// # Errors
    /// The `E-FILE-…` codes when the content is not what was signed; a code of the disk when it cannot be read.
    pub fn prove(
        self,
        requirements: &Requirements,
        hold: &Hold,
        progress: &dyn Progress,
    ) -> Result<Verified<Model>, Box<Failure>> {
        let Self { claim, root, signature } = self;
        let Claim { signed: claim, signers, mut report, .. } = claim.proven;
        let engine = Engine::new();
        let found = content::prove(
            &content::Scene { root: &root, claim: &claim, signature, requirements, engine: &engine },
            hold,
            &mut report,
            progress,
        );
        match found {
            Ok(content::Proven { manifest, held, chunks }) => Ok(Verified::strict(Model {
                signed: claim,
                signers,
                report,
                root,
                manifest,
                prove: requirements.proof(),
                held,
                chunks,
            })),
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

impl Claimed {
    /// Verifies the content as [`prove`](Self::prove) does, and gives every file in a sealed descriptor: see
    /// [`sealed`](Verified::sealed). The content is read once where BLAKE3 and sizes are signed, and otherwise proven first and
    /// read again.
    ///
    /// # Errors
    /// Those of [`prove`](Self::prove) and of [`seal_all`](Verified::seal_all).
    pub fn seal(
        self,
        requirements: &Requirements,
        options: &LoadOptions,
        progress: &dyn Progress,
    ) -> Result<(Verified<Model>, SealedFiles), Box<Failure>> {
        let signed = self.claim.claim().manifest().entries();
        let is_quick = !matches!(requirements.proof(), Prove::Sha256 | Prove::Both);
        if is_quick && signed.iter().all(|entry| entry.blake3().is_some() && entry.size.is_some()) {
            let Self { claim, root, signature } = self;
            return claim
                .lazily_in(root, signature, requirements, None, options)?
                .seal_watched(options, progress);
        }
        let model = self.prove(requirements, &Hold::Nothing, progress)?;
        match model.seal_all_watched(options, progress) {
            Ok(files) => Ok((model, files)),
            Err(error) => Err(model.report().clone().fail(Step::Content, error)),
        }
    }
}

/// The claim of the bundle in its usual place, or the named one, and of others as far as they are wanted.
pub(crate) fn unite(
    first: Option<Result<Unverified<Endorsement>, Box<Failure>>>,
    others: &[PathBuf],
    requirements: &Requirements,
) -> Result<Verified<Claim>, Box<Failure>> {
    let first = first.into_iter().map(|bundle| bundle.and_then(|bundle| bundle.verify(requirements)));
    // One at a time: as many as are demanded are read, and no more.
    let others = others.iter().map(|at| read_other(at, requirements)?.verify(requirements));
    Verified::unite(first.chain(others), requirements)
}

/// Where the signature lies by default: its path for messages, and its place beneath the root's descriptor.
pub(crate) fn default_signature(
    path: &Path,
    root: &Root,
) -> Result<(PathBuf, Option<EntryPath>), VerifyError> {
    let (path, place) = match root.only_file() {
        None => (path.join("model.sig"), "model.sig".to_owned()),
        Some(file) => {
            let mut path = path.as_os_str().to_owned();
            path.push(".sig");
            (PathBuf::from(path), format!("{}.sig", file.as_str()))
        }
    };
    Ok((path, Some(EntryPath::parse(&place).map_err(ManifestError::from)?)))
}

/// One of the bundles beside the model.
fn read_other(at: &Path, requirements: &Requirements) -> Result<Unverified<Endorsement>, Box<Failure>> {
    let limits = requirements.reading_limits();
    let bundle = Beside::open(at)
        .map_err(VerifyError::from)
        .and_then(|file| read_limited(file, at, limits))
        .map_err(|error| Report::default().fail(Step::Bundle, error))?;
    Unverified::<Endorsement>::parse(&bundle, limits)
}

fn read_signature(
    root: &Root,
    at: &Path,
    inside: Option<&EntryPath>,
    limits: &Limits,
) -> Result<Vec<u8>, VerifyError> {
    let path = || escape_os(at.as_os_str());
    let opened = match inside {
        // A signature of the model is found like the rest of the model: beneath the root, through no link, and only
        // as a regular file. One that the user names can be anything that can be read.
        Some(inside) => match root.open_file(inside) {
            Err(ManifestError::NotFound { .. }) => Err(io::ErrorKind::NotFound.into()),
            other => Ok(other?),
        },
        None => File::open(at),
    };
    let file = opened.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => VerifyError::NoSignature { path: path() },
        _ => VerifyError::SignatureUnreadable { path: path(), source },
    })?;
    read_limited(file, at, limits)
}

/// Bytes of a bundle that are read at once.
const PIECE: usize = 64 * 1024;

/// Reads all of a bundle, if it is not too long.
fn read_limited(file: File, at: &Path, limits: &Limits) -> Result<Vec<u8>, VerifyError> {
    let path = || escape_os(at.as_os_str());
    let limit = limits.bundle();
    let too_large = || VerifyError::SignatureTooLarge { path: path(), limit };
    // What is said to be too long is not read; a pipe says nothing.
    let said = file.metadata().map_or(0, |metadata| metadata.len());
    if said > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(said).unwrap_or(0));
    let mut gauge = Gauge::new(limits);
    let mut piece = vec![0; PIECE];
    let mut file = file.take(limit as u64 + 1);
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(VerifyError::SignatureUnreadable { path: path(), source }),
        };
        // What no bundle is like is given up at its beginning.
        gauge.feed(&piece[..read])?;
        bytes.extend_from_slice(&piece[..read]);
    }
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}
