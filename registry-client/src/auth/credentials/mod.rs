//! Where credentials are kept, and which of them a registry gets.

mod docker_config;
mod environment;
mod file;
mod key;
mod program;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lacre_manifest::escape_os;

use super::AuthProblem;
use super::secret::Credential;

pub use docker_config::fuzz_docker_config;

use docker_config::{DockerConfig, Kept};
use key::Keys;
use program::Program;

/// The longest time that a credential helper may take.
const HELPER_PATIENCE: Duration = Duration::from_secs(30);

/// Looks up a variable of the environment; an empty one is as good as none.
type Lookup = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The credentials of a user, looked up only when a registry demands some: in the environment, and in the files that
/// docker and podman keep. `docs/REGISTRIES.md` has the order.
///
/// Nothing is read before it is needed, so that a registry that is open to everybody works without any of it. What was
/// noticed on the way ([`Credentials::warnings`]) is for the user to see.
pub struct Credentials {
    environment: Option<Lookup>,
    helper_patience: Duration,
    warnings: Mutex<Vec<String>>,
}

/// What the user's places hold for a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A credential, and the place where it was.
    Credential { credential: Credential, place: String },
    /// None, and all the places where it could have been.
    Nothing { looked: Vec<String> },
}

impl Credentials {
    /// The credentials of the user whose process this is.
    pub fn from_environment() -> Self {
        Self::within(|name| std::env::var_os(name))
    }

    /// The credentials that another environment leads to: `lookup` gives the value of a variable.
    pub fn within(lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        let lookup = move |name: &str| lookup(name).filter(|value| !value.is_empty());
        Self { environment: Some(Box::new(lookup)), ..Self::none() }
    }

    /// No credentials, whatever the environment holds.
    pub fn none() -> Self {
        Self { environment: None, helper_patience: HELPER_PATIENCE, warnings: Mutex::default() }
    }

    /// Gives each run of a credential helper this long, instead of 30 seconds.
    pub fn helper_patience(self, patience: Duration) -> Self {
        Self { helper_patience: patience, ..self }
    }

    /// What was noticed so far and a user should know: files with secrets that others can read, or can write to.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is kept for `repository` at `registry`, which is `HOST` or `HOST:PORT`.
    ///
    /// The first place that has anything for it decides. A place that cannot be read or understood is an error: what it
    /// would have said is not replaced by what another one says.
    pub(crate) fn find(&self, registry: &str, repository: &str) -> Result<Found, AuthProblem> {
        let Some(lookup) = &self.environment else {
            return Ok(Found::Nothing { looked: vec!["none, as was asked for".to_owned()] });
        };
        let keys = Keys::of(registry, repository);
        if let Some((credential, place)) = environment::credential(lookup, &keys)? {
            return Ok(Found::Credential { credential, place });
        }
        let mut looked = vec![environment::HOST.to_owned()];
        for path in files(lookup)? {
            let place = escape_os(path.as_os_str());
            if let Some(found) = self.in_file(lookup, &path, &place, &keys)? {
                return Ok(found);
            }
            looked.push(place);
        }
        Ok(Found::Nothing { looked })
    }

    fn in_file(
        &self,
        lookup: &Lookup,
        path: &Path,
        place: &str,
        keys: &Keys,
    ) -> Result<Option<Found>, AuthProblem> {
        let Some(text) = file::read(path, place)? else {
            return Ok(None);
        };
        let config = DockerConfig::parse(&text.bytes, place)?;
        if let Some(warning) =
            text.warning(place).filter(|_| config.holds_secrets() || config.names_programs())
        {
            self.warn(warning);
        }
        for kept in config.kept_for(keys) {
            let found = match kept {
                Kept::Here { key, entry } => {
                    let place = format!("{place} ({key})");
                    entry.credential(&place)?.map(|credential| Found::Credential { credential, place })
                }
                Kept::Helper { name, server } => {
                    let program = Program::find(name, place, lookup("PATH").as_deref())?;
                    program
                        .get(server, self.helper_patience)?
                        .map(|credential| Found::Credential { credential, place: program.to_string() })
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The files in which credentials may be, in the order in which they are looked at.
fn files(lookup: &Lookup) -> Result<Vec<PathBuf>, AuthProblem> {
    const AUTH_FILE: &str = "REGISTRY_AUTH_FILE";
    let home = lookup("HOME").map(PathBuf::from);
    if let Some(file) = lookup(AUTH_FILE).map(PathBuf::from) {
        // Whoever names one file means no other. That it is missing would otherwise be found out by nobody.
        if !file.exists() {
            let detail = format!("there is no file {}", escape_os(file.as_os_str()));
            return Err(AuthProblem::Credentials { place: AUTH_FILE.to_owned(), detail });
        }
        return Ok(vec![file]);
    }
    let docker = lookup("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".docker")))
        .map(|folder| folder.join("config.json"));
    let running = lookup("XDG_RUNTIME_DIR").map_or_else(
        || PathBuf::from("/run/containers").join(rustix::process::getuid().as_raw().to_string()),
        |folder| PathBuf::from(folder).join("containers"),
    );
    let settings = lookup("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".config")))
        .map(|folder| folder.join("containers/auth.json"));
    Ok(docker.into_iter().chain([running.join("auth.json")]).chain(settings).collect())
}

#[cfg(test)]
mod tests;
