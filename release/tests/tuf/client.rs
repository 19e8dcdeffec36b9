//! A client with a store of its own.

use jiff::Timestamp;
use lacre_release::{Kept, Refresh, ReleaseError};
use lacre_testkit::TufSimulator;

/// What time it is, a year before everything expires.
pub(crate) const NOW: &str = "2030-01-01T00:00:00Z";

/// A client: what it stored, and its clock.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) kept: Kept,
    pub(crate) now: Timestamp,
}

/// A time.
pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Fetches what is wanted until nothing is.
pub(crate) fn answer(refresh: &mut Refresh, repository: &TufSimulator) -> Result<(), ReleaseError> {
    while let Some(wanted) = refresh.wanted() {
        refresh.give(repository.ask(&wanted.name))?;
    }
    Ok(())
}

impl Client {
    /// A client that trusts the first root of a repository.
    pub(crate) fn of(repository: &TufSimulator) -> Self {
        Self { kept: Kept::anchor(repository.file("1.root.json")), now: time(NOW) }
    }

    /// Refreshes, and stores what was accepted, also if that failed.
    pub(crate) fn refresh(&mut self, repository: &TufSimulator) -> Result<Refresh, ReleaseError> {
        let mut refresh = Refresh::start(self.kept.clone(), self.now)?;
        let outcome = answer(&mut refresh, repository);
        self.kept = refresh.kept().clone();
        outcome.map(|()| refresh)
    }

    /// The code of a refresh, or `ok`.
    pub(crate) fn outcome(&mut self, repository: &TufSimulator) -> &'static str {
        self.refresh(repository).map_or_else(|error| error.code(), |_| "ok")
    }

    /// Refreshes and fetches targets, one after the other.
    pub(crate) fn download(
        &mut self,
        repository: &TufSimulator,
        paths: &[&str],
    ) -> Result<Vec<Vec<u8>>, ReleaseError> {
        let mut refresh = self.refresh(repository)?;
        let mut found = Vec::new();
        let outcome = paths.iter().try_for_each(|path| {
            refresh.seek(path)?;
            answer(&mut refresh, repository)?;
            found.push(refresh.found().unwrap().bytes.clone());
            Ok(())
        });
        self.kept = refresh.kept().clone();
        outcome.map(|()| found)
    }

    /// The code of a download, or `ok`.
    pub(crate) fn download_outcome(&mut self, repository: &TufSimulator, path: &str) -> &'static str {
        self.download(repository, &[path]).map_or_else(|error| error.code(), |_| "ok")
    }

    /// What is stored: roles with their versions.
    pub(crate) fn stored(&self) -> Vec<(String, u64)> {
        let files = self.kept.files();
        files.iter().map(|(name, bytes)| (name.replace(".json", ""), version(bytes))).collect()
    }

    /// The stored version of a role. 0: none.
    pub(crate) fn version(&self, role: &str) -> u64 {
        self.stored().into_iter().find(|(name, _)| name == role).map_or(0, |(_, version)| version)
    }
}

fn version(bytes: &[u8]) -> u64 {
    let file: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    file["signed"]["version"].as_u64().unwrap()
}
