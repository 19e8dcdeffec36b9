//! The pipeline: signature, signer, claim, expectations, and then the content.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lacre_attest::{Bundle, Inspection, Limits, ModelClaim, Statement};
use lacre_hash::{Engine, Progress};
use lacre_manifest::{EntryPath, Links, ManifestError, Root, escape_os};

use crate::content::{self, Hold};
use crate::proof::{Claim, Model, ModelInput, Unverified, Verified};
use crate::report::{Report, ReportedModel, Step};
use crate::{Failure, Requirements, VerifyError, signature};

impl Unverified<Claim> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        match Bundle::parse(bundle, limits) {
            Ok(input) => Ok(Self { input }),
            Err(error) => Err(Report::default().fail(Step::Bundle, error.into())),
        }
    }

    /// Checks the signature, then the signer, then what is claimed.
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<Claim>, Box<Failure>> {
        let mut report = Report::default();
        report.pass(Step::Bundle, "well-formed");
        let (signer, mut report) = signature::verify(&self.input, requirements.trust(), report)?;
        let claim = match read_claim(&self.input, requirements.reading_limits()) {
            Ok(claim) => claim,
            Err(error) => return Err(report.fail(Step::Claim, error)),
        };
        report.pass(Step::Claim, format!("{} files", claim.manifest().len()));
        report.model = Some(ReportedModel::of(&claim));
        if claim.inspection() == Inspection::NotInspected {
            report.warnings.push(
                "the signer did not look at the content: the digests were taken from a registry".to_owned(),
            );
        }
        match requirements.met_by(&claim) {
            Ok(demanded) if demanded.is_empty() => {
                report.pass(Step::Expectations, "none given: any model that a trusted key signed would pass");
            }
            Ok(demanded) => report.pass(Step::Expectations, demanded.join(", ")),
            Err(error) => return Err(report.fail(Step::Expectations, error)),
        }
        Ok(Verified { proven: Claim { signed: claim, signer, report } })
    }
}

/// Called only after the signature was found good: no byte of the payload is interpreted before.
fn read_claim(bundle: &Bundle, limits: &Limits) -> Result<ModelClaim, VerifyError> {
    let statement = Statement::parse(bundle.envelope().payload(), limits)?;
    Ok(ModelClaim::from_statement(&statement)?)
}

impl Unverified<Model> {
    /// Opens the model at `path` (a folder or a file) and reads the bundle at `signature`, or where it lies by
    /// default: `model.sig` in a folder, `NAME.sig` beside a file. Nothing is believed yet.
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
        let (at, inside) = match signature {
            Some(named) => (named.to_path_buf(), root.locate(named)),
            None => default_signature(path, &root).map_err(failed)?,
        };
        let limits = requirements.reading_limits();
        let bundle = read_signature(&root, &at, inside.as_ref(), limits).map_err(failed)?;
        Ok(Self {
            input: ModelInput { bundle: Unverified::parse(&bundle, limits)?, root, signature: inside },
        })
    }

    /// Verifies the claim, and then that the files are exactly the signed ones. Files named by `hold` are kept in
    /// private memory as they are read: the same bytes that were hashed.
    pub fn verify(
        self,
        requirements: &Requirements,
        hold: &Hold,
        progress: &dyn Progress,
    ) -> Result<Verified<Model>, Box<Failure>> {
        let ModelInput { bundle, root, signature } = self.input;
        let Claim { signed: claim, signer, mut report } = bundle.verify(requirements)?.proven;
        let engine = Engine::new();
        let found = content::prove(
            &content::Scene { root: &root, claim: &claim, signature, requirements, engine: &engine },
            hold,
            &mut report,
            progress,
        );
        match found {
            Ok(content::Proven { manifest, held, chunks }) => Ok(Verified {
                proven: Model {
                    signed: claim,
                    signer,
                    report,
                    root,
                    manifest,
                    prove: requirements.proof(),
                    held,
                    chunks,
                },
            }),
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

/// Where the signature lies by default: its path for messages, and its place beneath the root's descriptor.
fn default_signature(path: &Path, root: &Root) -> Result<(PathBuf, Option<EntryPath>), VerifyError> {
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
    let limit = limits.bundle();
    let too_large = || VerifyError::SignatureTooLarge { path: path(), limit };
    // What is said to be too long is not read; a pipe says nothing.
    let said = file.metadata().map_or(0, |metadata| metadata.len());
    if said > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(said).unwrap_or(0));
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| VerifyError::SignatureUnreadable { path: path(), source })?;
    if bytes.len() > limit {
        return Err(too_large());
    }
    Ok(bytes)
}
