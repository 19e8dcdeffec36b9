//! How many files may be open: as many as possible here, and in the program as many as before.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::CliError;

/// The limit as it was. There is a descriptor for each file of a model, so that the usual 1 024 would not do.
pub(super) struct OpenFiles {
    before: Rlimit,
}

impl OpenFiles {
    /// Allows this process as many as the system lets it have.
    pub(super) fn raise() -> Result<Self, CliError> {
        let before = getrlimit(Resource::Nofile);
        set(Rlimit { current: before.maximum, maximum: before.maximum })?;
        Ok(Self { before })
    }

    /// Does `work` under the limit as it was: what is started there has it. A program that goes through all descriptors that
    /// it could have would not come to an end otherwise.
    pub(super) fn as_before<T>(&self, work: impl FnOnce() -> T) -> Result<T, CliError> {
        set(self.before)?;
        let done = work();
        set(Rlimit { current: self.before.maximum, maximum: self.before.maximum })?;
        Ok(done)
    }
}

fn set(limit: Rlimit) -> Result<(), CliError> {
    setrlimit(Resource::Nofile, limit).map_err(|errno| CliError::Output {
        path: "the limit of open files".to_owned(),
        source: errno.into(),
    })
}
