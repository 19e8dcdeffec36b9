//! The one door to the network.
//!
//! ```text
//! Request ─► authorization? ─► send ─► 401? ─► challenge ─► once more
//!                  ▲             ├───► 408, 429, 5xx, lost? ─► wait ─► again, with the body opened anew
//!                  └─────────────┴───► redirect? ─► judged: encryption, origin, number ─► send
//!                                └───► Answer: status, headers, bounded body
//! ```
//!
//! A [`Transport`] speaks to one registry. Its secrets go to that registry's origin and nowhere else, wherever a
//! redirect or the location of an upload leads.

mod answer;
mod body;
mod client;
mod exchange;
mod fault;
mod options;
mod retry;
mod tokens;
mod wait;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use lacre_hash::{NoProgress, Progress};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};

use self::answer::Told;
pub(crate) use self::answer::{Answer, Stream, fuzz_errors};
pub(crate) use self::body::Pieces;
use self::client::Whom;
use self::exchange::Lost;
pub use self::fault::RemoteFault;
pub use self::options::RegistryOptions;
pub use self::retry::Retry;
pub(crate) use self::retry::{Attempts, pause, shortened};
use crate::RegistryError;
use crate::auth::{Authority, Origin, Scope, TokenRequest};
use crate::reference::RegistryName;

/// Redirects that are followed for one request.
const REDIRECTS: usize = 5;

/// One registry.
pub(crate) struct Transport {
    name: RegistryName,
    options: RegistryOptions,
    /// Scheme and address, found out when it is first needed.
    home: OnceLock<Home>,
    /// For hosts of this machine, and for all others.
    elsewhere: [OnceLock<Client>; 2],
    /// Whether it ever answered: what cannot be reached at all is not tried long.
    reached: AtomicBool,
}

struct Home {
    base: Url,
    origin: Origin,
    client: Client,
    authority: Authority,
}

/// What is asked.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) place: Place<'a>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) payload: Payload<'a>,
    pub(crate) scope: &'a Scope,
    pub(crate) progress: &'a dyn Progress,
}

/// Where it is asked.
#[derive(Clone)]
pub(crate) enum Place<'a> {
    /// Below `/v2/` of the registry.
    Below(&'a str),
    /// Where an answer of the registry led to.
    At(Url),
}

/// What is sent along.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    Empty,
    Bytes(&'a [u8]),
    /// So many bytes, opened anew for each attempt.
    Stream {
        size: u64,
        open: &'a Open<'a>,
    },
}

/// Opens the bytes of a request at their beginning.
pub(crate) type Open<'a> = dyn Fn() -> Result<Box<dyn Pieces + 'a>, RegistryError> + 'a;

impl<'a> Request<'a> {
    /// A request without headers and body.
    pub(crate) fn new(method: Method, place: Place<'a>, scope: &'a Scope) -> Self {
        Self { method, place, headers: Vec::new(), payload: Payload::Empty, scope, progress: &NoProgress }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn payload(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }

    pub(crate) fn progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// Whether a request may be tried again as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It does the same as before, or nothing.
    Yes,
    /// Part of it may have been done: its sender must ask how far it came.
    AskFirst,
}

impl Transport {
    pub(crate) fn new(name: RegistryName, options: RegistryOptions) -> Self {
        let (home, elsewhere) = (OnceLock::new(), [OnceLock::new(), OnceLock::new()]);
        Self { name, options, home, elsewhere, reached: AtomicBool::new(false) }
    }

    pub(crate) fn name(&self) -> &RegistryName {
        &self.name
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// Asks, until there is an answer that will stay the same. Answers of any status are answers.
    ///
    /// What streams is sent once: whoever sends it asks how far it came before sending it again.
    ///
    /// # Errors
    /// `E-NETWORK`, `E-REDIRECT`, `E-REGISTRY`, the codes of authentication; those of the payload.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Answer, RegistryError> {
        let again = match request.payload {
            Payload::Stream { .. } => Again::AskFirst,
            _ => Again::Yes,
        };
        let mut attempts = Attempts::new(self.options.retry);
        loop {
            if request.progress.cancelled() {
                return Err(RegistryError::Interrupted);
            }
            let wait = match self.attempt(request) {
                Ok(answer) if again == Again::Yes && answer.is_passing() => {
                    match attempts.next(answer.asks_to_wait()) {
                        Some(wait) => wait,
                        None => return Ok(answer),
                    }
                }
                Ok(answer) => return Ok(answer),
                Err(failed) => {
                    let worth = again == Again::Yes
                        && match failed.how {
                            How::Passing => true,
                            How::Unreachable => self.reached.load(Ordering::Relaxed),
                            How::Lasting => false,
                        };
                    match worth.then(|| attempts.next(None)).flatten() {
                        Some(wait) => wait,
                        None => return Err(failed.error),
                    }
                }
            };
            pause(wait, request.progress)?;
        }
    }

    /// One attempt, with at most one answer to a challenge.
    fn attempt(&self, request: &Request<'_>) -> Result<Answer, Failed> {
        let home = self.home()?;
        let fetch = |token: &TokenRequest| self.fetch_token(home, token, request.progress);
        let mut session = home.authority.begin(request.scope);
        let header = session.header(SystemTime::now(), &fetch)?;
        let answer = self.follow(home, request, header.as_ref())?;
        // Whom a redirect led to has nothing to ask.
        if answer.status != StatusCode::UNAUTHORIZED || !home.origin.may_have_secret(&answer.url) {
            return Ok(answer);
        }
        let header = session.challenged(&answer.headers, SystemTime::now(), &fetch)?;
        drop(answer);
        let answer = self.follow(home, request, Some(&header))?;
        if answer.status == StatusCode::UNAUTHORIZED && home.origin.may_have_secret(&answer.url) {
            session.challenged(&answer.headers, SystemTime::now(), &fetch)?;
        }
        Ok(answer)
    }

    /// Sends, and follows where that leads.
    fn follow(
        &self,
        home: &Home,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failed> {
        let mut url = match &request.place {
            Place::Below(path) => {
                home.base.join(path).map_err(|_| self.told(request, None).protocol("no address"))?
            }
            Place::At(url) => url.clone(),
        };
        let told = self.told(request, Some(&url));
        for _ in 0..=REDIRECTS {
            if let Some(why) = client::refused(&self.options, &home.origin, &url) {
                return Err(redirect(&told, &url, why).into());
            }
            let answer = self.exchange(home, request, &url, &told, authorization)?;
            if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let same = matches!(answer.status.as_u16(), 307 | 308)
                || matches!(request.method, Method::GET | Method::HEAD);
            if !same {
                let detail = format!("answered with status {} to a {}", answer.status(), request.method);
                return Err(told.protocol(detail).into());
            }
            url = answer.location()?;
        }
        Err(redirect(&told, &url, "that is one redirect too many").into())
    }

    /// One request, one answer.
    fn exchange(
        &self,
        home: &Home,
        request: &Request<'_>,
        url: &Url,
        told: &Told,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failed> {
        let ours = home.origin.may_have_secret(url);
        let client = if ours { &home.client } else { self.elsewhere(url)? };
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| told.protocol("what it said before fits no header"))?;
            headers.insert(name.clone(), value);
        }
        if ours && let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let outgoing = client.request(request.method.clone(), url.clone()).headers(headers);
        let answer = self.answered(client, outgoing, request.payload, url, told)?;
        self.reached.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    fn answered(
        &self,
        client: &Client,
        outgoing: RequestBuilder,
        payload: Payload<'_>,
        url: &Url,
        told: &Told,
    ) -> Result<Answer, Failed> {
        let patience = self.options.patience;
        let (response, feed) = match exchange::exchange(client, outgoing, payload, patience) {
            Ok(answered) => answered,
            Err(Lost::Ours(error)) => return Err(error.into()),
            Err(lost) => {
                let how = lost.how();
                return Err(Failed { how, error: told.fault(|request| lost.into_fault(request, patience)) });
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let compressed =
            headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity" && !coding.is_empty());
        if compressed {
            return Err(told.protocol("compressed its answer, which nobody asked for").into());
        }
        Ok(Answer { status, headers, url: url.clone(), told: told.clone(), response, patience, feed })
    }

    fn elsewhere(&self, url: &Url) -> Result<&Client, RegistryError> {
        let place = &self.elsewhere[usize::from(!client::is_loopback(url))];
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client =
            client::client(&self.options, Whom::Elsewhere, url).map_err(|fault| self.fault(fault))?;
        Ok(place.get_or_init(|| client))
    }

    fn home(&self) -> Result<&Home, RegistryError> {
        if let Some(home) = self.home.get() {
            return Ok(home);
        }
        let home = self.find()?;
        Ok(self.home.get_or_init(|| home))
    }

    /// Finds out whether the registry is spoken to over TLS. Always, but for hosts that the user named, and for a
    /// registry of this machine that speaks plain HTTP.
    fn find(&self) -> Result<Home, RegistryError> {
        let at = |scheme: &str| {
            let base = Url::parse(&format!("{scheme}://{}/v2/", real_name(&self.name)));
            base.ok().and_then(|base| Some((Origin::of(&base)?, base))).ok_or_else(|| {
                self.fault(RemoteFault::Lost { request: "/v2/".to_owned(), detail: "no address".to_owned() })
            })
        };
        let home = |(origin, base): (Origin, Url)| {
            let client =
                client::client(&self.options, Whom::Registry, &base).map_err(|fault| self.fault(fault))?;
            let (credentials, realms) = (Arc::clone(&self.options.credentials), self.options.realms.clone());
            let authority = Authority::new(&self.name.to_string(), origin.clone(), credentials, realms);
            Ok(Home { base, origin, client, authority })
        };
        let plain = home(at("http")?)?;
        if self.options.is_plain(self.name.host(), self.name.port()) {
            return Ok(plain);
        }
        let wants_tls = self.options.authorities.is_some() || self.options.identity.is_some();
        if self.name.is_loopback() && !wants_tls && exchange::speaks_plain_http(&plain.client, &plain.base) {
            return Ok(plain);
        }
        home(at("https")?)
    }

    fn told(&self, request: &Request<'_>, url: Option<&Url>) -> Told {
        let place = match (&request.place, url) {
            // Not the query: it may be the only thing that guards an upload.
            (Place::At(_), Some(url)) => url.path().to_owned(),
            (Place::Below(path), _) => format!("/v2/{}", path.split('?').next().unwrap_or_default()),
            (Place::At(_), None) => String::new(),
        };
        let place: String = lacre_manifest::escape(&place).chars().take(200).collect();
        Told { registry: self.name.to_string(), request: format!("{} {place}", request.method) }
    }

    fn fault(&self, fault: RemoteFault) -> RegistryError {
        RegistryError::Remote { registry: self.name.to_string(), fault }
    }
}

/// Docker Hub is called by a name that is not its registry's.
fn real_name(name: &RegistryName) -> String {
    match (name.host(), name.port()) {
        ("docker.io" | "index.docker.io", None) => "registry-1.docker.io".to_owned(),
        _ => name.to_string(),
    }
}

fn redirect(told: &Told, url: &Url, why: &'static str) -> RegistryError {
    let to = client::shown(url);
    told.fault(|request| RemoteFault::Redirect { request, to, why })
}

/// Why there is no answer.
struct Failed {
    how: How,
    error: RegistryError,
}

/// Whether another attempt is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It may go better.
    Passing,
    /// There was no connection: it may go better with whoever was there before.
    Unreachable,
    /// It will go the same way.
    Lasting,
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        Self { how: How::Lasting, error }
    }
}
