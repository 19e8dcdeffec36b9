//! An upload at a registry: begun, asked how far it came, ended (distribution specification 1.1, "Pushing blobs").

use reqwest::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, Url};

use super::Remote;
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::reference::Repository;
use crate::transport::{Answer, Open, Payload, Place, Request};
use lacre_hash::Progress;

const OCTETS: &str = "application/octet-stream";
const SHORTEST_CHUNK: &str = "oci-chunk-min-length";

/// An upload that a registry has begun.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) location: Url,
    /// Bytes that the registry has.
    pub(super) at: u64,
    /// Bytes that a chunk has at least, but for the last one.
    pub(super) shortest: u64,
}

/// Which connection a chunk goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Any, which is used on afterwards.
    Shared,
    /// One that carries no other chunk: some are cut off after so many bytes.
    Own,
}

/// What asking for a mount came to.
pub(super) enum Mounted {
    /// The blob is there.
    Done,
    /// An upload was begun instead.
    Begun(Session),
    /// The registry does not do it.
    No,
}

impl Session {
    /// Begins an upload.
    pub(super) fn begin(remote: &Remote, progress: &dyn Progress) -> Result<Self, RegistryError> {
        let place = remote.place("blobs/uploads/");
        let request = Request::new(Method::POST, Place::Below(&place), &remote.push)
            .header(CONTENT_LENGTH, "0")
            .progress(progress);
        let answer = remote.transport.send(&request)?;
        match answer.status() {
            202 => Self::of(&answer),
            _ => Err(answer.refusal()),
        }
    }

    /// Asks the registry to take the blob from another repository.
    pub(super) fn mount(
        remote: &Remote,
        descriptor: &Descriptor,
        source: &Repository,
    ) -> Result<Mounted, RegistryError> {
        let digest = descriptor.digest;
        let place = remote.place(&format!("blobs/uploads/?mount=sha256:{digest}&from={source}"));
        let scope = remote.push.clone().and_pull(source.as_str());
        let request = Request::new(Method::POST, Place::Below(&place), &scope).header(CONTENT_LENGTH, "0");
        // Whoever may write here need not be allowed to read there.
        let answer = match remote.transport.send(&request) {
            Err(error) if error.code() == "E-AUTH" => return Ok(Mounted::No),
            answer => answer?,
        };
        match answer.status() {
            201 => Ok(Mounted::Done),
            202 => Ok(Mounted::Begun(Self::of(&answer)?)),
            _ => Ok(Mounted::No),
        }
    }

    /// The upload that was begun at `location` some time ago, if the registry still has it.
    pub(super) fn again(
        remote: &Remote,
        location: Url,
        progress: &dyn Progress,
    ) -> Result<Option<Self>, RegistryError> {
        let request = Request::new(Method::GET, Place::At(location.clone()), &remote.push).progress(progress);
        let answer = remote.transport.send(&request)?;
        if !matches!(answer.status(), 200 | 202 | 204) {
            return Ok(None);
        }
        // Where it is silent it goes on as before.
        let location = answer.location().unwrap_or(location);
        Ok(received(&answer).map(|at| Self { location, at, shortest: shortest(&answer) }))
    }

    fn of(answer: &Answer) -> Result<Self, RegistryError> {
        Ok(Self { location: answer.location()?, at: 0, shortest: shortest(answer) })
    }

    /// Sends all bytes and ends the upload with them.
    pub(super) fn whole<'a>(
        &'a self,
        remote: &'a Remote,
        descriptor: &Descriptor,
        open: &'a Open<'a>,
        progress: &'a dyn Progress,
    ) -> Result<Answer, RegistryError> {
        let size = descriptor.size;
        let request = Request::new(Method::PUT, Place::At(self.ended(descriptor)), &remote.push)
            .header(CONTENT_TYPE, OCTETS)
            .header(CONTENT_LENGTH, size.to_string())
            .payload(Payload::Stream { size, open })
            .progress(progress);
        remote.transport.send(&request)
    }

    /// Sends the next `size` bytes.
    pub(super) fn chunk<'a>(
        &'a self,
        remote: &'a Remote,
        size: u64,
        line: Line,
        open: &'a Open<'a>,
        progress: &'a dyn Progress,
    ) -> Result<Answer, RegistryError> {
        let mut request = Request::new(Method::PATCH, Place::At(self.location.clone()), &remote.push)
            .header(CONTENT_TYPE, OCTETS)
            .header(CONTENT_LENGTH, size.to_string())
            .header(CONTENT_RANGE, format!("{}-{}", self.at, self.at + size - 1))
            .payload(Payload::Stream { size, open })
            .progress(progress);
        if line == Line::Own {
            request = request.header(CONNECTION, "close");
        }
        remote.transport.send(&request)
    }

    /// Ends an upload that has all bytes.
    pub(super) fn end(
        &self,
        remote: &Remote,
        descriptor: &Descriptor,
        progress: &dyn Progress,
    ) -> Result<Answer, RegistryError> {
        let request = Request::new(Method::PUT, Place::At(self.ended(descriptor)), &remote.push)
            .header(CONTENT_TYPE, OCTETS)
            .header(CONTENT_LENGTH, "0")
            .progress(progress);
        remote.transport.send(&request)
    }

    /// Takes what a registry says after a chunk of `size` bytes.
    pub(super) fn advance(&mut self, answer: &Answer, size: u64) -> Result<(), RegistryError> {
        let before = self.at;
        self.location = answer.location()?;
        self.at = received(answer).filter(|&at| at > before && at <= before + size).unwrap_or(before + size);
        Ok(())
    }

    /// Gives the upload up. A registry that does not know how keeps it for a while.
    pub(super) fn abandon(self, remote: &Remote) {
        let request = Request::new(Method::DELETE, Place::At(self.location), &remote.push);
        drop(remote.transport.send(&request));
    }

    /// The location, asked to take what it has as the blob. The query that is there stays as it is.
    fn ended(&self, descriptor: &Descriptor) -> Url {
        let mut url = self.location.clone();
        let digest = format!("digest=sha256:{}", descriptor.digest);
        let query = match url.query() {
            None | Some("") => digest,
            Some(query) => format!("{query}&{digest}"),
        };
        url.set_query(Some(&query));
        url
    }
}

/// How many bytes of an upload a registry has, by its `Range: 0-LAST`. For none, some say `0-0`, which is also one:
/// taken for none, as an upload of a byte is soon begun anew.
fn received(answer: &Answer) -> Option<u64> {
    let text = answer.header(RANGE.as_str())?;
    let last: u64 = text.strip_prefix("bytes=").unwrap_or(text).strip_prefix("0-")?.parse().ok()?;
    Some(if last == 0 { 0 } else { last.checked_add(1)? })
}

fn shortest(answer: &Answer) -> u64 {
    answer.header(SHORTEST_CHUNK).and_then(|text| text.parse().ok()).unwrap_or(0)
}
