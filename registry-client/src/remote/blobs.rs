//! Blobs that come (distribution specification 1.1, "Pulling blobs"; RFC 9110, section 14).

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_hash::{NoProgress, Sha256Digest};
use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::Remote;
use crate::RegistryError;
use crate::auth::Scope;
use crate::descriptor::Descriptor;
use crate::store::{BlobReader, Presence};
use crate::transport::{Answer, Attempts, Place, Request, Stream, Transport, pause};

/// So many bytes that came in one go make an end of earlier failures.
const PROGRESS: u64 = 1024 * 1024;
/// Most answers that are kept open for those who want what follows in them.
const PARKED: usize = 8;

/// Whether the registry says that it has a blob of this size.
pub(super) fn presence(remote: &Remote, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
    let place = remote.place(&format!("blobs/sha256:{}", descriptor.digest));
    let answer = remote.transport.send(&Request::new(Method::HEAD, Place::Below(&place), &remote.pull))?;
    match answer.status() {
        200 if answer.length() == Some(descriptor.size) => {
            remote.note_seen(descriptor.digest);
            Ok(Presence::Present)
        }
        200 | 404 => Ok(Presence::Absent),
        _ => Err(answer.refusal()),
    }
}

/// Opens the bytes `range` of a blob.
pub(super) fn open(
    remote: &Remote,
    descriptor: &Descriptor,
    range: Range<u64>,
) -> Result<BlobReader, RegistryError> {
    let range = range.start.min(descriptor.size)..range.end.min(descriptor.size);
    let length = range.end.saturating_sub(range.start);
    let mut body = Body {
        transport: Arc::clone(&remote.transport),
        scope: remote.pull.clone(),
        place: remote.place(&format!("blobs/sha256:{}", descriptor.digest)),
        digest: descriptor.digest,
        size: descriptor.size,
        at: range.start,
        end: range.end,
        stream: None,
        attempts: Attempts::new(remote.transport.options().retry),
        since: 0,
        parked: Arc::clone(&remote.parked),
    };
    // What is not there is said at once, even of a blob without bytes.
    body.stream = Some(match body.parked() {
        Some(open) => open,
        None => body.connect()?,
    });
    Ok(BlobReader::from_stream(Box::new(body), length))
}

/// Bytes of a blob, fetched anew from where they stopped when a connection is lost.
struct Body {
    transport: Arc<Transport>,
    scope: Scope,
    place: String,
    digest: Sha256Digest,
    size: u64,
    at: u64,
    end: u64,
    stream: Option<Open>,
    attempts: Attempts,
    /// Bytes since the last failure.
    since: u64,
    parked: Arc<Parked>,
}

/// An answer that is being read.
struct Open {
    stream: Stream,
    /// Where in the blob it stands: at what is wanted, or before it.
    at: u64,
    reach: Reach,
}

/// How far an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To the end of what was asked for, or not so far.
    Part,
    /// To the end of the blob, whatever was asked for.
    Whole,
}

/// Answers of a registry that gives the whole blob to whoever asks for a part of it. Somebody has read his part, and the
/// next one need not have all that stands before theirs sent once more.
#[derive(Default)]
pub(super) struct Parked(Mutex<Vec<(Sha256Digest, Open)>>);

impl Parked {
    /// The answer that stands nearest before `place`.
    fn take(&self, digest: &Sha256Digest, place: u64) -> Option<Open> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let near = all.iter().enumerate().filter(|(_, (whose, open))| whose == digest && open.at <= place);
        let (index, _) = near.max_by_key(|(_, (_, open))| open.at)?;
        Some(all.swap_remove(index).1)
    }

    fn keep(&self, digest: Sha256Digest, open: Open) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == PARKED {
            all.remove(0);
        }
        all.push((digest, open));
    }
}

impl Body {
    fn parked(&self) -> Option<Open> {
        if self.at < self.end { self.parked.take(&self.digest, self.at) } else { None }
    }

    /// Asks for what is still wanted. A registry that gives the whole blob instead is read over to that place.
    fn connect(&self) -> Result<Open, RegistryError> {
        let whole = self.at == 0 && self.end == self.size;
        let mut request = Request::new(Method::GET, Place::Below(&self.place), &self.scope);
        if !whole && self.at < self.end {
            request = request.header(RANGE, format!("bytes={}-{}", self.at, self.end - 1));
        }
        let answer = self.transport.send(&request)?;
        match answer.status() {
            200 => self.whole(answer),
            206 if !whole => self.part(answer),
            404 => Err(RegistryError::BlobMissing { digest: self.digest }),
            416 => {
                let (digest, expected) = (self.digest, self.size);
                Err(RegistryError::BlobShort { digest, expected })
            }
            _ => Err(answer.refusal()),
        }
    }

    fn whole(&self, answer: Answer) -> Result<Open, RegistryError> {
        if let Some(actual) = answer.length().filter(|&length| length != self.size) {
            return Err(RegistryError::BlobSize { digest: self.digest, expected: self.size, actual });
        }
        Ok(Open { stream: answer.into_stream(), at: 0, reach: Reach::Whole })
    }

    fn part(&self, answer: Answer) -> Result<Open, RegistryError> {
        let told = answer.told().clone();
        let text = answer.header(CONTENT_RANGE.as_str()).unwrap_or_default().to_owned();
        let odd = || told.protocol(format!("answered with the part {:?}", lacre_manifest::escape(&text)));
        let (first, last, total) = content_range(&text).ok_or_else(odd)?;
        if total.is_some_and(|total| total != self.size) {
            let actual = total.unwrap_or_default();
            return Err(RegistryError::BlobSize { digest: self.digest, expected: self.size, actual });
        }
        // Less than was asked for is allowed: the rest is asked for when it is its turn.
        if first != self.at || last >= self.end || last < first {
            return Err(odd());
        }
        Ok(Open { stream: answer.into_stream(), at: self.at, reach: Reach::Part })
    }

    fn short(&self) -> RegistryError {
        RegistryError::BlobShort { digest: self.digest, expected: self.size }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            let read = match &mut self.stream {
                Some(open) => open.read(self.at, &mut buffer[..wanted]),
                None => match self.connect() {
                    Ok(open) => {
                        self.stream = Some(open);
                        continue;
                    }
                    Err(error) => return Err(io::Error::other(error)),
                },
            };
            let failure = match read {
                Ok(0) => io::Error::other(self.short()),
                Ok(count) => {
                    self.at += count as u64;
                    self.since += count as u64;
                    return Ok(count);
                }
                Err(error) => error,
            };
            // Bytes were owed: the connection is given another chance.
            if self.since >= PROGRESS {
                self.attempts.forget();
            }
            self.since = 0;
            self.stream = None;
            let Some(wait) = self.attempts.next(None) else { return Err(failure) };
            pause(wait, &NoProgress).map_err(io::Error::other)?;
        }
    }
}

impl Open {
    /// Reads from `place` on, over what stands before it.
    fn read(&mut self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at < place {
            let before = usize::try_from(place - self.at).unwrap_or(usize::MAX).min(buffer.len());
            match self.stream.read(&mut buffer[..before])? {
                0 => return Ok(0),
                count => self.at += count as u64,
            }
        }
        let count = self.stream.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(open) = self.stream.take() else { return };
        if open.reach == Reach::Whole && open.at == self.end && self.end < self.size {
            self.parked.keep(self.digest, open);
        }
    }
}

/// `bytes FIRST-LAST/TOTAL`, where the total may be `*` (RFC 9110, section 14.4).
pub(super) fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let total = if total == "*" { None } else { Some(number(total)?) };
    Some((number(first)?, number(last)?, total))
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn parts_are_told_exactly() {
        assert_eq!(content_range("bytes 0-499/1234"), Some((0, 499, Some(1234))));
        assert_eq!(content_range("bytes 5-5/*"), Some((5, 5, None)));
        for text in [
            "",
            "bytes */5",
            "bytes 1-2",
            "1-2/3",
            "bytes -1-2/3",
            "bytes 1-/3",
            "bytes 1-2/+3",
            "bytes a-b/c",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
