//! Where the program finds the proven files.

use std::path::{Path, PathBuf};

use lacre_verify::{SealedFolder, Snapshot};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use super::ExecArgs;
use super::proven::Proven;
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
    pub(super) fn of(args: &ExecArgs, proven: &Proven<'_>) -> Result<Self, CliError> {
        let scratch = args.scratch.clone().unwrap_or_else(usual);
        let failed = |source| CliError::Output { path: text::path(&scratch), source };
        // Of mode 0700, and of a name that nobody could have taken before.
        let around = tempfile::Builder::new().prefix("lacre-").tempdir_in(&scratch).map_err(failed)?;
        let mut path = around.path().join("model");
        let held = match &proven.sealed {
            Some(files) => {
                let files = files
                    .iter()
                    .map(|(name, file)| Ok((name.clone(), file.try_clone().map_err(failed)?)))
                    .collect::<Result<_, CliError>>()?;
                Held::Sealed(proven.model.sealed_folder(files, &path).map_err(CliError::Trust)?)
            }
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

/// In memory where the system has such a place for every user.
fn usual() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.filter(|path| path.is_absolute() && path.is_dir()).unwrap_or_else(std::env::temp_dir)
}

/// There is a descriptor for each file: as many as the system gives this process.
pub(super) fn allow_files() -> Result<(), CliError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(|errno| CliError::Output {
        path: "the table of open files".to_owned(),
        source: errno.into(),
    })
}
