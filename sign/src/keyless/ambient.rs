//! The identity that a job or a machine has by itself: tokens that its surroundings give.
//!
//! Each is asked for the audience `sigstore`, over a request or a program that is bounded in time and size. A system that
//! shows itself and then gives no token is an error: who signs must not depend on what happened to fail.

use std::env;
use std::time::Duration;

use lacre_manifest::escape;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Token;
use super::token::{AUDIENCE, SIZE_LIMIT, VARIABLE, bad};
use crate::external::{ExternalProgram, process};
use crate::service::{Answer, Channel, Service};
use crate::{Attendant, SignError};

/// How long a program may take for a token.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer: a token with a little around it, in bytes.
const ANSWER_LIMIT: usize = SIZE_LIMIT + 4096;
/// The file that says whose machine this is.
const MACHINE: &str = "/sys/class/dmi/id/product_name";
/// Google's metadata service, and the variable that says that it is elsewhere.
const METADATA_HOST: &str = "metadata.google.internal";
const METADATA_VARIABLE: &str = "GCE_METADATA_HOST";

/// What is known of the surroundings: those of the process, or a test's.
pub(super) struct Surroundings<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) machine: Option<String>,
    pub(super) attendant: &'a dyn Attendant,
}

/// A variable of the process's environment; an empty one is none.
pub(super) fn environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The name that the maker gave this machine, if it says so.
pub(super) fn machine() -> Option<String> {
    std::fs::read_to_string(MACHINE).ok()
}

impl Surroundings<'_> {
    /// The token that they give; `None` where nothing shows itself that would give one.
    pub(super) fn token(&self) -> Result<Option<Token>, SignError> {
        let found = if self.is_in("GITHUB_ACTIONS") {
            self.github()
        } else if self.is_in("GITLAB_CI") {
            self.gitlab()
        } else if self.is_in("BUILDKITE") {
            self.program("buildkite-agent", &["oidc", "request-token", "--audience", AUDIENCE])
        } else if self.is_in("CIRCLECI") {
            let claims = format!("{{\"aud\":\"{AUDIENCE}\"}}");
            self.program("circleci", &["run", "oidc", "get", "--root-issuer", "--claims", &claims])
        } else if let Some(host) = (self.variable)(METADATA_VARIABLE) {
            google(&host)
        } else if self.machine.as_deref().is_some_and(|name| name.trim().starts_with("Google")) {
            google(METADATA_HOST)
        } else {
            return Ok(None);
        };
        found.map(Some)
    }

    fn is_in(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|value| value == "true")
    }

    /// GitHub Actions: a request with the job's own secret, if the job may have one.
    fn github(&self) -> Result<Token, SignError> {
        #[derive(Deserialize)]
        struct Given {
            value: String,
        }
        let wanted = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"].map(self.variable);
        let [Some(url), Some(secret)] = wanted else {
            return Err(bad("of this job cannot be had: its workflow lacks `permissions: id-token: write`"));
        };
        let service = Service::new("token service of GitHub Actions", &url, Channel::Secret)?
            .with_query(&[("audience", AUDIENCE)]);
        let authorization = Zeroizing::new(format!("Bearer {secret}"));
        let headers = [("authorization", authorization.as_str()), ("accept", "application/json")];
        let answer = good(&service, service.get(&headers, ANSWER_LIMIT)?)?;
        let given: Given = lacre_json::from_slice(&answer.body, lacre_json::Limits::new(ANSWER_LIMIT, 8))
            .map_err(|error| service.odd(format!("answered with something that holds no token: {error}")))?;
        Token::parse(&Zeroizing::new(given.value))
    }

    /// GitLab gives tokens only in variables that the job names.
    fn gitlab(&self) -> Result<Token, SignError> {
        match (self.variable)(VARIABLE).map(Zeroizing::new) {
            Some(text) => Token::parse(&text),
            None => Err(bad(format!(
                "of this job cannot be had: it wants `id_tokens: {VARIABLE}: aud: {AUDIENCE}` in its configuration"
            ))),
        }
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Result<Token, SignError> {
        let run = ExternalProgram::new(program, arguments);
        let said = process::run(&run, Vec::new(), PATIENCE, self.attendant)
            .map(Zeroizing::new)
            .map_err(|problem| SignError::Outside { signer: program.to_owned(), problem })?;
        let text = std::str::from_utf8(&said)
            .map_err(|_| bad(format!("of {program} is no text: {} bytes", said.len())))?;
        Token::parse(text)
    }
}

/// The identity of a machine at Google, by the metadata service at `host`.
fn google(host: &str) -> Result<Token, SignError> {
    // Nothing secret is sent, and the service speaks no TLS. It is spoken to without a proxy: it is the machine's own.
    let address =
        format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?format=full");
    let service = Service::new("metadata service", &address, Channel::Open)?
        .with_query(&[("audience", AUDIENCE)])
        .without_proxy();
    let answer = good(&service, service.get(&[("metadata-flavor", "Google")], ANSWER_LIMIT)?)?;
    let text = Zeroizing::new(
        String::from_utf8(answer.body).map_err(|_| service.odd("answered with something that is no text"))?,
    );
    Token::parse(&text)
}

fn good(service: &Service, answer: Answer) -> Result<Answer, SignError> {
    // The body of a refusal is shown; that of a success never is.
    if answer.is_success() { Ok(answer) } else { Err(service.odd(escape(&answer.summary()))) }
}

#[cfg(test)]
mod tests;
