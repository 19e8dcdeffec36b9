//! One request over HTTP to a service that helps to sign: bounded in time and size, and no redirects, because what is
//! sent may be a secret.
//!
//! The client is `reqwest`, which Sigstore's crates bring anyway. It is asynchronous; the runtime lives and dies within
//! one call, on a thread of its own, so that callers may be asynchronous themselves.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use lacre_manifest::escape;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::SignError;

/// The longest time that is waited for a whole answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an answer that is a refusal is shown, in characters.
const SHOWN: usize = 200;

/// A service and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    name: &'static str,
    url: Url,
    patience: Duration,
    route: Route,
}

/// Which way a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// As the environment says, which may name a proxy.
    AsTold,
    /// Straight.
    Direct,
}

/// Over what a service may be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Nothing that is sent or answered is secret, and the answer proves itself.
    Open,
    /// A secret is sent: TLS, or this machine.
    Secret,
}

/// What a service answered, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Service {
    /// A service at `url`, which must be `http` or `https`, with no name and password in it.
    pub(crate) fn new(name: &'static str, url: &str, channel: Channel) -> Result<Self, SignError> {
        let refuse =
            |why: &str| SignError::Address { service: name, detail: format!("{why}: `{}`", escape(url)) };
        let parsed = Url::parse(url).map_err(|error| refuse(&format!("is none ({error})")))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            // Not shown: it holds a password.
            return Err(SignError::Address { service: name, detail: "must not hold a password".to_owned() });
        }
        match parsed.scheme() {
            "https" => {}
            "http" if channel == Channel::Open || is_this_machine(&parsed) => {}
            "http" => return Err(refuse("must begin with https://, because a secret is sent there")),
            _ => return Err(refuse("must begin with https:// or http://")),
        }
        if parsed.host_str().is_none() {
            return Err(refuse("names no host"));
        }
        Ok(Self { name, url: parsed, patience: PATIENCE, route: Route::AsTold })
    }

    /// Waits at most this long for a whole answer.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The place `path` of this service: what follows the address, which may end in a slash or not.
    pub(crate) fn at(&self, path: &str) -> Result<Self, SignError> {
        let joined = format!("{}/{path}", self.url.as_str().trim_end_matches('/'));
        let url =
            Url::parse(&joined).map_err(|error| SignError::bug(format!("joining an address: {error}")))?;
        Ok(Self { url, ..self.clone() })
    }

    /// The same place with these behind its query.
    pub(crate) fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    /// Goes there by no proxy, whatever the environment says.
    pub(crate) fn without_proxy(mut self) -> Self {
        self.route = Route::Direct;
        self
    }

    /// Where it is, as it may be shown.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Sends `body` and reads an answer of at most `limit` bytes.
    pub(crate) fn post(&self, content_type: &str, body: Vec<u8>, limit: usize) -> Result<Answer, SignError> {
        self.exchange(Method::POST, &[("content-type", content_type)], body, limit)
            .map_err(|mishap| self.failed(mishap))
    }

    /// Asks for what is there.
    pub(crate) fn get(&self, headers: &[(&'static str, &str)], limit: usize) -> Result<Answer, SignError> {
        self.exchange(Method::GET, headers, Vec::new(), limit).map_err(|mishap| self.failed(mishap))
    }

    /// Sends `body` with `headers`, and tells what went wrong in its own terms.
    pub(crate) fn send(
        &self,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Answer, Mishap> {
        self.exchange(Method::POST, headers, body, limit)
    }

    fn exchange(
        &self,
        method: Method,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Answer, Mishap> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|error| Mishap::Lost(format!("a header cannot be sent: {error}")))?;
            value.set_sensitive(true);
            map.insert(HeaderName::from_static(name), value);
        }
        run(self.talk(method, map, body, limit)).map_err(|error| Mishap::Lost(error.to_string()))?
    }

    /// Asks for what is there, within a runtime of the caller's.
    pub(crate) async fn fetch(&self, limit: usize) -> Result<Answer, SignError> {
        let outcome = self.talk(Method::GET, HeaderMap::new(), Vec::new(), limit).await;
        outcome.map_err(|mishap| self.failed(mishap))
    }

    async fn talk(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Answer, Mishap> {
        let client = reqwest::Client::builder();
        let client = match self.route {
            Route::AsTold => client,
            Route::Direct => client.no_proxy(),
        };
        let client = client
            .timeout(self.patience)
            .redirect(reqwest::redirect::Policy::none())
            // Another crate may have switched these on for everybody: what is unpacked can be longer than what came.
            .no_gzip()
            .no_deflate()
            .no_brotli()
            .no_zstd()
            .user_agent(concat!("lacre/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Mishap::of)?;
        let mut response = client
            .request(method, self.url.clone())
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(Mishap::of)?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .unwrap_or_default();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Mishap::of)? {
            if body.len() + chunk.len() > limit {
                return Err(Mishap::Long(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, content_type, body })
    }

    /// The error of an answer that is not what it must be.
    pub(crate) fn odd(&self, detail: impl Into<String>) -> SignError {
        SignError::Service { service: self.name, url: escape(self.url()), detail: detail.into() }
    }

    fn failed(&self, mishap: Mishap) -> SignError {
        let detail = match mishap {
            Mishap::Slow => format!("no whole answer within {} s", self.patience.as_secs_f32()),
            Mishap::Long(limit) => return self.odd(format!("answered with more than {limit} bytes")),
            Mishap::Lost(detail) => detail,
        };
        SignError::Network { service: self.name, url: escape(self.url()), detail }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Mishap {
    /// None came in time, or not the whole of it.
    Slow,
    /// It has more bytes than this.
    Long(usize),
    /// The service cannot be reached, or broke off.
    Lost(String),
}

impl Mishap {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Slow;
        }
        // The outermost message only says that a request failed; the innermost says why.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::Lost(escape(&cause.to_string()))
    }
}

impl Answer {
    /// Whether the service says that it did what was asked.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer in a few words, for a person: its status, and its text if it is short and not a page.
    pub(crate) fn summary(&self) -> String {
        let kind = match self.content_type.as_str() {
            "" => "answered",
            "text/html" => "answered with a web page,",
            _ => "answered with",
        };
        let status = self.status;
        let text = match std::str::from_utf8(&self.body) {
            Ok(text) if self.content_type != "text/html" => {
                escape(text.trim()).chars().take(SHOWN).collect::<String>()
            }
            _ => String::new(),
        };
        if text.is_empty() {
            format!("{kind} status {status}")
        } else {
            format!("{kind} status {status}: {text}")
        }
    }
}

/// Waits for `future`, on a thread of its own: a caller may itself be in a runtime, where waiting is not allowed.
pub(crate) fn run<T: Send>(future: impl Future<Output = T> + Send) -> Result<T, SignError> {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(future))
    };
    let outcome: std::io::Result<T> = thread::scope(|scope| scope.spawn(wait).join())
        .unwrap_or_else(|_| Err(std::io::Error::other("its thread broke down")));
    outcome.map_err(|error| SignError::bug(format!("running a request: {error}")))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str, channel: Channel) -> &'static str {
        Service::new("service", url, channel).map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        for url in ["https://fulcio.test", "http://127.0.0.1:5555", "http://localhost/x", "http://[::1]:1"] {
            assert_eq!(code(url, Channel::Secret), "ok", "{url}");
        }
        assert_eq!(code("http://fulcio.test", Channel::Open), "ok");
        for url in ["http://fulcio.test", "http://127.0.0.1.evil.test", "http://10.0.0.1"] {
            assert_eq!(code(url, Channel::Secret), "E-USAGE", "{url}");
        }
    }

    #[test]
    fn addresses_that_are_none_are_refused_and_passwords_are_not_shown() {
        for url in ["", "fulcio", "ftp://a.test", "file:///etc/passwd", "https://", "data:,x"] {
            assert_eq!(code(url, Channel::Open), "E-USAGE", "{url}");
        }
        let error = Service::new("service", "https://me:hunter2@a.test", Channel::Open).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_place_of_a_service_is_below_its_address() {
        for base in ["https://a.test/x", "https://a.test/x/"] {
            let service = Service::new("service", base, Channel::Open).unwrap();
            assert_eq!(service.at("api/v2").unwrap().url(), "https://a.test/x/api/v2");
        }
    }
}
