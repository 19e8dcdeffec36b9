//! Sealed files where a program expects a folder of files.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use lacre_manifest::{EntryPath, escape_os};

use super::SealedFiles;
use crate::VerifyError;
use crate::proof::{Extent, Standing, Verified};

/// A private folder in which each signed file is a link to its sealed descriptor in this process: laid out as signed, and
/// nothing else in it. It is removed, and the descriptors are closed, when this value is dropped: a program that uses it must
/// have opened its files by then, or be done.
///
/// ```no_run
/// use lacre_verify::{LoadOptions, Model, Verified};
///
/// fn serve(model: &Verified<Model>) -> Result<(), Box<dyn std::error::Error>> {
///     let files = model.seal_all(&LoadOptions::new())?;
///     let folder = model.sealed_folder(files, "run/mini-lm".as_ref())?;
///     std::process::Command::new("engine").arg(folder.path()).status()?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct SealedFolder {
    path: PathBuf,
    files: SealedFiles,
}

impl SealedFolder {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files that it leads to.
    pub fn files(&self) -> &SealedFiles {
        &self.files
    }
}

impl Drop for SealedFolder {
    fn drop(&mut self) {
        // It was made by this value, and holds links only. Nobody is left to tell that it stayed.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// The sealed `files` of this model in the new folder `into`, of mode 0700, as links through which every process of this
    /// user can open them: `/proc/PID/fd/N`, where PID is this process. What `into` lies in must be there, and `into` must not.
    ///
    /// Guarantee: whoever follows a link reads signed bytes, because nothing else is behind it: the descriptor is sealed. The
    /// links themselves can be replaced by processes of the same user, and by root: where those are not trusted, hand over the
    /// descriptors ([`seal_all`](Self::seal_all)) and no paths. A program that resolves links (`realpath`) finds a path that is
    /// none: for such, there is [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    /// `E-OUTPUT` when the folder is there already, or cannot be filled; nothing of it is left then.
    pub fn sealed_folder(&self, files: SealedFiles, into: &Path) -> Result<SealedFolder, VerifyError> {
        let failed = |at: &Path, source| VerifyError::Store { name: escape_os(at.as_os_str()), source };
        folder(into).map_err(|source| failed(into, source))?;
        // From here on, it is removed again when something fails.
        let made = SealedFolder { path: into.to_path_buf(), files };
        for (name, file) in &made.files {
            let at = into.join(name.as_str());
            let linked = parents(into, name).and_then(|()| symlink(file.path_for_others(), &at));
            linked.map_err(|source| failed(&at, source))?;
        }
        let shape = self.model().signed.shape().filter(|_| T::IS_WHOLE);
        for name in shape.map_or(&[][..], |shape| shape.empty_folders()) {
            let at = into.join(name.as_str());
            let made = parents(into, name).and_then(|()| folder(&at));
            made.map_err(|source| failed(&at, source))?;
        }
        Ok(made)
    }
}

/// The folders above a file.
fn parents(into: &Path, name: &EntryPath) -> io::Result<()> {
    for (end, _) in name.as_str().match_indices('/') {
        match folder(&into.join(&name.as_str()[..end])) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    Ok(())
}

fn folder(at: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(at)
}
