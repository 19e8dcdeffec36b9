//! Bytes that come from afar, proven before they are written.
//!
//! ```text
//! Verified<Claim> ─► Receiving: one Incoming for each signed file
//!                      groups of 1 MiB, in any order, from any thread ─► judged ─► written ─► counted
//! Verified<Model> ◄─ finish: every group of every file, and every digest that was to prove it
//! ```
//!
//! Nothing here fetches anything: whoever does hands the bytes over, and learns what to fetch again. A chunk list, if
//! there is one, lets each group be judged alone ([`Incoming::learn`]); without one a file is judged as a whole.

mod incoming;

use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::ModelClaim;
use lacre_hash::FileDigests;
use lacre_manifest::{Entry, Links, Root, escape_os};

pub use self::incoming::{Arrival, Incoming};
use crate::content;
use crate::mismatch::ContentMismatch;
use crate::proof::{Claim, Model, Verified};
use crate::prove::Prove;
use crate::report::{Report, Step};
use crate::requirements::Strictness;
use crate::signature::Signer;
use crate::{Failure, VerifyError, shape};

/// What becomes of files that stand where received ones go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// They are an error.
    Refuse,
    /// They are what an earlier attempt left: they are written over, and may be proven again ([`Incoming::recover`]).
    Reuse,
}

/// A claim whose files are on their way into a folder.
///
/// Nothing in the folder may be used before [`finish`](Self::finish) succeeds.
#[derive(Debug)]
pub struct Receiving {
    signed: ModelClaim,
    signers: Vec<Signer>,
    report: Report,
    strictness: Strictness,
    root: Root,
    into: PathBuf,
    prove: Prove,
    files: Vec<Incoming>,
}

impl Verified<Claim> {
    /// Makes the folder `into`, which must be there, ready to take the signed files. `size_of` tells the size of a file
    /// for which none is signed, as signatures of other tools do not.
    ///
    /// # Errors
    /// `E-DIGEST-NOT-SIGNED` when `prove` demands a digest that is not signed; `E-NOT-FOUND` and `E-OUTPUT` for the
    /// folder.
    pub fn receive(
        self,
        into: &Path,
        prove: Prove,
        leftovers: Leftovers,
        size_of: impl Fn(&Entry) -> Option<u64>,
    ) -> Result<Receiving, Box<Failure>> {
        let Claim { signed, signers, report, strictness } = self.proven;
        let prepared = Root::open(into, Links::Refuse)
            .map_err(VerifyError::from)
            .and_then(|root| Ok((root, prepare(&signed, into, prove, leftovers, size_of)?)));
        match prepared {
            Ok((root, files)) => Ok(Receiving {
                signed,
                signers,
                report,
                strictness,
                root,
                into: into.to_path_buf(),
                prove,
                files,
            }),
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

impl Receiving {
    /// The signed files, in the order of their names.
    pub fn files(&self) -> &[Incoming] {
        &self.files
    }

    /// What was checked so far, closed with the reason why the files cannot come.
    pub fn fail(self, error: VerifyError) -> Box<Failure> {
        self.report.fail(Step::Content, error)
    }

    /// The model, when every file is there and as signed. Then come empty folders and executable bits, if they are signed.
    ///
    /// # Errors
    /// `E-FILE-MISSING` when groups are missing; `E-FILE-CHANGED` when a file is another than the signed one.
    pub fn finish(self) -> Result<Verified<Model>, Box<Failure>> {
        let Self { signed, signers, mut report, strictness, root, into, prove, files } = self;
        let proven_by = files.first().map(Incoming::digests);
        let finished = (|| {
            let mut digests = Vec::with_capacity(files.len());
            let mut mismatch = ContentMismatch::default();
            for file in &files {
                match file.found() {
                    Some(found) => digests.push(found),
                    None => mismatch.missing.push(file.entry().path.clone()),
                }
            }
            if !mismatch.is_empty() {
                return Err(VerifyError::Content(Box::new(mismatch)));
            }
            let manifest = content::compare(signed.manifest().entries().iter().zip(&digests))?;
            let chunks = digests.iter_mut().filter_map(FileDigests::take_tree).collect();
            if let Some(shape) = signed.shape() {
                let differs = shape::recreate(&signed, shape, &root, &into)?;
                report.tell_shape(differs, strictness)?;
            }
            Ok((manifest, chunks))
        })();
        match finished {
            Ok((manifest, chunks)) => {
                report.prove(&manifest, proven_by, ", proven while written");
                let held = std::collections::BTreeMap::new();
                Ok(Verified {
                    proven: Model { signed, signers, report, root, manifest, prove, held, chunks },
                })
            }
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

fn prepare(
    signed: &ModelClaim,
    into: &Path,
    prove: Prove,
    leftovers: Leftovers,
    size_of: impl Fn(&Entry) -> Option<u64>,
) -> Result<Vec<Incoming>, VerifyError> {
    let entries = signed.manifest().entries();
    let mut files = Vec::with_capacity(entries.len());
    let mut made = "";
    for entry in entries {
        if let Some((folder, _)) = entry.path.as_str().rsplit_once('/')
            && folder != made
        {
            let path = into.join(folder);
            fs::create_dir_all(&path)
                .map_err(|source| VerifyError::Store { name: escape_os(path.as_os_str()), source })?;
            made = folder;
        }
        let size = entry.size.or_else(|| size_of(entry)).unwrap_or_default();
        let file = Incoming::new(entry.clone(), size, prove.digests(entry)?, into, leftovers);
        if size == 0 {
            // No group will ever make it.
            file.make()?;
        }
        files.push(file);
    }
    Ok(files)
}
