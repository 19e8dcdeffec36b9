//! Whole models as private folders, and plain paths.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lacre_hash::NoProgress;
use lacre_manifest::{Entry, EntryPath, FileSource, Links, Root, escape_os};
use rustix::fs::ioctl_ficlone;

use super::LoadOptions;
use super::place::{SignedFile, blame};
use crate::VerifyError;
use crate::content;
use crate::mismatch;
use crate::proof::{Extent, Model, Standing, Verified};

/// A private copy of a model on disk, laid out as signed and with nothing else in it. It is removed when this value is
/// dropped.
///
/// ```no_run
/// use lacre_verify::{LoadOptions, Model, Verified};
///
/// fn serve(model: &Verified<Model>) -> Result<(), Box<dyn std::error::Error>> {
///     let folder = model.snapshot("run/mini-lm".as_ref(), &LoadOptions::new())?;
///     std::process::Command::new("engine").arg(folder.path()).status()?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
}

impl Snapshot {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, which now stays.
    pub fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.path)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // It was made by this value, and holds copies only. Nobody is left to tell that it stayed.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The files of the model, or of the part, copied into the new folder `into` and then proven there.
    ///
    /// Each file is cloned where the file system can do that (a reflink: no byte is copied until one of the two is written
    /// to), and copied otherwise. The folder has mode 0700, files 0400, or 0500 where they were signed as executable; empty folders
    /// are there as signed. What `into` lies in must be there, and `into` must not; nobody else may be able to rename things there
    /// (a folder of this user's own, or one with the sticky bit, like `/tmp`).
    ///
    /// Guarantee: when this returns, the files in the folder are the signed ones, and no user but this one can change
    /// them (nor see them). Processes of the same user can, and so can root: where they are not trusted, use
    /// [`sealed`](Self::sealed). Whoever writes to the files that were verified changes nothing in the copies. Cost: reading and
    /// hashing, and the files' size on disk, unless they are cloned. For engines that want a folder of files.
    ///
    /// # Errors
    /// `E-OUTPUT` when the folder is there already, or the files cannot be written; `E-FILE-SIZE` and `E-FILE-CHANGED` when a
    /// file is no longer what was signed; a code of the disk when it cannot be read. Nothing of the folder is left then.
    pub fn snapshot(&self, into: &Path, options: &LoadOptions) -> Result<Snapshot, VerifyError> {
        let model = self.model();
        make_folder(into)?;
        // From here on, it is removed again when something fails.
        let snapshot = Snapshot { path: into.to_path_buf() };
        let root = Root::open(into, Links::Refuse)?;
        let entries = model.manifest.entries();
        for entry in entries {
            copy(model, entry, into)?;
        }
        prove(model, &root, options)?;
        let shape = model.signed.shape().filter(|_| T::IS_WHOLE);
        for folder in shape.map_or(&[][..], |shape| shape.empty_folders()) {
            make_folders(into, folder)?;
        }
        let executable = model.signed.shape().map_or(&[][..], |shape| shape.executable());
        for entry in entries {
            let is_executable = executable.binary_search(&entry.path).is_ok();
            let mode = if is_executable { 0o500 } else { 0o400 };
            let set = root.open_file(&entry.path)?.set_permissions(Permissions::from_mode(mode));
            set.map_err(|source| VerifyError::Store { name: entry.path.to_string(), source })?;
        }
        Ok(snapshot)
    }

    /// Where the signed file `name` was when the model was opened.
    ///
    /// Guarantee: none. Between the verification and whatever opens this path, and while it is used, everybody who can
    /// write to the file or to a folder above it can put other bytes in its place, and a reader that maps it sees them even
    /// later. For whoever knows that nobody else can, and for measuring what the guarantees cost.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when no such file was signed, or it is not in the part.
    pub fn path_unpinned_danger(&self, name: &str) -> Result<PathBuf, VerifyError> {
        let model = self.model();
        let entry = super::entry(&model.manifest, name)?;
        let path = model.root.path();
        Ok(if model.root.only_file().is_some() { path.to_path_buf() } else { path.join(entry.path.as_str()) })
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    move |source| VerifyError::Store { name: escape_os(path.as_os_str()), source }
}

fn make_folder(path: &Path) -> Result<(), VerifyError> {
    DirBuilder::new().mode(0o700).create(path).map_err(failed(path))
}

fn make_folders(into: &Path, folder: &EntryPath) -> Result<(), VerifyError> {
    let path = into.join(folder.as_str());
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed(&path))
}

/// Clones or copies a file of the model. What came of it is not known until it is proven.
fn copy(model: &Model, entry: &Entry, into: &Path) -> Result<(), VerifyError> {
    let path = into.join(entry.path.as_str());
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed(parent))?;
    }
    let mut made =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed(&path))?;
    if let Some(held) = model.held.get(&entry.path) {
        return io::Write::write_all(&mut made, held).map_err(failed(&path));
    }
    let source = model.root.open_file(model.root.only_file().unwrap_or(&entry.path))?;
    let size = source.metadata().map_or(0, |metadata| metadata.len());
    if let Some(signed) = entry.size.filter(|&signed| signed != size) {
        return Err(mismatch::wrong_size(&entry.path, signed, size));
    }
    if ioctl_ficlone(&made, &source).is_ok() {
        return Ok(());
    }
    // A file that grows is refused when its copy is proven; it must not fill the disk until then.
    let mut limited = io::Read::take(&source, size.saturating_add(1));
    io::copy::<io::Take<&File>, File>(&mut limited, &mut made).map(drop).map_err(failed(&path))
}

/// Proves the copies: what becomes of the originals does not matter any more.
fn prove(model: &Model, root: &Root, options: &LoadOptions) -> Result<(), VerifyError> {
    let entries = model.manifest.entries();
    let mut sources = Vec::with_capacity(entries.len());
    for entry in entries {
        let size = root.open_file(&entry.path)?.metadata().map_or(0, |metadata| metadata.len());
        if let Some(signed) = entry.size.filter(|&signed| signed != size) {
            return Err(mismatch::wrong_size(&entry.path, signed, size));
        }
        let file = FileSource::new(root, entry.path.clone(), size, model.prove.digests(entry)?);
        sources.push(SignedFile { file, keeper: None });
    }
    let found = options.engine().run(&sources, &NoProgress).map_err(blame)?;
    content::compare(entries.iter().zip(&found)).map(drop)
}
