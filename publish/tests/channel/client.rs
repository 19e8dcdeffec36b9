//! A client: the files that it keeps, what it remembers, and what it lets run.

use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_publish::channel::{FileName, Repository, VerifiedRepository};
use lacre_release::{
    ChannelDocument, Floors, Kept, Permit, Position, Record, Refresh, ReleaseError, Request, Seen, Wanted,
    decide,
};

use crate::crew::id;

/// Finds a file by its name.
pub(crate) type Fetch<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// A client of one channel.
#[derive(Clone)]
pub(crate) struct Client {
    kept: Kept,
    record: Record,
    document: Option<ChannelDocument>,
}

impl Client {
    /// One that trusts the first root of `live`, and has seen nothing.
    pub(crate) fn new(live: &VerifiedRepository, now: Timestamp) -> Self {
        Self::anchored(live.repository().get(FileName::Root(1)).unwrap().to_vec(), now)
    }

    /// One that trusts the root `anchor`, and has seen nothing.
    pub(crate) fn anchored(anchor: Vec<u8>, now: Timestamp) -> Self {
        let record = Record::new(id(), Sha256Digest::of(&anchor), now);
        Self { kept: Kept::anchor(anchor), record, document: None }
    }

    /// Reads what lies there. After a refusal it has what it had.
    pub(crate) fn read(&mut self, files: &Repository, now: Timestamp) -> Result<(), ReleaseError> {
        self.fetch(&|name| file(files, name), now)
    }

    /// Reads what `fetch` finds by its name.
    pub(crate) fn fetch(&mut self, fetch: Fetch<'_>, now: Timestamp) -> Result<(), ReleaseError> {
        let now = self.record.clock(now)?;
        let mut refresh = Refresh::start(self.kept.clone(), now)?;
        let outcome = walk(&mut refresh, fetch);
        // What was accepted before a failure counts.
        self.kept = refresh.kept().clone();
        outcome?;
        let document = refresh.document(&id())?;
        self.record.see(Seen::of(&document))?;
        self.record.see_time(now)?;
        self.document = Some(document);
        Ok(())
    }

    /// Loses its files, and begins again with the first root of `live`. It still remembers what it saw.
    pub(crate) fn forget_files(&mut self, live: &VerifiedRepository) {
        self.kept = Kept::anchor(live.repository().get(FileName::Root(1)).unwrap().to_vec());
    }

    /// The same client in another process, with what its state holds.
    pub(crate) fn restarted(record: Record) -> Self {
        let files = record.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
        Self { kept: Kept::from_files(files).unwrap(), record, document: None }
    }

    /// What its state is to hold.
    pub(crate) fn record(&self) -> Record {
        let mut record = self.record.clone();
        for (name, bytes) in self.kept.files() {
            record.keep_file(&name, bytes.to_vec()).unwrap();
        }
        record
    }

    /// What it keeps.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What it has seen.
    pub(crate) fn position(&self) -> Option<Position> {
        self.record.seen().map(|seen| seen.position)
    }

    /// Whether `wanted` may run here.
    pub(crate) fn asks(&self, wanted: Wanted, now: Timestamp) -> Result<Permit, ReleaseError> {
        let document = self.document.as_ref().unwrap();
        let floors = Floors { local: self.record.local_floor(document.epoch), policy: None };
        let now = self.record.clock(now)?;
        decide(document, &Request { wanted, instance: None, now, floors, required: &[], presented: &[] })
    }

    /// The release runs well.
    pub(crate) fn commits(&mut self, permit: &Permit) -> u64 {
        self.record.accept(permit).unwrap();
        self.record.commit().unwrap()
    }
}

/// The file of a repository with this name.
pub(crate) fn file(files: &Repository, name: &str) -> Option<Vec<u8>> {
    let name = FileName::parse(&id(), name).ok()?;
    files.get(name).map(<[u8]>::to_vec)
}

fn walk(refresh: &mut Refresh, fetch: Fetch<'_>) -> Result<(), ReleaseError> {
    drive(refresh, fetch)?;
    refresh.seek(&id().target())?;
    drive(refresh, fetch)
}

fn drive(refresh: &mut Refresh, fetch: Fetch<'_>) -> Result<(), ReleaseError> {
    while let Some(wanted) = refresh.wanted() {
        refresh.give(fetch(&wanted.name))?;
    }
    Ok(())
}

/// What became of it: `ok`, or the code of the refusal.
pub(crate) fn outcome<T>(outcome: Result<T, ReleaseError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}
