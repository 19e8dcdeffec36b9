//! What a registry answers: bounded, and never believed further than it is proven.

use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use bytes::{Buf as _, Bytes};
use lacre_json::Limits;
use lacre_manifest::escape;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::fault::RemoteFault;
use super::retry;
use super::wait::{runtime, wait};
use crate::RegistryError;

/// Most bytes of an error's text that are read.
const ERROR: usize = 64 * 1024;
const ERROR_LIMITS: Limits = Limits::new(ERROR, 16);
/// Most characters of a registry's own words that are shown.
const SHOWN: usize = 300;

/// An answer whose body was not read yet.
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Where it came from, after all redirects.
    pub(super) url: Url,
    /// The registry, and method and place, for messages.
    pub(super) told: Told,
    pub(super) response: Response,
    pub(super) patience: Duration,
    /// Kept open so that a request which was answered early is not broken off before its answer is read.
    pub(super) feed: Option<mpsc::Sender<Bytes>>,
}

/// Who was asked what, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) registry: String,
    pub(crate) request: String,
}

impl Told {
    pub(crate) fn fault(&self, make: impl FnOnce(String) -> RemoteFault) -> RegistryError {
        RegistryError::Remote { registry: self.registry.clone(), fault: make(self.request.clone()) }
    }

    /// The registry does not keep to the specification.
    pub(crate) fn protocol(&self, detail: impl Into<String>) -> RegistryError {
        let detail = detail.into();
        self.fault(|request| RemoteFault::Protocol { request, detail })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Answer")
            .field("told", &self.told)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the same request may be answered better a little later.
    pub(crate) fn is_passing(&self) -> bool {
        retry::is_passing(self.status)
    }

    /// How long it asks to wait until then.
    pub(crate) fn asks_to_wait(&self) -> Option<Duration> {
        retry::asked(&self.headers, SystemTime::now())
    }

    /// A header, if it is there once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let one = all.next()?;
        if all.next().is_some() { None } else { one.to_str().ok() }
    }

    /// All headers of a name that are text.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// How many bytes the answer announces.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str())?.parse().ok()
    }

    /// The media type, in lower case and without parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let text = self.header(CONTENT_TYPE.as_str())?.split(';').next()?.trim().to_ascii_lowercase();
        (!text.is_empty()).then_some(text)
    }

    /// Where the answer leads: relative to where it came from, or anywhere.
    pub(crate) fn location(&self) -> Result<Url, RegistryError> {
        let text = self.header(LOCATION.as_str()).ok_or_else(|| self.told.protocol("names no location"))?;
        let url = self.url.join(text).map_err(|_| self.told.protocol("names a location that is none"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.told.protocol("names a location with a password in it"));
        }
        Ok(url)
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// Where it came from, after all redirects.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// `E-LIMIT` when it is longer; `E-NETWORK` when it breaks off.
    pub(crate) fn small(self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let document = self.told.request.clone();
        if let Some(size) = self.length().filter(|&size| size > limit) {
            return Err(RegistryError::TooLarge { document, size, limit });
        }
        let mut bytes = Vec::new();
        let mut stream = self.into_stream();
        while let Some(piece) = stream.next()? {
            let size = bytes.len() as u64 + piece.len() as u64;
            if size > limit {
                return Err(RegistryError::TooLarge { document, size, limit });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The body as it comes.
    pub(crate) fn into_stream(self) -> Stream {
        let Self { told, response, patience, feed, .. } = self;
        Stream { response, told, patience, rest: Bytes::new(), _feed: feed }
    }

    /// Why the registry does not do what was asked, in its own words as far as it has any.
    pub(crate) fn refusal(self) -> RegistryError {
        let status = self.status();
        let told = self.told.clone();
        let reported = self.reported();
        let detail = reported.iter().map(Reported::words).collect::<Vec<_>>().join("; ");
        let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
        told.fault(|request| match status {
            401 => RemoteFault::Unauthenticated { request, detail },
            403 => RemoteFault::Denied { request, detail },
            _ => RemoteFault::Status { request, status, detail },
        })
    }

    /// The errors that the body lists (distribution specification 1.1, "Error Codes"); nothing when it lists none.
    pub(crate) fn reported(self) -> Vec<Reported> {
        let mut bytes = Vec::new();
        let mut stream = self.into_stream();
        while let Ok(Some(piece)) = stream.next() {
            if bytes.len() + piece.len() > ERROR {
                return Vec::new();
            }
            bytes.extend_from_slice(&piece);
        }
        errors(&bytes)
    }
}

/// The first few errors that a body lists.
fn errors(body: &[u8]) -> Vec<Reported> {
    const MOST: usize = 3;
    let errors: Result<Errors, _> = lacre_json::from_slice(body, ERROR_LIMITS);
    let mut errors = errors.map(|errors| errors.errors).unwrap_or_default();
    errors.truncate(MOST);
    errors
}

/// Shows the errors that a body lists.
pub(crate) fn fuzz_errors(body: &[u8]) {
    for error in errors(body) {
        let words = error.words();
        assert!(words.chars().count() <= SHOWN && !words.contains('\u{1b}'), "{words}");
    }
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Reported>,
}

/// An error as a registry reports it.
#[derive(Debug, Deserialize)]
pub(crate) struct Reported {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    message: Option<String>,
}

impl Reported {
    fn words(&self) -> String {
        let code = escape(&self.code);
        let words = match self.message.as_deref().map(str::trim).filter(|message| !message.is_empty()) {
            Some(message) => format!("{code} ({})", escape(message)),
            None => code,
        };
        words.chars().take(SHOWN).collect()
    }
}

/// A body as it comes. Whoever reads it counts.
pub(crate) struct Stream {
    response: Response,
    told: Told,
    patience: Duration,
    rest: Bytes,
    _feed: Option<mpsc::Sender<Bytes>>,
}

impl Stream {
    /// The next piece; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let lost = |detail: String| self.told.fault(|request| RemoteFault::Lost { request, detail });
        let runtime = runtime().map_err(lost)?;
        let next = async { tokio::time::timeout(self.patience, self.response.chunk()).await };
        match wait(runtime, next) {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(lost(format!("the answer broke off: {}", cause(&error)))),
            Err(_) => {
                let seconds = self.patience.as_secs();
                Err(self.told.fault(|request| RemoteFault::TimedOut { request, seconds }))
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.next() {
                Ok(Some(piece)) => self.rest = piece,
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let count = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The innermost reason: the outer ones only say that something failed.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    escape(&cause.to_string())
}
