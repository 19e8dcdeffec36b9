//! A client: what it remembers, and what it lets run.

use jiff::Timestamp;
use lacre_publish::channel::{FileName, Repository, VerifiedRepository};
use lacre_release::{
    Channel, ChannelRefresh, Floors, Kept, Permit, Position, Record, ReleaseError, Request, Wanted, decide,
};

use crate::crew::id;

/// Finds a file by its name.
pub(crate) type Fetch<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// A client of one channel.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) record: Record,
    channel: Option<Channel>,
}

impl Client {
    /// One that trusts the first root of `live`, and has seen nothing.
    pub(crate) fn new(live: &VerifiedRepository, now: Timestamp) -> Self {
        Self::anchored(live.repository().get(FileName::Root(1)).unwrap().to_vec(), now)
    }

    /// One that trusts the root `anchor`, and has seen nothing.
    pub(crate) fn anchored(anchor: Vec<u8>, now: Timestamp) -> Self {
        Self::restarted(Record::anchored(id(), anchor, now).unwrap())
    }

    /// The same client in another process, with what its state holds.
    pub(crate) fn restarted(record: Record) -> Self {
        Self { record, channel: None }
    }

    /// Reads what lies there. After a refusal it remembers what was proven before that.
    pub(crate) fn read(&mut self, files: &Repository, now: Timestamp) -> Result<(), ReleaseError> {
        self.fetch(&|name| file(files, name), now)
    }

    /// Reads what `fetch` finds by its name.
    pub(crate) fn fetch(&mut self, fetch: Fetch<'_>, now: Timestamp) -> Result<(), ReleaseError> {
        let mut refresh = ChannelRefresh::start(&self.record, now)?;
        let outcome = drive(&mut refresh, fetch);
        let refreshed = refresh.finish();
        let remembered = refreshed.remember(&mut self.record);
        outcome?;
        assert!(remembered?, "nobody else changed the record");
        self.channel = Some(refreshed.channel()?);
        Ok(())
    }

    /// Loses its files, and begins again with the first root of `live`. It still remembers what it saw.
    pub(crate) fn forget_files(&mut self, live: &VerifiedRepository) {
        let names: Vec<String> = self.record.files().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            self.record.drop_file(&name);
        }
        let anchor = live.repository().get(FileName::Root(1)).unwrap().to_vec();
        self.record.keep_file("root.json", anchor).unwrap();
    }

    /// What its state is to hold.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The metadata that it keeps.
    pub(crate) fn kept(&self) -> Kept {
        let files = self.record.files().filter(|(name, _)| !name.starts_with('+'));
        Kept::from_files(files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect()).unwrap()
    }

    /// What it has seen.
    pub(crate) fn position(&self) -> Option<Position> {
        self.record.seen().map(|seen| seen.position)
    }

    /// Whether `wanted` may run here at the time `now`, by what was read last.
    pub(crate) fn asks(&self, wanted: Wanted, now: Timestamp) -> Result<Permit, ReleaseError> {
        let document = self.channel.as_ref().unwrap().document();
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

fn drive(refresh: &mut ChannelRefresh, fetch: Fetch<'_>) -> Result<(), ReleaseError> {
    while let Some(wanted) = refresh.wanted() {
        refresh.give(fetch(&wanted.name))?;
    }
    Ok(())
}

/// What became of it: `ok`, or the code of the refusal.
pub(crate) fn outcome<T>(outcome: Result<T, ReleaseError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}
