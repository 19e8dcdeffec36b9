//! One request and the head of its answer.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::answer::cause;
use super::body::{Fed, Moved};
use super::client::how;
use super::fault::RemoteFault;
use super::wait::{runtime, wait};
use super::{How, Payload};
use crate::RegistryError;

/// An answer whose body is still to come, and what keeps the request open that it answers.
type Answered = (Response, Option<Sender<Bytes>>);

/// How much longer than for a piece is waited for the answer to a request with a long body: many registries move the
/// bytes once more before they answer.
const DIGESTING: u32 = 5;

/// Why there is no answer.
pub(super) enum Lost {
    Broken {
        detail: String,
        how: How,
    },
    TimedOut,
    /// What was to be sent could not be read.
    Ours(RegistryError),
}

impl Lost {
    pub(super) fn how(&self) -> How {
        match self {
            Self::Broken { how, .. } => *how,
            Self::TimedOut => How::Passing,
            Self::Ours(_) => How::Lasting,
        }
    }

    pub(super) fn into_fault(self, request: String, patience: Duration) -> RemoteFault {
        match self {
            Self::TimedOut => RemoteFault::TimedOut { request, seconds: patience.as_secs() },
            Self::Broken { detail, .. } => RemoteFault::Lost { request, detail },
            // Not reached: it goes to the caller as it is.
            Self::Ours(error) => RemoteFault::Lost { request, detail: error.to_string() },
        }
    }
}

impl From<reqwest::Error> for Lost {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        Self::Broken { detail: cause(&error), how: how(&error) }
    }
}

/// Sends one request and waits for the head of its answer.
pub(super) fn exchange(
    client: &Client,
    request: RequestBuilder,
    payload: Payload<'_>,
    patience: Duration,
) -> Result<Answered, Lost> {
    let runtime = runtime().map_err(|detail| Lost::Broken { detail, how: How::Lasting })?;
    let moved = Moved::default();
    let (size, open) = match payload {
        Payload::Empty => return wait(runtime, answer(client, request, &moved, patience)).map(unfed),
        Payload::Bytes(bytes) => {
            let request = request.body(bytes.to_vec());
            return wait(runtime, answer(client, request, &moved, patience)).map(unfed);
        }
        Payload::Stream { size, open } => (size, open),
    };
    let mut pieces = open().map_err(Lost::Ours)?;
    let (feed, body) = Fed::new(size, moved.clone());
    let request = request.body(Body::wrap(body));
    let client = client.clone();
    let task = runtime
        .spawn(async move { answer(&client, request, &moved, patience.saturating_mul(DIGESTING)).await });
    while !task.is_finished() {
        match pieces.next() {
            Ok(Some(piece)) => {
                // A closed channel: the connection is gone, and the task knows why. No room for long: as above.
                let given = wait(runtime, async { timeout(patience, feed.send(piece)).await });
                match given {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break,
                    Err(_) => {
                        task.abort();
                        return Err(Lost::TimedOut);
                    }
                }
            }
            Ok(None) => break,
            Err(error) => {
                // The registry must not get what it would take for the whole.
                task.abort();
                return Err(Lost::Ours(error));
            }
        }
    }
    match wait(runtime, task) {
        Ok(outcome) => outcome.map(|response| (response, Some(feed))),
        Err(error) => Err(Lost::Broken { detail: error.to_string(), how: How::Lasting }),
    }
}

fn unfed(response: Response) -> Answered {
    (response, None)
}

/// Waits for the head of the answer, for as long as bytes move.
async fn answer(
    client: &Client,
    request: RequestBuilder,
    moved: &Moved,
    patience: Duration,
) -> Result<Response, Lost> {
    let request = request.build()?;
    let mut answer = pin!(client.execute(request));
    loop {
        match timeout(patience, &mut answer).await {
            Ok(outcome) => return Ok(outcome?),
            Err(_) if moved.take() => {}
            Err(_) => return Err(Lost::TimedOut),
        }
    }
}

/// Whether something at `url` speaks HTTP without TLS. Nothing secret is sent.
pub(super) fn speaks_plain_http(client: &Client, url: &Url) -> bool {
    const LONG_ENOUGH: Duration = Duration::from_secs(5);
    let Ok(runtime) = runtime() else { return false };
    let asked = wait(runtime, answer(client, client.get(url.clone()), &Moved::default(), LONG_ENOUGH));
    // That is what servers of TLS say to those who speak plainly.
    asked.is_ok_and(|response| response.status() != StatusCode::BAD_REQUEST)
}
