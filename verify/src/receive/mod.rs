//! Bytes that come from afar, proven before they are written.
//!
//! ```text
//! Verified<Claim> ─► Receiving: one Incoming for each signed file
//!                      groups of 1 MiB, in any order, from any thread ─► judged ─► written ─► counted
//! Verified<Model> ◄─ finish: every group of every file, and every digest that was to prove it
//! Verified<Part>  ◄─ the same, where only some of the files were wanted
//! ```
//!
//! Nothing here fetches anything: whoever does hands the bytes over, and learns what to fetch again. A chunk list, if
//! there is one, lets each group be judged alone ([`Incoming::learn`]); without one a file is judged as a whole.

mod incoming;

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use lacre_attest::ModelClaim;
use lacre_hash::FileDigests;
use lacre_manifest::{Entry, EntryPath, Links, Manifest, Root, Shape, escape_os};

pub use self::incoming::{Arrival, Incoming, Sharing};
use crate::content;
use crate::mismatch::ContentMismatch;
use crate::proof::{Claim, Extent, Model, Part, Verified};
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
pub struct Receiving<T: Extent = Model> {
    signed: ModelClaim,
    signers: Vec<Signer>,
    report: Report,
    strictness: Strictness,
    root: Root,
    into: PathBuf,
    prove: Prove,
    files: Vec<Incoming>,
    becomes: PhantomData<T>,
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
        self.receive_these(into, prove, leftovers, size_of, |_| true)
    }

    /// The same for the signed files that are `wanted`, and no others. What they become is no [`Model`].
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_part(
        self,
        into: &Path,
        prove: Prove,
        leftovers: Leftovers,
        size_of: impl Fn(&Entry) -> Option<u64>,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Receiving<Part>, Box<Failure>> {
        self.receive_these(into, prove, leftovers, size_of, wanted)
    }

    fn receive_these<T: Extent>(
        self,
        into: &Path,
        prove: Prove,
        leftovers: Leftovers,
        size_of: impl Fn(&Entry) -> Option<u64>,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Receiving<T>, Box<Failure>> {
        let Claim { signed, signers, report, strictness } = self.proven;
        let prepared = Root::open(into, Links::Refuse).map_err(VerifyError::from).and_then(|root| {
            let entries = signed.manifest().entries().iter().filter(|entry| wanted(entry));
            Ok((root, prepare(entries, into, prove, leftovers, size_of)?))
        });
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
                becomes: PhantomData,
            }),
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

impl<T: Extent> Receiving<T> {
    /// The signed files that are wanted, in the order of their names.
    pub fn files(&self) -> &[Incoming] {
        &self.files
    }

    /// What was checked so far, closed with the reason why the files cannot come.
    pub fn fail(self, error: VerifyError) -> Box<Failure> {
        self.report.fail(Step::Content, error)
    }

    /// The model, or the part of it, when every wanted file is there and as signed. Then come executable bits, and empty
    /// folders of a whole model, if they are signed.
    ///
    /// # Errors
    /// `E-FILE-MISSING` when groups are missing; `E-FILE-CHANGED` when a file is another than the signed one.
    pub fn finish(self) -> Result<Verified<T>, Box<Failure>> {
        let Self { signed, signers, mut report, strictness, root, into, prove, files, becomes: _ } = self;
        let is_whole = T::IS_WHOLE;
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
            let manifest = content::compare(files.iter().map(Incoming::entry).zip(&digests))?;
            let chunks = digests.iter_mut().filter_map(FileDigests::take_tree).collect();
            if let Some(shape) = signed.shape() {
                let differs = if is_whole {
                    shape::recreate(&signed, shape, &root, &into)?
                } else {
                    shape::recreate(&signed, &of_part(shape, &files)?, &root, &into)?
                };
                report.tell_shape(differs, strictness)?;
            }
            Ok((manifest, chunks))
        })();
        match finished {
            Ok((manifest, chunks)) => {
                let how = ", proven while written";
                if is_whole {
                    report.prove(&manifest, proven_by, how);
                } else {
                    report.prove_part(&manifest, signed.manifest().len(), proven_by, how);
                }
                let held = std::collections::BTreeMap::new();
                let model = Model { signed, signers, report, root, manifest, prove, held, chunks };
                Ok(Verified::strict(T::of(model)))
            }
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

/// What concerns these files of a signed shape. A folder without files is in no part: nobody can ask for it.
fn of_part(shape: &Shape, files: &[Incoming]) -> Result<Shape, VerifyError> {
    // Both are in the order of their names.
    let wanted = |path: &&EntryPath| files.binary_search_by(|file| file.entry().path.cmp(path)).is_ok();
    let executable = shape.executable().iter().filter(wanted).cloned().collect();
    let entries = files.iter().map(|file| file.entry().clone()).collect();
    Ok(Shape::new(&Manifest::new(entries)?, executable, Vec::new())?)
}

fn prepare<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    into: &Path,
    prove: Prove,
    leftovers: Leftovers,
    size_of: impl Fn(&Entry) -> Option<u64>,
) -> Result<Vec<Incoming>, VerifyError> {
    let mut files = Vec::new();
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
