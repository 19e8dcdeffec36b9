//! One question to the service.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lacre_json::Limits;
use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use super::credentials::Credentials;
use super::sigv4::{CONTENT_TYPE, Request};
use super::uri::Endpoint;
use crate::attendant::Deadline;
use crate::problem::told;
use crate::{Attendant, SignerProblem};

/// The longest answer in bytes. A public key with all that is said of it has less than 2 KiB.
const ANSWER_LIMIT: usize = 64 * 1024;
const DEPTH: usize = 8;

/// The service, as whoever has the credentials reaches it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) endpoint: Endpoint,
    pub(super) region: String,
    pub(super) credentials: Credentials,
    pub(super) limit: Duration,
}

impl Service {
    /// Sends `body` for `operation` and gives the answer to it, which is JSON.
    pub(super) fn ask(
        &self,
        operation: &str,
        body: &[u8],
        attendant: &dyn Attendant,
    ) -> Result<Vec<u8>, SignerProblem> {
        let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let target = format!("TrentService.{operation}");
        let request =
            Request { host: self.endpoint.host(), region: &self.region, target: &target, date: &date, body };
        let authorization = request.authorization(&self.credentials);
        let mut request = self
            .agent()
            .post(self.endpoint.url())
            .header("Content-Type", CONTENT_TYPE)
            .header("X-Amz-Date", &date)
            .header("X-Amz-Target", &target)
            .header("Authorization", &authorization);
        if let Some(token) = self.credentials.token() {
            request = request.header("X-Amz-Security-Token", token);
        }
        let (body, (sender, answered)) = (body.to_vec(), mpsc::channel());
        // In a thread of its own, so that whoever waits can give up. It ends with its own time limit.
        thread::spawn(move || {
            let _ = sender.send(request.send(&body[..]).and_then(|mut response| {
                let read = response.body_mut().with_config().limit(ANSWER_LIMIT as u64).read_to_vec();
                read.map(|answer| (response.status().as_u16(), answer))
            }));
        });
        let deadline = Deadline::after(self.limit);
        let outcome = loop {
            match answered.recv_timeout(deadline.patience(attendant)?) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SignerProblem::failed("the request was lost"));
                }
            }
        };
        match outcome.map_err(|error| self.unanswered(&error))? {
            (200, answer) => Ok(answer),
            (status, answer) => Err(refusal(status, &answer)),
        }
    }

    fn agent(&self) -> Agent {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        Agent::config_builder()
            .tls_config(tls)
            // A signed request goes where it was signed for, and nowhere else.
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(self.limit))
            .user_agent(concat!("lacre/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent()
    }

    fn unanswered(&self, error: &ureq::Error) -> SignerProblem {
        match error {
            ureq::Error::Timeout(_) => SignerProblem::TimedOut { limit: self.limit },
            ureq::Error::BodyExceedsLimit(_) => {
                SignerProblem::TooLong { what: "the service's answer", limit: ANSWER_LIMIT }
            }
            error => SignerProblem::failed(format!(
                "{} does not answer: {}",
                self.endpoint.host(),
                told(&error.to_string())
            )),
        }
    }
}

/// An answer, which may say more than is asked for.
pub(super) fn parse<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, SignerProblem> {
    lacre_json::from_slice(answer, Limits::new(ANSWER_LIMIT, DEPTH))
        .map_err(|error| SignerProblem::answer(told(&error.to_string())))
}

/// What the service says of a failure.
#[derive(Debug, Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: Option<String>,
}

fn refusal(status: u16, answer: &[u8]) -> SignerProblem {
    let Ok(refusal) = parse::<Refusal>(answer) else {
        return SignerProblem::failed(format!("the service answers {status}, and nothing that it would say"));
    };
    let kind = refusal.kind.rsplit('#').next().unwrap_or_default();
    let words = format!("{}: {}", told(kind), told(&refusal.message.unwrap_or_default()));
    match kind {
        "NotFoundException" => {
            SignerProblem::Absent { what: format!("such key in the service ({words})"), there: Vec::new() }
        }
        "DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException" => {
            SignerProblem::Key { detail: words }
        }
        "UnsupportedOperationException" => SignerProblem::Unsupported { found: words },
        _ => SignerProblem::failed(format!("the service refuses: {words}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for (answer, code) in [
            (&br#"{"__type":"NotFoundException","message":"no"}"#[..], "E-NOT-FOUND"),
            (br#"{"__type":"com.amazonaws.kms#DisabledException","Message":"off"}"#, "E-KEY"),
            (br#"{"__type":"UnsupportedOperationException"}"#, "E-UNSUPPORTED"),
            (br#"{"__type":"AccessDeniedException","message":"\u001b[2J"}"#, "E-SIGNER"),
            (b"<html>", "E-SIGNER"),
        ] {
            let problem = refusal(400, answer);
            assert_eq!(problem.code(), code);
            assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
        }
    }
}
