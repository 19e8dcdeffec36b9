//! Blobs, and how they come in: in one piece, in chunks, from another repository.

use std::sync::Arc;

use super::Shared;
use super::answer::{Answer, HangUp};
use super::desk::Desk;
use super::rules::{Interrupted, Mount, Patch, Ranges, SinglePost, Stale};
use super::store::{Algorithm, Mark};

impl Desk {
    pub(super) fn blob(&self, repository: &str, digest: &str) -> Answer {
        if Algorithm::of_digest(digest).is_none() {
            return Answer::error(400, "DIGEST_INVALID", "not a digest");
        }
        let state = self.state();
        let Some(size) = state.blob_size(repository, digest) else { return unknown_blob() };
        let range = match (self.rules.ranges, self.header("range")) {
            (Ranges::Served, Some(range)) if self.method == "GET" => wanted(range, size),
            _ => Wanted::Everything,
        };
        let answer = match range {
            Wanted::Everything => Answer::part(200, state.read_blob(digest, 0), size, 0),
            Wanted::Part { first, last } => {
                let part = Answer::part(206, state.read_blob(digest, first), last - first + 1, first);
                part.with("content-range", format!("bytes {first}-{last}/{size}"))
            }
            Wanted::Nothing => {
                return Answer::error(416, "RANGE_INVALID", "there is nothing")
                    .with("content-range", format!("bytes */{size}"));
            }
        };
        let answer =
            answer.with("content-type", "application/octet-stream").with("docker-content-digest", digest);
        let ranges = if self.rules.ranges == Ranges::Served { "bytes" } else { "none" };
        self.tagged(answer.with("accept-ranges", ranges), digest)
    }

    pub(super) fn delete_blob(&self, repository: &str, digest: &str) -> Answer {
        let mut state = self.state();
        if state.blob_size(repository, digest).is_none() {
            return unknown_blob();
        }
        state.repository(repository).blobs.remove(digest);
        Answer::empty(202)
    }

    pub(super) async fn begin_upload(&mut self, repository: &str) -> Result<Answer, HangUp> {
        if let Some(digest) = self.query.first("mount")
            && let Some(from) = self.query.first("from")
            && self.rules.mount == Mount::Done
            && self.may_pull(from)
        {
            let mut state = self.state();
            if state.blob_size(from, digest).is_some() {
                state.repository(repository).blobs.insert(digest.to_owned());
                return Ok(self.stored_blob(repository, digest));
            }
        }
        let announced = self.query.first("digest-algorithm").unwrap_or("sha256");
        let Some(algorithm) = Algorithm::named(announced) else {
            return Ok(Answer::error(400, "UNSUPPORTED", "no such algorithm of digests"));
        };
        if let Some(digest) = self.query.first("digest").map(str::to_owned)
            && self.rules.single_post == SinglePost::Stores
        {
            let Some(algorithm) = Algorithm::of_digest(&digest) else {
                return Ok(Answer::error(400, "DIGEST_INVALID", "not a digest"));
            };
            let id = self.shared.store.begin(repository, algorithm);
            let mut guard = Guarded::new(&self.shared, &id, Interrupted::Gone);
            if let Some(refusal) = self.append(&id).await? {
                return Ok(refusal);
            }
            guard.settle();
            return Ok(self.commit(repository, &id, &digest));
        }
        let id = self.shared.store.begin(repository, algorithm);
        let answer = self.progress(Answer::empty(202), repository, &id);
        Ok(match self.rules.chunk_min {
            Some(least) => answer.with("oci-chunk-min-length", least.to_string()),
            None => answer,
        })
    }

    pub(super) async fn chunk(&mut self, repository: &str, id: &str) -> Result<Answer, HangUp> {
        if let Patch::Refused(status) = self.rules.patch {
            return Ok(Answer::error(status, "UNSUPPORTED", "no chunks here"));
        }
        if let Some(refusal) = self.out_of_turn(repository, id) {
            return Ok(refusal);
        }
        if let Some(least) = self.rules.chunk_min {
            let mut state = self.state();
            let Some(session) = state.sessions.get_mut(id) else { return Ok(unknown_upload()) };
            if session.closed {
                return Ok(Answer::error(400, "SIZE_INVALID", "a chunk follows one that was too short"));
            }
            session.closed = self.content_length().is_some_and(|length| length < least);
        }
        if let Some(refusal) = self.receive(id).await? {
            return Ok(refusal);
        }
        Ok(self.progress(Answer::empty(202), repository, id))
    }

    pub(super) async fn end_upload(&mut self, repository: &str, id: &str) -> Result<Answer, HangUp> {
        let Some(digest) = self.query.first("digest").map(str::to_owned) else {
            return Ok(Answer::error(400, "DIGEST_INVALID", "no digest is named"));
        };
        if Algorithm::of_digest(&digest).is_none() {
            return Ok(Answer::error(400, "DIGEST_INVALID", "not a digest"));
        }
        if let Some(refusal) = self.out_of_turn(repository, id) {
            return Ok(refusal);
        }
        if let Some(refusal) = self.receive(id).await? {
            return Ok(refusal);
        }
        Ok(self.commit(repository, id, &digest))
    }

    pub(super) fn upload_status(&self, repository: &str, id: &str) -> Answer {
        if self.known(repository, id) {
            self.progress(Answer::empty(204), repository, id)
        } else {
            unknown_upload()
        }
    }

    pub(super) fn abort_upload(&self, repository: &str, id: &str) -> Answer {
        if !self.known(repository, id) {
            return unknown_upload();
        }
        self.state().abort(id);
        Answer::empty(204)
    }

    /// Adds the body to an upload; a body that breaks off leaves what the rules say.
    async fn receive(&mut self, id: &str) -> Result<Option<Answer>, HangUp> {
        let mut guard = Guarded::new(&self.shared, id, self.rules.interrupted);
        let refusal = self.append(id).await?;
        if refusal.is_none() {
            guard.settle();
        }
        Ok(refusal)
    }

    async fn append(&mut self, id: &str) -> Result<Option<Answer>, HangUp> {
        let mut taken = 0;
        while let Some(piece) = self.body.piece().await? {
            taken += piece.len() as u64;
            if self.rules.largest_body.is_some_and(|most| taken > most) {
                return Ok(Some(Answer::error(413, "SIZE_INVALID", "the body is too large")));
            }
            if self.state().append(id, &piece, self.rules.space).is_err() {
                return Ok(Some(self.full()));
            }
        }
        Ok(None)
    }

    fn commit(&self, repository: &str, id: &str, digest: &str) -> Answer {
        let mut state = self.state();
        if state.commit(id, digest, self.shared.store.path()) {
            self.stored_blob(repository, digest)
        } else {
            Answer::error(400, "DIGEST_INVALID", "the blob has another digest")
        }
    }

    fn stored_blob(&self, repository: &str, digest: &str) -> Answer {
        let location = self.location(&format!("/v2/{repository}/blobs/{digest}"));
        Answer::empty(201).with("location", location).with("docker-content-digest", digest)
    }

    fn known(&self, repository: &str, id: &str) -> bool {
        self.state().sessions.get(id).is_some_and(|session| session.repository == repository)
    }

    /// Why this body cannot be the next one of the upload.
    fn out_of_turn(&self, repository: &str, id: &str) -> Option<Answer> {
        let Some(turn) = self.query.first("_state") else {
            return Some(Answer::error(400, "BLOB_UPLOAD_INVALID", "the Location was not taken over whole"));
        };
        let (size, current) = {
            let state = self.state();
            let session = state.sessions.get(id).filter(|session| session.repository == repository);
            let Some(session) = session else { return Some(unknown_upload()) };
            (session.size, session.turn.to_string())
        };
        let misplaced = self.header("content-range").is_some_and(|range| {
            let Some((first, last)) = numbers(range) else { return true };
            first != size
                || last < first
                || self.content_length().is_some_and(|length| length != last - first + 1)
        });
        let stale = self.rules.stale == Stale::Refused && turn != current;
        (misplaced || stale).then(|| {
            let answer = Answer::error(416, "BLOB_UPLOAD_INVALID", "not where the upload stands");
            self.progress(answer, repository, id)
        })
    }

    /// With the place to go on at, which is new every time, and how far the upload is. An empty one says `0-0`, as many
    /// registries do.
    fn progress(&self, answer: Answer, repository: &str, id: &str) -> Answer {
        let mut state = self.state();
        // Another request can have ended it meanwhile.
        let Some(session) = state.sessions.get_mut(id) else { return unknown_upload() };
        session.turn += 1;
        let path = format!("/v2/{repository}/blobs/uploads/{id}?_state={}", session.turn);
        let last = session.size.saturating_sub(1);
        answer
            .with("location", self.location(&path))
            .with("range", format!("0-{last}"))
            .with("docker-upload-uuid", id)
    }
}

/// Sets an upload back if the request ends in the middle, by whatever it ends.
struct Guarded {
    shared: Arc<Shared>,
    id: String,
    otherwise: Option<(Interrupted, Mark)>,
}

impl Guarded {
    fn new(shared: &Arc<Shared>, id: &str, interrupted: Interrupted) -> Self {
        let mark = shared.store.state.lock().unwrap().mark(id);
        let otherwise = mark.map(|mark| (interrupted, mark));
        Self { shared: Arc::clone(shared), id: id.to_owned(), otherwise }
    }

    /// The request came to its end.
    fn settle(&mut self) {
        self.otherwise = None;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some((interrupted, mark)) = self.otherwise.take() else { return };
        let mut state = self.shared.store.state.lock().unwrap();
        match interrupted {
            Interrupted::Kept => {}
            Interrupted::Forgotten => state.set_back(&self.id, mark),
            Interrupted::Gone => state.abort(&self.id),
        }
    }
}

enum Wanted {
    Everything,
    Part { first: u64, last: u64 },
    Nothing,
}

/// One range of RFC 9110; several, or what is none, stand for everything.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::Everything;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if first >= size => Wanted::Nothing,
        (Ok(first), Ok(last)) if last >= first => Wanted::Part { first, last: last.min(size - 1) },
        (Ok(first), Err(_)) if last.is_empty() => Wanted::Part { first, last: size - 1 },
        (Err(_), Ok(0)) if first.is_empty() => Wanted::Nothing,
        (Err(_), Ok(count)) if first.is_empty() && size > 0 => {
            Wanted::Part { first: size.saturating_sub(count), last: size - 1 }
        }
        _ => Wanted::Everything,
    }
}

/// `FIRST-LAST`, as chunks have it.
fn numbers(range: &str) -> Option<(u64, u64)> {
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn unknown_blob() -> Answer {
    Answer::error(404, "BLOB_UNKNOWN", "no such blob")
}

fn unknown_upload() -> Answer {
    Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
}
