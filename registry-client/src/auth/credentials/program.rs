//! Credential helpers: programs `docker-credential-NAME` that are asked for one server's credential.
//!
//! The protocol is that of docker-credential-helpers: `get` as the only argument, the server on standard input, on
//! standard output a JSON object, or a reason with a failing exit.

mod process;

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lacre_json::Limits;
use lacre_manifest::escape;
use serde::Deserialize;

use super::key::{canonical, canonical_host};
use crate::auth::AuthProblem;
use crate::auth::secret::{Credential, Secret};

use process::{ANSWER_LIMIT, Fault, Spoken};

/// The longest name of a helper, in characters.
const LONGEST: usize = 64;
/// How much of what a helper says is shown, in characters.
const SHOWN: usize = 200;
/// What every helper says when it has nothing for a server (`credentials.NewErrCredentialsNotFound`).
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The name that stands for "this is an identity token".
const IDENTITY: &str = "<token>";

/// A helper that was found in `PATH`.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    /// The file that names it.
    named_in: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "ServerURL")]
    server: Option<String>,
    username: String,
    secret: Secret,
}

impl Program {
    /// Looks `docker-credential-NAME` up in the absolute folders of `path`. A relative one would run what stands in the
    /// current folder, which may have come with a model.
    pub(super) fn find(name: &str, named_in: &str, path: Option<&OsStr>) -> Result<Self, AuthProblem> {
        let refuse = |program: &str, detail: &str| {
            Err(AuthProblem::Helper { program: format!("{program} ({named_in})"), detail: detail.to_owned() })
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(good) {
            let start: String = name.chars().take(LONGEST).collect();
            return refuse(&start, "a name has 1 to 64 letters, digits, hyphens, dots and underscores");
        }
        let file = format!("docker-credential-{name}");
        let folders: Vec<_> =
            path.iter().flat_map(env::split_paths).filter(|folder| folder.is_absolute()).collect();
        match folders.into_iter().map(|folder| folder.join(&file)).find(|program| is_program(program)) {
            Some(path) => Ok(Self { path, named_in: named_in.to_owned() }),
            None => refuse(&file, "there is no such program in PATH"),
        }
    }

    /// Asks for the credential of `server`: nothing if the helper says that it has none.
    pub(super) fn get(&self, server: &str, patience: Duration) -> Result<Option<Credential>, AuthProblem> {
        let spoken = process::run(&self.path, server, patience).map_err(|fault| {
            self.refusal(match fault {
                Fault::Start(error) => format!("cannot be started: {error}"),
                Fault::Pipes => "its pipes were lost".to_owned(),
                Fault::TimedOut { said } => {
                    format!("no answer within {} s{}", patience.as_secs_f32(), quoted(&said))
                }
                Fault::TooLong => format!("answered more than {ANSWER_LIMIT} bytes"),
            })
        })?;
        if spoken.succeeded { self.credential(&spoken, server) } else { self.failure(&spoken) }
    }

    fn credential(&self, spoken: &Spoken, server: &str) -> Result<Option<Credential>, AuthProblem> {
        // What is answered may be a secret in whole or in part: no refusal shows any of it.
        let answer: Answer = lacre_json::from_slice(&spoken.answer, Limits::new(ANSWER_LIMIT, 4))
            .map_err(|_| self.refusal("its answer is not the JSON object that is expected"))?;
        let named = answer.server.as_deref().filter(|named| !named.is_empty());
        if named.is_some_and(|named| host_of(named) != host_of(server)) {
            return Err(self.refusal("its answer is for another server than it was asked for"));
        }
        if answer.username.is_empty() && answer.secret.is_empty() {
            return Ok(None);
        }
        let made = if answer.username == IDENTITY {
            Credential::identity_token(answer.secret)
        } else {
            Credential::basic(&answer.username, answer.secret)
        };
        made.map(Some).map_err(|detail| self.refusal(detail))
    }

    fn failure(&self, spoken: &Spoken) -> Result<Option<Credential>, AuthProblem> {
        let reason = String::from_utf8_lossy(&spoken.answer);
        match reason.trim() {
            NOT_FOUND => Ok(None),
            "" => Err(self.refusal(format!("failed{}", quoted(&spoken.said)))),
            reason => Err(self.refusal(format!("failed{}", quoted(reason)))),
        }
    }

    fn refusal(&self, detail: impl Into<String>) -> AuthProblem {
        AuthProblem::Helper { program: self.to_string(), detail: detail.into() }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        write!(formatter, "{name} ({})", self.named_in)
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn host_of(server: &str) -> String {
    let key = canonical(server);
    canonical_host(key.split('/').next().unwrap_or_default())
}

/// The start of what a program said, behind a colon, or nothing.
fn quoted(said: &str) -> String {
    let start: String = escape(said.trim()).chars().take(SHOWN).collect();
    if start.is_empty() { start } else { format!(": {start}") }
}

#[cfg(test)]
mod tests;
