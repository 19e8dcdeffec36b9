//! Timestamp authorities that are reached over HTTP (RFC 3161, section 3.4).

use std::time::Duration;

use lacre_attest::Bundle;
use lacre_manifest::escape;

use crate::service::{Channel, Service};
use crate::timestamp::ANSWER_LIMIT;
use crate::{SignError, Timestamp, TimestampQuery};

/// The media types of a question and of its answer.
const QUERY_TYPE: &str = "application/timestamp-query";
const REPLY_TYPE: &str = "application/timestamp-reply";

/// A timestamp authority that is reached over HTTP.
#[derive(Debug, Clone)]
pub struct TimestampService {
    service: Service,
}

impl TimestampService {
    /// The authority whose endpoint is `url`. Plain `http` is common and does no harm: answers are signed.
    ///
    /// Refused with `E-USAGE`: what is no address, and one with a password in it.
    pub fn new(url: &str) -> Result<Self, SignError> {
        Ok(Self { service: Service::new("timestamp authority", url, Channel::Open)? })
    }

    /// Waits at most this long for an answer; 30 seconds if nothing is said.
    pub fn patience(self, patience: Duration) -> Self {
        Self { service: self.service.patience(patience) }
    }

    /// Asks for a timestamp over `signature`.
    ///
    /// `E-NETWORK`: it cannot be reached, or is too slow. `E-SERVICE`: it refused, or answered with more than 64 KiB or
    /// with something that does not fit the question.
    pub fn request(&self, signature: &[u8]) -> Result<Timestamp, SignError> {
        let query = TimestampQuery::new(signature)?;
        let answer = self.service.post(QUERY_TYPE, query.to_der(), ANSWER_LIMIT)?;
        if !answer.is_success() {
            return Err(self.service.odd(answer.summary()));
        }
        query.accept(&answer.body).map_err(|detail| match answer.content_type.as_str() {
            REPLY_TYPE => self.service.odd(detail),
            "" => self.service.odd(format!("{detail} (and does not say what)")),
            other => self.service.odd(format!("{detail} (it calls it {})", escape(other))),
        })
    }

    /// The error of an answer that turned out to be bad.
    #[cfg(feature = "keyless")]
    pub(crate) fn odd(&self, detail: String) -> SignError {
        self.service.odd(detail)
    }

    /// Puts a timestamp over its signature into `bundle`.
    pub fn stamp(&self, bundle: Bundle) -> Result<Bundle, SignError> {
        let timestamp = self.request(bundle.envelope().signature())?;
        Ok(bundle.with_timestamp(timestamp.response())?)
    }
}
