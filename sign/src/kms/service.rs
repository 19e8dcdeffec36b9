//! One question to the service.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lacre_json::Limits;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::sigv4::{CONTENT_TYPE, Request};
use super::uri::Endpoint;
use crate::attendant::Deadline;
use crate::problem::told;
use crate::service::{self, Channel, Mishap};
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
        let service = service::Service::new("key service", self.endpoint.url(), Channel::Secret)
            .map_err(|error| SignerProblem::failed(error.to_string()))?
            .patience(self.limit);
        let token = self.credentials.token().map(str::to_owned).map(Zeroizing::new);
        let (body, (sender, answered)) = (body.to_vec(), mpsc::channel());
        // In a thread of its own, so that whoever waits can give up. It ends with its own time limit.
        thread::spawn(move || {
            let mut headers = vec![
                ("content-type", CONTENT_TYPE),
                ("x-amz-date", &date),
                ("x-amz-target", &target),
                ("authorization", &authorization),
            ];
            headers.extend(token.as_ref().map(|token| ("x-amz-security-token", token.as_str())));
            let _ = sender.send(service.send(&headers, body, ANSWER_LIMIT));
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
        let answer = outcome.map_err(|mishap| self.unanswered(mishap))?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(refusal(status, &answer.body)),
        }
    }

    fn unanswered(&self, mishap: Mishap) -> SignerProblem {
        match mishap {
            Mishap::Slow => SignerProblem::TimedOut { limit: self.limit },
            Mishap::Long(limit) => SignerProblem::TooLong { what: "the service's answer", limit },
            Mishap::Lost(detail) => {
                SignerProblem::failed(format!("{} does not answer: {}", self.endpoint.host(), told(&detail)))
            }
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
