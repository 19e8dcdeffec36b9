//! Where the program finds the proven files.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lacre_verify::{SealedFolder, Snapshot};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::proven::Proven;
use super::{ExecArgs, Form};
use crate::error::CliError;
use crate::text;

/// The folder, as long as this value lives.
pub(super) struct Laid {
    path: PathBuf,
    _held: Held,
    /// Around it; removed after it.
    _around: TempDir,
}

#[expect(dead_code, reason = "held, so that it stays")]
enum Held {
    Sealed(SealedFolder),
    Snapshot(Snapshot),
}

impl Laid {
    /// Lays the files out, in a private folder of its own.
    pub(super) fn of(args: &ExecArgs, proven: &mut Proven<'_>) -> Result<Self, CliError> {
        let files = proven.sealed.take();
        let scratch = args.scratch.clone().unwrap_or_else(|| usual(args.form));
        let failed = |source| CliError::Output { path: text::path(&scratch), source };
        // Of a name that nobody could have taken before.
        let around = tempfile::Builder::new()
            .prefix("lacre-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&scratch)
            .map_err(failed)?;
        let mut path = around.path().join("model");
        let held = match files {
            Some(files) => Held::Sealed(proven.model.sealed_folder(files, &path).map_err(CliError::Trust)?),
            None => Held::Snapshot(proven.model.snapshot(&path, &proven.options).map_err(CliError::Trust)?),
        };
        if args.model.is_file()
            && let [only] = proven.model.manifest().entries()
        {
            path = path.join(only.path.as_str());
        }
        Ok(Self { path, _held: held, _around: around })
    }

    /// What the program is told.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where a few links fit, in memory: the folder that the system gives this user, if it is this user's. Whoever else owns it could
/// put another folder into the place of ours.
fn usual(form: Form) -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|_| form == Form::Sealed);
    let own = |path: &PathBuf| {
        let found = path.metadata();
        path.is_absolute() && found.is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw())
    };
    runtime.filter(own).unwrap_or_else(std::env::temp_dir)
}
