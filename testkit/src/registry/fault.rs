//! What goes wrong in chosen requests.

use std::sync::Mutex;
use std::time::Duration;

use super::gate::Gate;

/// Which requests: by method, by a part of path and query, and by their number among those that match.
#[derive(Debug, Clone)]
pub struct On {
    method: Option<String>,
    parts: Vec<String>,
    end: String,
    times: Times,
}

#[derive(Debug, Clone, Copy)]
enum Times {
    All,
    Nth(u64),
    First(u64),
    From(u64),
    Every(u64),
}

impl On {
    /// Every request.
    pub fn any() -> Self {
        Self { method: None, parts: Vec::new(), end: String::new(), times: Times::All }
    }

    /// Every request with this method.
    pub fn method(method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..Self::any() }
    }

    /// Of these, those whose path and query contain `part`; several parts must all be there.
    pub fn at(mut self, part: &str) -> Self {
        self.parts.push(part.to_owned());
        self
    }

    /// Of these, those whose path and query end with `end`.
    pub fn ending(mut self, end: &str) -> Self {
        end.clone_into(&mut self.end);
        self
    }

    /// Of these, the `number`-th, counted from 1.
    pub fn nth(mut self, number: u64) -> Self {
        self.times = Times::Nth(number);
        self
    }

    /// Of these, the first `count`.
    pub fn first(mut self, count: u64) -> Self {
        self.times = Times::First(count);
        self
    }

    /// Of these, the `number`-th and all that follow, counted from 1.
    pub fn from(mut self, number: u64) -> Self {
        self.times = Times::From(number);
        self
    }

    /// Of these, every `step`-th.
    pub fn every(mut self, step: u64) -> Self {
        self.times = Times::Every(step);
        self
    }

    pub(super) fn describes(&self, method: &str, target: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.parts.iter().all(|part| target.contains(part))
            && target.ends_with(&self.end)
    }

    fn counts(&self, number: u64) -> bool {
        match self.times {
            Times::All => true,
            Times::Nth(wanted) => number == wanted,
            Times::First(count) => number <= count,
            Times::From(first) => number >= first,
            Times::Every(step) => number.is_multiple_of(step),
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer instead of the registry's; the request has no effect.
    Answer {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// 307 (or another status) to the same path and query at another server, given by scheme and host.
    Redirect {
        /// 301, 302, 303, 307, 308.
        status: u16,
        /// `http://127.0.0.1:5001`
        to: String,
    },
    /// The connection ends without an answer; the request has no effect.
    HangUp,
    /// The connection ends without an answer, but the request was served.
    LoseAnswer,
    /// The connection ends when so many bytes of the request's body have come.
    CutRequest {
        /// Bytes of the body.
        after: u64,
    },
    /// The connection ends when so many bytes of the answer's body were sent.
    CutAnswer {
        /// Bytes of the body.
        after: u64,
    },
    /// The request waits at the gate before it is served.
    Hold(Gate),
    /// The request is served, and its answer waits at the gate.
    HoldAnswer(Gate),
    /// No answer ever comes, and the connection stays.
    Silence,
    /// So many bytes of the answer's body come, then nothing, and the connection stays.
    Stall {
        /// Bytes of the body.
        after: u64,
    },
    /// The answer comes late.
    Late(Duration),
    /// The answer's body comes in pieces, with a pause before each.
    Slow {
        /// Bytes of a piece.
        piece: usize,
        /// The pause.
        pause: Duration,
    },
    /// The answer lacks this header.
    Without(&'static str),
    /// The answer has this header with this value, instead of its own.
    With(&'static str, String),
    /// The answer has another body.
    Body(Lie),
}

/// How the body of an answer lies. `Content-Length` is right unless said otherwise.
#[derive(Debug, Clone)]
pub enum Lie {
    /// One bit of one byte is wrong; `at` counts from the beginning of the blob or manifest, also where a range of it is
    /// asked for.
    Flipped {
        /// The byte.
        at: u64,
    },
    /// So many bytes are missing at the end.
    Shortened {
        /// Bytes.
        by: u64,
    },
    /// So many bytes follow.
    Lengthened {
        /// Bytes.
        by: u64,
    },
    /// Other bytes.
    Other(Vec<u8>),
    /// So many zeros.
    Zeros(u64),
    /// Spaces that do not end, without `Content-Length`.
    Endless,
    /// So many zeros, compressed, with `Content-Encoding: gzip`.
    Gzip(u64),
}

impl Fault {
    /// An answer with this status and the registry's form of an error.
    pub fn status(status: u16) -> Self {
        let code = match status {
            401 => "UNAUTHORIZED",
            403 => "DENIED",
            404 => "NAME_UNKNOWN",
            413 => "SIZE_INVALID",
            429 => "TOOMANYREQUESTS",
            400 | 405 => "UNSUPPORTED",
            _ => "UNKNOWN",
        };
        let body = serde_json::json!({"errors": [{"code": code, "message": "as the test wants it"}]});
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Answer { status, headers, body: serde_json::to_vec(&body).unwrap() }
    }

    /// The same, with `Retry-After`: seconds or a date.
    pub fn busy(status: u16, retry_after: &str) -> Self {
        let mut fault = Self::status(status);
        if let Self::Answer { headers, .. } = &mut fault {
            headers.push(("retry-after".to_owned(), retry_after.to_owned()));
        }
        fault
    }

    /// A page for people, as proxies and login portals send it.
    pub fn html(status: u16) -> Self {
        let body = b"<!DOCTYPE html><html><title>Sign in</title><h1>Sign in</h1></html>\n".to_vec();
        Self::Answer { status, headers: vec![("content-type".to_owned(), "text/html".to_owned())], body }
    }
}

/// All faults, and how often the requests that they are for have come.
#[derive(Default)]
pub(super) struct Faults {
    list: Mutex<Vec<Armed>>,
}

struct Armed {
    on: On,
    fault: Fault,
    met: u64,
}

impl Faults {
    pub(super) fn add(&self, on: On, fault: Fault) {
        self.list.lock().unwrap().push(Armed { on, fault, met: 0 });
    }

    pub(super) fn clear(&self) {
        self.list.lock().unwrap().clear();
    }

    /// The faults of this request, which is counted.
    pub(super) fn of(&self, method: &str, target: &str) -> Vec<Fault> {
        let mut found = Vec::new();
        for armed in self.list.lock().unwrap().iter_mut().filter(|armed| armed.on.describes(method, target)) {
            armed.met += 1;
            if armed.on.counts(armed.met) {
                found.push(armed.fault.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(on: On) -> Vec<u64> {
        let faults = Faults::default();
        faults.add(on, Fault::HangUp);
        (1..=6).filter(|_| !faults.of("GET", "/v2/a/blobs/x?y").is_empty()).collect()
    }

    #[test]
    fn requests_are_chosen_by_their_number() {
        assert_eq!(met(On::any()), [1, 2, 3, 4, 5, 6]);
        assert_eq!(met(On::any().nth(2)), [2]);
        assert_eq!(met(On::any().first(2)), [1, 2]);
        assert_eq!(met(On::any().from(5)), [5, 6]);
        assert_eq!(met(On::any().every(3)), [3, 6]);
    }

    #[test]
    fn requests_are_chosen_by_method_and_target() {
        assert_eq!(met(On::method("GET").at("/blobs/").at("?y")).len(), 6);
        assert_eq!(met(On::method("HEAD")).len(), 0);
        assert_eq!(met(On::any().at("/manifests/")).len(), 0);
        assert_eq!((met(On::any().ending("?y")).len(), met(On::any().ending("/x")).len()), (6, 0));
    }

    #[test]
    fn only_requests_that_match_are_counted() {
        let faults = Faults::default();
        faults.add(On::method("PUT").nth(2), Fault::HangUp);
        let met = ["PUT", "GET", "GET", "PUT", "PUT"].map(|method| faults.of(method, "/").len());
        assert_eq!(met, [0, 0, 0, 1, 0]);
    }
}
